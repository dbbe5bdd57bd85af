//! Reading from the leader.

use super::{Partition, Role};
use crate::wire::{
    EpochEnd, EpochQuestion, ErrorCode, FetchPartition, Fetched, Isolation, ListOffsetsPartition,
    ListedOffset, Offset, OffsetSpec,
};

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A client.
    Client(Isolation),
    /// A follower: it reads to the log's end.
    Follower,
}

impl Partition {
    /// Reads for a client or a follower.
    ///
    /// # Errors
    ///
    /// Why it cannot: not the leader, another epoch, an offset that is not in the log.
    pub fn fetch(
        &self,
        request: &FetchPartition,
        reader: Reader,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Result<Fetched, ErrorCode> {
        self.check_reader(request)?;
        if let Some(diverging) = self.diverging(request)? {
            return Ok(self.fetched(Some(diverging)));
        }
        if request.offset < self.log.start() || request.offset > self.log.end() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let until = self.readable(reader);
        let mut fetched = self.fetched(None);
        if request.offset < until {
            let max_bytes = max_bytes.min(request.max_bytes);
            let slice = self.log.read(request.offset, until, max_bytes, at_least_one);
            if reader == Reader::Client(Isolation::ReadCommitted)
                && let Some(last) = slice.batches.last()
            {
                fetched.aborted = self.log.aborted(request.offset, last.last_offset.next());
            }
            fetched.batches = slice.batches;
        }
        Ok(fetched)
    }

    /// Whether a follower's log is this one's, up to where it wants to go on.
    pub fn agrees_with(&self, request: &FetchPartition) -> bool {
        self.check_reader(request).is_ok()
            && self.diverging(request) == Ok(None)
            && (self.log.start()..=self.log.end()).contains(&request.offset)
    }

    /// Whether a fetch that found nothing would find something now.
    pub fn has_news(&self, request: &FetchPartition, reader: Reader) -> bool {
        if self.check_reader(request).is_err() {
            return true;
        }
        request.offset < self.log.start()
            || self.log.has_data(request.offset, self.readable(reader))
    }

    /// Looks an offset up.
    ///
    /// # Errors
    ///
    /// Not the leader; another epoch; or a leader that does not know yet how far its epoch's clients may
    /// read.
    pub fn list_offset(
        &self,
        request: &ListOffsetsPartition,
        reader: Reader,
    ) -> Result<ListedOffset, ErrorCode> {
        let Role::Leader(leader) = &self.role else { return Err(ErrorCode::NotLeaderOrFollower) };
        self.check_epoch(request.current_leader_epoch)?;
        let leader_epoch = self.leader_epoch;
        let listed = |offset, timestamp| Ok(ListedOffset { offset, timestamp, leader_epoch });
        let is_behind = reader != Reader::Follower && self.high_watermark < leader.epoch_start();
        match request.spec {
            OffsetSpec::Earliest => listed(Some(self.log.start()), None),
            OffsetSpec::Latest if is_behind => Err(ErrorCode::OffsetNotAvailable),
            OffsetSpec::Latest => listed(Some(self.readable(reader)), None),
            OffsetSpec::At(timestamp) => match self.log.at_time(timestamp) {
                Some((offset, at)) if offset < self.readable(reader) => {
                    listed(Some(offset), Some(at))
                }
                Some(_) | None if is_behind => Err(ErrorCode::OffsetNotAvailable),
                Some(_) | None => listed(None, None),
            },
        }
    }

    /// Says where an epoch ends.
    ///
    /// # Errors
    ///
    /// Not the leader, or another epoch.
    pub fn end_of_epoch(&self, question: &EpochQuestion) -> Result<Option<EpochEnd>, ErrorCode> {
        if !self.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        self.check_epoch(question.current_leader_epoch)?;
        Ok(self.log.end_of_epoch(question.epoch))
    }

    /// Moves the log's start, at most to the high watermark.
    ///
    /// # Errors
    ///
    /// Not the leader, or an offset after the high watermark.
    pub fn delete_records(&mut self, before: Option<Offset>) -> Result<Offset, ErrorCode> {
        if !self.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let start = before.unwrap_or(self.high_watermark);
        if start > self.high_watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        self.log.move_start(start);
        Ok(self.log.start())
    }

    fn check_reader(&self, request: &FetchPartition) -> Result<(), ErrorCode> {
        if !self.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        self.check_epoch(request.current_leader_epoch)
    }

    /// Where the reader's log and this one part, if they do (KIP-595).
    fn diverging(&self, request: &FetchPartition) -> Result<Option<EpochEnd>, ErrorCode> {
        let Some(epoch) = request.last_fetched_epoch else { return Ok(None) };
        let Some(end) = self.log.end_of_epoch(epoch) else {
            return Err(ErrorCode::OffsetOutOfRange);
        };
        let parts = end.epoch < epoch || end.end < request.offset;
        Ok(parts.then_some(end))
    }

    fn readable(&self, reader: Reader) -> Offset {
        match reader {
            Reader::Follower => self.log.end(),
            Reader::Client(Isolation::ReadUncommitted) => self.high_watermark,
            Reader::Client(Isolation::ReadCommitted) => self.last_stable_offset(),
        }
    }

    fn fetched(&self, diverging: Option<EpochEnd>) -> Fetched {
        Fetched {
            high_watermark: self.high_watermark,
            last_stable_offset: self.last_stable_offset(),
            log_start: self.log.start(),
            diverging,
            aborted: Vec::new(),
            batches: Vec::new(),
        }
    }
}
