//! A member of the group, and requests in short.

use bytes::Bytes;

use super::world::World;
use crate::wire::{TransactionResult, *};

/// A member.
#[derive(Clone, Debug, Default)]
pub(super) struct Me {
    pub(super) instance: Option<String>,
    pub(super) id: String,
    pub(super) generation: i32,
    /// What it wants of the assignor.
    pub(super) subscription: &'static str,
}

impl Me {
    pub(super) fn dynamic() -> Self {
        Self { generation: -1, ..Self::default() }
    }

    pub(super) fn fixed(instance: &str) -> Self {
        Self { instance: Some(instance.to_owned()), ..Self::dynamic() }
    }

    pub(super) fn join(&self) -> JoinGroupRequest {
        JoinGroupRequest {
            group_id: GROUP.into(),
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            session_timeout_ms: 6_000,
            rebalance_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            protocols: vec![("range".into(), Bytes::from_static(self.subscription.as_bytes()))],
        }
    }

    pub(super) fn sync(&self, assignments: &[(&Self, &'static str)]) -> SyncGroupRequest {
        let assignment = |(to, what): &(&Self, &'static str)| {
            (to.id.clone(), Bytes::from_static(what.as_bytes()))
        };
        SyncGroupRequest {
            group_id: GROUP.into(),
            generation: Generation(self.generation),
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            assignments: assignments.iter().map(assignment).collect(),
        }
    }

    pub(super) fn commit(&self, offset: u64) -> OffsetCommitRequest {
        OffsetCommitRequest {
            group_id: GROUP.into(),
            generation: Generation(self.generation),
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            offsets: vec![(place(), at(offset))],
        }
    }

    pub(super) fn commit_in_transaction(&self, offset: u64) -> TxnOffsetCommitRequest {
        TxnOffsetCommitRequest {
            transactional_id: "writer".into(),
            producer: PRODUCER,
            group_id: GROUP.into(),
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            generation: Generation(self.generation),
            adds_partitions: false,
            offsets: vec![(place(), at(offset))],
        }
    }

    pub(super) fn heartbeat(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: GROUP.into(),
            generation: Generation(self.generation),
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
        }
    }

    pub(super) fn leave(&self) -> LeaveGroupRequest {
        let (member_id, group_instance_id) = (self.id.clone(), self.instance.clone());
        leave(LeavingMember { member_id, group_instance_id })
    }
}

impl World {
    /// Asks to belong; takes the id that a new member is given.
    pub(super) fn joins(&mut self, me: &mut Me) -> Token {
        let token = self.send(me.join());
        if !me.id.is_empty() || me.instance.is_some() {
            return token;
        }
        match self.reply(token) {
            Some(Reply::JoinGroup(reply)) => {
                assert_eq!(reply.error, Some(ErrorCode::MemberIdRequired));
                me.id = reply.member_id;
            }
            other => panic!("no id: {other:?}"),
        }
        self.send(me.join())
    }

    /// Hears that the round is over.
    pub(super) fn hears(&mut self, me: &mut Me, token: Token) -> JoinGroupReply {
        let reply = self.joined(token);
        assert_eq!(reply.error, None);
        me.id.clone_from(&reply.member_id);
        me.generation = reply.generation.0;
        reply
    }

    pub(super) fn joined(&mut self, token: Token) -> JoinGroupReply {
        match self.reply(token) {
            Some(Reply::JoinGroup(reply)) => reply,
            other => panic!("the round is not over: {other:?}"),
        }
    }

    pub(super) fn synced(&mut self, token: Token) -> Result<Bytes, ErrorCode> {
        match self.reply(token) {
            Some(Reply::SyncGroup(reply)) => reply,
            other => panic!("no assignment: {other:?}"),
        }
    }

    pub(super) fn syncs(&mut self, me: &Me) -> Result<Bytes, ErrorCode> {
        let token = self.send(me.sync(&[]));
        self.synced(token)
    }

    pub(super) fn beats(&mut self, me: &Me) -> Result<(), ErrorCode> {
        let token = self.send(me.heartbeat());
        match self.reply(token) {
            Some(Reply::Heartbeat(reply)) => reply,
            other => panic!("no answer: {other:?}"),
        }
    }

