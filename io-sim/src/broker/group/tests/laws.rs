//! Laws, under any interleaving of members, twins, transactions, lost answers, timeouts, and
//! coordinators that move.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};

use super::{client::Me, world::World};
use crate::wire::{TransactionResult::*, *};

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn no_two_members_own_a_partition_and_no_older_one_commits(ops in vec(op(), 1..300)) {
        let mut run = Run::new();
        for op in &ops {
            run.one(op);
            run.hear();
            run.check_offsets();
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Join {
        who: usize,
    },
    Restart {
        who: usize,
    },
    Sync {
        who: usize,
    },
    Beat {
        who: usize,
    },
    Leave {
        who: usize,
    },
    Forget {
        who: usize,
    },
    Commit {
        who: usize,
    },
    CommitInTransaction {
        who: usize,
    },
    /// A commit that was on its way for long.
    CommitLate {
        who: usize,
    },
    End(TransactionResult),
    Verify(bool),
    Replicate,
    TakeOver {
        more: usize,
    },
    Pass(u64),
    Probe,
    /// Everyone joins and gets what it is due, as far as nothing is in the way.
    Round,
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..4usize;
    prop_oneof![
        6 => who().prop_map(|who| Op::Join { who }),
        1 => who().prop_map(|who| Op::Restart { who }),
        6 => who().prop_map(|who| Op::Sync { who }),
        4 => who().prop_map(|who| Op::Beat { who }),
        1 => who().prop_map(|who| Op::Leave { who }),
        1 => who().prop_map(|who| Op::Forget { who }),
        6 => who().prop_map(|who| Op::Commit { who }),
        4 => who().prop_map(|who| Op::CommitInTransaction { who }),
        2 => who().prop_map(|who| Op::CommitLate { who }),
        3 => prop_oneof![Just(Commit), Just(Abort)].prop_map(Op::End),
        2 => any::<bool>().prop_map(Op::Verify),
        12 => Just(Op::Replicate),
        1 => (0..3usize).prop_map(|more| Op::TakeOver { more }),
        4 => prop_oneof![6 => Just(100), 2 => Just(2_000), 1 => Just(7_000)].prop_map(Op::Pass),
        3 => Just(Op::Probe),
        3 => Just(Op::Round),
    ]
}

struct Run {
    world: World,
    clients: Vec<Client>,
    /// The newest generation in which anybody got an assignment.
    newest: i32,
    /// Commits without an answer.
    commits: Vec<Sent>,
    next_offset: u64,
}

struct Sent {
    token: Token,
    /// That of the member.
    generation: i32,
    /// The newest when it could be written.
    newest: i32,
    /// It waits for its transaction to be verified.
    is_unverified: bool,
}

struct Client {
    me: Me,
    joining: Option<Token>,
    syncing: Option<Token>,
    /// Whom it assigns to, as the leader of its generation.
    leads: Vec<String>,
    /// What it was assigned.
    owned: BTreeSet<u8>,
}

impl Run {
    /// Two processes of one static member, another one, and one that is not static.
    fn new() -> Self {
        let mut world = World::new();
        world.holds_replication = true;
        world.holds_verification = true;
        let members = [Me::fixed("one"), Me::fixed("one"), Me::fixed("two"), Me::dynamic()];
        let clients = members.map(Client::new).into();
        Self { world, clients, newest: 0, commits: Vec::new(), next_offset: 0 }
    }

    fn one(&mut self, op: &Op) {
        match *op {
            Op::Join { who } => self.join(who),
            Op::Restart { who } => {
                let me = Me { id: String::new(), generation: -1, ..self.clients[who].me.clone() };
                self.clients[who] = Client::new(me);
            }
            Op::Sync { who } => self.sync(who),
            Op::Beat { who } => drop(self.beat(who)),
            Op::Leave { who } => {
                let request = self.clients[who].me.leave();
                self.world.send(request);
                self.clients[who].is_out();
            }
            Op::Forget { who } => {
                self.clients[who].joining = None;
                self.clients[who].syncing = None;
            }
            Op::Commit { who } => {
                let offset = self.offset();
                let request = self.clients[who].me.commit(offset);
                self.sent(self.clients[who].me.generation, false, request);
            }
            Op::CommitLate { who } => {
                let offset = self.offset();
                let mut me = self.clients[who].me.clone();
                me.generation -= 1;
                self.sent(me.generation, false, me.commit(offset));
            }
            Op::CommitInTransaction { who } => {
                let offset = self.offset();
                let request = self.clients[who].me.commit_in_transaction(offset);
                self.sent(self.clients[who].me.generation, true, request);
            }
            Op::End(result) => self.world.ends(result),
            Op::Verify(is_ok) => {
                let error = Err(ErrorCode::TransactionAbortable);
                if let Some(sent) = self.commits.iter_mut().find(|sent| sent.is_unverified) {
                    sent.newest = self.newest;
                    sent.is_unverified = false;
                }
                self.world.verify(if is_ok { Ok(()) } else { error });
            }
            Op::Replicate => drop(self.world.replicate()),
            Op::TakeOver { more } => self.world.take_over(more),
            Op::Pass(ms) => self.world.pass(ms),
            Op::Probe => self.probe(),
            Op::Round => self.round(),
        }
    }

    fn round(&mut self) {
        // The second process of the static member is not there.
        for who in [0, 2, 3] {
            self.join(who);
        }
        self.hear();
        self.join(3);
        self.world.pass(200);
        for _ in 0..2 {
            self.hear();
            for who in [0, 2, 3] {
                self.sync(who);
            }
            self.world.replicate();
        }
    }

    fn join(&mut self, who: usize) {
        let client = &mut self.clients[who];
        if client.joining.is_none() {
            // It gives up what it has before it joins.
            client.owned.clear();
            client.syncing = None;
            let request = client.me.join();
            self.clients[who].joining = Some(self.world.send(request));
        }
    }

    fn sync(&mut self, who: usize) {
        let client = &self.clients[who];
        if client.me.generation < 0 || client.syncing.is_some() || client.joining.is_some() {
            return;
        }
        let mut request = client.me.sync(&[]);
        let count = client.leads.len();
        let share = |which: usize| (which..4).step_by(count).map(|it| it as u8).collect::<Bytes>();
        let assignments = client.leads.iter().enumerate();
        request.assignments = assignments.map(|(which, id)| (id.clone(), share(which))).collect();
        self.clients[who].syncing = Some(self.world.send(request));
    }

    fn beat(&mut self, who: usize) -> bool {
        let result = self.world.beats(&self.clients[who].me);
        let client = &mut self.clients[who];
        match result {
            Ok(()) => return true,
            Err(ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId) => client.is_out(),
            Err(ErrorCode::IllegalGeneration) => client.owned.clear(),
            Err(_) => {}
        }
        false
    }

    /// Whoever is told that it belongs owns what nobody else does.
    fn probe(&mut self) {
        let mut owned = BTreeSet::new();
        for who in 0..4 {
            let has = self.clients[who].owned.clone();
            if self.clients[who].me.generation >= 0 && self.beat(who) {
                for partition in has {
                    assert!(owned.insert(partition), "{partition} has one owner");
                }
            }
        }
    }

    fn offset(&mut self) -> u64 {
        self.next_offset += 1;
        self.next_offset
    }

    fn sent(&mut self, generation: i32, is_unverified: bool, commit: impl Into<Request>) {
        let token = self.world.send(commit);
        self.commits.push(Sent { token, generation, newest: self.newest, is_unverified });
    }

    fn hear(&mut self) {
        for who in 0..4 {
            self.hear_join(who);
            self.hear_sync(who);
        }
        for sent in std::mem::take(&mut self.commits) {
            match self.world.reply(sent.token) {
                None => self.commits.push(sent),
                Some(Reply::OffsetCommit(reply)) if reply.partitions[0].1.is_err() => {}
                Some(Reply::TxnOffsetCommit(reply)) if reply.partitions[0].1.is_err() => {}
                Some(_) => {
                    // Without a generation it is not a member that commits.
                    let is_in_time = sent.generation < 0 || sent.generation >= sent.newest;
                    assert!(is_in_time, "generation {} was there before", sent.newest);
                }
            }
        }
    }

    fn hear_join(&mut self, who: usize) {
        let Some(token) = self.clients[who].joining.take() else { return };
        let client = &mut self.clients[who];
        match self.world.reply(token) {
            None => client.joining = Some(token),
            Some(Reply::JoinGroup(reply)) => match reply.error {
                None => {
                    client.me.id = reply.member_id;
                    client.me.generation = reply.generation.0;
                    client.leads = reply.members.into_iter().map(|it| it.member_id).collect();
                }
                Some(ErrorCode::MemberIdRequired) => client.me.id = reply.member_id,
                Some(ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId) => client.is_out(),
                Some(_) => {}
            },
            Some(other) => panic!("not an answer to a join: {other:?}"),
        }
    }

    fn hear_sync(&mut self, who: usize) {
        let Some(token) = self.clients[who].syncing.take() else { return };
        let client = &mut self.clients[who];
        match self.world.reply(token) {
            None => client.syncing = Some(token),
            Some(Reply::SyncGroup(Ok(assignment))) => {
                client.owned = assignment.iter().copied().collect();
                assert!(client.me.generation >= self.newest, "generations do not go back");
                self.newest = client.me.generation;
            }
            Some(Reply::SyncGroup(Err(
                ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId,
            ))) => client.is_out(),
            Some(_) => {}
        }
    }

    /// The coordinator knows what the log says.
    fn check_offsets(&mut self) {
        let (counts, open) = self.world.reference();
        match self.world.fetches_any(false) {
            Err(error) => assert_eq!(error, ErrorCode::CoordinatorLoadInProgress),
            Ok(offset) => {
                assert_eq!(offset, counts);
                if !open.is_empty() {
                    assert_eq!(self.world.fetches(), Err(ErrorCode::UnstableOffsetCommit));
                }
            }
        }
    }
}

impl Client {
    fn new(me: Me) -> Self {
        let (leads, owned) = (Vec::new(), BTreeSet::new());
        Self { me, joining: None, syncing: None, leads, owned }
    }

    /// It does not belong any more.
    fn is_out(&mut self) {
        self.me.id.clear();
        self.me.generation = -1;
        self.owned.clear();
        self.joining = None;
        self.syncing = None;
    }
}
