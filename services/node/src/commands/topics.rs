//! `tidelog topics`: creating the topics of an installation, and saying what of them is not as it should
//! be.

use std::time::Duration;

use serde_json::json;
use tidelog_core::Topic;
use tidelog_io_kafka::{Described, Difference, Settings, Topics, TopicsError};

use super::serve::settings_of;
use crate::cli::{Named, TopicsAction, TopicsArgs};
use crate::failure::Failure;
use crate::serve::is_of_change_stream;
use crate::{kafka, output};

/// Copies where there are as many brokers: one can be away, and nothing that was acknowledged is lost.
const COPIES_ADVISED: usize = 3;

pub(super) fn run(args: TopicsArgs, timeout: Duration) -> Result<(), Failure> {
    let of_node = settings_of(args.to_serve())?;
    let settings = kafka::settings(&of_node, timeout)?;
    let chosen = |named| chosen(named, of_node.change_stream);
    let topics = Topics::connect(&settings)?;
    match args.action {
        TopicsAction::Create(named) => {
            warn_of_single_copies(&settings, &topics)?;
            create(&settings, &topics, &chosen(named), args.json)
        }
        TopicsAction::Check(named) => check(&settings, &topics, &chosen(named), args.json),
        TopicsAction::Describe(named) => describe(&settings, &topics, &chosen(named), args.json),
    }
}

fn warn_of_single_copies(settings: &Settings, topics: &Topics) -> Result<(), Failure> {
    let brokers = topics.brokers()?;
    if settings.replication == 1 && brokers >= COPIES_ADVISED {
        output::say(&format!(
            "there are {brokers} brokers, and each topic is to have one copy: a disk that is lost loses \
             data. With --replication {COPIES_ADVISED}, one broker can be away and nothing is lost"
        ));
    }
    Ok(())
}

fn chosen(Named { mut topics }: Named, change_stream: bool) -> Vec<Topic> {
    if topics.is_empty() {
        topics.extend(Topic::all().filter(|it| change_stream || !is_of_change_stream(*it)));
    }
    topics.sort_unstable();
    topics.dedup();
    topics
}

fn create(
    settings: &Settings,
    topics: &Topics,
    chosen: &[Topic],
    json: bool,
) -> Result<(), Failure> {
    let created = topics.create(chosen.iter().copied())?;
    let differences = topics.check(chosen.iter().copied())?;
    for topic in chosen {
        let name = settings.topic(*topic);
        let is_created = created.contains(topic);
        let differs = differences.iter().any(|difference| difference.name() == name);
        let state = match (is_created, differs) {
            (true, _) => "created",
            (false, false) => "was there",
            (false, true) => "was there, and differs",
        };
        if json {
            let differences = of(&differences, &name);
            output::json(&json!({
                "topic": topic.name(), "name": name, "created": is_created,
                "differences": differences,
            }))?;
        } else {
            output::line(&format!("{name}\t{state}"))?;
        }
    }
    conclude(&differences, json)
}

fn check(
    settings: &Settings,
    topics: &Topics,
    chosen: &[Topic],
    json: bool,
) -> Result<(), Failure> {
    let differences = topics.check(chosen.iter().copied())?;
    for topic in chosen {
        let name = settings.topic(*topic);
        let of_topic = of(&differences, &name);
        if json {
            output::json(&json!({ "topic": topic.name(), "name": name, "differences": of_topic }))?;
        } else if of_topic.is_empty() {
            output::line(&format!("{name}\tas it should be"))?;
        } else {
            output::line(&format!("{name}\tdiffers"))?;
        }
    }
    conclude(&differences, json)
}

fn describe(
    settings: &Settings,
    topics: &Topics,
    chosen: &[Topic],
    json: bool,
) -> Result<(), Failure> {
    let described = topics.describe(chosen.iter().copied())?;
    for topic in chosen {
        let name = settings.topic(*topic);
        match described.iter().find(|described| described.topic == *topic) {
            Some(described) => print(described, json)?,
            None if json => {
                output::json(&json!({ "topic": topic.name(), "name": name, "exists": false }))?;
            }
            None => output::line(&format!("{name}\tis not there"))?,
        }
    }
    Ok(())
}

fn print(described: &Described, json: bool) -> Result<(), Failure> {
    let Described { topic, name, partitions, replication, offline, settings } = described;
    if json {
        return output::json(&json!({
            "topic": topic.name(), "name": name, "exists": true, "partitions": partitions,
            "replication": replication, "offline": offline, "settings": settings,
        }));
    }
    let settings: Vec<_> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let offline = if *offline == 0 { String::new() } else { format!(", {offline} without leader") };
    let shape = format!("{partitions} partition(s){offline}, {replication} copies");
    output::line(&format!("{name}\t{shape}\t{}", settings.join(" ")))
}

/// The differences of one topic, for a program.
fn of(differences: &[Difference], name: &str) -> Vec<serde_json::Value> {
    let of_topic = differences.iter().filter(|difference| difference.name() == name);
    of_topic.map(to_json).collect()
}

fn to_json(difference: &Difference) -> serde_json::Value {
    let message = difference.to_string();
    match difference {
        Difference::Missing { .. } => json!({ "kind": "missing", "message": message }),
        Difference::Partitions { wanted, found, .. } => json!({
            "kind": "partitions", "wanted": wanted, "found": found, "message": message,
        }),
        Difference::Offline { partitions, .. } => json!({
            "kind": "offline", "partitions": partitions, "message": message,
        }),
        Difference::Replication { wanted, found, .. } => json!({
            "kind": "replication", "wanted": wanted, "found": found, "message": message,
        }),
        Difference::Setting { setting, wanted, found, .. } => json!({
            "kind": "setting", "setting": setting, "wanted": wanted, "found": found,
            "message": message,
        }),
    }
}

/// Says what differs, unless nothing does.
fn conclude(differences: &[Difference], json: bool) -> Result<(), Failure> {
    if differences.is_empty() {
        return Ok(());
    }
    if !json {
        differences.iter().for_each(|difference| output::say(&difference.to_string()));
    }
    let count = differences.len();
    let missing = differences.iter().any(|it| matches!(it, Difference::Missing { .. }));
    let advice = if missing {
        "; `tidelog topics create` creates what is missing, and alters nothing. What is there is missing \
         all the same for a user who may not describe it"
    } else {
        ""
    };
    Err(Failure::Failed(format!(
        "{count} thing(s) about the topics are not as they should be{advice}"
    )))
}

impl From<TopicsError> for Failure {
    fn from(error: TopicsError) -> Self {
        let what = error.to_string();
        match error.advice() {
            Some(advice) if error.is_unreachable() => {
                Self::Unreachable { what, advice: advice.to_owned() }
            }
            Some(advice) => Self::Failed(format!("{what}; {advice}")),
            None => Self::Failed(what),
        }
    }
}
