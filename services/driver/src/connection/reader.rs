//! Reading one partition on and on.

use std::time::Duration;

use tidelog_core::{
    Offset, PartitionId, Probe, Topic,
    port::{Client, ClientError, Record},
};

/// What became of a reader's step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) reader: Reader,
    /// What it has read.
    pub(super) records: Vec<Record>,
    /// Whether it has just found out where to begin.
    pub(super) has_located: bool,
    /// Whether it has just read everything that was there at the beginning.
    pub(super) has_caught_up: bool,
}

/// Where a reader of one partition is.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) topic: Topic,
    pub(super) partition: PartitionId,
    begin: Begin,
    /// The next offset, once it is known where to begin.
    next: Option<Offset>,
    /// Where the partition ended when that was asked for.
    end: Offset,
    /// Whether everything has been read that was there at the beginning.
    is_caught_up: bool,
    failures: u32,
}

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// With the first record that there is.
    AtStart,
    /// With the first record that comes.
    AtEnd,
}

impl Reader {
    pub(super) fn new(topic: Topic, partition: PartitionId, begin: Begin) -> Self {
        let end = Offset::default();
        Self { topic, partition, begin, next: None, end, is_caught_up: false, failures: 0 }
    }

    /// Does the next step: finds out where to begin, or reads what there is, or waits after a
    /// failure. Gives itself back with what it has read.
    pub(super) async fn step<C: Client>(mut self, client: &C) -> Step {
        let before = (self.next.is_some(), self.is_caught_up);
        let result = match self.next {
            None => self.locate(client).await,
            Some(next) => self.read(client, next).await,
        };
        let records = match result {
            Ok(records) => {
                self.failures = 0;
                records
            }
            Err(error) => {
                self.recover(client, error).await;
                Vec::new()
            }
        };
        let has_located = !before.0 && self.next.is_some();
        let has_caught_up = !before.1 && self.is_caught_up;
        Step { reader: self, records, has_located, has_caught_up }
    }

    async fn locate<C: Client>(&mut self, client: &C) -> Result<Vec<Record>, ClientError> {
        let (start, end) = client.bounds(self.topic, self.partition).await?;
        let next = match self.begin {
            Begin::AtStart => start,
            Begin::AtEnd => end,
        };
        self.next = Some(next);
        self.end = end;
        self.is_caught_up = next >= end;
        Ok(Vec::new())
    }

    async fn read<C: Client>(
        &mut self,
        client: &C,
        next: Offset,
    ) -> Result<Vec<Record>, ClientError> {
        // The last offsets may belong to no record, so an empty read is an end too.
        let wait = if self.is_caught_up { POLL } else { POLL_TO_CATCH_UP };
        let until = client.now().plus(wait);
        let records = client.read(self.topic, self.partition, next, until).await?;
        let next = records.last().map_or(next, |record| record.offset.next());
        self.next = Some(next);
        self.is_caught_up |= records.is_empty() || next >= self.end;
        Ok(records)
    }

    async fn recover<C: Client>(&mut self, client: &C, error: ClientError) {
        let (topic, partition) = (self.topic, self.partition);
        if self.failures.is_multiple_of(TOLD_EVERY) {
            tracing::warn!(%topic, %partition, %error, "cannot read on");
        } else {
            tracing::debug!(%topic, %partition, %error, "still cannot read on");
        }
        if let ClientError::Gone { start, .. } = error {
            Probe::ResponsesGone.hit();
            self.next = Some(start);
        }
        let wait = BACK_OFF.saturating_mul(1 << self.failures.min(6)).min(BACK_OFF_MAX);
        self.failures += 1;
        client.sleep_until(client.now().plus(wait)).await;
    }
}

/// How long one read waits for records.
const POLL: Duration = Duration::from_secs(30);

/// How long one read waits before it takes what it has not found for the end.
const POLL_TO_CATCH_UP: Duration = Duration::from_millis(250);

/// Which of the failures that follow upon each other are told: the first, and then about one a minute.
const TOLD_EVERY: u32 = 16;

/// How long to wait after a failure; doubles with each further one.
const BACK_OFF: Duration = Duration::from_millis(100);

/// The longest wait after a failure.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);
