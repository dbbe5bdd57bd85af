//! The leader's side of replica fetches (KIP-227): what each follower wants, and what it has been told.
//!
//! A request names only what has changed for the follower, an answer only what has changed for it: so
//! an idle partition costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broker, partition::Reader, timers::Alarm};
use crate::wire::{
    BrokerEpoch, BrokerId, ErrorCode, FetchPartition, FetchPartitionReply, FetchReplica,
    FetchReply, FetchRequest, Fetched, Instant, Offset, Reply, Token, TopicPartition,
};

/// The sessions, by follower.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    list: BTreeMap<BrokerId, Session>,
    /// Followers whose waiting fetch may have an answer.
    woken: BTreeSet<BrokerId>,
}

/// What a follower wants.
#[derive(Debug)]
struct Session {
    /// The follower's registration.
    epoch: BrokerEpoch,
    /// The number of its next request.
    next: u32,
    partitions: BTreeMap<TopicPartition, Followed>,
    /// Of which there may be news.
    dirty: BTreeSet<TopicPartition>,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Followed {
    wanted: FetchPartition,
    /// The high watermark and the log's start as the follower has been told.
    told: Option<(Offset, Offset)>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    token: Token,
    until: Instant,
    max_bytes: usize,
}

impl Sessions {
    /// There may be news of that partition.
    pub(super) fn changed(&mut self, at: &TopicPartition) {
        for (follower, session) in &mut self.list {
            if session.partitions.contains_key(at) {
                session.dirty.insert(at.clone());
                if session.waiting.is_some() {
                    self.woken.insert(*follower);
                }
            }
        }
    }
}

impl Broker {
    pub(super) fn fetch_replica(
        &mut self,
        token: Token,
        replica: FetchReplica,
        request: FetchRequest,
    ) {
        if let Err(error) = self.continue_session(&replica) {
            let reply = FetchReply { error: Some(error), partitions: Vec::new() };
            return self.reply(token, Reply::Fetch(reply));
        }
        let follower = replica.id;
        self.seen.insert(follower, self.now.instant);
        let session = self.sessions.list.get_mut(&follower).expect("it has just been continued");
        for at in &replica.forgotten {
            session.partitions.remove(at);
            session.dirty.remove(at);
        }
        for wanted in &request.partitions {
            let told = session.partitions.get(&wanted.partition).and_then(|it| it.told);
            let followed = Followed { wanted: wanted.clone(), told };
            session.partitions.insert(wanted.partition.clone(), followed);
            session.dirty.insert(wanted.partition.clone());
        }
        for wanted in &request.partitions {
            self.follower_wants(&replica, wanted);
        }
        // The high watermark may have risen by this very fetch; the answer tells of it.
        let until = self.now.instant.plus_ms(request.max_wait_ms);
        let waiting = Waiting { token, until, max_bytes: request.max_bytes };
        self.timers.set(until, Alarm::Session(follower));
        let session = self.sessions.list.get_mut(&follower).expect("it has just been continued");
        session.waiting = Some(waiting);
        if self.has_to_tell(follower) {
            self.answer_session(follower);
        }
    }

    /// Answers the followers that wait and for whom there is something now.
    pub(super) fn answer_followers(&mut self) -> bool {
        let mut has_answered = false;
        while let Some(follower) = self.sessions.woken.pop_first() {
            if self.has_records_for(follower) {
                has_answered = true;
                self.answer_session(follower);
            }
        }
        has_answered
    }

    /// Answers a follower that waits, with what there is.
    pub(super) fn answer_session(&mut self, follower: BrokerId) {
        let Some(session) = self.sessions.list.get_mut(&follower) else { return };
        let Some(waiting) = session.waiting.take() else { return };
        self.timers.cancel(waiting.until, Alarm::Session(follower));
        let dirty = std::mem::take(&mut session.dirty);
        let mut left = waiting.max_bytes;
        let mut partitions = Vec::new();
        let mut unserved = BTreeSet::new();
        for at in dirty {
            let Some(followed) = self.sessions.list[&follower].partitions.get(&at) else {
                continue;
            };
            let is_first = left == waiting.max_bytes;
            let result = self.read_partition(&followed.wanted, Reader::Follower, left, is_first);
            if let Ok(fetched) = &result {
                let size: usize = fetched.batches.iter().map(crate::wire::Batch::size).sum();
                left = left.saturating_sub(size);
                if fetched.batches.is_empty() && self.has_news(&followed.wanted, Reader::Follower) {
                    unserved.insert(at.clone());
                }
                if !followed.is_news(fetched) {
                    continue;
                }
            }
            let current_leader = result.is_err().then(|| self.hint(&at)).flatten();
            self.tell(follower, &at, &result);
            partitions.push(FetchPartitionReply { partition: at, result, current_leader });
        }
        let session = self.sessions.list.get_mut(&follower).expect("it was there");
        session.dirty.append(&mut unserved);
        session.next += 1;
        let reply = FetchReply { error: None, partitions };
        self.reply(waiting.token, Reply::Fetch(reply));
    }

