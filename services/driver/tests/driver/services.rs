//! What the services would do: each request once, and an answer to every sending.

use bytes::Bytes;
use tidelog_driver::core::{
    Headers, Message, Position, Revision, Timestamp,
    message::{
        CompleteResponse, EntityBatch, EntityPatch, Origin, Outcome, Part, PartAnswer,
        PartialResponse, Remember, SchemaPatch, SchemaUpdate,
    },
    port::Append,
};

use crate::world::{State, layout};

impl State {
    /// Takes what is in the log and was not taken yet, unless the services stand still.
    pub(crate) fn serve(&mut self) {
        while !self.is_standing_still
            && let Some((append, offset)) = self.unserved.pop_front()
        {
            let Append { topic, partition, .. } = append;
            let position = Position { topic, partition, offset };
            match Message::decode(topic, &append.payload).expect("drivers write what can be read") {
                Message::EntityPatch(patch) => self.change(patch, position),
                Message::EntityBatch(batch) => self.change_all(batch, position),
                Message::SchemaPatch(patch) => self.provision(patch, position),
                other => panic!("no driver writes {other:?}"),
            }
        }
        self.wake_readers();
    }

    fn change(&mut self, patch: EntityPatch, position: Position) {
        let answer = self.answer(&patch.origin, patch.entity.as_str());
        self.respond(&patch.origin, answer, position);
    }

    /// A change that is asked for again gets its first answer, and changes nothing.
    fn answer(&mut self, origin: &Origin, target: &str) -> PartAnswer {
        let next = Revision(self.changes + 1);
        let revision = *self.completions.entry(origin.name.clone()).or_insert(next);
        self.changes = self.changes.max(revision.0);
        let outcome = Outcome::Updated(revision);
        PartAnswer { target: target.into(), outcome, value: None, replayed: false }
    }

    fn change_all(&mut self, batch: EntityBatch, position: Position) {
        let answer = self.answer(&batch.origin, "a part");
        let answers: Vec<_> = (0..batch.parts.len())
            .map(|part| (!self.missing_parts.contains(&part)).then(|| answer.clone()))
            .collect();
        let of = u32::try_from(answers.len()).expect("a few parts");
        for (number, answer) in (1..).zip(&answers) {
            let Some(answer) = answer else { continue };
            self.respond_part(&batch.origin, Part { number, of }, answer.clone(), position);
        }
        let response = CompleteResponse {
            request: batch.origin.request(),
            parts: answers,
            time: Timestamp::from_millis(self.now),
        };
        self.publish(&Message::CompleteResponse(response));
    }

    fn provision(&mut self, patch: SchemaPatch, position: Position) {
        let SchemaPatch { origin, database, .. } = patch;
        let is_new = self.databases.insert(database.clone());
        let revision = Revision(1);
        let outcome = if is_new { Outcome::Created(revision) } else { Outcome::Read(revision) };
        let target = database.as_str().into();
        let answer = PartAnswer { target, outcome, value: None, replayed: false };
        self.respond(&origin, answer, position);
        let created = Timestamp::from_millis(self.now);
        let (request, time) = (origin.name, created);
        let update = SchemaUpdate { database, revision, created, request, time };
        self.publish(&Message::SchemaUpdate(update));
    }

    fn respond(&mut self, origin: &Origin, answer: PartAnswer, position: Position) {
        self.respond_part(origin, Part::ONLY, answer, position);
    }

    fn respond_part(
        &mut self,
        origin: &Origin,
        part: Part,
        answer: PartAnswer,
        position: Position,
    ) {
        let response = PartialResponse {
            request: origin.request(),
            part,
            answer,
            position,
            time: Timestamp::from_millis(self.now),
            remember: Remember::No,
        };
        self.publish(&Message::PartialResponse(response));
    }

    fn publish(&mut self, message: &Message) {
        let key = Bytes::copy_from_slice(message.key().as_bytes());
        let (topic, partition) = (message.topic(), layout().partition(message.key()));
        self.append(&Append {
            topic,
            partition,
            key,
            payload: message.encode(),
            headers: Headers::default(),
        });
    }
}
