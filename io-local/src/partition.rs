//! One partition of the log, as far as memory has it.

use std::collections::VecDeque;

use bytes::Bytes;
use tidelog_core::{Offset, Timestamp, TraceContext, port::Record};

use crate::{batch::bytes_of, waiters::Waiters};

/// A partition: where it begins and ends, and its newest records.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// The first offset that retention has left.
    pub(crate) start: Offset,
    /// The offset of the next record.
    next: Offset,
    /// The offset after the last durable record: the high watermark for readers outside.
    durable: Offset,
    /// The offset after the last record that the writer has taken.
    taken: Offset,
    /// The records from some offset at or before `durable` up to `next`, without gaps.
    tail: VecDeque<Record>,
    /// The bytes of the durable records in the tail.
    tail_durable_bytes: usize,
    /// Which segments have durable records of it, with the first offset in each.
    pub(crate) segments: Vec<(Offset, u32)>,
    /// Whose sessions read it, by their numbers.
    pub(crate) readers: Vec<u64>,
    /// Readers outside that wait for a durable record.
    pub(crate) waiting: Waiters,
}

impl Partition {
    /// A partition as the database has it.
    pub(crate) fn new(start: Offset, next: Offset, segments: Vec<(Offset, u32)>) -> Self {
        let next = next.max(start);
        Self { start, next, durable: next, taken: next, segments, ..Self::default() }
    }

    /// The segments in which the records from `from` on stand, a few of them, oldest first.
    pub(crate) fn segments_from(&self, from: Offset) -> Vec<u32> {
        const SEGMENTS_MAX: usize = 8;
        let after = self.segments.partition_point(|(first, _)| *first <= from);
        let segments = self.segments[after.saturating_sub(1)..].iter().take(SEGMENTS_MAX);
        segments.map(|(_, segment)| *segment).collect()
    }

    /// Appends a record, and says where.
    pub(crate) fn append(
        &mut self,
        time: Timestamp,
        (key, payload): (Bytes, Bytes),
        trace: Option<TraceContext>,
    ) -> Offset {
        let offset = self.next;
        self.tail.push_back(Record { offset, time, key, payload, trace });
        self.next = offset.next();
        offset
    }

    /// The offset after the last record.
    pub(crate) fn next(&self) -> Offset {
        self.next
    }

    /// The offset after the last durable record.
    pub(crate) fn durable(&self) -> Offset {
        self.durable
    }

    /// Whether there are records that the writer has not taken yet.
    pub(crate) fn has_untaken(&self) -> bool {
        self.taken < self.next
    }

    /// The records that the writer has not taken yet, which are taken now.
    pub(crate) fn take(&mut self) -> Vec<Record> {
        let records = self.from(self.taken, self.next).cloned().collect();
        self.taken = self.next;
        records
    }

    /// Says that what the writer took up to `end` is durable now, and keeps as much of it as fits.
    pub(crate) fn made_durable(&mut self, end: Offset, tail_bytes: usize) {
        assert!(self.durable <= end && end <= self.taken, "what is durable was taken before");
        let bytes: usize = self.from(self.durable, end).map(bytes_of).sum();
        self.tail_durable_bytes += bytes;
        self.durable = end;
        while self.tail_durable_bytes > tail_bytes
            && let Some(oldest) = self.tail.front()
            && oldest.offset < self.durable
        {
            self.tail_durable_bytes -= bytes_of(oldest);
            self.tail.pop_front();
        }
    }

    /// The records from `from` on, before `end`, up to a number and a size (but one at least), if
    /// the tail reaches back that far.
    pub(crate) fn read(
        &self,
        from: Offset,
        end: Offset,
        records_max: usize,
        bytes_max: usize,
    ) -> Option<Vec<Record>> {
        let first = self.tail.front().map_or(self.next, |record| record.offset);
        if from < first {
            return None;
        }
        let mut bytes = 0;
        let records = self
            .from(from, end)
            .take(records_max)
            .take_while(|record| {
                let goes_in = bytes == 0 || bytes + bytes_of(record) <= bytes_max;
                bytes += bytes_of(record);
                goes_in
            })
            .cloned()
            .collect();
        Some(records)
    }

    /// The records of the tail from `from` on, before `end`.
    fn from(&self, from: Offset, end: Offset) -> impl Iterator<Item = &Record> {
        let first = self.tail.front().map_or(self.next.0, |record| record.offset.0);
        let at = |offset: Offset| {
            let index = usize::try_from(offset.0.saturating_sub(first)).unwrap_or(usize::MAX);
            index.min(self.tail.len())
        };
        self.tail.range(at(from)..at(end).max(at(from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(partition: &mut Partition, payload: &[u8]) {
        let payload = Bytes::copy_from_slice(payload);
        partition.append(Timestamp::ZERO, (Bytes::new(), payload), None);
    }

    #[test]
    fn the_tail_keeps_what_is_not_durable_and_a_little_more() {
        let mut partition = Partition::new(Offset(0), Offset(10), Vec::new());
        for n in 0..6u8 {
            append(&mut partition, &[n]);
        }
        assert_eq!(partition.take().len(), 6);
        append(&mut partition, &[6]);
        partition.made_durable(Offset(16), 2 * 17);
        assert_eq!(partition.durable(), Offset(16));
        assert_eq!(partition.next(), Offset(17));
        let offsets = |from, end| {
            let records = partition.read(Offset(from), Offset(end), 10, 1_000)?;
            Some(records.iter().map(|record| record.offset.0).collect::<Vec<_>>())
        };
        assert_eq!(offsets(13, 17), None);
        assert_eq!(offsets(14, 16), Some(vec![14, 15]));
        assert_eq!(offsets(14, 17), Some(vec![14, 15, 16]));
        assert_eq!(offsets(17, 17), Some(vec![]));
    }

    #[test]
    fn the_segment_of_an_offset_is_the_last_one_that_begins_at_or_before_it() {
        let segments = vec![(Offset(0), 3), (Offset(10), 4), (Offset(20), 7)];
        let partition = Partition::new(Offset(0), Offset(30), segments);
        assert_eq!(partition.segments_from(Offset(0)), [3, 4, 7]);
        assert_eq!(partition.segments_from(Offset(9)), [3, 4, 7]);
        assert_eq!(partition.segments_from(Offset(10)), [4, 7]);
        assert_eq!(partition.segments_from(Offset(25)), [7]);
    }

    #[test]
    fn a_read_gives_one_record_however_large() {
        let mut partition = Partition::new(Offset(0), Offset(0), Vec::new());
        for _ in 0..3 {
            append(&mut partition, &[0; 100]);
        }
        let read = |bytes| partition.read(Offset(0), Offset(3), 10, bytes).map(|r| r.len());
        assert_eq!(read(1), Some(1));
        assert_eq!(read(300), Some(2));
        assert_eq!(read(1_000), Some(3));
    }
}
