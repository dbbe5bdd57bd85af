//! Committing offsets, by members and by transactions.

use super::{
    Append, GroupCoordinator, OffsetsAppend, Turn,
    offsets::Committed,
    record,
    state::{Group, State},
    unavailable,
};
use crate::{
    broker::{
        coordinator::{Action, Target, TransactionalAppend},
        produce::error_of_verification,
    },
    wire::{
        AddPartitionsToTxnRequest, CommittedOffset, ErrorCode, Generation, Instant,
        OffsetCommitReply, OffsetCommitRequest, OffsetToCommit, Reply, TRANSACTION_STATE, Token,
        TopicName, TopicPartition, TxnOffsetCommitReply, TxnOffsetCommitRequest, Unreachable,
        partition_for,
    },
};

/// On whose behalf offsets are committed.
#[derive(Debug)]
pub(super) struct Committer {
    member_id: String,
    instance: Option<String>,
    generation: Generation,
    is_transactional: bool,
}

impl GroupCoordinator {
    pub(super) fn commit(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: OffsetCommitRequest,
    ) {
        let committer = Committer {
            member_id: request.member_id,
            instance: request.group_instance_id,
            generation: request.generation,
            is_transactional: false,
        };
        let checked = self.check_commit(turn, &request.group_id, &committer);
        let append = OffsetsAppend {
            offsets: stamped(turn, request.offsets),
            group: request.group_id,
            token,
            committer,
            producer: None,
            result: Ok(()),
        };
        match checked {
            Ok(()) if append.offsets.is_empty() => turn.reply(token, reply(&append, Ok(()))),
            Ok(()) => {
                let records = records(&append);
                turn.append(Append::Offsets(append), records);
            }
            Err(error) => turn.reply(token, reply(&append, Err(error))),
        }
    }

    pub(super) fn commit_in_transaction(
        &mut self,
        turn: &mut Turn<'_>,
        token: Token,
        request: TxnOffsetCommitRequest,
    ) {
        let committer = Committer {
            member_id: request.member_id,
            instance: request.group_instance_id,
            generation: request.generation,
            is_transactional: true,
        };
        let checked = self.check_commit(turn, &request.group_id, &committer);
        let transaction = TransactionalAppend {
            transactional_id: request.transactional_id,
            producer: request.producer,
            adds_partitions: request.adds_partitions,
        };
        let append = OffsetsAppend {
            offsets: stamped(turn, request.offsets),
            group: request.group_id,
            token,
            committer,
            producer: Some(request.producer.id),
            result: Ok(()),
        };
        match checked {
            Ok(()) if append.offsets.is_empty() => turn.reply(token, reply(&append, Ok(()))),
            Ok(()) => {
                let group = self.groups.get_mut(&append.group).expect("it was checked");
                group.offsets.announce(&append.offsets);
                let records = records(&append);
                turn.append_in_transaction(Append::Offsets(append), records, Some(transaction));
            }
            Err(error @ (ErrorCode::CoordinatorLoadInProgress | ErrorCode::InvalidGroupId)) => {
                turn.reply(token, reply(&append, Err(error)));
            }
            Err(error) => self.verify_and_refuse(turn, append, error, &transaction),
        }
    }

    /// Who commits is looked at when the transaction has been, so with KIP-890 what is refused has begun
    /// the transaction all the same.
    fn verify_and_refuse(
        &mut self,
        turn: &mut Turn<'_>,
        append: OffsetsAppend,
        error: ErrorCode,
        transaction: &TransactionalAppend,
    ) {
        let id = &transaction.transactional_id;
        let coordinator = partition_for(id, turn.context.config.transaction_partitions);
        let topic = TopicName::from(TRANSACTION_STATE);
        let to = Target::LeaderOf(TopicPartition::new(&topic, coordinator));
        let request = AddPartitionsToTxnRequest {
            transactional_id: id.clone(),
            producer: transaction.producer,
            verify_only: !transaction.adds_partitions,
            partitions: vec![self.seat.partition.clone()],
        };
        turn.tickets.next += 1;
        let call = turn.tickets.next;
        self.refusing.insert(call, (append, error));
        turn.actions.push(Action::Call { call, to, request: request.into() });
    }

