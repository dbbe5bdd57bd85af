//! Taking a step that hardly anybody takes. Nobody waits long for what becomes of it.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tidelog_core::{
    Document, Headers, Message, Offset, PartitionId, Position, Problem, ProblemKind, Timestamp,
    Topic,
    id::{ClientId, RequestName},
    limits::REQUESTS_AHEAD_MAX,
    message::{
        BatchPart, Change, Condition, EntityBatch, EntityPatch, Origin, Outcome, Part, PartAnswer,
        PartRequest, PartialResponse, Remember, SchemaChange,
    },
    patch::Operations,
    port::{Append, AppendOutcome, Client},
};
use tidelog_driver::With;

use super::{Actor, told};
use crate::workload::{DATABASE, Odd, zone_id};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Batches of which one part is answered: in some partition more than are given up at once.
const BATCHES: u32 = 80;

/// How much later a part of a batch is that is late: longer than it is waited for.
const LATE: Duration = Duration::from_secs(40);

/// More than clocks go wrong by, and less than clients are remembered for.
const AWAY: Duration = Duration::from_secs(2 * 3_600);

impl Actor {
    pub(super) async fn odd(&self, number: u32, odd: Odd) {
        let name = format!("odd{number}");
        match odd {
            Odd::EmptyBatch => {
                self.batch_of(Vec::new(), With::default()).await;
                let batch = EntityBatch {
                    origin: origin(&name, 1, 1, self.now()),
                    key: None,
                    database: DATABASE.parse().expect("a database's id"),
                    parts: Vec::new(),
                    wants_values: false,
                };
                drop(self.append(vec![self.record(&Message::EntityBatch(batch))]).await);
            }
            Odd::BadParts => {
                let key = told::key(number, "batch", "bad");
                let bad = || vec![part("shop/orders", read()), part("depot/orders/a/1", read())];
                let mut some = bad();
                some.push(part(&entity(&name), read()));
                self.batch_of(some, With::default()).await;
                // Of which nothing is sent on.
                self.batch_of(bad(), With { key: Some(key), ..With::default() }).await;
            }
            Odd::KeyTwice => {
                for text in ["one", "another"] {
                    let key = Some(told::key(number, &name, text));
                    self.one(&entity(&name), count(), With { key, ..With::default() }).await;
                }
            }
            Odd::BatchKeyTwice => {
                for text in ["one", "another"] {
                    let key = Some(told::key(number, "batch", text));
                    let parts = vec![part(&entity(&name), count())];
                    self.batch_of(parts, With { key, ..With::default() }).await;
                }
            }
            Odd::Remembered => {
                let with = With { remember: true, ..With::default() };
                self.one(&entity(&name), count(), with).await;
            }
            Odd::ProvisionAgain => {
                let Some(driver) = self.driver() else { return };
                let database = DATABASE.parse().expect("a database's id");
                let mut call =
                    driver.schema_request(database, SchemaChange::Provision, With::default());
                let _ = call.answer(driver.now().plus(PATIENCE)).await;
            }
            Odd::Large => self.large(&name).await,
            Odd::FarAhead => {
                let (far, begun) = (REQUESTS_AHEAD_MAX + 10, self.now());
                // The last would not be, had not the one before been.
                for (request, first_incomplete) in [(1, 1), (far, 1), (far + 1, 100)] {
                    // After a day that is forgotten.
                    if self.now().since(begun) > AWAY {
                        return;
                    }
                    self.raw(&name, request, first_incomplete, self.now()).await;
                }
            }
            Odd::LongAgo => self.raw(&name, 1, 1, Timestamp::from_millis(1)).await,
            Odd::Many => self.many(&name, MANY).await,
            Odd::VeryMany => self.many(&name, VERY_MANY).await,
            Odd::LatePart => {
                let names = (0..BATCHES).map(|number| format!("{name}-{number}"));
                let first: Vec<_> = names.map(|name| self.answer(&name, 1)).collect();
                drop(self.append(first).await);
                self.0.world.net.sim().leap(LATE);
                drop(self.append(vec![self.answer(&format!("{name}-0"), 2)]).await);
            }
            Odd::Leave | Odd::Leap(_) => unreachable!("it happens around clients"),
        }
    }

    pub(super) async fn one(&self, id: &str, request: PartRequest, with: With) {
        let Some(driver) = self.driver() else { return };
        let mut call = driver.request(id.parse().expect("an entity's id"), request, with);
        let _ = call.answer(driver.now().plus(PATIENCE)).await;
    }

