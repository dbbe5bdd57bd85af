//! Taking a step: asking, waiting, asking again, and writing down what was told.

use std::{collections::BTreeSet, time::Duration};

use tidelog_core::{
    Position, RequestId, Topic,
    headers::Headers,
    message::BatchPart,
    port::{Append, Client},
    query::Scope,
};
use tidelog_driver::{Call, Driver, Error, Positions, With};
use tidelog_io_sim::transport::SimClient;

use super::{Actor, World, known::Known, told};
use crate::{
    history::{Name, Operation, Outcome, Place, Route},
    model::{Action, Condition, Effect, Refusal},
    observed::BatchSeen,
    recorder::Begun,
    workload::{
        Ask, COLLECTION, DATABASE, Step, Under, What, entity_id, spoilt_payload, zone, zone_id,
    },
};

/// How long a query may take.
const QUERY_PATIENCE: Duration = Duration::from_secs(5);

/// A list that is longer does not end.
const PAGES_MAX: usize = 60;

impl Actor {
    /// Takes a step that waits for something.
    pub(super) async fn ask(&self, step: &Step) {
        match &step.what {
            What::Request { ask, patience_ms, again } => {
                self.request(step.number, ask, *patience_ms, *again).await;
            }
            What::Batch { asks, key, patience_ms, again } => {
                self.batch(step.number, asks, *key, *patience_ms, *again).await;
            }
            What::Query { entity, with_positions } => {
                self.query(step.number, *entity, *with_positions).await;
            }
            What::List { zone, page, with_positions } => {
                self.list(step.number, *zone, *page, *with_positions).await;
            }
            What::Spoil { entity } => self.spoil(step.number, *entity).await,
            What::Schema(schema) => self.schema(step.number, schema).await,
            What::Zone(zone) => self.zone(step.number, zone).await,
            What::Odd(odd) => self.odd(step.number, *odd).await,
            What::Restart => unreachable!("a restart waits for nothing"),
        }
    }

    async fn request(&self, number: u32, ask: &Ask, patience_ms: u64, again: u32) {
        let condition = self.condition(ask);
        let entity = entity_id(ask.entity);
        let scope = format!("{} {entity}", ask.action.name());
        let text = format!("{:?} {:?}", ask.action, condition);
        let key = ask.key.map(|key| told::key(key, &scope, &text));
        let Some(driver) = self.driver() else { return };
        let with = With { key: key.clone(), wants_value: ask.wants_value, ..With::default() };
        let mut operation = self.operation(number, &entity, &ask.action, &condition);
        operation.key = key.map(|key| format!("{} {}", key.scope, key.key).into());
        let begun = self.recorder().begin(operation);
        let request = told::request(&ask.action, &condition);
        let id = entity.parse().expect("an entity's id");
        let mut call = driver.request(id, request, with);
        if let Ok(id) = call.id().await {
            self.recorder().change(begun, |operation| operation.name = Some(name(&id, 1)));
        }
        let outcome = match patiently(&driver, &mut call, patience_ms, again).await {
            Ok(answered) => {
                let outcome = told::outcome(&answered.answer);
                self.learn(ask.entity, &outcome, answered.position.into());
                let place = place(answered.position);
                self.recorder().change(begun, |operation| operation.position = Some(place));
                outcome
            }
            Err(error) => told::failure(&error),
        };
        self.recorder().end(begun, outcome);
    }