    pub(super) fn commits(&mut self, me: &Me, offset: u64) -> Result<(), ErrorCode> {
        let token = self.send(me.commit(offset));
        self.committed(token)
    }

    pub(super) fn commits_in_transaction(&mut self, me: &Me, offset: u64) -> Result<(), ErrorCode> {
        let token = self.send(me.commit_in_transaction(offset));
        self.committed(token)
    }

    pub(super) fn committed(&mut self, token: Token) -> Result<(), ErrorCode> {
        match self.reply(token) {
            Some(Reply::OffsetCommit(reply)) => reply.partitions[0].1,
            Some(Reply::TxnOffsetCommit(reply)) => reply.partitions[0].1,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// The offset that counts, for a reader who wants a stable one.
    pub(super) fn fetches(&mut self) -> Result<Option<u64>, ErrorCode> {
        self.fetches_any(true)
    }

    pub(super) fn fetches_any(&mut self, require_stable: bool) -> Result<Option<u64>, ErrorCode> {
        let partitions = Some(vec![place()]);
        let group_id = GROUP.into();
        let token = self.send(OffsetFetchRequest { group_id, require_stable, partitions });
        match self.reply(token) {
            Some(Reply::OffsetFetch(OffsetFetchReply { error: Some(error), .. })) => Err(error),
            Some(Reply::OffsetFetch(reply)) => {
                let result = reply.partitions[0].1.clone();
                result.map(|committed| committed.map(|it| it.offset.0))
            }
            other => panic!("no answer: {other:?}"),
        }
    }

    pub(super) fn leaves(&mut self, request: LeaveGroupRequest) -> Result<(), ErrorCode> {
        let token = self.send(request);
        match self.reply(token) {
            Some(Reply::LeaveGroup(reply)) => reply.members[0].1,
            other => panic!("no answer: {other:?}"),
        }
    }

    pub(super) fn state(&mut self) -> Result<String, ErrorCode> {
        let token = self.send(DescribeGroupRequest { group_id: GROUP.into() });
        match self.reply(token) {
            Some(Reply::DescribeGroup(reply)) => reply.map(|it| it.state),
            other => panic!("no answer: {other:?}"),
        }
    }

    /// One member, alone and with everything.
    pub(super) fn alone(&mut self, mut me: Me) -> Me {
        let token = self.joins(&mut me);
        self.pass(100);
        self.hears(&mut me, token);
        let token = self.send(me.sync(&[(&me, "all")]));
        assert_eq!(self.synced(token), Ok(Bytes::from("all")));
        me
    }

    /// Two members; the first leads.
    pub(super) fn two(&mut self, mut one: Me, mut two: Me) -> (Me, Me) {
        let tokens = (self.joins(&mut one), self.joins(&mut two));
        self.pass(200);
        self.hears(&mut one, tokens.0);
        self.hears(&mut two, tokens.1);
        self.shares(&one, &two);
        (one, two)
    }

    /// The first, who leads, gets one half, and the second the other.
    pub(super) fn shares(&mut self, one: &Me, two: &Me) {
        let second = self.send(two.sync(&[]));
        let first = self.send(one.sync(&[(one, "left"), (two, "right")]));
        assert_eq!(self.synced(first), Ok(Bytes::from("left")));
        assert_eq!(self.synced(second), Ok(Bytes::from("right")));
    }

    pub(super) fn ends(&mut self, result: TransactionResult) {
        self.mark(PRODUCER, result);
    }
}

/// Someone leaves, or is removed.
pub(super) fn leave(member: LeavingMember) -> LeaveGroupRequest {
    LeaveGroupRequest { group_id: GROUP.into(), members: vec![member] }
}

fn place() -> TopicPartition {
    TopicPartition::new(&TopicName::from("stock"), 0)
}

fn at(offset: u64) -> OffsetToCommit {
    OffsetToCommit { offset: Offset(offset), leader_epoch: None, metadata: String::new() }
}

const GROUP: &str = "readers";

const PRODUCER: ProducerIdentity = ProducerIdentity { id: ProducerId(7), epoch: ProducerEpoch(0) };
