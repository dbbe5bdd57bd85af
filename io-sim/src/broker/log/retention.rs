//! The beginning of the log comes off: old segments, and what `DeleteRecords` says.

use super::{Log, segments::Segment};
use crate::wire::{CleanupPolicy, Offset, Timestamp, TopicConfig};

impl Log {
    /// Removes segments that are too old by the clock, as far as all in-sync replicas have them. The
    /// active one is closed first if it is too old itself.
    pub fn retain(&mut self, now: Timestamp, high_watermark: Offset, config: &TopicConfig) {
        let by_time = match config.cleanup_policy {
            CleanupPolicy::Delete | CleanupPolicy::CompactAndDelete => config.retention_ms,
            CleanupPolicy::Compact => None,
        };
        if let Some(retention_ms) = by_time {
            let is_old = |latest: Timestamp| now.0.saturating_sub(latest.0) > retention_ms;
            if is_old(self.segments.active().latest) {
                self.roll();
            }
            let goes = |(segment, next): &(&Segment, Offset)| {
                is_old(segment.latest) && *next <= high_watermark
            };
            let start = self.segments.closed().take_while(goes).last().map(|(_, next)| next);
            self.move_start(start.unwrap_or(self.start));
        }
        self.drop_before_start();
    }

    /// The log starts there now, if it started before. Segments wholly before it go.
    pub fn move_start(&mut self, start: Offset) {
        if start <= self.start {
            return;
        }
        assert!(start <= self.end, "a log starts within itself");
        self.start = start;
        self.cleaned = self.cleaned.max(start);
        self.epochs.truncate_start(start);
        self.aborted.truncate_start(start);
        self.producers.truncate_start(start);
        self.drop_before_start();
    }

    fn drop_before_start(&mut self) {
        while let Some(next) = self.segments.second_base()
            && next <= self.start
        {
            self.segments.drop_first();
            let gone = self.index_of(next);
            self.entries.drain(..gone);
        }
    }
}
