//! The records of a request, and their keys.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::options::{LogKey, Options};

/// The topics of the log.
pub const TOPICS: [&str; 3] = ["requests", "updates", "responses"];

/// What a thin response carries instead of the document.
const THIN: [u8; 60] = [b'r'; 60];

/// Numbers log records and makes their keys.
#[derive(Debug)]
pub struct Numbering {
    layout: LogKey,
    partitions: u16,
    offsets: Vec<u64>,
    segment: u32,
    segment_bytes: u64,
    segment_limit: u64,
}

impl Numbering {
    /// Starts after `segment`, which no earlier run may have used.
    #[must_use]
    pub fn new(options: &Options, segment: u32) -> Self {
        Self {
            layout: options.log_key,
            partitions: options.partitions,
            offsets: vec![u64::from(segment) << 32; TOPICS.len() * usize::from(options.partitions)],
            segment,
            segment_bytes: 0,
            segment_limit: options.segment_kib * 1_024,
        }
    }

    /// The partition of an id.
    #[must_use]
    pub fn partition(&self, id: &str) -> u16 {
        let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        u16::try_from(hash % u64::from(self.partitions)).unwrap_or(0)
    }

    /// Takes `n` offsets in a topic's partition, giving the first.
    pub fn take(&mut self, topic: usize, partition: u16, n: u64) -> u64 {
        let slot = topic * usize::from(self.partitions) + usize::from(partition);
        let first = self.offsets[slot];
        self.offsets[slot] += n;
        first
    }

    /// The key of a log record.
    #[must_use]
    pub fn key(&self, topic: usize, partition: u16, offset: u64) -> Bytes {
        let mut key = BytesMut::with_capacity(32);
        if self.layout == LogKey::Segment {
            key.put_u32(self.segment);
        }
        key.put_slice(b"log/");
        key.put_slice(TOPICS[topic].as_bytes());
        key.put_u8(0);
        key.put_u16(partition);
        key.put_u64(offset);
        key.freeze()
    }

    /// Counts bytes into the current segment; true when it is full, and the next one begins.
    pub fn fill(&mut self, bytes: u64) -> bool {
        self.segment_bytes += bytes;
        let full = self.layout == LogKey::Segment && self.segment_bytes >= self.segment_limit;
        if full {
            self.segment += 1;
            self.segment_bytes = 0;
        }
        full
    }
}

/// The value of a topic's record for a document.
#[must_use]
pub fn value(topic: usize, doc: &Bytes, thin: bool) -> Bytes {
    if thin && topic == 2 { Bytes::from_static(&THIN) } else { doc.clone() }
}

/// The key of a partition's position: rows like these are overwritten.
#[must_use]
pub fn position_key(partition: u16) -> Bytes {
    Bytes::from(format!("position/{partition:04}"))
}
