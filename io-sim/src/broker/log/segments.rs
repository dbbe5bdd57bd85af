//! The segments that a log is kept in: what is deleted and compacted as a whole.

use std::collections::VecDeque;

use crate::{
    broker::producers::Producers,
    wire::{Batch, Offset, Timestamp, TopicConfig},
};

/// The segments of a log. There is always an active one, the last.
#[derive(Clone, Debug)]
pub(super) struct Segments(VecDeque<Segment>);

/// A segment.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Its records have this offset or a later one.
    pub(super) base: Offset,
    bytes: usize,
    first: Option<Timestamp>,
    /// The latest time in it.
    pub(super) latest: Timestamp,
    /// The producers as they were when it was begun: what a restart or a truncation begins with.
    pub(super) producers: Producers,
}

impl Segments {
    pub(super) fn new(base: Offset, producers: Producers) -> Self {
        Self([Segment::new(base, producers)].into())
    }

    pub(super) fn active(&self) -> &Segment {
        self.0.back().expect("a log has an active segment")
    }

    pub(super) fn active_mut(&mut self) -> &mut Segment {
        self.0.back_mut().expect("a log has an active segment")
    }

    /// Begins the next segment.
    pub(super) fn roll(&mut self, base: Offset, producers: Producers) {
        self.0.push_back(Segment::new(base, producers));
    }

    /// The segments that are not active, the earliest first, each with where the next one begins.
    pub(super) fn closed(&self) -> impl Iterator<Item = (&Segment, Offset)> {
        self.0.iter().zip(self.0.iter().skip(1).map(|next| next.base))
    }

    /// Where the segment after the earliest begins, if there is one.
    pub(super) fn second_base(&self) -> Option<Offset> {
        Some(self.0.get(1)?.base)
    }

    /// Removes the earliest segment.
    pub(super) fn drop_first(&mut self) {
        self.0.pop_front();
        assert!(!self.0.is_empty(), "the active segment stays");
    }

    /// Removes what begins after `end`; the segment that holds it becomes the active one.
    pub(super) fn truncate_end(&mut self, end: Offset) {
        while self.0.len() > 1 && self.active().base > end {
            self.0.pop_back();
        }
    }

    /// Which segment holds that offset.
    pub(super) fn holding(&self, offset: Offset) -> &Segment {
        let after = self.0.partition_point(|segment| segment.base <= offset);
        &self.0[after.saturating_sub(1)]
    }

    /// The largest segment start that is not after `offset`: a boundary for the cleaner.
    pub(super) fn boundary(&self, offset: Offset) -> Offset {
        self.holding(offset).base
    }
}

impl Segment {
    fn new(base: Offset, producers: Producers) -> Self {
        Self { base, bytes: 0, first: None, latest: Timestamp::default(), producers }
    }

    /// Whether that batch must go to a new one.
    pub(super) fn is_full(&self, batch: &Batch, config: &TopicConfig) -> bool {
        let Some(first) = self.first else { return false };
        self.bytes + batch.size() > config.segment_bytes
            || batch.timestamp.0.saturating_sub(first.0) > config.segment_ms
    }

    pub(super) fn add(&mut self, batch: &Batch) {
        self.bytes += batch.size();
        self.first.get_or_insert(batch.timestamp);
        self.latest = self.latest.max(batch.timestamp);
    }

    /// Begins counting anew: its batches are added again.
    pub(super) fn reset(&mut self) {
        (self.bytes, self.first, self.latest) = (0, None, Timestamp::default());
    }
}
