//! Who gets what, and who is still there.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Append, AssignmentAppend, GroupCoordinator, Turn, record,
    state::{Group, State},
};
use crate::wire::{ErrorCode, Generation, HeartbeatRequest, Reply, SyncGroupRequest, Token};

impl GroupCoordinator {
    pub(super) fn sync(&mut self, turn: &mut Turn<'_>, token: Token, request: SyncGroupRequest) {
        let group = self.group(&request.group_id);
        let group = group.and_then(|group| group.ok_or(ErrorCode::UnknownMemberId));
        if let Err(error) = group.and_then(|group| group.sync(turn, token, request)) {
            turn.reply(token, Reply::SyncGroup(Err(error)));
        }
    }

    pub(super) fn heartbeat(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: &HeartbeatRequest,
    ) {
        let group = self.group(&request.group_id);
        let group = group.and_then(|group| group.ok_or(ErrorCode::UnknownMemberId));
        let result = group.and_then(|group| group.heartbeat(turn, request));
        turn.reply(token, Reply::Heartbeat(result));
    }
}

impl Group {
    fn sync(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: SyncGroupRequest,
    ) -> Result<(), ErrorCode> {
        let now = turn.context.now.instant;
        let (state, generation) = (self.state, self.generation);
        let member = self.member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation != generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match state {
            State::Empty => return Err(ErrorCode::UnknownMemberId),
            State::Preparing { .. } => return Err(ErrorCode::RebalanceInProgress),
            State::Stable => {
                member.heard = now;
                let assignment = member.assignment.clone();
                turn.reply(token, Reply::SyncGroup(Ok(assignment)));
            }
            State::Completing { until, is_saving } => {
                member.heard = now;
                member.has_synced = true;
                if let Some(given_up) = member.syncing.replace(token) {
                    let reply = Reply::SyncGroup(Err(ErrorCode::RebalanceInProgress));
                    turn.reply(given_up, reply);
                }
                if self.leader == request.member_id && !is_saving {
                    self.state = State::Completing { until, is_saving: true };
                    self.save_assignment(turn, request.assignments);
                }
            }
        }
        self.schedule();
        Ok(())
    }

    fn save_assignment(&mut self, turn: &mut Turn<'_>, assignments: Vec<(String, Bytes)>) {
        let assignments: BTreeMap<String, Bytes> = assignments.into_iter().collect();
        self.since = turn.context.now.wall;
        let record = record::encode_group(&self.id, Some(&self.save(Some(&assignments))));
        let (group, generation) = (self.id.clone(), self.generation);
        let append = AssignmentAppend { group, generation, assignments };
        turn.append(Append::Assignment(append), vec![record]);
    }

    /// The assignment is on all in-sync replicas.
    pub(super) fn assign(
        &mut self,
        turn: &mut Turn<'_>,
        generation: Generation,
        mut assignments: BTreeMap<String, Bytes>,
    ) {
        if !self.is_saving(generation) {
            return;
        }
        self.state = State::Stable;
        for (id, member) in &mut self.members {
            member.assignment = assignments.remove(id).unwrap_or_default();
            if let Some(token) = member.syncing.take() {
                member.heard = turn.context.now.instant;
                turn.reply(token, Reply::SyncGroup(Ok(member.assignment.clone())));
            }
        }
        self.schedule();
    }

    /// The assignment could not be written.
    pub(super) fn assignment_refused(
        &mut self,
        turn: &mut Turn<'_>,
        generation: Generation,
        error: ErrorCode,
    ) {
        if self.is_saving(generation) {
            self.refuse_syncs(turn, error);
            self.rebalance(turn);
            self.schedule();
        }
    }

    fn is_saving(&self, generation: Generation) -> bool {
        let is_saving = matches!(self.state, State::Completing { is_saving: true, .. });
        is_saving && self.generation == generation
    }

    fn heartbeat(&mut self, turn: &Turn<'_>, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        let (state, generation) = (self.state, self.generation);
        let member = self.member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation != generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        member.heard = turn.context.now.instant;
        match state {
            State::Empty => Err(ErrorCode::UnknownMemberId),
            State::Preparing { .. } => Err(ErrorCode::RebalanceInProgress),
            State::Completing { .. } | State::Stable => Ok(()),
        }
    }
}
