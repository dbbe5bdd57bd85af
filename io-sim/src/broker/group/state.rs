//! A group and its members.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Turn, join, offsets::Offsets};
use crate::wire::{
    ErrorCode, Generation, Instant, JoinGroupReply, JoinedMember, Reply, Timestamp, Token,
};

/// A group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) state: State,
    pub(super) generation: Generation,
    /// What kind of group it is; empty if it only ever had offsets.
    pub(super) protocol_type: String,
    /// The assignor of this generation.
    pub(super) protocol: String,
    /// The member that assigns; empty if there is none.
    pub(super) leader: String,
    pub(super) members: BTreeMap<String, Member>,
    /// The static members by their instance ids.
    pub(super) instances: BTreeMap<String, String>,
    /// Ids that were given to members who have yet to join with them (KIP-394), and until when.
    pub(super) promised: BTreeMap<String, Instant>,
    /// When it became what it is: from then on the offsets of an empty group age.
    pub(super) since: Timestamp,
    pub(super) offsets: Offsets,
    /// When to look at it again, or earlier.
    pub(super) wake: Option<Instant>,
}

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has no members.
    Empty,
    /// Members join.
    Preparing {
        /// The round ends then at the latest.
        until: Instant,
        /// The group is new: others may be about to come.
        initial: Option<Initial>,
    },
    /// Members wait for the leader's assignment.
    Completing {
        /// Who has not asked for its assignment by then is removed.
        until: Instant,
        /// The assignment is being written.
        is_saving: bool,
    },
    /// Everyone has an assignment.
    Stable,
}

/// The delay of a new group's first round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Initial {
    /// How much longer it may be put off.
    pub(super) remaining_ms: u64,
    /// Somebody has come since it was put off the last time.
    pub(super) has_grown: bool,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) instance: Option<String>,
    pub(super) session_ms: u64,
    pub(super) rebalance_ms: u64,
    /// The assignors that it knows, preferred first, each with its subscription.
    pub(super) protocols: Vec<(String, Bytes)>,
    pub(super) assignment: Bytes,
    /// When it was last heard of.
    pub(super) heard: Instant,
    /// It waits for the round to end.
    pub(super) joining: Option<Token>,
    /// It waits for its assignment.
    pub(super) syncing: Option<Token>,
    /// It has asked for its assignment in this generation.
    pub(super) has_synced: bool,
}

/// A group as its newest record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Loaded {
    pub(super) generation: Generation,
    pub(super) protocol_type: String,
    pub(super) protocol: String,
    pub(super) leader: String,
    pub(super) since: Timestamp,
    pub(super) members: Vec<LoadedMember>,
}

/// A member as its group's newest record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoadedMember {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) session_ms: u64,
    pub(super) rebalance_ms: u64,
    pub(super) subscription: Bytes,
    pub(super) assignment: Bytes,
}

