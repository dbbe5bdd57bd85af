//! Members that leave, and members whom an administrator removes.

use super::{GroupCoordinator, Turn, state::Group};
use crate::wire::{ErrorCode, LeaveGroupReply, LeaveGroupRequest, LeavingMember, Reply, Token};

impl GroupCoordinator {
    pub(super) fn leave(&mut self, turn: &mut Turn<'_>, token: Token, request: LeaveGroupRequest) {
        let reply = match self.group(&request.group_id) {
            Ok(Some(group)) => {
                let members = group.leave(turn, request.members);
                LeaveGroupReply { error: None, members }
            }
            Ok(None) => {
                let unknown = |member| (member, Err(ErrorCode::UnknownMemberId));
                let members = request.members.into_iter().map(unknown).collect();
                LeaveGroupReply { error: None, members }
            }
            Err(error) => LeaveGroupReply { error: Some(error), members: Vec::new() },
        };
        turn.reply(token, Reply::LeaveGroup(reply));
    }
}

impl Group {
    fn leave(
        &mut self,
        turn: &mut Turn<'_>,
        leaving: Vec<LeavingMember>,
    ) -> Vec<(LeavingMember, Result<(), ErrorCode>)> {
        let mut gone = Vec::new();
        let mut results = Vec::new();
        for one in leaving {
            let found = self.find(&one);
            if let Ok(Some(id)) = &found {
                gone.push(id.clone());
            }
            results.push((one, found.map(drop)));
        }
        self.remove_all(turn, &gone);
        self.schedule();
        results
    }

    /// Who is meant; none for one that has not yet joined with the id that it was given.
    fn find(&mut self, leaving: &LeavingMember) -> Result<Option<String>, ErrorCode> {
        match &leaving.group_instance_id {
            Some(instance) if leaving.member_id.is_empty() => {
                let id = self.instances.get(instance);
                id.cloned().map(Some).ok_or(ErrorCode::UnknownMemberId)
            }
            Some(instance) => {
                self.member(&leaving.member_id, Some(instance))?;
                Ok(Some(leaving.member_id.clone()))
            }
            None if self.promised.remove(&leaving.member_id).is_some() => Ok(None),
            None => {
                self.member(&leaving.member_id, None)?;
                Ok(Some(leaving.member_id.clone()))
            }
        }
    }
}
