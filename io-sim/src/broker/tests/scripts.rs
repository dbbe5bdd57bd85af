//! What a client sees of one broker.

use super::cluster::Cluster;
use crate::wire::*;

#[test]
fn what_is_produced_can_be_fetched() {
    let mut one = One::new();
    assert_eq!(one.produce(None, &["a", "b"]), Ok(Offset(0)));
    assert_eq!(one.produce(None, &["c"]), Ok(Offset(2)));
    assert_eq!(one.read(Isolation::ReadUncommitted), ["a", "b", "c"]);
}

#[test]
fn an_idempotent_producer_is_answered_twice_and_appends_once() {
    let mut one = One::new();
    let producer = one.init(None);
    let stamp = stamp(producer, 0, false);
    assert_eq!(one.produce(Some(stamp), &["a"]), Ok(Offset(0)));
    assert_eq!(one.produce(Some(stamp), &["a"]), Ok(Offset(0)));
    assert_eq!(one.read(Isolation::ReadUncommitted), ["a"]);
}

#[test]
fn every_producer_has_an_id_of_its_own() {
    let mut one = One::new();
    let ids: std::collections::BTreeSet<_> = (0..2_500).map(|_| one.init(None).id).collect();
    assert_eq!(ids.len(), 2_500);
}

#[test]
fn a_fetch_waits_for_records_and_no_longer_than_it_wants() {
    let mut one = One::new();
    let fetch = one.fetch(Offset(0), Isolation::ReadUncommitted, 200);
    let ask = one.cluster.send_to_leader(&one.at, fetch.clone()).expect("there is a leader");
    one.cluster.run_ms(100);
    assert_eq!(one.cluster.answer(ask), None);
    one.cluster.run_ms(110);
    assert!(one.cluster.answer(ask).is_some());
    let ask = one.cluster.send_to_leader(&one.at, fetch).expect("there is a leader");
    one.cluster.run_ms(100);
    assert_eq!(one.produce(None, &["a"]), Ok(Offset(0)));
    one.cluster.run_ms(10);
    let Some(Ok(Reply::Fetch(reply))) = one.cluster.answer(ask) else { panic!("no answer") };
    assert_eq!(reply.partitions[0].result.as_ref().map(|it| it.batches.len()), Ok(1));
}

#[test]
fn a_transaction_shows_when_it_is_committed() {
    let mut one = One::new();
    let producer = one.init(Some("a"));
    assert_eq!(one.produce_in("a", stamp(producer, 0, true), &["a"]), Ok(Offset(0)));
    assert_eq!(one.produce_in("a", stamp(producer, 1, true), &["b"]), Ok(Offset(1)));
    assert_eq!(one.read(Isolation::ReadUncommitted), ["a", "b"]);
    assert!(one.read(Isolation::ReadCommitted).is_empty());
    let next = one.end("a", producer, TransactionResult::Commit);
    assert!(next.epoch > producer.epoch, "KIP-890 bumps the epoch");
    one.cluster.run_ms(100);
    assert_eq!(one.read(Isolation::ReadCommitted), ["a", "b"]);
}

#[test]
fn an_aborted_transaction_never_shows() {
    let mut one = One::new();
    let producer = one.init(Some("a"));
    assert_eq!(one.produce_in("a", stamp(producer, 0, true), &["a"]), Ok(Offset(0)));
    assert_eq!(one.produce(None, &["b"]), Ok(Offset(1)));
    assert!(one.read(Isolation::ReadCommitted).is_empty(), "it stops at the open transaction");
    one.end("a", producer, TransactionResult::Abort);
    one.cluster.run_ms(100);
    assert_eq!(one.read(Isolation::ReadCommitted), ["b"]);
    assert_eq!(one.read(Isolation::ReadUncommitted), ["a", "b"]);
}

