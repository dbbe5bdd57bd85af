//! Random histories, held against what must be true of every one of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::{collection::vec, prelude::*};
use tidelog_core::{
    RequestId, Timestamp,
    limits::DRIVER_RESENDS_FOR,
    port::{Append, AppendOutcome},
    topic::Offset,
};

use super::{
    super::{Awaits, Input, Slot, Token, Told},
    bench::{Bench, batch_request, complete, entity_request, origin, partial, parts},
};
use crate::error::Error;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// And whoever waits for an append is told of it when it is known, and never before.
    #[test]
    fn every_call_has_one_outcome_and_first_incomplete_passes_nothing_under_way(
        steps in vec(step(), 1..120),
    ) {
        let mut model = Model::new();
        for step in steps {
            model.step(step);
            model.check();
        }
        model.answer_all();
        model.bench.assert_nothing_is_left();
        prop_assert!(model.under_way.is_empty());
        for (token, call) in &model.calls {
            let told = usize::from(model.answered.contains(token));
            prop_assert_eq!(told, usize::from(*call == Call::Held), "call {}", token);
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Submit { is_batch: bool },
    Wait { call: usize, awaits: Awaits, millis: u64 },
    Detach { call: usize },
    Abandon { call: usize },
    Append { of: usize, outcome: u8 },
    Answer { of: usize },
    Complete { of: usize, is_whole: bool },
    Pass { millis: u64 },
    Hour,
}

fn step() -> impl Strategy<Value = Step> {
    let which = || 0..1_000_usize;
    prop_oneof![
        8 => any::<bool>().prop_map(|is_batch| Step::Submit { is_batch }),
        6 => (which(), awaits(), 0..50_000_u64)
            .prop_map(|(call, awaits, millis)| Step::Wait { call, awaits, millis }),
        1 => which().prop_map(|call| Step::Detach { call }),
        1 => which().prop_map(|call| Step::Abandon { call }),
        6 => (which(), 0..3_u8).prop_map(|(of, outcome)| Step::Append { of, outcome }),
        5 => which().prop_map(|of| Step::Answer { of }),
        3 => (which(), any::<bool>()).prop_map(|(of, is_whole)| Step::Complete { of, is_whole }),
        3 => (0..20_000_u64).prop_map(|millis| Step::Pass { millis }),
        1 => Just(Step::Hour),
    ]
}

fn awaits() -> impl Strategy<Value = Awaits> {
    prop_oneof![Just(Awaits::Append), Just(Awaits::Answer)]
}

/// What the holder of a call has done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Held,
    LetGo,
}

struct Sent {
    token: Token,
    id: RequestId,
    is_batch: bool,
    sent: Timestamp,
    record: Append,
}

/// What is known from outside.
struct Model {
    bench: Bench,
    calls: BTreeMap<Token, Call>,
    answered: BTreeSet<Token>,
    alarmed: BTreeSet<u64>,
    /// Every request that was sent, under way or not: answers come late, too.
    sent: BTreeMap<Slot, Sent>,
    under_way: BTreeSet<Slot>,
    appending: Vec<Slot>,
    /// The requests of which the log has said that they are there.
    in_log: BTreeSet<Slot>,
    /// The calls that wait for that, and how they are told.
    awaiting_append: BTreeMap<Token, u64>,
    handles: u64,
}

