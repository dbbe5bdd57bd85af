//! The side of the drivers: appending, reading, waiting.

use std::future::ready;

use futures_util::future::join;
use tidelog_core::{
    Effects, Headers, Offset, Outgoing, PartitionId, Topic, TraceContext,
    message::{Message, SchemaUpdate},
    port::{Append, Client, Session, TaskCommit, Transport},
    topic::murmur2,
    trace::TRACE_BYTES,
};

use crate::{
    Backend, Fresh,
    harness::{
        GLANCE, INPUTS, Member, OUTPUTS, PATIENCE, SORTER, append, layout, payloads, read_from,
        record, send, texts,
    },
};

const PLACE: (Topic, PartitionId) = (INPUTS[0], PartitionId(0));

/// Everybody sees the layout that the log was made with.
pub fn the_layout_is_the_one_asked_for<B: Backend>(fresh: Fresh<'_, B>) {
    for partitions in [1, 6] {
        let backend = fresh(layout(partitions));
        backend.block_on(async {
            assert_eq!(backend.client().layout(), layout(partitions));
            let session = backend.transport().join(&SORTER).await.expect("joining");
            assert_eq!(session.layout(), layout(partitions));
        });
    }
}

/// Law 7: the same key goes to the same partition in every backend, and for outsiders.
pub fn the_same_key_goes_to_the_same_partition_as_on_kafka<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(7));
    backend.block_on(ready(()));
    let layout = backend.client().layout();
    // Vectors of Apache Kafka's own test of its murmur2.
    let vectors = [
        ("21", 0xc5f2_e1ec_u32),
        ("foobar", 0xd0e1_0ca6),
        ("a-little-bit-long-string", 0xc53b_2b8e),
        ("a-little-bit-longer-string", 0xa766_bf83),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 0xfc7d_4c25),
        ("abc", 0x1c94_221b),
    ];
    for (key, _) in vectors {
        let partition = (murmur2(key.as_bytes()) & 0x7fff_ffff) % 7;
        assert_eq!(layout.partition(key), PartitionId(partition), "{key}");
        let database = key.parse().expect("a database");
        let name = "app:0:1:0".parse::<tidelog_core::RequestId>().expect("a request").name;
        let zero = tidelog_core::Timestamp::ZERO;
        let revision = tidelog_core::Revision(1);
        let update = SchemaUpdate { database, revision, created: zero, request: name, time: zero };
        let mut effects = Effects::new(layout);
        effects.send(&Message::SchemaUpdate(update));
        let destination = effects.sends()[0].destination;
        assert_eq!(destination, tidelog_core::Destination::Partition(PartitionId(partition)));
    }
}

/// The outcomes of an append come in the order of its records, and the offsets tell where they are.
pub fn outcomes_come_in_the_order_of_the_records<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(3));
    backend.block_on(async {
        let client = backend.client();
        assert_eq!(append(&client, Vec::new()).await, []);
        for round in 0..4 {
            let records = (0..30u32).map(|n| {
                let (topic, partition) = (INPUTS[(n / 3 % 2) as usize], PartitionId(n % 3));
                record(topic, partition, "k", format!("{round}/{n}"))
            });
            let records: Vec<_> = records.collect();
            let offsets = append(&client, records.clone()).await;
            assert_eq!(offsets.len(), records.len());
            for (record, offset) in records.into_iter().zip(offsets) {
                let place = (record.topic, record.partition);
                let deadline = client.now().plus(PATIENCE);
                let found = client.read(place.0, place.1, offset, deadline).await.expect("a read");
                let found = found.first().map(|it| (it.offset, it.payload.clone()));
                assert_eq!(found, Some((offset, record.payload)));
            }
        }
    });
}

/// Appending begins with the call, so calls in order append in order, however they are waited for.
pub fn appends_called_in_order_are_appended_in_order<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let numbered = |n: u32| vec![record(PLACE.0, PLACE.1, "k", format!("{n}"))];
        let mut appends: Vec<_> = (0..50).map(|n| client.append(numbered(n))).collect();
        while let Some(last) = appends.pop() {
            assert_eq!(last.await.len(), 1);
        }
        let expected: Vec<_> = (0..50).map(|n: u32| n.to_string()).collect();
        assert_eq!(payloads(&client, PLACE.0, PLACE.1, 50).await, expected);
    });
}

/// The bounds of a partition are its first offset and the one after its last.
pub fn bounds_frame_what_is_there<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(2));
    backend.block_on(async {
        let client = backend.client();
        let bounds = client.bounds(PLACE.0, PLACE.1).await;
        assert_eq!(bounds, Ok((Offset(0), Offset(0))), "of an empty partition");
        let records = (0..10).map(|n| record(PLACE.0, PLACE.1, "k", format!("{n}")));
        let offsets = append(&client, records.collect()).await;
        let (start, end) = client.bounds(PLACE.0, PLACE.1).await.expect("bounds");
        assert_eq!((start, end), (offsets[0], offsets[9].next()));
        let other = client.bounds(PLACE.0, PartitionId(1)).await;
        assert_eq!(other, Ok((Offset(0), Offset(0))), "of another partition");
        let other = client.bounds(OUTPUTS[0], PLACE.1).await;
        assert_eq!(other, Ok((Offset(0), Offset(0))), "of another topic");
    });
}

