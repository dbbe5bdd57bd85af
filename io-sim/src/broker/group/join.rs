//! Joining a group, for the first time or again.

use super::{
    Append, GroupCoordinator, RenamedAppend, Turn, record,
    state::{Group, Member, State},
};
use crate::wire::{
    ErrorCode, Generation, Instant, JoinGroupReply, JoinGroupRequest, Node, Reply, Token,
};

impl GroupCoordinator {
    pub(super) fn join(
        &mut self,
        turn: &mut Turn<'_>,
        from: Node,
        token: Token,
        request: JoinGroupRequest,
    ) {
        let member_id = request.member_id.clone();
        if let Err(error) = self.try_join(turn, from, token, request) {
            turn.reply(token, refusal(error, &member_id));
        }
    }

    fn try_join(
        &mut self,
        turn: &mut Turn<'_>,
        from: Node,
        token: Token,
        request: JoinGroupRequest,
    ) -> Result<(), ErrorCode> {
        let config = turn.context.config;
        let sessions = config.group_min_session_timeout_ms..=config.group_max_session_timeout_ms;
        let is_new = request.member_id.is_empty();
        if self.group(&request.group_id)?.is_none() && !is_new {
            return Err(ErrorCode::UnknownMemberId);
        }
        if !sessions.contains(&request.session_timeout_ms) {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        let id = self.new_member_id(from);
        let group = self.group_or_new(turn, &request.group_id)?;
        group.check_protocols(&request)?;
        let is_full = group.members.len() >= config.group_max_size;
        let now = turn.context.now.instant;
        match (is_new, &request.group_instance_id) {
            (true, None) if is_full => return Err(ErrorCode::GroupMaxSizeReached),
            (true, None) => {
                group.promised.insert(id.clone(), now.plus_ms(request.session_timeout_ms));
                turn.reply(token, refusal(ErrorCode::MemberIdRequired, &id));
            }
            (true, Some(instance)) => match group.instances.get(instance).cloned() {
                Some(old) => group.replace(turn, token, &old, id, request),
                None if is_full => return Err(ErrorCode::GroupMaxSizeReached),
                None => group.add(turn, token, id, request),
            },
            (false, _) if group.promised.remove(&request.member_id).is_some() => {
                let id = request.member_id.clone();
                group.add(turn, token, id, request);
            }
            (false, instance) => {
                group.member(&request.member_id, instance.as_deref())?;
                group.join_again(turn, token, request)?;
            }
        }
        group.schedule();
        Ok(())
    }

    /// An id that no member ever had.
    fn new_member_id(&mut self, from: Node) -> String {
        self.next_member += 1;
        let (partition, epoch) = (self.seat.partition.partition, self.seat.leader_epoch);
        format!("{from}-{partition}-{epoch}-{}", self.next_member)
    }

    /// A static member's new id is on all in-sync replicas.
    pub(super) fn renamed(&mut self, turn: &mut Turn<'_>, append: RenamedAppend) {
        let RenamedAppend { group, token, instance, old: _, new } = append;
        let group = self.groups.get_mut(&group);
        let known = group.map(|group| (group.instances.get(&instance) == Some(&new), group));
        let reply = match known {
            Some((true, group)) => {
                // KIP-814: what the group has stays, so there is nothing to assign.
                let skip_assignment = group.leader == new && group.state == State::Stable;
                Reply::JoinGroup(JoinGroupReply { skip_assignment, ..group.joined(&new) })
            }
            Some((false, group)) if group.instances.contains_key(&instance) => {
                refusal(ErrorCode::FencedInstanceId, &new)
            }
            Some(_) | None => refusal(ErrorCode::UnknownMemberId, &new),
        };
        turn.reply(token, reply);
    }

    /// The new id was not written: the old one counts again.
    pub(super) fn rename_refused(
        &mut self,
        turn: &mut Turn<'_>,
        append: RenamedAppend,
        error: ErrorCode,
    ) {
        let RenamedAppend { group, token, instance, old, new } = append;
        if let Some(group) = self.groups.get_mut(&group)
            && group.instances.get(&instance) == Some(&new)
        {
            group.rename(&new, &old);
        }
        turn.reply(token, refusal(error, ""));
    }
}

impl Group {
    /// A member's first round.
    fn add(&mut self, turn: &mut Turn<'_>, token: Token, id: String, request: JoinGroupRequest) {
        if self.members.is_empty() {
            self.protocol_type.clone_from(&request.protocol_type);
        }
        if let Some(instance) = &request.group_instance_id {
            self.instances.insert(instance.clone(), id.clone());
        }
        if self.leader.is_empty() {
            self.leader.clone_from(&id);
        }
        let member = Member::new(token, request, turn.context.now.instant);
        self.members.insert(id, member);
        if let State::Preparing { initial: Some(initial), .. } = &mut self.state {
            initial.has_grown = self.generation == Generation(0);
        }
        self.rebalance(turn);
    }

