//! The machine on a bench: inputs by hand, outputs collected.

use std::time::Duration;

use tidelog_core::{
    ClientId, Layout, Message, PartitionId, Position, RequestId, Revision, Timestamp, Topic,
    message::{
        BatchPart, Change, CompleteResponse, Origin, Outcome, Part, PartAnswer, PartialResponse,
        Remember,
    },
    port::{Append, AppendOutcome},
    topic::Offset,
};

use super::super::{Awaits, Input, Output, Request, Requests, Rules, Slot, Token, Told};
use crate::options::With;

/// The machine with the time, and what has come out of it.
pub(super) struct Bench {
    pub(super) now: Timestamp,
    pub(super) requests: Requests<u64>,
    pub(super) appends: Vec<(Slot, Append)>,
    told: Vec<(u64, Told)>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let client = ClientId::new("app", 0).expect("a good prefix");
        let layout = Layout::new(4).expect("four partitions");
        let rules = Rules { in_flight_max: IN_FLIGHT, resend_after: Duration::from_secs(2) };
        Self {
            now: Timestamp::from_millis(1_000),
            requests: Requests::new(client, layout, rules),
            appends: Vec::new(),
            told: Vec::new(),
        }
    }

    pub(super) fn handle(&mut self, input: Input<u64>) {
        self.requests.handle(self.now, input);
        for output in self.requests.outputs().drain(..) {
            match output {
                Output::Append(slot, append) => self.appends.push((slot, append)),
                Output::Tell(reply, told) => self.told.push((reply, told)),
            }
        }
    }

    /// Submits a request whose answer goes to the handle that is its token.
    pub(super) fn submit(&mut self, token: Token) -> Slot {
        self.handle(Input::Submit { token, request: entity_request(), reply: token });
        self.appends.last().expect("it is appended").0
    }

    pub(super) fn submit_batch(&mut self, token: Token) -> Slot {
        self.handle(Input::Submit { token, request: batch_request(), reply: token });
        self.appends.last().expect("it is appended").0
    }

    /// Waits for the answer.
    pub(super) fn wait(&mut self, token: Token, deadline: u64) {
        self.wait_as(1_000 + token, token, Awaits::Answer, deadline);
    }

    pub(super) fn wait_as(&mut self, reply: u64, token: Token, awaits: Awaits, deadline: u64) {
        let deadline = Timestamp::from_millis(deadline);
        self.handle(Input::Wait { token, awaits, deadline, reply });
    }

    pub(super) fn appended(&mut self, slot: Slot, outcome: AppendOutcome) {
        self.handle(Input::Appended { slots: vec![slot], outcomes: vec![outcome] });
    }

    pub(super) fn pass(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
        self.handle(Input::Tick);
    }

    pub(super) fn id(&self, slot: Slot) -> RequestId {
        self.requests.id(slot).expect("it is under way")
    }

    pub(super) fn take_told(&mut self) -> Vec<(u64, Told)> {
        std::mem::take(&mut self.told)
    }

    pub(super) fn assert_nothing_is_left(&self) {
        let requests = &self.requests;
        assert!(requests.is_drained() && requests.timers.is_empty());
        assert!(requests.tokens.is_empty());
        assert!(requests.incarnations.values().all(|incarnation| incarnation.is_empty()));
    }
}

pub(super) fn entity_request() -> Request {
    Request::Entity {
        entity: "shop/orders/eu/42".parse().expect("an id"),
        request: Change::Read.into(),
        with: With::default(),
    }
}

pub(super) fn batch_request() -> Request {
    let part = BatchPart { entity: "shop/orders/eu/42".into(), request: Ok(Change::Delete.into()) };
    Request::Batch {
        database: "shop".parse().expect("an id"),
        parts: vec![part; 2],
        with: With::default(),
    }
}

fn part_answer() -> PartAnswer {
    PartAnswer {
        target: "shop/orders/eu/42".into(),
        outcome: Outcome::Updated(Revision(1)),
        value: None,
        replayed: false,
    }
}

pub(super) fn partial(id: &RequestId) -> PartialResponse {
    PartialResponse {
        request: id.clone(),
        part: Part::ONLY,
        answer: part_answer(),
        position: Position {
            topic: Topic::EntityPatches,
            partition: PartitionId(0),
            offset: Offset(0),
        },
        time: Timestamp::ZERO,
        remember: Remember::No,
    }
}

/// The answers to both parts of a batch.
pub(super) fn parts(id: &RequestId) -> [PartialResponse; 2] {
    [1, 2].map(|number| {
        let position = Position {
            topic: Topic::EntityPatches,
            partition: PartitionId(number % 2),
            offset: Offset(10 + u64::from(number)),
        };
        PartialResponse { part: Part { number, of: 2 }, position, ..partial(id) }
    })
}

pub(super) fn complete(id: &RequestId, has: [bool; 2]) -> CompleteResponse {
    CompleteResponse {
        request: id.clone(),
        parts: has.map(|has| has.then(part_answer)).into(),
        time: Timestamp::ZERO,
    }
}

pub(super) fn origin(append: &Append) -> Origin {
    match Message::decode(append.topic, &append.payload).expect("it was encoded") {
        Message::EntityPatch(patch) => patch.origin,
        Message::EntityBatch(batch) => batch.origin,
        other => panic!("a driver sends no {other:?} here"),
    }
}

pub(super) const IN_FLIGHT: usize = 100;
