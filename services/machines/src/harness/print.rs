//! Messages as lines that people can read.

mod zones;

use tidelog_core::{
    Document, Message,
    message::{Outcome, PartAnswer, Remember},
};

/// What a message says, in one line.
pub(crate) fn line(message: &Message) -> String {
    match message {
        Message::EntityBatch(batch) => format!(
            "batch {} for {} of {} parts{}",
            batch.origin.request(),
            batch.database,
            batch.parts.len(),
            batch.key.as_ref().map_or(String::new(), |key| format!(" under {}", key.key)),
        ),
        Message::EntityPatch(patch) => format!(
            "patch {} part {}: {} {}{}{}{}",
            patch.origin.request(),
            patch.part,
            patch.request.change.name(),
            patch.entity,
            patch.key.as_ref().map_or(String::new(), |key| format!(" under {}", key.key)),
            if patch.wants_value { " with value" } else { "" },
            remembered(patch.remember),
        ),
        Message::EntityUpdate(update) => format!(
            "update {} {:?} at r{}: {} -> {} by {} part {} at {}",
            update.entity,
            update.kind,
            update.revision,
            value(update.before.as_ref()),
            value(update.after.as_ref()),
            update.request,
            update.part,
            update.time,
        ),
        Message::PartialResponse(response) => format!(
            "answer {} part {}: {}{} (@{} at {})",
            response.request,
            response.part,
            answer(&response.answer),
            remembered(response.remember),
            response.position.offset,
            response.time,
        ),
        Message::CompleteResponse(response) => {
            let parts: Vec<_> = response
                .parts
                .iter()
                .map(|part| part.as_ref().map_or("unknown".into(), answer))
                .collect();
            format!("complete {} at {}: {}", response.request, response.time, parts.join("; "))
        }
        Message::SchemaPatch(patch) => {
            format!("schema {} {:?} {}", patch.origin.request(), patch.change, patch.database)
        }
        Message::SchemaUpdate(update) => format!(
            "schema update {} at r{}, created {}, by {} at {}",
            update.database, update.revision, update.created, update.request, update.time
        ),
        Message::DeadLetter(letter) => {
            format!("dead letter of {}: {} ({})", letter.service, letter.reason, letter.source)
        }
        Message::Owner(owner) => format!("{} runs {}", owner.node, owner.task),
        Message::DefinitionUpdate(update) => format!(
            "definition of {} at r{}: stated {}, learned {}",
            update.collection,
            update.revision,
            value(update.statement.as_ref()),
            value(update.learned.as_ref()),
        ),
        Message::LearningSwitch(switch) => format!(
            "learning {} for {}{}, epoch {}",
            if switch.is_on { "on" } else { "off" },
            switch.scope.as_str(),
            if switch.follows { " as its database" } else { "" },
            switch.epoch,
        ),
        Message::MarkedUpdate(marked) => format!(
            "{} (epoch {})",
            line(&Message::EntityUpdate(marked.update.clone())),
            marked.epoch
        ),
        Message::Lesson(lesson) => format!(
            "lesson of {} epoch {}, {:?}: {} -> {}",
            lesson.collection,
            lesson.epoch,
            lesson.source,
            value(lesson.before.as_ref()),
            value(lesson.after.as_ref()),
        ),
        Message::WalkEnded(ended) => format!(
            "walk of {} over {} ended, epoch {}",
            ended.partition,
            ended.scope.as_str(),
            ended.epoch
        ),
        Message::LearnedDefinition(learned) => format!(
            "learned of {} epoch {}, number {}: {} (at {})",
            learned.collection, learned.epoch, learned.number, learned.definition, learned.time
        ),
        Message::Zone(message) => zones::zone(message),
        Message::ForDevice(message) => zones::for_device(message),
        Message::DeviceNotification(notification) => zones::notification(notification),
        Message::DeviceCall(call) => format!("{call:?}"),
        Message::DeviceUpdate(update) => format!(
            "device {} {:?} at {}, {:?} in {:?}, there since {}",
            update.device,
            update.kind,
            update.time,
            update.app_version,
            update.databases,
            update.added,
        ),
        Message::ForgetZone(forget) => format!(
            "forget {} ({}/{}) at {}",
            forget.zone, forget.partition, forget.number, forget.time
        ),
    }
}

fn remembered(remember: Remember) -> &'static str {
    match remember {
        Remember::No => "",
        Remember::Single => ", remember",
        Remember::Batch => ", remember batch",
    }
}

fn answer(answer: &PartAnswer) -> String {
    let outcome = match &answer.outcome {
        Outcome::Read(revision) => format!("read at r{revision}"),
        Outcome::Created(revision) => format!("created at r{revision}"),
        Outcome::Updated(revision) => format!("updated at r{revision}"),
        Outcome::Deleted(revision) => format!("deleted at r{revision}"),
        Outcome::Failed { problem, revision: Some(revision) } => {
            format!("failed at r{revision}, {problem}")
        }
        Outcome::Failed { problem, revision: None } => format!("failed, {problem}"),
    };
    let value = answer.value.as_ref().map_or(String::new(), |value| format!(" {value}"));
    let replayed = if answer.replayed { ", replayed" } else { "" };
    format!("{} {outcome}{value}{replayed}", answer.target)
}

fn value(document: Option<&Document>) -> &str {
    document.map_or("nothing", Document::as_str)
}
