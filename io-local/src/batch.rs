//! How records are packed: those of one partition in one value, as in Kafka's record batches. The
//! database then has one item for many records, and a group of commits costs one item a partition.
//!
//! Format: version, count (u32), offset of the first record (u64), and for each record its append
//! time (u64), the lengths of key and payload (u32 each), key, payload. All little-endian. The
//! offsets of a batch have no gaps.
//!
//! A batch in which some record belongs to a trace is of version 2: where the highest bit of the key's
//! length is set, the record's trace context stands behind its payload.

use bytes::{BufMut, Bytes, BytesMut};
use tidelog_core::{Offset, Timestamp, TraceContext, port::Record, trace::TRACE_BYTES};

const VERSION: u8 = 1;
const VERSION_WITH_TRACES: u8 = 2;
const HAS_TRACE: u32 = 1 << 31;
const HEAD_BYTES: usize = 1 + 4 + 8;
const RECORD_HEAD_BYTES: usize = 8 + 4 + 4;

/// Packs records of one partition whose offsets rise by one.
pub(crate) fn pack(records: &[Record]) -> Bytes {
    let first = records.first().map_or(0, |record| record.offset.0);
    let bytes = records.iter().map(bytes_of).sum::<usize>() + HEAD_BYTES;
    let mut packed = BytesMut::with_capacity(bytes);
    let has_traces = records.iter().any(|record| record.trace.is_some());
    packed.put_u8(if has_traces { VERSION_WITH_TRACES } else { VERSION });
    packed.put_u32_le(length(records.len()));
    packed.put_u64_le(first);
    for (offset, record) in (first..).zip(records) {
        assert_eq!(record.offset.0, offset, "the offsets of a batch rise by one");
        packed.put_u64_le(record.time.as_millis());
        let has_trace = if record.trace.is_some() { HAS_TRACE } else { 0 };
        packed.put_u32_le(length(record.key.len()) | has_trace);
        packed.put_u32_le(length(record.payload.len()));
        packed.put_slice(&record.key);
        packed.put_slice(&record.payload);
        if let Some(trace) = record.trace {
            packed.put_slice(&trace.to_bytes());
        }
    }
    packed.freeze()
}

/// How many bytes a record takes in a batch.
pub(crate) fn bytes_of(record: &Record) -> usize {
    let trace = if record.trace.is_some() { TRACE_BYTES } else { 0 };
    RECORD_HEAD_BYTES + record.key.len() + record.payload.len() + trace
}

/// Unpacks a batch, sharing its bytes; `None` if it is damaged.
pub(crate) fn unpack(packed: &Bytes) -> Option<Vec<Record>> {
    let mut reader = Reader { bytes: packed, at: 0 };
    let has_traces = match reader.take()? {
        [VERSION] => false,
        [VERSION_WITH_TRACES] => true,
        [_] => return None,
    };
    let count = u32::from_le_bytes(reader.take()?);
    let first = u64::from_le_bytes(reader.take()?);
    let mut records = Vec::with_capacity(count.min(4_096) as usize);
    for n in 0..u64::from(count) {
        let time = Timestamp::from_millis(u64::from_le_bytes(reader.take()?));
        let key = u32::from_le_bytes(reader.take()?);
        let payload = u32::from_le_bytes(reader.take()?);
        let offset = Offset(first.checked_add(n)?);
        let has_trace = has_traces && key & HAS_TRACE != 0;
        let key = reader.slice(if has_traces { key & !HAS_TRACE } else { key })?;
        let payload = reader.slice(payload)?;
        let trace = if has_trace { Some(TraceContext::from_bytes(reader.take()?)) } else { None };
        records.push(Record { offset, time, key, payload, trace });
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
                 proptest::collection::vec(any::<u8>(), 0..40),
                 proptest::option::weighted(0.1, any::<[u8; TRACE_BYTES]>())),
                0..20,
            ),
        ) {
            let record = |(offset, (time, key, payload, trace)): (u64, (u64, Vec<u8>, Vec<u8>, _))| Record {
                offset: Offset(offset),
                time: Timestamp::from_millis(time),
                key: key.into(),
                payload: payload.into(),
                trace: Option::map(trace, TraceContext::from_bytes),
            };
            let records: Vec<_> = (first..).zip(records).map(record).collect();
            let bytes: usize = records.iter().map(bytes_of).sum();
            prop_assert_eq!(pack(&records).len(), HEAD_BYTES + bytes);
            prop_assert_eq!(unpack(&pack(&records)), Some(records));
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = unpack(&Bytes::from(bytes));
        }
    }

    fn record(trace: Option<TraceContext>) -> Record {
        Record {
            offset: Offset(258),
            time: Timestamp::from_millis(3),
            key: Bytes::from_static(b"k"),
            payload: Bytes::from_static(b"pp"),
            trace,
        }
    }

    #[test]
    fn the_format_is_pinned() {
        let expected =
            b"\x01\x01\0\0\0\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0kpp";
        assert_eq!(&pack(&[record(None)])[..], expected);
    }

    #[test]
    fn the_format_with_traces_is_pinned() {
        let plain = Record { offset: Offset(259), ..record(None) };
        let traced = record(Some(TraceContext::from_bytes([7; TRACE_BYTES])));
        let head = b"\x02\x02\0\0\0\x02\x01\0\0\0\0\0\0";
        let first = b"\x03\0\0\0\0\0\0\0\x01\0\0\x80\x02\0\0\0kpp";
        let second = b"\x03\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0kpp";
        let expected = [&head[..], first, &[7; TRACE_BYTES], second].concat();
        assert_eq!(pack(&[traced, plain]), expected);
    }
}