    /// What the transaction's coordinator has said to a commit that is refused in any case.
    pub(super) fn refuse(
        &mut self,
        turn: &mut Turn<'_>,
        call: u64,
        said: Result<Reply, Unreachable>,
    ) {
        let (append, error) = self.refusing.remove(&call).expect("a call is answered once");
        let said = match said {
            Ok(Reply::AddPartitionsToTxn(said)) => {
                said.partitions.first().map_or(Ok(()), |(_, said)| *said)
            }
            Ok(_) | Err(Unreachable) => Err(ErrorCode::CoordinatorNotAvailable),
        };
        let said = said.map_err(error_of_verification).map_err(unavailable);
        turn.reply(append.token, reply(&append, said.and(Err(error))));
    }

    /// Offsets are on all in-sync replicas.
    pub(super) fn commit_done(&mut self, turn: &mut Turn<'_>, append: OffsetsAppend) {
        turn.reply(append.token, reply(&append, append.result));
        let Some(group) = self.groups.get_mut(&append.group) else { return };
        if append.producer.is_none() {
            for (of, committed) in append.offsets {
                group.offsets.commit(of, committed);
            }
        }
    }

    /// Offsets were not written.
    pub(super) fn commit_refused(
        &mut self,
        turn: &mut Turn<'_>,
        append: OffsetsAppend,
        error: ErrorCode,
    ) {
        turn.reply(append.token, reply(&append, Err(error)));
        let group = self.groups.get_mut(&append.group);
        if let (Some(_), Some(group)) = (append.producer, group) {
            group.offsets.settle(&append.offsets);
        }
    }

    fn check_commit(
        &mut self,
        turn: &Turn<'_>,
        group_id: &str,
        committer: &Committer,
    ) -> Result<(), ErrorCode> {
        // A group that is only a name for offsets needs no members.
        if self.group(group_id)?.is_none() && committer.generation.0 >= 0 {
            return Err(ErrorCode::IllegalGeneration);
        }
        let group = self.group_or_new(turn, group_id)?;
        group.check_commit(turn.context.now.instant, committer)?;
        group.schedule();
        Ok(())
    }
}

impl Group {
    /// KIP-447: whoever names itself must be a member of this generation, in a transaction as well.
    pub(super) fn check_commit(
        &mut self,
        now: Instant,
        committer: &Committer,
    ) -> Result<(), ErrorCode> {
        let (state, generation) = (self.state, self.generation);
        let is_empty = state == State::Empty;
        let is_named = !committer.member_id.is_empty()
            || committer.instance.is_some()
            || committer.generation.0 >= 0;
        if committer.generation.0 < 0 && is_empty {
            return Ok(());
        }
        if !is_named {
            return match committer.is_transactional {
                true => Ok(()),
                false => Err(ErrorCode::UnknownMemberId),
            };
        }
        let member = self.member(&committer.member_id, committer.instance.as_deref())?;
        if committer.generation != generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        member.heard = now;
        match state {
            State::Completing { .. } if !committer.is_transactional => {
                Err(ErrorCode::RebalanceInProgress)
            }
            State::Completing { .. } | State::Empty | State::Preparing { .. } | State::Stable => {
                Ok(())
            }
        }
    }
}

/// The same for all partitions of a commit.
pub(super) fn reply(append: &OffsetsAppend, result: Result<(), ErrorCode>) -> Reply {
    let partitions = append.offsets.iter().map(|(of, _)| (of.clone(), result)).collect();
    match append.producer {
        Some(_) => Reply::TxnOffsetCommit(TxnOffsetCommitReply { partitions }),
        None => Reply::OffsetCommit(OffsetCommitReply { partitions }),
    }
}

fn records(append: &OffsetsAppend) -> Vec<crate::wire::Record> {
    let record =
        |(of, it): &(TopicPartition, Committed)| record::encode_offset(&append.group, of, Some(it));
    append.offsets.iter().map(record).collect()
}

fn stamped(
    turn: &Turn<'_>,
    offsets: Vec<(TopicPartition, OffsetToCommit)>,
) -> Vec<(TopicPartition, Committed)> {
    let time = turn.context.now.wall;
    let stamp = |(of, it): (TopicPartition, OffsetToCommit)| {
        let value = CommittedOffset {
            offset: it.offset,
            leader_epoch: it.leader_epoch,
            metadata: it.metadata,
        };
        (of, Committed { value, time, at: crate::wire::Offset::ZERO })
    };
    offsets.into_iter().map(stamp).collect()
}
