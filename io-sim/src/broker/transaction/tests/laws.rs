//! Laws, under any interleaving of two producers of one id, lost and late messages, timeouts, and
//! coordinators that move.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};

use super::{
    client::{self, Version},
    world::World,
};
use crate::wire::{TransactionResult::*, *};

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn with_the_new_protocol_transactions_are_whole_whatever_is_late(ops in vec(op(), 1..300)) {
        Run::new(Version::V2).all(&ops);
    }

    #[test]
    fn with_the_old_protocol_transactions_are_whole_if_nothing_is_late(ops in vec(op(), 1..300)) {
        Run::new(Version::V1).all(&ops);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Init {
        who: usize,
        anew: bool,
    },
    Add {
        who: usize,
        partition: u32,
    },
    Write {
        who: usize,
        partition: u32,
    },
    /// The two together.
    Work {
        who: usize,
        partition: u32,
    },
    End {
        who: usize,
        result: TransactionResult,
    },
    Forget {
        who: usize,
    },
    Replicate,
    Deliver(usize),
    GiveUp {
        which: usize,
        arrives: bool,
    },
    Stray(usize),
    TakeOver {
        more: usize,
    },
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..2usize;
    prop_oneof![
        1 => (who(), any::<bool>()).prop_map(|(who, anew)| Op::Init { who, anew }),
        4 => (who(), 0..3u32).prop_map(|(who, partition)| Op::Add { who, partition }),
        4 => (who(), 0..3u32).prop_map(|(who, partition)| Op::Write { who, partition }),
        12 => (who(), 0..3u32).prop_map(|(who, partition)| Op::Work { who, partition }),
        6 => (who(), prop_oneof![2 => Just(Commit), 1 => Just(Abort)])
            .prop_map(|(who, result)| Op::End { who, result }),
        1 => who().prop_map(|who| Op::Forget { who }),
        16 => Just(Op::Replicate),
        8 => (0..4usize).prop_map(Op::Deliver),
        3 => (0..4usize, any::<bool>())
            .prop_map(|(which, arrives)| Op::GiveUp { which, arrives }),
        2 => (0..4usize).prop_map(Op::Stray),
        1 => (0..3usize).prop_map(|more| Op::TakeOver { more }),
        4 => prop_oneof![8 => Just(60), 2 => Just(1_000), 1 => Just(11_000)].prop_map(Op::Pass),
    ]
}

/// A transaction, as the producer that wrote it knows it.
type Attempt = (usize, u32);

struct Run {
    world: World,
    version: Version,
    producers: [Producer; 2],
    /// Each record's transaction.
    labels: Vec<Attempt>,
    /// What producers were told.
    told: BTreeMap<Attempt, TransactionResult>,
}

#[derive(Default)]
struct Producer {
    /// None: it must begin first.
    identity: Option<ProducerIdentity>,
    /// Who it was the last time.
    last: Option<ProducerIdentity>,
    attempt: u32,
    added: BTreeSet<u32>,
    ending: Option<TransactionResult>,
    asked: Option<(Token, Asked)>,
    /// Another one has begun since.
    is_fenced: bool,
}

enum Asked {
    Init,
    Add(u32),
    End { was_fenced: bool },
}

impl Run {
    fn new(version: Version) -> Self {
        let mut world = World::new();
        world.holds_replication = true;
        world.holds_calls = true;
        let producers = Default::default();
        Self { world, version, producers, labels: Vec::new(), told: BTreeMap::new() }
    }

    fn all(mut self, ops: &[Op]) {
        for op in ops {
            self.one(op);
            self.hear();
            self.check();
        }
        self.world.holds_replication = false;
        self.world.holds_calls = false;
        self.world.settle();
        self.world.pass(20_000);
        self.hear();
        self.check();
        assert!(self.world.open_labels().is_empty(), "every transaction ends");
        for (labels, result) in self.world.ended() {
            let attempt = self.labels[labels[0] as usize];
            let told = self.told.get(&attempt);
            assert!(told.is_none_or(|told| told == result), "{attempt:?} ended as was told");
        }
    }

