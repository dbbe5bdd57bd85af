//! Asking for offsets, and for what a group looks like.

use super::{
    GroupCoordinator, Turn,
    state::{Group, State},
};
use crate::wire::{
    CommittedOffset, DescribeGroupRequest, ErrorCode, GroupDescription, OffsetFetchReply,
    OffsetFetchRequest, Reply, Token, TopicPartition,
};

impl GroupCoordinator {
    pub(super) fn fetch(&mut self, turn: &mut Turn<'_>, token: Token, request: OffsetFetchRequest) {
        let reply = match self.group(&request.group_id) {
            Ok(group) => {
                let partitions =
                    fetch(group.as_deref(), request.require_stable, request.partitions);
                OffsetFetchReply { error: None, partitions }
            }
            Err(error) => OffsetFetchReply { error: Some(error), partitions: Vec::new() },
        };
        turn.reply(token, Reply::OffsetFetch(reply));
    }

    pub(super) fn describe(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: &DescribeGroupRequest,
    ) {
        let group = self.group(&request.group_id);
        let group = group.and_then(|group| group.ok_or(ErrorCode::GroupIdNotFound));
        let description = group.map(|group| GroupDescription {
            state: state_name(group.state).to_owned(),
            generation: group.generation,
            members: group.all_joined(),
        });
        turn.reply(token, Reply::DescribeGroup(description));
    }
}

type Fetched = (TopicPartition, Result<Option<CommittedOffset>, ErrorCode>);

fn fetch(
    group: Option<&Group>,
    require_stable: bool,
    partitions: Option<Vec<TopicPartition>>,
) -> Vec<Fetched> {
    let all = || group.into_iter().flat_map(|group| group.offsets.iter().map(|(of, _)| of.clone()));
    let partitions = partitions.unwrap_or_else(|| all().collect());
    let one = |of: TopicPartition| {
        let Some(group) = group else { return (of, Ok(None)) };
        let result = match require_stable && group.offsets.is_unstable(&of) {
            true => Err(ErrorCode::UnstableOffsetCommit),
            false => Ok(group.offsets.get(&of).map(|committed| committed.value.clone())),
        };
        (of, result)
    };
    partitions.into_iter().map(one).collect()
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Empty => "Empty",
        State::Preparing { .. } => "PreparingRebalance",
        State::Completing { .. } => "CompletingRebalance",
        State::Stable => "Stable",
    }
}