    /// A member that is known joins again.
    fn join_again(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: JoinGroupRequest,
    ) -> Result<(), ErrorCode> {
        let id = request.member_id.clone();
        let is_leader = self.leader == id;
        let member = self.members.get_mut(&id).ok_or(ErrorCode::UnknownMemberId)?;
        member.heard = turn.context.now.instant;
        let is_same = member.protocols == request.protocols;
        let has_this_generation = match self.state {
            State::Empty => return Err(ErrorCode::UnknownMemberId),
            State::Preparing { .. } => false,
            // Its answer was lost.
            State::Completing { .. } => is_same,
            State::Stable => is_same && !is_leader,
        };
        if has_this_generation {
            turn.reply(token, Reply::JoinGroup(self.joined(&id)));
            return Ok(());
        }
        member.update(turn, token, &id, request);
        self.rebalance(turn);
        Ok(())
    }

    /// A static member comes back under a new id (KIP-345). If nothing else changes, the group stays
    /// as it is.
    fn replace(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        old: &str,
        new: String,
        request: JoinGroupRequest,
    ) {
        let instance =
            request.group_instance_id.clone().expect("a static member has an instance id");
        let member = self.members.get_mut(old).expect("an instance id belongs to a member");
        member.dismiss(turn, old, ErrorCode::FencedInstanceId);
        self.rename(old, &new);
        let member = self.members.get_mut(&new).expect("it was renamed a moment ago");
        member.heard = turn.context.now.instant;
        member.update(turn, token, &new, request);
        let stays = self.state == State::Stable && self.protocol == self.choose_protocol();
        if stays {
            let member = self.members.get_mut(&new).expect("it was renamed a moment ago");
            let token = member.joining.take().expect("it joins at this moment");
            let record = record::encode_group(&self.id, Some(&self.save(None)));
            let (group, old) = (self.id.clone(), old.to_owned());
            let append = RenamedAppend { group, token, instance, old, new };
            turn.append(Append::Renamed(append), vec![record]);
        } else {
            self.rebalance(turn);
        }
    }

    fn rename(&mut self, old: &str, new: &str) {
        let member = self.members.remove(old).expect("only a member is renamed");
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), new.to_owned());
        }
        self.members.insert(new.to_owned(), member);
        if self.leader == old {
            new.clone_into(&mut self.leader);
        }
    }

    /// Whether there would be an assignor that all members know.
    fn check_protocols(&self, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
        let joins_anew = [&request.member_id]
            .into_iter()
            .chain(request.group_instance_id.as_ref().and_then(|it| self.instances.get(it)));
        let itself: Vec<&String> = joins_anew.collect();
        let mut others = self.members.iter().filter(|(id, _)| !itself.contains(id)).peekable();
        let is_kind = request.protocol_type == self.protocol_type;
        let kind_fits = !request.protocol_type.is_empty() && (is_kind || others.peek().is_none());
        let others: Vec<&Member> = others.map(|(_, member)| member).collect();
        let known = |name: &String| {
            others.iter().all(|it| it.protocols.iter().any(|(known, _)| known == name))
        };
        match kind_fits && request.protocols.iter().any(|(name, _)| known(name)) {
            true => Ok(()),
            false => Err(ErrorCode::InconsistentGroupProtocol),
        }
    }
}

impl Member {
    fn new(token: Token, request: JoinGroupRequest, now: Instant) -> Self {
        Self {
            instance: request.group_instance_id,
            session_ms: request.session_timeout_ms,
            rebalance_ms: request.rebalance_timeout_ms,
            protocols: request.protocols,
            assignment: bytes::Bytes::new(),
            heard: now,
            joining: Some(token),
            syncing: None,
            has_synced: false,
        }
    }

    /// It joins with what it wants now. An earlier request of its that still waits has been given up
    /// by whoever sent it.
    fn update(&mut self, turn: &mut Turn<'_>, token: Token, id: &str, request: JoinGroupRequest) {
        self.dismiss(turn, id, ErrorCode::RebalanceInProgress);
        self.session_ms = request.session_timeout_ms;
        self.rebalance_ms = request.rebalance_timeout_ms;
        self.protocols = request.protocols;
        self.joining = Some(token);
    }
}

/// The answer to a join that leads to nothing.
pub(super) fn refusal(error: ErrorCode, member_id: &str) -> Reply {
    Reply::JoinGroup(JoinGroupReply {
        error: Some(error),
        generation: Generation(-1),
        protocol: String::new(),
        leader: String::new(),
        skip_assignment: false,
        member_id: member_id.to_owned(),
        members: Vec::new(),
    })
}
