//! What members of the group do.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidelog_io_sim::wire::{
    ErrorCode, Generation, HeartbeatRequest, JoinGroupReply, JoinGroupRequest, LeaveGroupRequest,
    LeavingMember, Offset, OffsetCommitRequest, OffsetToCommit, Reply, Request, SyncGroupRequest,
};

use super::{ANYBODY, Play};
use crate::Home;

/// A member, as it knows itself.
#[derive(Default)]
pub(super) struct Member {
    now: Option<(String, Generation)>,
    /// Who it was before.
    before: Option<(String, Generation)>,
    /// How often it has joined again since a member has gone.
    joined_again: u32,
}

/// On whose behalf something is committed.
pub(super) struct Standing {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) generation: Generation,
}

impl Standing {
    pub(super) fn is_member(&self) -> &'static str {
        if self.id.is_empty() { "nobody" } else { "a member" }
    }
}

/// How often a member looks for its answer before it is said to wait.
const WAITS: u32 = 25;

/// A minute.
const TIMEOUT_MS: u64 = 60_000;

impl<H: Home> Play<'_, H> {
    /// Who a member is, or was; nobody if it never was any.
    pub(super) fn standing(&self, member: Option<usize>, stale: bool) -> Standing {
        let who = member.and_then(|number| {
            let Member { now, before, .. } = &self.members[number];
            let who = if stale { before } else { now };
            who.clone().map(|who| (number, who))
        });
        match who {
            Some((number, (id, generation))) => {
                Standing { id, instance: instance(number), generation }
            }
            None => Standing { id: String::new(), instance: None, generation: Generation(-1) },
        }
    }

    pub(super) fn commit(
        &mut self,
        (member, stale): (Option<usize>, bool),
        partition: usize,
        offset: u64,
    ) -> String {
        let me = self.standing(member, stale);
        let metadata = format!("of {}", me.is_member());
        let offset = OffsetToCommit { offset: Offset(offset), leader_epoch: None, metadata };
        self.outcome(OffsetCommitRequest {
            group_id: self.names.group.clone(),
            generation: me.generation,
            member_id: me.id,
            group_instance_id: me.instance,
            offsets: vec![(self.names.partition(partition), offset)],
        })
    }

    pub(super) fn beat(&mut self, member: usize, stale: bool) -> String {
        let me = self.standing(Some(member), stale);
        if me.id.is_empty() {
            return "is nobody".into();
        }
        self.outcome(self.heartbeat(&me))
    }

    fn heartbeat(&self, me: &Standing) -> Request {
        let request = HeartbeatRequest {
            group_id: self.names.group.clone(),
            generation: me.generation,
            member_id: me.id.clone(),
            group_instance_id: me.instance.clone(),
        };
        request.into()
    }

    pub(super) fn leave(&mut self, member: usize) -> String {
        let me = self.standing(Some(member), false);
        if me.id.is_empty() {
            return "is nobody".into();
        }
        let forgotten = self.members[member].now.take();
        self.members[member].before = forgotten;
        self.remove(LeavingMember { member_id: me.id, group_instance_id: me.instance })
    }

    pub(super) fn evict(&mut self, member: usize) -> String {
        self.remove(LeavingMember { member_id: String::new(), group_instance_id: instance(member) })
    }

    fn remove(&mut self, member: LeavingMember) -> String {
        self.has_lost_members = true;
        let group_id = self.names.group.clone();
        let reply = self.ask(LeaveGroupRequest { group_id, members: vec![member] });
        let Reply::LeaveGroup(reply) = reply else { unreachable!("{reply:?}") };
        let each = reply.members.iter().map(|(_, outcome)| outcome.err());
        let error = reply.error.or_else(|| each.flatten().next());
        error.map_or("done".into(), |error| error.to_string())
    }

    pub(super) fn restart(&mut self, member: usize) -> String {
        if let Some(before) = self.members[member].now.take() {
            self.members[member].before = Some(before);
        }
        self.join(member)
    }

    /// A member joins; those who hear of that by their heartbeat join with it; and who has joined asks
    /// for its assignment.
    pub(super) fn join(&mut self, member: usize) -> String {
        let mut told = Vec::new();
        let mut joined: BTreeMap<usize, Option<JoinGroupReply>> = BTreeMap::new();
        self.send_join(member);
        // It has joined before any other does, whoever is quicker: a glance takes its time.
        joined.insert(member, None);
        self.look(&mut joined);
        for _ in 0..WAITS {
            self.call_others(&mut joined, &mut told);
            self.look(&mut joined);
            if joined.values().all(Option::is_some) {
                break;
            }
        }
        let mut leaders_first = Vec::new();
        for (number, reply) in joined {
            let Some(reply) = reply else {
                // For whoever is gone without a word, and will be until a timeout.
                self.home.abandon(number);
                told.push(format!("{number}: waits"));
                continue;
            };
            told.push(format!("{number}: {}", self.joined(number, &reply)));
            if reply.error.is_none() {
                leaders_first.push((reply.leader != reply.member_id, number, reply));
            }
        }
        told.extend(self.members(&leaders_first));
        leaders_first.sort_by_key(|(follows, number, _)| (*follows, *number));
        let synced =
            leaders_first.iter().map(|(_, number, reply)| (*number, self.sync(*number, reply)));
        let mut synced: Vec<_> = synced.collect();
        synced.sort();
        told.extend(synced.into_iter().map(|(number, outcome)| format!("{number}: {outcome}")));
        told.join("; ")
    }

    fn send_join(&mut self, member: usize) {
        let me = self.standing(Some(member), false);
        let joined = &mut self.members[member].joined_again;
        *joined += u32::from(self.has_lost_members && !me.id.is_empty());
        let metadata = format!("metadata {joined} of {member}");
        let request = JoinGroupRequest {
            group_id: self.names.group.clone(),
            member_id: me.id,
            group_instance_id: instance(member),
            session_timeout_ms: TIMEOUT_MS,
            rebalance_timeout_ms: TIMEOUT_MS,
            // Not "consumer", whose subscriptions a broker looks into.
            protocol_type: "script".into(),
            protocols: vec![("sticky".into(), metadata.into())],
        };
        self.home.send(member, request.into());
    }

    /// Looks for answers. Those who were given an id join with that, and look again.
    fn look(&mut self, joined: &mut BTreeMap<usize, Option<JoinGroupReply>>) {
        for (number, answer) in joined.iter_mut().filter(|(_, answer)| answer.is_none()) {
            *answer = self.glance_at_join(*number);
            let is_given = |it: &JoinGroupReply| it.error == Some(ErrorCode::MemberIdRequired);
            if let Some(reply) = answer.take_if(|it| is_given(it)) {
                self.members[*number].now = Some((reply.member_id, Generation(-1)));
                self.send_join(*number);
                *answer = self.glance_at_join(*number);
            }
        }
    }

    fn glance_at_join(&mut self, member: usize) -> Option<JoinGroupReply> {
        match self.home.glance(member)? {
            Reply::JoinGroup(reply) => Some(reply),
            reply => unreachable!("{reply:?}"),
        }
    }

    /// The others ask whether all is well, and join as well if it is not.
    fn call_others(
        &mut self,
        joined: &mut BTreeMap<usize, Option<JoinGroupReply>>,
        told: &mut Vec<String>,
    ) {
        for number in 0..self.members.len() {
            let me = self.standing(Some(number), false);
            if joined.contains_key(&number) || me.id.is_empty() {
                continue;
            }
            let request = self.heartbeat(&me);
            let Reply::Heartbeat(alive) = self.ask_once(ANYBODY, request) else { unreachable!() };
            match alive {
                Ok(()) => {}
                Err(ErrorCode::RebalanceInProgress) => {
                    self.send_join(number);
                    joined.insert(number, None);
                }
                Err(error) => {
                    self.has_lost_members = true;
                    told.push(format!("{number} is out: {error}"));
                    let forgotten = self.members[number].now.take();
                    self.members[number].before = forgotten;
                }
            }
        }
    }

    fn joined(&mut self, number: usize, reply: &JoinGroupReply) -> String {
        let member = &mut self.members[number];
        if let Some(error) = reply.error {
            member.before = member.now.take();
            return error.to_string();
        }
        let before = member.now.replace((reply.member_id.clone(), reply.generation));
        if let Some(before) = before {
            member.before = Some(before);
        }
        let me = self.seen.member(&reply.member_id);
        format!("{me} in {} by {}", reply.generation, reply.protocol)
    }

    /// The members as their leader was told of them. When a leader is gone, a broker makes any other
    /// member the leader, so who it is is not compared; nor is the list, where not all have joined and
    /// the leader may be among the others.
    fn members(&mut self, replies: &[(bool, usize, JoinGroupReply)]) -> Option<String> {
        let list = replies.iter().find_map(|(follows, _, it)| (!follows).then_some(&it.members))?;
        if list.len() != replies.len() {
            return None;
        }
        let mut members: Vec<_> = list
            .iter()
            .map(|it| {
                let metadata = String::from_utf8_lossy(&it.metadata);
                format!("{} {:?} {metadata}", self.seen.member(&it.member_id), it.group_instance_id)
            })
            .collect();
        members.sort();
        Some(format!("[{}]", members.join(", ")))
    }

    fn sync(&mut self, number: usize, reply: &JoinGroupReply) -> String {
        let assigns = reply.leader == reply.member_id && !reply.skip_assignment;
        let assignment = |it: &tidelog_io_sim::wire::JoinedMember| {
            (it.member_id.clone(), Bytes::from([b"for ", &it.metadata[..]].concat()))
        };
        let assignments = reply.members.iter().filter(|_| assigns).map(assignment).collect();
        let request = SyncGroupRequest {
            group_id: self.names.group.clone(),
            generation: reply.generation,
            member_id: reply.member_id.clone(),
            group_instance_id: instance(number),
            assignments,
        };
        let Reply::SyncGroup(outcome) = self.ask_once(number, request.into()) else {
            unreachable!("an answer to what was asked")
        };
        match outcome {
            Ok(assigned) => format!("assigned {}", String::from_utf8_lossy(&assigned)),
            Err(error) => error.to_string(),
        }
    }
}

fn instance(member: usize) -> Option<String> {
    (member < 2).then(|| format!("static-{member}"))
}
