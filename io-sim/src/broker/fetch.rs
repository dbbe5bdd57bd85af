//! Fetches of clients: they wait until there is something.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, partition::Reader, timers::Alarm};
use crate::wire::{
    ErrorCode, FetchPartition, FetchPartitionReply, FetchReply, FetchRequest, Fetched, Instant,
    LeaderHint, Reply, Token, TopicPartition,
};

/// Which fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FetchId(u64);

/// The fetches that wait.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    next: FetchId,
    waiting: BTreeMap<FetchId, Waiting>,
    by_partition: BTreeMap<TopicPartition, BTreeSet<FetchId>>,
}

#[derive(Debug)]
struct Waiting {
    token: Token,
    request: FetchRequest,
    until: Instant,
}

impl Broker {
    pub(super) fn fetch(&mut self, token: Token, request: FetchRequest) {
        let reply = self.read(&request);
        let is_done = request.max_wait_ms == 0
            || request.partitions.is_empty()
            || is_enough(&reply, request.min_bytes);
        if is_done {
            return self.reply(token, Reply::Fetch(reply));
        }
        let id = self.fetches.next;
        self.fetches.next.0 += 1;
        for wanted in &request.partitions {
            self.fetches.by_partition.entry(wanted.partition.clone()).or_default().insert(id);
        }
        let until = self.now.instant.plus_ms(request.max_wait_ms);
        self.timers.set(until, Alarm::Fetch(id));
        self.fetches.waiting.insert(id, Waiting { token, request, until });
    }

    /// A partition has changed: whoever waited for that gets it.
    pub(super) fn wake_fetches(&mut self, at: &TopicPartition) {
        let Some(ids) = self.fetches.by_partition.get(at) else { return };
        let has_news = |id: &&FetchId| {
            let request = &self.fetches.waiting[*id].request;
            let wanted = request.partitions.iter().find(|wanted| wanted.partition == *at);
            let wanted = wanted.expect("it is listed under its partitions");
            self.has_news(wanted, Reader::Client(request.isolation))
        };
        let woken: Vec<_> = ids.iter().filter(has_news).copied().collect();
        for id in woken {
            let request = &self.fetches.waiting[&id].request;
            if request.min_bytes <= 1 || is_enough(&self.read(request), request.min_bytes) {
                self.answer_fetch(id);
            }
        }
    }

    /// Answers with what there is.
    pub(super) fn answer_fetch(&mut self, id: FetchId) {
        let Some(Waiting { token, request, until }) = self.fetches.waiting.remove(&id) else {
            return;
        };
        self.timers.cancel(until, Alarm::Fetch(id));
        for wanted in &request.partitions {
            let Some(ids) = self.fetches.by_partition.get_mut(&wanted.partition) else { continue };
            ids.remove(&id);
            if ids.is_empty() {
                self.fetches.by_partition.remove(&wanted.partition);
            }
        }
        let reply = self.read(&request);
        self.reply(token, Reply::Fetch(reply));
    }

    pub(super) fn has_news(&self, wanted: &FetchPartition, reader: Reader) -> bool {
        let partition = self.partitions.get(&wanted.partition);
        partition.is_none_or(|partition| partition.has_news(wanted, reader))
    }

    /// Reads one partition, for a client or a follower.
    pub(super) fn read_partition(
        &self,
        wanted: &FetchPartition,
        reader: Reader,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Fetched, ErrorCode> {
        let partition = self.partitions.get(&wanted.partition);
        let partition = partition.ok_or_else(|| self.unknown(&wanted.partition))?;
        partition.fetch(wanted, reader, max_bytes, at_least_one)
    }

    /// Whom to ask instead, if that is known.
    pub(super) fn hint(&self, at: &TopicPartition) -> Option<LeaderHint> {
        let state = self.image.partition(at)?;
        let leader = state.leader.filter(|leader| *leader != self.id)?;
        Some(LeaderHint { leader: Some(leader), epoch: state.leader_epoch })
    }

    fn read(&self, request: &FetchRequest) -> FetchReply {
        let reader = Reader::Client(request.isolation);
        let mut left = request.max_bytes;
        let mut has_any = false;
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for wanted in &request.partitions {
            let result = self.read_partition(wanted, reader, left, !has_any);
            if let Ok(fetched) = &result {
                left = left.saturating_sub(size(fetched));
                has_any |= !fetched.batches.is_empty();
            }
            let is_elsewhere = matches!(
                result,
                Err(ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch)
            );
            let current_leader = is_elsewhere.then(|| self.hint(&wanted.partition)).flatten();
            let partition = wanted.partition.clone();
            partitions.push(FetchPartitionReply { partition, result, current_leader });
        }
        FetchReply { error: None, partitions }
    }
}

/// Whether an answer is worth sending before the reader's patience ends.
fn is_enough(reply: &FetchReply, min_bytes: usize) -> bool {
    let mut bytes = 0;
    for part in &reply.partitions {
        match &part.result {
            Ok(fetched) if fetched.diverging.is_some() => return true,
            Ok(fetched) => bytes += size(fetched),
            Err(_) => return true,
        }
    }
    bytes >= min_bytes
}

fn size(fetched: &Fetched) -> usize {
    fetched.batches.iter().map(crate::wire::Batch::size).sum()
}
