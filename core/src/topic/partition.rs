//! Which partition a key belongs to: the same in every backend, and for outsiders.

use serde::{Deserialize, Serialize};

use crate::{id::PartitionId, limits::PARTITIONS_MAX};

/// How many partitions the topics have. Fixed for the life of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    partitions: u32,
}

impl Layout {
    /// A layout of that many partitions for each topic, or `None` if there are none or too many.
    #[must_use]
    pub const fn new(partitions: u32) -> Option<Self> {
        if partitions == 0 || partitions > PARTITIONS_MAX {
            return None;
        }
        Some(Self { partitions })
    }

    /// How many partitions each topic has.
    #[must_use]
    pub const fn partitions(self) -> u32 {
        self.partitions
    }

    /// Every partition.
    pub fn all(self) -> impl Iterator<Item = PartitionId> + Clone {
        (0..self.partitions).map(PartitionId)
    }

    /// The partition of a key, as Kafka's default partitioner has it: the positive part of murmur2
    /// modulo the number of partitions.
    #[must_use]
    pub fn partition(self, key: &str) -> PartitionId {
        PartitionId((murmur2(key.as_bytes()) & 0x7fff_ffff) % self.partitions)
    }
}

/// Murmur2 with the seed and the byte order of Kafka's `Utils.murmur2`.
#[must_use]
pub fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Kafka mixes the length in as a 32-bit integer; a key is never that long.
    #[expect(clippy::cast_possible_truncation, reason = "as Kafka does")]
    let mut hash = SEED ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (shift, byte) in (0..).step_by(8).zip(rest) {
            hash ^= u32::from(*byte) << shift;
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of `UtilsTest.testMurmur2` in Apache Kafka.
    #[test]
    fn murmur2_gives_what_kafka_gives() {
        let vectors: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, expected) in vectors {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
        }
    }

    #[test]
    fn every_key_has_a_partition_of_the_layout() {
        let layout = Layout::new(7).expect("seven partitions");
        for n in 0..1_000 {
            assert!(layout.partition(&format!("shop/orders/eu/{n}")).0 < 7);
        }
        assert_eq!(Layout::new(0), None);
        assert_eq!(Layout::new(PARTITIONS_MAX + 1), None);
    }
}