#[test]
fn a_producer_that_was_replaced_is_refused() {
    let mut one = One::new();
    let first = one.init(Some("a"));
    assert_eq!(one.produce_in("a", stamp(first, 0, true), &["a"]), Ok(Offset(0)));
    let second = one.init(Some("a"));
    assert!(second.epoch > first.epoch);
    let late = one.produce_in("a", stamp(first, 1, true), &["b"]);
    assert_eq!(late, Err(ErrorCode::InvalidProducerEpoch));
    assert!(one.read(Isolation::ReadCommitted).is_empty());
    assert_eq!(one.produce_in("a", stamp(second, 0, true), &["c"]), Ok(Offset(2)));
    one.end("a", second, TransactionResult::Commit);
    one.cluster.run_ms(100);
    assert_eq!(one.read(Isolation::ReadCommitted), ["c"]);
}

#[test]
fn a_broker_that_is_killed_comes_back_with_its_log() {
    let mut one = One::new();
    assert_eq!(one.produce(None, &["a", "b"]), Ok(Offset(0)));
    one.cluster.crash(BrokerId(1), false);
    one.cluster.run_ms(100);
    one.cluster.start(BrokerId(1));
    one.cluster.run_ms(10_000);
    assert_eq!(one.read(Isolation::ReadUncommitted), ["a", "b"]);
    assert_eq!(one.produce(None, &["c"]), Ok(Offset(2)));
}

#[test]
fn records_that_are_deleted_are_out_of_range() {
    let mut one = One::new();
    assert_eq!(one.produce(None, &["a"]), Ok(Offset(0)));
    assert_eq!(one.produce(None, &["b"]), Ok(Offset(1)));
    let partitions = vec![(one.at.clone(), Some(Offset(1)))];
    one.cluster.ask_leader(&one.at, DeleteRecordsRequest { partitions, timeout_ms: 1_000 });
    let fetch = one.fetch(Offset(0), Isolation::ReadUncommitted, 0);
    let Reply::Fetch(reply) = one.cluster.ask_leader(&one.at, fetch) else { panic!("a fetch") };
    assert_eq!(reply.partitions[0].result, Err(ErrorCode::OffsetOutOfRange));
    assert_eq!(one.list(OffsetSpec::Earliest), Ok(Some(Offset(1))));
    assert_eq!(one.list(OffsetSpec::Latest), Ok(Some(Offset(2))));
}

#[test]
fn a_topic_that_nobody_made_is_unknown() {
    let mut one = One::new();
    one.at = TopicPartition::new(&"nothing".into(), 0);
    let partitions = vec![(one.at.clone(), batch(None, &["a"]))];
    let reply = one.cluster.ask(Node::Broker(BrokerId(1)), produce(None, partitions));
    assert_eq!(produced(reply), Err(ErrorCode::UnknownTopicOrPartition));
}

/// A broker, and a partition on it.
struct One {
    cluster: Cluster,
    at: TopicPartition,
}

impl One {
    fn new() -> Self {
        let mut cluster = Cluster::new(1, 1);
        let at = cluster.create("topic", TopicConfig::default());
        Self { cluster, at }
    }

    fn init(&mut self, transactional_id: Option<&str>) -> ProducerIdentity {
        let request = InitProducerIdRequest {
            transactional_id: transactional_id.map(Into::into),
            transaction_timeout_ms: 60_000,
            current: None,
        };
        loop {
            match self.cluster.ask(Node::Broker(BrokerId(1)), request.clone()) {
                Reply::InitProducerId(Ok(identity)) => return identity,
                Reply::InitProducerId(Err(error)) => assert!(error.is_retriable(), "{error}"),
                other => panic!("{other:?}"),
            }
            self.cluster.run_ms(20);
        }
    }

    fn end(
        &mut self,
        id: &str,
        producer: ProducerIdentity,
        result: TransactionResult,
    ) -> ProducerIdentity {
        let request =
            EndTxnRequest { transactional_id: id.into(), producer, result, bumps_epoch: true };
        match self.cluster.ask(Node::Broker(BrokerId(1)), request) {
            Reply::EndTxn(Ok(next)) => next,
            other => panic!("{other:?}"),
        }
    }

    fn produce(
        &mut self,
        producer: Option<ProducerStamp>,
        values: &[&str],
    ) -> Result<Offset, ErrorCode> {
        let partitions = vec![(self.at.clone(), batch(producer, values))];
        produced(self.cluster.ask_leader(&self.at, produce(None, partitions)))
    }

