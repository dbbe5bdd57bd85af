//! What the settings of each topic are to be.

use std::time::Duration;

use tidelog_core::{Retention, Topic};

use super::tombstones;
use crate::{Settings, settings::MESSAGE_BYTES_MAX};

/// How long a tombstone is kept. A store that was away for half of that is rebuilt.
const TOMBSTONES_KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// When a segment of a compacted topic is closed. Only closed segments are compacted.
const SEGMENT_CLOSED_AFTER: Duration = Duration::from_secs(3_600);

/// On how many copies a record is to be before it counts as written.
const IN_SYNC: &str = "min.insync.replicas";

/// How long a record of a compacted topic may wait for the cleaner.
const COMPACTED_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// The settings of a topic that are not left to the broker.
pub(super) fn settings(topic: Topic, settings: &Settings) -> Vec<(&'static str, String)> {
    let in_sync = if settings.replication >= 3 { 2 } else { 1 };
    let mut wanted = vec![
        ("max.message.bytes", MESSAGE_BYTES_MAX.to_string()),
        ("message.timestamp.type", timestamps(topic).into()),
        (IN_SYNC, in_sync.to_string()),
    ];
    match topic.retention() {
        Retention::Short | Retention::Medium | Retention::Long => {
            let kept = topic.retention().time().map_or("-1".into(), millis);
            wanted.push(("cleanup.policy", "delete".into()));
            wanted.push(("retention.ms", kept));
            wanted.push(("retention.bytes", "-1".into()));
        }
        Retention::Compacted => {
            wanted.push(("cleanup.policy", "compact".into()));
            wanted.push(("segment.ms", millis(SEGMENT_CLOSED_AFTER)));
            wanted.push(("min.cleanable.dirty.ratio", "0.2".into()));
            wanted.push(("max.compaction.lag.ms", millis(COMPACTED_WITHIN)));
            wanted.push((tombstones::SETTING, millis(TOMBSTONES_KEPT_FOR)));
        }
    }
    wanted
}

/// Whether there are brokers that have no such setting, and need none: what Redpanda acknowledges is on most of
/// the copies, whatever is asked for, and its description of a topic leaves the setting out.
pub(super) fn is_unknown_to_some(setting: &str) -> bool {
    setting == IN_SYNC
}

/// Whether a setting is what it should be, however the broker writes it.
pub(super) fn is_same(wanted: &str, found: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    wanted == found || number(wanted).is_some_and(|wanted| number(found) == Some(wanted))
}

/// Topics carry the time of the log; in changelogs nobody reads a record's time but to see how old a
/// store is, and the writer's is good enough for that.
fn timestamps(topic: Topic) -> &'static str {
    match topic {
        Topic::Changelog(_) => "CreateTime",
        Topic::EntityBatches
        | Topic::EntityPatches
        | Topic::EntityUpdates
        | Topic::PartialResponses
        | Topic::CompleteResponses
        | Topic::SchemaPatches
        | Topic::SchemaUpdates
        | Topic::SchemaLearning
        | Topic::ZoneChanges
        | Topic::ChangesByDevice
        | Topic::DeviceNotifications
        | Topic::Connections
        | Topic::DeviceUpdates
        | Topic::Owners
        | Topic::DeadLetters
        | Topic::EntityChanges => "LogAppendTime",
    }
}

fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Layout, ServiceName};

    use super::*;

    fn of(topic: Topic, setting: &str) -> Option<String> {
        let layout = Layout::new(2).expect("two partitions");
        let all = settings(topic, &Settings::new("localhost:1", "test-", layout));
        all.into_iter().find(|(key, _)| *key == setting).map(|(_, value)| value)
    }

    #[test]
    fn topics_are_kept_as_long_as_the_table_says() {
        let kept = |topic| of(topic, "retention.ms");
        assert_eq!(kept(Topic::EntityPatches).as_deref(), Some("-1"));
        assert_eq!(kept(Topic::PartialResponses).as_deref(), Some("604800000"));
        assert_eq!(kept(Topic::Connections).as_deref(), Some("2592000000"));
        assert_eq!(kept(Topic::Owners), None);
        let changelog = Topic::Changelog(ServiceName::EntityStorage);
        assert_eq!(of(changelog, "cleanup.policy").as_deref(), Some("compact"));
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        assert!(is_same("0.2", "0.20"));
        assert!(is_same("-1", "-1"));
        assert!(!is_same("0.2", "0.5"));
        assert!(!is_same("delete", "compact"));
    }
}