impl Model {
    fn new() -> Self {
        Self {
            bench: Bench::new(),
            calls: BTreeMap::new(),
            answered: BTreeSet::new(),
            alarmed: BTreeSet::new(),
            sent: BTreeMap::new(),
            under_way: BTreeSet::new(),
            appending: Vec::new(),
            in_log: BTreeSet::new(),
            awaiting_append: BTreeMap::new(),
            handles: 1_000_000,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit { is_batch } => self.submit(is_batch),
            Step::Wait { call, awaits, millis } => {
                let deadline = self.bench.now.plus(Duration::from_millis(millis));
                self.handles += 1;
                if let Some(token) = self.call(call) {
                    let reply = self.handles;
                    self.awaiting_append.remove(&token);
                    if self.holds(token) && awaits == Awaits::Append {
                        self.awaiting_append.insert(token, reply);
                    }
                    self.handle(Input::Wait { token, awaits, deadline, reply });
                }
            }
            Step::Detach { call } => {
                if let Some(token) = self.call(call).filter(|token| self.holds(*token)) {
                    self.calls.insert(token, Call::LetGo);
                    self.awaiting_append.remove(&token);
                    self.handle(Input::Detach(token));
                }
            }
            Step::Abandon { call } => {
                if let Some(token) = self.call(call).filter(|token| self.holds(*token)) {
                    self.calls.insert(token, Call::LetGo);
                    self.awaiting_append.remove(&token);
                    let sent = &self.sent;
                    self.under_way.retain(|slot| sent[slot].token != token);
                    self.handle(Input::Abandon(token));
                }
            }
            Step::Append { of, outcome } => self.append(of, outcome),
            Step::Answer { of } => self.answer(of),
            Step::Complete { of, is_whole } => self.complete(of, is_whole),
            Step::Pass { millis } => self.pass(Duration::from_millis(millis)),
            Step::Hour => self.pass(DRIVER_RESENDS_FOR),
        }
    }

    fn submit(&mut self, is_batch: bool) {
        let token = self.calls.len() as Token;
        self.calls.insert(token, Call::Held);
        let request = if is_batch { batch_request() } else { entity_request() };
        let before = self.bench.appends.len();
        let sent = self.bench.now;
        self.bench.handle(Input::Submit { token, request, reply: token });
        if let Some((slot, record)) = self.bench.appends.get(before).cloned() {
            assert!(!self.sent.contains_key(&slot), "{slot:?} is used twice");
            let id = self.bench.id(slot);
            self.sent.insert(slot, Sent { token, id, is_batch, sent, record });
            self.under_way.insert(slot);
        }
        self.take();
    }

    fn append(&mut self, of: usize, outcome: u8) {
        if self.appending.is_empty() {
            return;
        }
        let slot = self.appending.swap_remove(of % self.appending.len());
        let outcome = match outcome {
            0 => {
                self.in_log.insert(slot);
                AppendOutcome::Appended(Offset(0))
            }
            1 => AppendOutcome::Unknown("?".into()),
            _ => AppendOutcome::Rejected("full".into()),
        };
        self.handle(Input::Appended { slots: vec![slot], outcomes: vec![outcome] });
        // Whether a refusal is final is what the tests beside this one are about.
        if self.bench.requests.id(slot).is_none() {
            self.under_way.remove(&slot);
        }
    }

    fn answer(&mut self, of: usize) {
        let Some((slot, id)) = self.any_sent(of) else { return };
        self.under_way.remove(&slot);
        self.handle(Input::Partial(partial(&id)));
    }

    fn complete(&mut self, of: usize, is_whole: bool) {
        let Some((slot, id)) = self.any_sent(of) else { return };
        if self.sent[&slot].is_batch && is_whole {
            self.under_way.remove(&slot);
            for part in parts(&id) {
                self.handle(Input::Partial(part));
            }
        }
        self.handle(Input::Complete(complete(&id, [true, is_whole])));
    }

    fn pass(&mut self, time: Duration) {
        self.bench.now = self.bench.now.plus(time);
        let (now, sent) = (self.bench.now, &self.sent);
        self.under_way.retain(|slot| sent[slot].sent.plus(DRIVER_RESENDS_FOR) > now);
        self.handle(Input::Tick);
    }

    fn answer_all(&mut self) {
        for slot in self.under_way.clone() {
            let id = self.sent[&slot].id.clone();
            self.under_way.remove(&slot);
            self.handle(Input::Partial(partial(&id)));
        }
    }

    fn handle(&mut self, input: Input<u64>) {
        self.bench.handle(input);
        self.take();
    }

