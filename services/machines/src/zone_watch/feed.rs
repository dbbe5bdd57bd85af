//! The last changes of each zone.

use tidelog_core::{
    Probe, Source, State, ZoneId,
    message::{Fingerprint, ZoneChange},
};

use super::rows::{CHANGES, Change, ChangeKey, FEEDS, Feed};

/// Gives a change the next number of its zone, and keeps it. The feed is the caller's to write.
pub(super) fn append(
    source: Source,
    zone: &ZoneId,
    change: ZoneChange,
    state: &mut State<'_>,
) -> Feed {
    let feed = state.get(&FEEDS, zone).unwrap_or_else(|| begin(source));
    let feed = Feed { last: feed.last + 1, ..feed };
    let ZoneChange { entity, kind, revision, device, time, .. } = change;
    let offset = source.position.offset;
    let key = ChangeKey { zone: zone.clone(), sequence: feed.last };
    state.put(&CHANGES, &key, &Change { entity, kind, revision, device, time, offset });
    feed
}

/// Forgets what is older than the last `kept` changes, and has been told to all. Never more than a few at
/// once: each change that comes finds at most one too many, unless fewer are to be kept than before.
pub(super) fn trim(kept: u64, zone: &ZoneId, feed: &mut Feed, state: &mut State<'_>) {
    let telling = feed.telling.as_ref().map_or(feed.last + 1, |telling| telling.sequence);
    let last_ones_from = (feed.last + 1).saturating_sub(kept.max(1));
    let keep_from = last_ones_from.min(telling);
    Probe::FeedKeptForTelling.hit_if(telling < last_ones_from);
    for _ in 0..TRIMMED_MAX {
        if feed.oldest >= keep_from {
            return;
        }
        Probe::FeedTrimmed.hit();
        state.remove(&CHANGES, &ChangeKey { zone: zone.clone(), sequence: feed.oldest });
        feed.oldest += 1;
    }
}

fn begin(source: Source) -> Feed {
    let (position, time) = (source.position, source.time);
    let number = |number: u64| number.to_be_bytes();
    let whole = Fingerprint::of(&[
        &position.partition.0.to_be_bytes(),
        &number(position.offset.0),
        &number(time.as_millis()),
    ]);
    let mut id = [0; 8];
    id.copy_from_slice(&whole.0[..8]);
    // Zero stands for a feed that has not begun.
    Feed { id: u64::from_be_bytes(id).max(1), oldest: 1, last: 0, telling: None }
}

/// Changes that are forgotten at once.
const TRIMMED_MAX: usize = 4;
