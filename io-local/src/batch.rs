//! How records are packed: those of one partition in one value, as in Kafka's record batches. The
//! database then has one item for many records, and a group of commits costs one item a partition.
//!
//! Format: version, count (u32), offset of the first record (u64), and for each record its append
//! time (u64), the lengths of key and payload (u32 each), key, payload. All little-endian. The
//! offsets of a batch have no gaps.

use bytes::{BufMut, Bytes, BytesMut};
use tidelog_core::{Offset, Timestamp, port::Record};

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 4 + 8;
const RECORD_HEAD_BYTES: usize = 8 + 4 + 4;

/// Packs records of one partition whose offsets rise by one.
pub(crate) fn pack(records: &[Record]) -> Bytes {
    let first = records.first().map_or(0, |record| record.offset.0);
    let bytes = records.iter().map(bytes_of).sum::<usize>() + HEAD_BYTES;
    let mut packed = BytesMut::with_capacity(bytes);
    packed.put_u8(VERSION);
    packed.put_u32_le(length(records.len()));
    packed.put_u64_le(first);
    for (offset, record) in (first..).zip(records) {
        assert_eq!(record.offset.0, offset, "the offsets of a batch rise by one");
        packed.put_u64_le(record.time.as_millis());
        packed.put_u32_le(length(record.key.len()));
        packed.put_u32_le(length(record.payload.len()));
        packed.put_slice(&record.key);
        packed.put_slice(&record.payload);
    }
    packed.freeze()
}

/// How many bytes a record takes in a batch.
pub(crate) fn bytes_of(record: &Record) -> usize {
    RECORD_HEAD_BYTES + record.key.len() + record.payload.len()
}

/// Unpacks a batch, sharing its bytes; `None` if it is damaged.
pub(crate) fn unpack(packed: &Bytes) -> Option<Vec<Record>> {
    let mut reader = Reader { bytes: packed, at: 0 };
    if reader.take::<1>()? != [VERSION] {
        return None;
    }
    let count = u32::from_le_bytes(reader.take()?);
    let first = u64::from_le_bytes(reader.take()?);
    let mut records = Vec::with_capacity(count.min(4_096) as usize);
    for n in 0..u64::from(count) {
        let time = Timestamp::from_millis(u64::from_le_bytes(reader.take()?));
        let key = u32::from_le_bytes(reader.take()?);
        let payload = u32::from_le_bytes(reader.take()?);
        let offset = Offset(first.checked_add(n)?);
        let key = reader.slice(key)?;
        let payload = reader.slice(payload)?;
        records.push(Record { offset, time, key, payload });
    }
    (reader.at == packed.len()).then_some(records)
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*bytes)
    }

    fn slice(&mut self, length: u32) -> Option<Bytes> {
        let end = self.at.checked_add(length as usize)?;
        if end > self.bytes.len() {
            return None;
        }
        let slice = self.bytes.slice(self.at..end);
        self.at = end;
        Some(slice)
    }
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("records and batches are far below 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(
            first in 0u64..1_000,
            records in proptest::collection::vec(
                (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..9),
                 proptest::collection::vec(any::<u8>(), 0..40)),
                0..20,
            ),
        ) {
            let records: Vec<_> = (first..).zip(records).map(|(offset, (time, key, payload))| Record {
                offset: Offset(offset),
                time: Timestamp::from_millis(time),
                key: key.into(),
                payload: payload.into(),
            }).collect();
            prop_assert_eq!(unpack(&pack(&records)), Some(records));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack(&Bytes::from(bytes));
        }
    }

    #[test]
    fn the_format_is_pinned() {
        let record = Record {
            offset: Offset(258),
            time: Timestamp::from_millis(3),
            key: Bytes::from_static(b"k"),
            payload: Bytes::from_static(b"pp"),
        };
        let expected =
            b"\x01\x01\0\0\0\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0kpp";
        assert_eq!(&pack(&[record])[..], expected);
    }
}