    /// Looks at all that has come out.
    fn take(&mut self) {
        for (slot, record) in std::mem::take(&mut self.bench.appends) {
            assert!(!self.appending.contains(&slot), "{slot:?} is sent while it is being sent");
            self.appending.push(slot);
            assert_eq!(record, self.sent[&slot].record, "a request is one record");
            assert!(self.under_way.contains(&slot), "{slot:?} is sent though it is over");
        }
        for (reply, told) in self.bench.take_told() {
            match told {
                Told::Answer(answer) => {
                    assert!(self.answered.insert(reply), "call {reply} is answered twice");
                    assert_ne!(self.calls[&reply], Call::LetGo, "nobody waits at {reply}");
                    assert!(!matches!(answer, Err(Error::Closed)));
                    let is_refused = matches!(answer, Err(Error::Rejected(_)));
                    assert!(!(is_refused && self.is_in_log(reply)), "call {reply} is in the log");
                    self.awaiting_append.remove(&reply);
                }
                Told::Appended(id) => {
                    assert!(self.alarmed.insert(reply), "{reply} is told twice");
                    let token = self.stop_awaiting(reply).expect("somebody waits for the append");
                    assert!(self.is_in_log(token), "call {token} is in the log");
                    assert_eq!(Some(&id), self.of_call(token).map(|(_, sent)| &sent.id));
                }
                Told::Overdue(_) => {
                    assert!(self.alarmed.insert(reply), "{reply} is told twice");
                    self.stop_awaiting(reply);
                }
                Told::Named(_) => panic!("nobody has asked for a name"),
            }
        }
    }

    fn check(&self) {
        let requests = &self.bench.requests;
        let tracked: BTreeSet<_> = requests.timers.iter().map(|(_, slot)| *slot).collect();
        assert_eq!(tracked, self.under_way, "what is tracked is what is under way");
        for incarnation in requests.incarnations.values() {
            let number = incarnation.client().incarnation();
            let first = self.under_way.iter().find(|slot| slot.incarnation == number);
            let next = incarnation.next_number();
            assert_eq!(incarnation.first_incomplete(), first.map_or(next, |slot| slot.number));
        }
        for (slot, sent) in &self.sent {
            assert!(origin(&sent.record).first_incomplete <= slot.number);
        }
        for token in self.awaiting_append.keys() {
            assert!(!self.is_in_log(*token), "call {token} waits for what is known");
        }
        assert!(requests.next_deadline().is_none_or(|at| at > self.bench.now));
        let held = self
            .calls
            .iter()
            .filter(|(token, call)| **call == Call::Held && !self.answered.contains(token));
        assert!(
            held.map(|(token, _)| token).eq(requests.tokens.keys()),
            "calls are under way or told"
        );
    }

    fn holds(&self, token: Token) -> bool {
        self.calls.get(&token) == Some(&Call::Held) && !self.answered.contains(&token)
    }

    fn call(&self, call: usize) -> Option<Token> {
        (!self.calls.is_empty()).then(|| (call % self.calls.len()) as Token)
    }

    /// Whether the log has said that a call's request is there.
    fn is_in_log(&self, token: Token) -> bool {
        self.of_call(token).is_some_and(|(slot, _)| self.in_log.contains(slot))
    }

    fn of_call(&self, token: Token) -> Option<(&Slot, &Sent)> {
        self.sent.iter().find(|(_, sent)| sent.token == token)
    }

    /// The call that waited for its append and is told otherwise through `reply`.
    fn stop_awaiting(&mut self, reply: u64) -> Option<Token> {
        let (token, _) = self.awaiting_append.iter().find(|(_, handle)| **handle == reply)?;
        let token = *token;
        self.awaiting_append.remove(&token);
        Some(token)
    }

    fn any_sent(&self, of: usize) -> Option<(Slot, RequestId)> {
        let (slot, sent) = self.sent.iter().nth(of % self.sent.len().max(1))?;
        Some((*slot, sent.id.clone()))
    }
}