    fn one(&mut self, op: &Op) {
        match *op {
            Op::Init { who, anew } => self.init(who, anew),
            Op::Add { who, partition } => self.add(who, partition),
            Op::Write { who, partition } => self.write(who, partition),
            Op::Work { who, partition } => {
                self.add(who, partition);
                self.world.replicate();
                self.hear();
                self.write(who, partition);
            }
            Op::End { who, result } => self.end(who, result),
            Op::Forget { who } => self.producers[who].asked = None,
            Op::Replicate => drop(self.world.replicate()),
            Op::Deliver(which) => drop(self.world.deliver(which)),
            Op::GiveUp { which, arrives } => {
                let is_late = self.version == Version::V2;
                self.world.give_up(which, arrives, is_late);
            }
            Op::Stray(which) => self.world.deliver_stray(which),
            Op::TakeOver { more } => {
                self.world.take_over(more);
                if self.version == Version::V1 {
                    self.world.strays.clear();
                }
            }
            Op::Pass(ms) => self.world.pass(ms),
        }
    }

    fn init(&mut self, who: usize, anew: bool) {
        let producer = &mut self.producers[who];
        if producer.asked.is_some() {
            return;
        }
        // What was not ended is given up.
        producer.attempt += 1;
        producer.ending = None;
        producer.added.clear();
        producer.identity = None;
        let current = producer.last.filter(|_| !anew);
        self.ask(who, Asked::Init, client::init(current));
    }

    fn add(&mut self, who: usize, partition: u32) {
        let producer = &self.producers[who];
        if let (Some(identity), None, None) = (producer.identity, producer.ending, &producer.asked)
        {
            let request = client::add(identity, partition, false);
            self.ask(who, Asked::Add(partition), request);
        }
    }

    fn write(&mut self, who: usize, partition: u32) {
        let producer = &self.producers[who];
        let Some(identity) = producer.identity else { return };
        if producer.ending.is_some() || !producer.added.contains(&partition) {
            return;
        }
        let label = self.labels.len() as u64;
        if self.world.produce(identity, partition, label).is_ok() {
            self.labels.push((who, producer.attempt));
        }
    }

    fn end(&mut self, who: usize, result: TransactionResult) {
        let producer = &mut self.producers[who];
        let Some(identity) = producer.identity else { return };
        if producer.asked.is_some() || producer.added.is_empty() {
            return;
        }
        let result = *producer.ending.get_or_insert(result);
        let was_fenced = producer.is_fenced;
        let request = client::end(self.version, identity, result);
        self.ask(who, Asked::End { was_fenced }, request);
    }

    fn ask(&mut self, who: usize, asked: Asked, request: impl Into<Request>) {
        let token = self.world.send(request);
        self.producers[who].asked = Some((token, asked));
    }

    /// The producers hear what was answered.
    fn hear(&mut self) {
        for who in 0..2 {
            let Some((token, asked)) = self.producers[who].asked.take() else { continue };
            match self.world.reply(token) {
                None => self.producers[who].asked = Some((token, asked)),
                Some(Reply::InitProducerId(Ok(identity))) => {
                    self.producers[who].identity = Some(identity);
                    self.producers[who].last = Some(identity);
                    self.producers[who].is_fenced = false;
                    self.producers[1 - who].is_fenced = true;
                }
                Some(Reply::AddPartitionsToTxn(reply)) => {
                    if let (Asked::Add(partition), Ok(())) = (asked, reply.partitions[0].1) {
                        self.producers[who].added.insert(partition);
                    }
                }
                Some(Reply::EndTxn(Ok(next))) => self.heard_end(who, &asked, next),
                Some(_) => {}
            }
        }
    }

    fn heard_end(&mut self, who: usize, asked: &Asked, next: ProducerIdentity) {
        let was_fenced = matches!(asked, Asked::End { was_fenced: true });
        assert!(!was_fenced, "nothing is ended by a producer after another has begun");
        let producer = &mut self.producers[who];
        let result = producer.ending.take().expect("it was ending");
        self.told.insert((who, producer.attempt), result);
        producer.identity = Some(next);
        producer.last = Some(next);
        producer.attempt += 1;
        producer.added.clear();
    }

    /// What has ended has ended everywhere in the same way, and each marker ended one transaction.
    fn check(&self) {
        let mut results = BTreeMap::new();
        for (labels, result) in self.world.ended() {
            for label in labels {
                let attempt = self.labels[*label as usize];
                assert_eq!(
                    attempt, self.labels[labels[0] as usize],
                    "a marker ends one transaction"
                );
                let before = *results.entry(attempt).or_insert(result);
                assert_eq!(before, result, "{attempt:?} ends in one way");
            }
        }
    }
}