impl Group {
    pub(super) fn new(id: &str, now: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            state: State::Empty,
            generation: Generation(0),
            protocol_type: String::new(),
            protocol: String::new(),
            leader: String::new(),
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            promised: BTreeMap::new(),
            since: now,
            offsets: Offsets::default(),
            wake: None,
        }
    }

    /// Becomes what a record says; none: what is forgotten.
    pub(super) fn load(&mut self, loaded: Option<Loaded>) {
        let offsets = std::mem::take(&mut self.offsets);
        *self = Self { offsets, ..Self::new(&self.id, self.since) };
        let Some(loaded) = loaded else { return };
        self.generation = loaded.generation;
        self.protocol_type = loaded.protocol_type;
        self.protocol = loaded.protocol;
        self.leader = loaded.leader;
        self.since = loaded.since;
        for it in loaded.members {
            if let Some(instance) = &it.instance {
                self.instances.insert(instance.clone(), it.id.clone());
            }
            let member = Member {
                instance: it.instance,
                session_ms: it.session_ms,
                rebalance_ms: it.rebalance_ms,
                protocols: vec![(self.protocol.clone(), it.subscription)],
                assignment: it.assignment,
                heard: Instant(0),
                joining: None,
                syncing: None,
                has_synced: true,
            };
            self.members.insert(it.id, member);
        }
        self.state = if self.members.is_empty() { State::Empty } else { State::Stable };
    }

    /// What its record says, with these assignments in place of those that members have.
    pub(super) fn save(&self, assignments: Option<&BTreeMap<String, Bytes>>) -> Loaded {
        let member = |(id, it): (&String, &Member)| LoadedMember {
            id: id.clone(),
            instance: it.instance.clone(),
            session_ms: it.session_ms,
            rebalance_ms: it.rebalance_ms,
            subscription: it.subscription(&self.protocol),
            assignment: match assignments {
                Some(assignments) => assignments.get(id).cloned().unwrap_or_default(),
                None => it.assignment.clone(),
            },
        };
        Loaded {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            since: self.since,
            members: self.members.iter().map(member).collect(),
        }
    }

    /// That member, if it is one and its instance id has not been taken over.
    ///
    /// # Errors
    ///
    /// `UnknownMemberId` or `FencedInstanceId`.
    pub(super) fn member(
        &mut self,
        id: &str,
        instance: Option<&str>,
    ) -> Result<&mut Member, ErrorCode> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(holder) if holder != id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        self.members.get_mut(id).ok_or(ErrorCode::UnknownMemberId)
    }

    /// How long a round waits.
    pub(super) fn rebalance_ms(&self) -> u64 {
        self.members.values().map(|member| member.rebalance_ms).max().unwrap_or_default()
    }

    /// All members, as the leader and administrators see them.
    pub(super) fn all_joined(&self) -> Vec<JoinedMember> {
        let joined = |(id, member): (&String, &Member)| JoinedMember {
            member_id: id.clone(),
            group_instance_id: member.instance.clone(),
            metadata: member.subscription(&self.protocol),
        };
        self.members.iter().map(joined).collect()
    }

    /// What a member is told of this generation.
    pub(super) fn joined(&self, member_id: &str) -> JoinGroupReply {
        let is_leader = self.leader == member_id;
        JoinGroupReply {
            error: None,
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: if is_leader { self.all_joined() } else { Vec::new() },
        }
    }

    /// Everyone counts as heard of now.
    pub(super) fn all_heard(&mut self, now: Instant) {
        for member in self.members.values_mut() {
            member.heard = now;
        }
        self.schedule();
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_nothing(&self) -> bool {
        let never_was = self.generation == Generation(0) && self.members.is_empty();
        never_was && self.promised.is_empty() && self.offsets.is_empty()
    }

    /// Sets the time to look at it again, if it is not earlier already.
    pub(super) fn schedule(&mut self) {
        let next = self.next_deadline();
        self.wake = self.wake.into_iter().chain(next).min();
    }

    /// The next time at which something happens by itself.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let round = match self.state {
            State::Empty | State::Stable => None,
            State::Preparing { until, .. } | State::Completing { until, .. } => Some(until),
        };
        let sessions = self.members.values().filter_map(Member::session_end);
        sessions.chain(self.promised.values().copied()).chain(round).min()
    }

    /// The coordinator is replaced: it answers what it owes.
    pub(super) fn resign(&mut self, turn: &mut Turn<'_>) {
        for (id, member) in &mut self.members {
            member.dismiss(turn, id, ErrorCode::NotCoordinator);
        }
    }
}

impl Member {
    /// When it is removed if nothing is heard of it until then. Who waits for an answer is not.
    pub(super) fn session_end(&self) -> Option<Instant> {
        let waits = self.joining.is_some() || self.syncing.is_some();
        (!waits).then(|| self.heard.plus_ms(self.session_ms))
    }

    /// What it wrote beside the assignor.
    pub(super) fn subscription(&self, protocol: &str) -> Bytes {
        let of = |(name, subscription): &(String, Bytes)| {
            (name == protocol).then(|| subscription.clone())
        };
        self.protocols.iter().find_map(of).unwrap_or_default()
    }

    /// Whatever it waits for, this is the answer.
    pub(super) fn dismiss(&mut self, turn: &mut Turn<'_>, id: &str, error: ErrorCode) {
        if let Some(token) = self.joining.take() {
            turn.reply(token, join::refusal(error, id));
        }
        if let Some(token) = self.syncing.take() {
            turn.reply(token, Reply::SyncGroup(Err(error)));
        }
    }
}