    async fn batch(
        &self,
        number: u32,
        asks: &[Ask],
        key: Option<u32>,
        patience_ms: u64,
        again: u32,
    ) {
        let conditions: Vec<_> = asks.iter().map(|ask| self.condition(ask)).collect();
        let Some(driver) = self.driver() else { return };
        let parts = || asks.iter().zip(&conditions);
        let text = format!("{:?}", parts().collect::<Vec<_>>());
        let key = key.map(|key| told::key(key, "batch", &text));
        let begun: Vec<Begun> = (1..)
            .zip(parts())
            .map(|(part, (ask, condition))| {
                let entity = entity_id(ask.entity);
                let mut operation = self.operation(number, &entity, &ask.action, condition);
                let of_part = |key: &_| format!("{key:?} part {part}");
                operation.key = key.as_ref().map(|key| of_part(&key.key).into());
                self.recorder().begin(operation)
            })
            .collect();
        let requests = parts().map(|(ask, condition)| BatchPart {
            entity: entity_id(ask.entity).into(),
            request: Ok(told::request(&ask.action, condition)),
        });
        let with = With { key, wants_value: true, ..With::default() };
        let database = DATABASE.parse().expect("a database's id");
        let mut call = driver.batch_request(database, requests.collect(), with);
        if let Ok(id) = call.id().await {
            for (part, begun) in (1..).zip(&begun) {
                self.recorder().change(*begun, |operation| operation.name = Some(name(&id, part)));
            }
        }
        let answered = patiently(&driver, &mut call, patience_ms, again).await;
        let outcomes: Vec<Outcome> = match &answered {
            Ok(answered) if answered.parts.len() == asks.len() => {
                let outcome = |answer: &Option<_>| answer.as_ref().map(told::outcome);
                let parts = answered.parts.iter();
                parts.map(|answer| outcome(answer).unwrap_or(Outcome::Unknown)).collect()
            }
            Ok(answered) => {
                let whole = answered.parts.first().and_then(Option::as_ref).map(told::outcome);
                vec![whole.unwrap_or(Outcome::Unknown); asks.len()]
            }
            Err(error) => vec![told::failure(error); asks.len()],
        };
        if let Ok(answered) = answered {
            let request = answered.request.name.to_string().into();
            let (parts, answers) = (asks.len(), vec![answered.parts]);
            self.recorder().look().batches.push(BatchSeen { request, parts, answers });
            for (ask, outcome) in asks.iter().zip(&outcomes) {
                self.learn(ask.entity, outcome, answered.positions.clone());
            }
        }
        for (begun, outcome) in begun.into_iter().zip(outcomes) {
            self.recorder().end(begun, outcome);
        }
    }

    async fn query(&self, number: u32, entity: u32, with_positions: bool) {
        let known = self.known(with_positions);
        let id = entity_id(entity);
        let Some(driver) = self.driver() else { return };
        let mut operation = self.operation(number, &id, &Action::Read, &Condition::None);
        operation.route = Route::Query { at_least: known.places() };
        let begun = self.recorder().begin(operation);
        let deadline = driver.now().plus(QUERY_PATIENCE);
        let id = id.parse().expect("an entity's id");
        let outcome = match driver.read(&id, known.positions(), deadline).await {
            Ok(Some(view)) => found(view.revision.0, &view.value),
            Ok(None) => Outcome::Refused { refusal: Refusal::NotFound, revision: None },
            Err(error) => Outcome::NotDone(error.to_string().into()),
        };
        self.recorder().end(begun, outcome);
    }

    /// Lists a zone. Each entity of it was found, or found missing.
    async fn list(&self, number: u32, of_zone: u32, page: u32, with_positions: bool) {
        let known = self.known(with_positions);
        let Some(driver) = self.driver() else { return };
        let entities = (0..ENTITIES_MAX).filter(|entity| zone(*entity) == of_zone);
        let begun: Vec<(String, Begun)> = entities
            .map(|entity| {
                let id = entity_id(entity);
                let mut operation = self.operation(number, &id, &Action::Read, &Condition::None);
                operation.route = Route::Query { at_least: known.places() };
                let begun = self.recorder().begin(operation);
                (id, begun)
            })
            .collect();
        let scope = Scope::Zone(zone_id(of_zone).parse().expect("a zone's id"));
        let (mut after, mut listed) = (None::<Box<str>>, BTreeSet::new());
        for _ in 0..PAGES_MAX {
            let deadline = driver.now().plus(QUERY_PATIENCE);
            let asked = (after.as_deref(), page as usize, known.positions());
            let listing = driver.list(&scope, asked.0, asked.1, asked.2, deadline).await;
            let Ok(listing) = listing else { break };
            for view in listing.items {
                let id = view.id.as_str().to_owned();
                if let Some((_, begun)) = begun.iter().find(|(of, _)| *of == id) {
                    self.recorder().end(*begun, found(view.revision.0, &view.value));
                }
                listed.insert(id);
            }
            after = listing.next;
            if after.is_none() {
                for (_, begun) in begun.iter().filter(|(id, _)| !listed.contains(id)) {
                    let outcome = Outcome::Refused { refusal: Refusal::NotFound, revision: None };
                    self.recorder().end(*begun, outcome);
                }
                return;
            }
        }
        for (_, begun) in begun.iter().filter(|(id, _)| !listed.contains(id)) {
            self.recorder().end(*begun, Outcome::NotDone("the list has no end".into()));
        }
    }