    fn produce_in(
        &mut self,
        id: &str,
        producer: ProducerStamp,
        values: &[&str],
    ) -> Result<Offset, ErrorCode> {
        let partitions = vec![(self.at.clone(), batch(Some(producer), values))];
        loop {
            let request = produce(Some(id), partitions.clone());
            match produced(self.cluster.ask_leader(&self.at, request)) {
                Err(ErrorCode::ConcurrentTransactions) => self.cluster.run_ms(20),
                other => return other,
            }
        }
    }

    fn fetch(&self, offset: Offset, isolation: Isolation, max_wait_ms: u64) -> FetchRequest {
        fetch(&self.at, offset, isolation, max_wait_ms)
    }

    fn read(&mut self, isolation: Isolation) -> Vec<String> {
        let request = self.fetch(Offset(0), isolation, 0);
        values(self.cluster.ask_leader(&self.at, request))
    }

    fn list(&mut self, spec: OffsetSpec) -> Result<Option<Offset>, ErrorCode> {
        let question =
            ListOffsetsPartition { partition: self.at.clone(), current_leader_epoch: None, spec };
        let partitions = vec![question];
        let request = ListOffsetsRequest { isolation: Isolation::ReadCommitted, partitions };
        let Reply::ListOffsets(reply) = self.cluster.ask_leader(&self.at, request) else {
            panic!("another answer")
        };
        reply.partitions[0].1.map(|listed| listed.offset)
    }
}

pub(super) fn stamp(
    producer: ProducerIdentity,
    sequence: i32,
    transactional: bool,
) -> ProducerStamp {
    let sequence = Some(Sequence(sequence));
    ProducerStamp { id: producer.id, epoch: producer.epoch, sequence, transactional }
}

pub(super) fn batch(producer: Option<ProducerStamp>, values: &[&str]) -> NewBatch {
    let record = |value: &&str| Record::new("key", (*value).to_owned());
    NewBatch { producer, records: Records::new(values.iter().map(record).collect()) }
}

pub(super) fn produce(
    transactional_id: Option<&str>,
    partitions: Vec<(TopicPartition, NewBatch)>,
) -> ProduceRequest {
    ProduceRequest {
        transactional_id: transactional_id.map(Into::into),
        adds_partitions: true,
        acks: Acks::All,
        timeout_ms: 3_000,
        partitions,
    }
}

pub(super) fn produced(reply: Reply) -> Result<Offset, ErrorCode> {
    let Reply::Produce(reply) = reply else { panic!("{reply:?}") };
    reply.partitions[0].result.map(|appended| appended.base_offset)
}

pub(super) fn fetch(
    at: &TopicPartition,
    offset: Offset,
    isolation: Isolation,
    max_wait_ms: u64,
) -> FetchRequest {
    let wanted = FetchPartition {
        partition: at.clone(),
        offset,
        current_leader_epoch: None,
        last_fetched_epoch: None,
        log_start: Offset::ZERO,
        max_bytes: 1 << 20,
    };
    FetchRequest {
        replica: None,
        isolation,
        max_wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        partitions: vec![wanted],
    }
}

/// The values of what was fetched, without those of aborted transactions.
pub(super) fn values(reply: Reply) -> Vec<String> {
    let Reply::Fetch(mut reply) = reply else { panic!("{reply:?}") };
    let fetched = reply.partitions.remove(0).result.expect("the leader answers");
    let mut open = std::collections::BTreeSet::new();
    let mut values = Vec::new();
    for batch in &fetched.batches {
        let Some(stamp) = batch.producer.filter(|stamp| stamp.transactional) else {
            values.extend(values_of(batch));
            continue;
        };
        let begins = |it: &&AbortedTransaction| {
            it.producer == stamp.id && it.first_offset == batch.base_offset
        };
        if fetched.aborted.iter().any(|it| begins(&it)) {
            open.insert(stamp.id);
        }
        if batch.is_marker() {
            open.remove(&stamp.id);
        } else if !open.contains(&stamp.id) {
            values.extend(values_of(batch));
        }
    }
    values
}

fn values_of(batch: &Batch) -> impl Iterator<Item = String> {
    batch.records().map(|(_, record)| {
        let value = record.value.clone().expect("no tombstones here");
        String::from_utf8(value.to_vec()).expect("text")
    })
}