/// A read of nothing ends at its deadline, not before, and at once if that is over.
pub fn a_read_ends_at_its_deadline_with_nothing<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let last = append(&client, vec![record(PLACE.0, PLACE.1, "k", "v")]).await[0];
        for until in [client.now().plus(GLANCE), client.now()] {
            let found = client.read(PLACE.0, PLACE.1, last.next(), until).await;
            assert_eq!(found, Ok(Vec::new()));
            assert!(client.now() >= until, "the read ended before its time");
        }
    });
}

/// A read that waits is woken by the record that it waits for, appended or committed.
pub fn a_read_wakes_when_a_record_comes<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let until = client.now().plus(PATIENCE);
        for n in 0..3 {
            let text = format!("{n}");
            let (_, next) = client.bounds(PLACE.0, PLACE.1).await.expect("bounds");
            let read = client.read(PLACE.0, PLACE.1, next, until);
            let append = append(&client, vec![record(PLACE.0, PLACE.1, "k", &text)]);
            let (found, _) = join(read, append).await;
            assert_eq!(texts(found.expect("a read").iter()), [text]);
        }
        assert!(client.now() < until, "the read ended at its deadline");
    });
}

/// A read can begin at any record, and gives that one first.
pub fn reading_can_begin_anywhere<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let records = (0..100).map(|n| record(PLACE.0, PLACE.1, "k", format!("{n}")));
        let offsets = append(&client, records.collect()).await;
        for (n, offset) in offsets.into_iter().enumerate() {
            let found = read_from(&client, PLACE, offset, 100 - n).await;
            assert_eq!(found[0].offset, offset);
            let expected: Vec<_> = (n..100).map(|n| n.to_string()).collect();
            assert_eq!(texts(found.iter()), expected);
        }
    });
}

/// Many batches give every record once, in order.
pub fn ten_thousand_records_are_read_once_in_order<B: Backend>(fresh: Fresh<'_, B>) {
    const RECORDS: usize = 10_000;
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let records = |first| {
            (first..first + 500).map(|n| record(PLACE.0, PLACE.1, format!("{n}"), format!("{n}")))
        };
        let appends =
            (0..RECORDS).step_by(500).map(|first| client.append(records(first).collect()));
        for append in appends.collect::<Vec<_>>() {
            append.await;
        }
        let found = read_from(&client, PLACE, Offset(0), RECORDS).await;
        for (n, record) in found.into_iter().enumerate() {
            let text = format!("{n}");
            assert_eq!((&record.key[..], &record.payload[..]), (text.as_bytes(), text.as_bytes()));
        }
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.read(RECORDS).await;
        let seen = member.tasks[&PLACE.1].seen.iter().map(|(_, record)| record);
        assert!(texts(seen).into_iter().eq((0..RECORDS).map(|n| n.to_string())));
    });
}

/// Keys and payloads are bytes, of which the log thinks nothing.
pub fn keys_and_payloads_of_any_bytes_come_back<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let all: Vec<u8> = (0..=255).collect();
        let cases: [(&[u8], &[u8]); 5] =
            [(b"", b""), (b"k", b""), (b"", b"v"), (b"\0", b"\xff\0"), (&all, &all)];
        let records = cases.map(|(key, payload)| record(PLACE.0, PLACE.1, key, payload));
        append(&client, records.into()).await;
        let found = read_from(&client, PLACE, Offset(0), cases.len()).await;
        let found: Vec<_> = found.iter().map(|it| (&it.key[..], &it.payload[..])).collect();
        assert_eq!(found, cases);
    });
}

/// What is appended and what is sent belongs to the trace that it was given, and to none where it was
/// given none.
pub fn records_belong_to_the_trace_that_they_were_given<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        let trace =
            |n: u8| (!n.is_multiple_of(3)).then(|| TraceContext::from_bytes([n; TRACE_BYTES]));
        let headers = |n| Headers { request: None, trace: trace(n) };
        let appended =
            (1..10).map(|n| Append { headers: headers(n), ..record(PLACE.0, PLACE.1, "k", [n]) });
        append(&client, appended.collect()).await;
        let mut member = Member::join_all(&backend.transport(), &SORTER).await;
        member.read(9).await;
        let seen = member.tasks[&PLACE.1].seen.iter().map(|(_, record)| record.clone());
        let seen: Vec<_> = seen.collect();
        let sent = (1..10)
            .map(|n| Outgoing { headers: headers(n), ..send(OUTPUTS[0], PLACE.1, "k", [n]) });
        let work = TaskCommit { sends: sent.collect(), ..member.work(PLACE.1) };
        member.committed(vec![work]).await;
        let read = read_from(&client, PLACE, Offset(0), 9).await;
        let sent = read_from(&client, (OUTPUTS[0], PLACE.1), Offset(0), 9).await;
        for record in [seen, read, sent].concat() {
            assert_eq!(record.trace, trace(record.payload[0]), "of {}", record.payload[0]);
        }
    });
}

/// Sleeping ends when it should, and not before.
pub fn sleeping_ends_when_it_should<B: Backend>(fresh: Fresh<'_, B>) {
    let backend = fresh(layout(1));
    backend.block_on(async {
        let client = backend.client();
        for until in [client.now().plus(GLANCE), client.now()] {
            client.sleep_until(until).await;
            assert!(client.now() >= until, "the sleep ended before its time");
        }
    });
}