    /// Whether a follower's fetch is the next one of its session, or begins one.
    fn continue_session(&mut self, replica: &FetchReplica) -> Result<(), ErrorCode> {
        let known = self.image.brokers.get(&replica.id);
        if known.is_some_and(|known| known.epoch > replica.epoch) {
            return Err(ErrorCode::StaleBrokerEpoch);
        }
        if replica.session_epoch == 0 {
            let session = Session {
                epoch: replica.epoch,
                next: 0,
                partitions: BTreeMap::new(),
                dirty: BTreeSet::new(),
                waiting: None,
            };
            if let Some(before) = self.sessions.list.get(&replica.id)
                && before.epoch > replica.epoch
            {
                return Err(ErrorCode::StaleBrokerEpoch);
            }
            self.end_session(replica.id);
            self.sessions.list.insert(replica.id, session);
            return Ok(());
        }
        let session = self.sessions.list.get(&replica.id);
        let is_next = session.is_some_and(|session| {
            session.epoch == replica.epoch
                && session.next == replica.session_epoch
                && session.waiting.is_none()
        });
        if is_next { Ok(()) } else { Err(ErrorCode::InvalidFetchSessionEpoch) }
    }

    /// A follower has begun anew: its fetch that waits is of no use any more.
    fn end_session(&mut self, follower: BrokerId) {
        let Some(session) = self.sessions.list.remove(&follower) else { return };
        if let Some(Waiting { token, until, .. }) = session.waiting {
            self.timers.cancel(until, Alarm::Session(follower));
            let error = Some(ErrorCode::InvalidFetchSessionEpoch);
            self.reply(token, Reply::Fetch(FetchReply { error, partitions: Vec::new() }));
        }
    }

    /// From what a follower wants the leader learns what it has, if their logs are the same up to there.
    fn follower_wants(&mut self, replica: &FetchReplica, wanted: &FetchPartition) {
        let Some(partition) = self.partitions.get_mut(&wanted.partition) else { return };
        if !partition.agrees_with(wanted) {
            return;
        }
        let now = self.now.instant;
        if partition.follower_is_at(replica.id, replica.epoch, wanted.offset, now) {
            self.changed.insert(wanted.partition.clone());
        }
        if partition.is_out_of_sync(replica.id) {
            self.propose(&wanted.partition);
        }
    }

    /// Whether an answer must not wait: there are records, an error, or a high watermark that the
    /// follower does not know.
    fn has_to_tell(&self, follower: BrokerId) -> bool {
        let session = &self.sessions.list[&follower];
        session.dirty.iter().any(|at| {
            let Some(followed) = session.partitions.get(at) else { return false };
            let result = self.read_partition(&followed.wanted, Reader::Follower, 0, true);
            result.map_or(true, |fetched| followed.is_news(&fetched))
        })
    }

    /// Whether a fetch that waits has records, or an error, to bring. A high watermark alone waits for
    /// them, as it does in Kafka.
    fn has_records_for(&self, follower: BrokerId) -> bool {
        let Some(session) = self.sessions.list.get(&follower) else { return false };
        session.waiting.is_some()
            && session.dirty.iter().any(|at| {
                let followed = session.partitions.get(at);
                followed.is_some_and(|it| self.has_news(&it.wanted, Reader::Follower))
            })
    }

    fn tell(
        &mut self,
        follower: BrokerId,
        at: &TopicPartition,
        result: &Result<Fetched, ErrorCode>,
    ) {
        let session = self.sessions.list.get_mut(&follower).expect("it is being answered");
        match result {
            Ok(fetched) => {
                let followed = session.partitions.get_mut(at).expect("it is being answered");
                followed.told = Some((fetched.high_watermark, fetched.log_start));
            }
            // The follower names it again when it knows more.
            Err(_) => {
                session.partitions.remove(at);
            }
        }
    }
}

impl Followed {
    fn is_news(&self, fetched: &Fetched) -> bool {
        !fetched.batches.is_empty()
            || fetched.diverging.is_some()
            || self.told != Some((fetched.high_watermark, fetched.log_start))
    }
}