    /// Appends a record that nobody can read. Whether it got there is seen in the log.
    async fn spoil(&self, number: u32, entity: u32) {
        let World { net, settings, .. } = &self.0.world;
        let client = SimClient::start(net, self.0.node, &format!("spoiler{number}"), settings);
        let key = entity_id(entity);
        let partition = client.layout().partition(&key);
        let (key, payload) = (key.into(), spoilt_payload(number).into());
        let (topic, headers) = (Topic::EntityPatches, Headers::default());
        let append = Append { topic, partition, key, payload, headers };
        let _ = client.append(vec![append]).await;
    }

    /// The zones that have entities; nothing, if that cannot be told.
    pub(in crate::cluster) async fn zones(&self) -> Option<BTreeSet<Box<str>>> {
        let driver = self.driver()?;
        let collection = COLLECTION.parse().expect("a collection's id");
        let (mut after, mut zones) = (None::<Box<str>>, BTreeSet::new());
        for _ in 0..PAGES_MAX {
            let deadline = driver.now().plus(QUERY_PATIENCE);
            let positions = self.known(true).positions();
            let asked = driver.zones(&collection, after.as_deref(), 2, positions, deadline).await;
            let listing = asked.ok()?;
            zones.extend(listing.items);
            after = listing.next;
            if after.is_none() {
                return Some(zones);
            }
        }
        None
    }

    fn condition(&self, ask: &Ask) -> Condition {
        let seen = self.life().as_ref().and_then(|life| life.seen.get(&ask.entity).copied());
        let seen = seen.unwrap_or(1);
        match ask.under {
            Under::Nothing => Condition::None,
            Under::Exists => Condition::Exists,
            Under::Missing => Condition::Missing,
            Under::AsSeen => Condition::At(seen),
            Under::NotAsSeen => Condition::NotAt(seen),
        }
    }

    /// Takes note of an answer.
    fn learn(&self, entity: u32, outcome: &Outcome, positions: Positions) {
        let mut life = self.life();
        let Some(life) = life.as_mut() else { return };
        positions.iter().for_each(|position| life.known.learn(position));
        let revision = match outcome {
            Outcome::Done { revision, .. } => Some(*revision),
            Outcome::Refused { revision, .. } => *revision,
            Outcome::NotDone(_) | Outcome::Unknown | Outcome::Incomplete => None,
        };
        if let Some(revision) = revision {
            life.seen.insert(entity, revision);
        }
    }

    /// What the client knows of the log, or nothing if it is to ask without.
    pub(super) fn known(&self, with_positions: bool) -> Known {
        let life = self.life();
        let life = life.as_ref().filter(|_| with_positions);
        life.map_or_else(Known::default, |life| life.known.clone())
    }

    fn operation(
        &self,
        number: u32,
        entity: &str,
        action: &Action,
        condition: &Condition,
    ) -> Operation {
        let life = self.life().as_ref().map_or(0, |life| life.number);
        Operation {
            number,
            client: format!("{}-{life}", self.0.name).into(),
            name: None,
            entity: entity.into(),
            action: action.clone(),
            condition: condition.clone(),
            key: None,
            route: Route::Log,
            invoked_us: 0,
            returned_us: None,
            outcome: Outcome::Incomplete,
            position: None,
        }
    }
}

/// No workload has more entities.
const ENTITIES_MAX: u32 = 64;

/// Waits for an answer, and asks again as the same request where none has come.
pub(super) async fn patiently<A>(
    driver: &Driver,
    call: &mut Call<A>,
    patience_ms: u64,
    again: u32,
) -> Result<A, Error> {
    for _ in 0..again {
        match call.answer(driver.now().plus(Duration::from_millis(patience_ms))).await {
            Err(Error::OutcomeUnknown { given_up: false, .. }) => {}
            told => return told,
        }
    }
    call.answer(driver.now().plus(Duration::from_millis(patience_ms))).await
}

fn found(revision: u64, value: &tidelog_core::Document) -> Outcome {
    let value = Some(crate::log::value(value));
    Outcome::Done { effect: Effect::Read, revision, value }
}

pub(super) fn name(id: &RequestId, part: u32) -> Name {
    Name { client: id.name.client.to_string().into(), number: id.name.number, part }
}

fn place(position: Position) -> Place {
    Place { partition: position.partition.0, offset: position.offset.0 }
}