    async fn batch_of(&self, parts: Vec<BatchPart>, with: With) {
        let Some(driver) = self.driver() else { return };
        let database = DATABASE.parse().expect("a database's id");
        let mut call = driver.batch_request(database, parts, with);
        let _ = call.answer(driver.now().plus(PATIENCE)).await;
    }

    /// Documents that an answer to so many parts cannot hold: one that is too large for its part, and many
    /// that are too large together.
    async fn large(&self, name: &str) {
        for bytes in [90 << 10, 60 << 10] {
            let text = json!({ "text": "x".repeat(bytes) });
            let change = Change::Replace(Document::from_value(&text).expect("a document"));
            let id = entity(name);
            let request = PartRequest { change, condition: Condition::default() };
            self.one(&id, request, With::default()).await;
            let parts = (0..100).map(|_| part(&id, read())).collect();
            self.batch_of(parts, With { wants_value: true, ..With::default() }).await;
        }
    }

    /// Writes many requests, and one that says that most of them are over.
    async fn many(&self, name: &str, count: u64) {
        let begun = self.now();
        let all = (1..=count).map(|number| (number, 1)).chain([(count + 1, count - 80)]);
        let patches = all.map(|(number, first)| patch(name, number, first, begun));
        drop(self.append(patches.map(|it| self.record(&it)).collect()).await);
    }

    /// Writes a request as no driver would.
    async fn raw(&self, name: &str, number: u64, first_incomplete: u64, first_sent: Timestamp) {
        let record = self.record(&patch(name, number, first_incomplete, first_sent));
        drop(self.append(vec![record]).await);
    }

    /// The answer to a part of a batch that nobody asked for.
    fn answer(&self, name: &str, number: u32) -> Append {
        let problem = Problem::new(ProblemKind::NotFound, "nobody asked");
        let response = PartialResponse {
            request: origin(name, 1, 1, Timestamp::from_millis(1)).request(),
            part: Part { number, of: 2 },
            answer: PartAnswer {
                target: entity(name).into(),
                outcome: Outcome::Failed { problem, revision: None },
                value: None,
                replayed: false,
            },
            position: Position {
                topic: Topic::EntityPatches,
                partition: PartitionId(0),
                offset: Offset(0),
            },
            time: self.now(),
            remember: Remember::No,
        };
        self.record(&Message::PartialResponse(response))
    }

    pub(super) fn record(&self, message: &Message) -> Append {
        let key = message.key();
        let partition = self.0.world.settings.layout.partition(key);
        let key = Bytes::copy_from_slice(key.as_bytes());
        Append {
            topic: message.topic(),
            partition,
            key,
            payload: message.encode(),
            headers: Headers::default(),
        }
    }

    pub(super) async fn append(&self, records: Vec<Append>) -> Vec<AppendOutcome> {
        let client = self.life().as_ref().map(|life| life.client.clone());
        let Some(client) = client else { return Vec::new() };
        client.append(records).await
    }

    pub(super) fn now(&self) -> Timestamp {
        self.driver().map_or(Timestamp::ZERO, |driver| driver.now())
    }
}

/// So many that some of them are forgotten.
const MANY: u64 = 150;

/// More than are forgotten at a time: 64 rows of 32 requests.
const VERY_MANY: u64 = 2_300;

fn patch(name: &str, number: u64, first_incomplete: u64, first_sent: Timestamp) -> Message {
    Message::EntityPatch(EntityPatch {
        origin: origin(name, number, first_incomplete, first_sent),
        part: Part::ONLY,
        key: None,
        entity: entity(name).parse().expect("an entity's id"),
        request: count(),
        wants_value: false,
        remember: Remember::No,
    })
}

pub(super) fn origin(
    name: &str,
    number: u64,
    first_incomplete: u64,
    first_sent: Timestamp,
) -> Origin {
    let client = ClientId::new(name, 0).expect("a segment");
    let name = RequestName { client, number };
    Origin { name, first_incomplete, first_sent, user: None, device: None }
}

fn part(entity: &str, request: PartRequest) -> BatchPart {
    BatchPart { entity: entity.into(), request: Ok(request) }
}

fn read() -> PartRequest {
    PartRequest { change: Change::Read, condition: Condition::default() }
}

fn count() -> PartRequest {
    let operations = Operations::parse(br#"[{"op": "increment", "path": "/n", "by": 1}]"#);
    let change = Change::Operations(operations.expect("well-formed operations"));
    PartRequest { change, condition: Condition::default() }
}

/// The entity of an odd step, which no other step is about.
fn entity(name: &str) -> String {
    format!("{}/{name}", zone_id(0))
}
