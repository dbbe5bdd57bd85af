//! **Invariant.** A definition says of every place in the documents since when there were values: the time of
//! the earliest lesson of the epoch that has one there, which is the time of the change that it tells of.

use std::collections::BTreeMap;

use serde_json::Value;
use tidelog_core::{
    Message, Timestamp, Topic,
    message::{LearnedDefinition, Lesson, LessonSource},
};

use super::Oracle;
use crate::{
    log::{LogView, published, schemas, value},
    observed::Observed,
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "first-seen",
    holds: "What was learned is known since the first change that has it.",
    check: look,
};

/// A value that came, and when.
type Came<'v> = (&'v Value, Timestamp);

fn look(observed: &Observed) -> Vec<Violation> {
    if observed.settled.is_none() {
        return Vec::new();
    }
    let lessons: Vec<_> = lessons(&observed.log).collect();
    let told = |kind, message| Violation::new(ORACLE.name, kind, observed.end_us, message);
    let retimed = lessons.iter().filter_map(|lesson| {
        let time = time_of_update(&observed.log, lesson)?;
        let Lesson { collection, source, .. } = lesson;
        (time != lesson.time).then(|| {
            let message = format!("a lesson of {collection} from {source:?} is of another time");
            told("lesson", message)
        })
    });
    let wrong = last(&observed.log).filter_map(|learned| {
        let of = |it: &&&Lesson| it.collection == learned.collection && it.epoch == learned.epoch;
        let came =
            lessons.iter().filter(of).filter_map(|it| Some((value(it.after.as_ref()?), it.time)));
        let came: Vec<_> = came.collect();
        let came: Vec<_> = came.iter().map(|(value, time)| (value, *time)).collect();
        let (at, is, should) = differing(&value(&learned.definition), &came, "#")?;
        let (collection, epoch) = (&learned.collection, learned.epoch);
        let message =
            format!("{collection} in epoch {epoch}: at {at} it says {is}, and should {should}");
        Some(told("time", message))
    });
    retimed.chain(wrong).collect()
}

fn lessons(log: &LogView) -> impl Iterator<Item = &Lesson> {
    log.messages(Topic::SchemaLearning).filter_map(|(_, _, message)| match message {
        Message::Lesson(lesson) => Some(lesson),
        _ => None,
    })
}

/// The time of the change that a lesson tells of, if it is one and the log still has it.
fn time_of_update(log: &LogView, lesson: &Lesson) -> Option<Timestamp> {
    let LessonSource::Update { partition, offset } = lesson.source else { return None };
    match log.at(Topic::EntityUpdates, partition, offset.0)?.message.as_ref()?.as_ref().ok()? {
        Message::MarkedUpdate(marked) => Some(marked.update.time),
        _ => None,
    }
}

/// What was published last of each collection, where it still is learned of.
fn last(log: &LogView) -> impl Iterator<Item = &LearnedDefinition> {
    let all = published(log).map(|(_, learned)| (&learned.collection, learned));
    let all: BTreeMap<_, _> = all.collect();
    let schemas = schemas(log);
    all.into_values().filter(move |learned| {
        let mut switches = schemas.values().filter_map(|it| it.holds(learned.collection.as_str()));
        switches.any(|switch| switch.is_on && switch.epoch == learned.epoch.0)
    })
}

/// The first place of which a definition tells another time than that of what came there first.
fn differing(schema: &Value, came: &[Came<'_>], at: &str) -> Option<(String, String, String)> {
    let shown = |time: Option<Timestamp>| time.map_or("nothing".into(), Timestamp::to_rfc3339);
    let is = schema.pointer("/x-tidelog/first_seen").and_then(Value::as_str).unwrap_or("nothing");
    let should = shown(came.iter().map(|(_, time)| *time).min());
    if is != should {
        return Some((at.into(), is.into(), should));
    }
    if let Some(Value::Object(properties)) = schema.get("properties") {
        let found = properties.iter().find_map(|(name, inner)| {
            let here: Vec<_> =
                came.iter().filter_map(|(it, time)| Some((it.get(name)?, *time))).collect();
            differing(inner, &here, &format!("{at}/properties/{name}"))
        });
        if found.is_some() {
            return found;
        }
    }
    let inner = |keyword: &str, of: fn(&Value) -> Vec<&Value>| {
        let inner = schema.get(keyword)?;
        let here: Vec<_> =
            came.iter().flat_map(|(it, time)| of(it).into_iter().map(|it| (it, *time))).collect();
        differing(inner, &here, &format!("{at}/{keyword}"))
    };
    inner("items", elements).or_else(|| inner("additionalProperties", members))
}

fn elements(value: &Value) -> Vec<&Value> {
    value.as_array().into_iter().flatten().collect()
}

fn members(value: &Value) -> Vec<&Value> {
    value.as_object().into_iter().flat_map(|members| members.values()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidelog_core::{Document, Offset, PartitionId, Revision};

    use super::*;
    use crate::oracle::build::{World, learned, marked, world};

    #[test]
    fn it_passes_the_times_of_what_came_first_and_fails_others() {
        let noted = |ms: u64| json!({ "first_seen": Timestamp::from_millis(ms).to_rfc3339() });
        let definition = |of_s: u64, of_elements: u64| {
            json!({
                "properties": {
                    "n": { "x-tidelog": noted(1_000) },
                    "s": { "items": { "x-tidelog": noted(of_elements) }, "x-tidelog": noted(of_s) },
                },
                "x-tidelog": noted(1_000),
            })
        };
        let lessons = || {
            vec![
                lesson(0, 3_000, json!({ "n": 1, "s": [7] })),
                lesson(1, 1_000, json!({ "n": 1 })),
                lesson(2, 2_000, json!({ "n": 2, "s": [] })),
            ]
        };
        let with = |of_s, of_elements| signatures(lessons(), definition(of_s, of_elements));
        assert_eq!(with(2_000, 3_000), [""; 0]);
        assert_eq!(with(3_000, 3_000), ["first-seen/time"]);
        assert_eq!(with(2_000, 2_000), ["first-seen/time"]);
    }

    #[test]
    fn it_fails_a_lesson_of_another_time_than_its_change() {
        let Message::Lesson(mut lesson) = lesson(0, 1_000, json!({})) else {
            unreachable!("it is one")
        };
        lesson.source = LessonSource::Update { partition: PartitionId(0), offset: Offset(0) };
        lesson.time = Timestamp::from_millis(77);
        let world = World {
            changes_of_entities: vec![marked(1, 1, None, Some(json!({}))), Message::Lesson(lesson)],
            ..world(vec![])
        };
        assert_eq!(found(&world), ["first-seen/lesson"]);
    }

    fn signatures(lessons: Vec<Message>, definition: Value) -> Vec<String> {
        let patches = vec![learned(1, 1, json!({})), learned(1, 2, definition)];
        found(&World { changes_of_entities: lessons, ..world(patches) })
    }

    fn found(world: &World) -> Vec<String> {
        look(&world.observed()).into_iter().map(|violation| violation.signature.into()).collect()
    }

    fn lesson(number: u64, time: u64, after: Value) -> Message {
        Message::Lesson(Lesson {
            collection: "shop/orders".parse().expect("a collection"),
            epoch: Revision(1),
            source: LessonSource::Walk { partition: PartitionId(0), number },
            before: None,
            after: Some(Document::from_value(&after).expect("a document")),
            time: Timestamp::from_millis(time),
        })
    }
}
