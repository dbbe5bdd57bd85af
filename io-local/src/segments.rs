//! Segments: how the log's batches are laid out in the database.
//!
//! A batch's key begins with the number of its segment, and a segment ends where the database begins
//! a new memtable. So the tables of the database follow one another, as the segments of a log do:
//! compaction has nothing to merge, and moves them as they are. Topics that are kept equally long
//! share segments, so that old records go by whole tables. What stands where is a small directory: a
//! row for each segment that is over; what is in the last ones is read from them on opening.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tidelog_core::{Offset, PartitionId, Retention, Timestamp, Topic, message::encode_row};

use crate::keys;

/// What topics whose records go together have in common: how long they are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Short,
    Medium,
    Long,
}

impl Class {
    pub(crate) const ALL: [Self; 3] = [Self::Short, Self::Medium, Self::Long];

    /// The class of a topic. Compacted topics have none: their records are rows.
    pub(crate) fn of(topic: Topic) -> Option<Self> {
        match topic.retention() {
            Retention::Short => Some(Self::Short),
            Retention::Medium => Some(Self::Medium),
            Retention::Long => Some(Self::Long),
            Retention::Compacted => None,
        }
    }

    /// The name of its keyspace.
    pub(crate) fn keyspace(self) -> &'static str {
        match self {
            Self::Short => "records-short",
            Self::Medium => "records-medium",
            Self::Long => "records-long",
        }
    }

    /// A number that never changes, for keys.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

/// Which records a segment has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    pub(crate) number: u32,
    /// The newest append time.
    pub(crate) newest: Timestamp,
    /// The first and the last offset of each partition.
    pub(crate) ranges: BTreeMap<(Topic, PartitionId), (Offset, Offset)>,
}

impl Segment {
    pub(crate) fn new(number: u32) -> Self {
        Self { number, ..Self::default() }
    }

    /// Takes in records; says whether they are the partition's first ones in this segment.
    pub(crate) fn add(
        &mut self,
        topic: Topic,
        partition: PartitionId,
        (first, last): (Offset, Offset),
        newest: Timestamp,
    ) -> bool {
        self.newest = self.newest.max(newest);
        let mut is_first = false;
        let range = self.ranges.entry((topic, partition)).or_insert_with(|| {
            is_first = true;
            (first, last)
        });
        range.1 = last;
        is_first
    }
}

/// The segments of a class.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) class: Class,
    /// Those that are over and still there, oldest first.
    pub(crate) closed: VecDeque<Segment>,
    /// The one that is written.
    pub(crate) open: Segment,
    /// The bytes of its records.
    pub(crate) bytes: usize,
}

impl Chain {
    /// Goes on after some segments.
    pub(crate) fn new(class: Class, closed: VecDeque<Segment>) -> Self {
        let number = closed.back().map_or(0, |last| last.number + 1);
        Self { class, closed, open: Segment::new(number), bytes: 0 }
    }

    /// Ends the segment that is written; gives its row of the directory.
    pub(crate) fn close(&mut self) -> ([u8; 7], Bytes) {
        let next = Segment::new(self.open.number + 1);
        let closed = std::mem::replace(&mut self.open, next);
        self.bytes = 0;
        let row = (keys::segment(self.class, closed.number), encode_row(&closed));
        self.closed.push_back(closed);
        row
    }
}
