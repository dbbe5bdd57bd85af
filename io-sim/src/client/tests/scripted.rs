//! A broker whose answers a test chooses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tidelog_core::Layout;

use super::{BrokerId, Cluster, PLACE};
use crate::{
    client::{ClientSettings, Names},
    net::Net,
    sim::{Options, Stage, lock},
    wire::{
        AbortedTransaction, Appended, Batch, EpochEnd, ErrorCode, FetchPartitionReply, FetchReply,
        Fetched, LeaderEpoch, MetadataReply, Node, Offset, OffsetForLeaderEpochReply,
        PartitionMetadata, Payload, ProducePartitionReply, ProduceReply, ProducerEpoch, ProducerId,
        ProducerStamp, Record, Records, Reply, Request, Sequence, Timestamp, TopicMetadata,
        TopicPartition,
    },
};

/// Answers a request, the `nth` of its kind, or does not.
type Script = dyn FnMut(&Request, usize) -> Option<Reply> + Send;

/// One broker, which leads and coordinates everything. With every new look at the metadata its leader
/// epoch is a new one.
pub(super) struct Scripted {
    script: Arc<Mutex<Option<Box<Script>>>>,
    seen: Arc<Mutex<Vec<Request>>>,
}

const BROKER: BrokerId = BrokerId(1);

impl Scripted {
    pub(super) fn new(
        script: impl FnMut(&Request, usize) -> Option<Reply> + Send + 'static,
    ) -> Self {
        let script: Box<Script> = Box::new(script);
        Self { script: Arc::new(Mutex::new(Some(script))), seen: Arc::default() }
    }

    pub(super) fn run(&self, test: impl AsyncFnOnce(Cluster)) {
        let stage = Stage::begin(Options::calm(1));
        let net = Net::new(stage.sim());
        let mut script = lock(&self.script).take().expect("a script is played once");
        let (ours, seen) = (net.clone(), Arc::clone(&self.seen));
        stage.sim().machine(Node::Broker(BROKER)).start(move || async move {
            let mut server = ours.serve(Node::Broker(BROKER)).await;
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            loop {
                let arrival = server.next().await;
                let nth = counts.entry(arrival.request.name()).or_default();
                lock(&seen).push(arrival.request.clone());
                let reply = match &arrival.request {
                    Request::Metadata(_) => Some(metadata(*nth)),
                    Request::FindCoordinator(_) => {
                        Some(Reply::FindCoordinator(Ok(Node::Broker(BROKER))))
                    }
                    request => script(request, *nth),
                };
                *nth += 1;
                if let Some(reply) = reply {
                    server.reply(arrival.token, reply);
                }
            }
        });
        let layout = Layout::new(1).expect("a small layout");
        let settings = ClientSettings::new(vec![BROKER], layout);
        stage.block_on(async {
            test(Cluster::connect(&net, Stage::NODE, "test", &settings)).await;
        });
    }

    /// How many requests of a kind came.
    pub(super) fn count(&self, name: &str) -> usize {
        lock(&self.seen).iter().filter(|request| request.name() == name).count()
    }

    /// Whose batches came, in their order.
    pub(super) fn produced(&self) -> Vec<ProducerStamp> {
        let seen = lock(&self.seen);
        let batches = seen.iter().filter_map(|request| match request {
            Request::Produce(produce) => produce.partitions[0].1.producer,
            _ => None,
        });
        batches.collect()
    }
}

pub(super) fn err<T>(code: ErrorCode) -> Result<T, ErrorCode> {
    Err(code)
}

pub(super) fn appended(base: u64) -> Reply {
    let base_offset = Offset(base);
    produced(Ok(Appended { base_offset, timestamp: None, log_start: Offset::ZERO }))
}

pub(super) fn not_appended(code: ErrorCode) -> Reply {
    produced(Err(code))
}

fn produced(result: Result<Appended, ErrorCode>) -> Reply {
    let partition = partition();
    let answer = ProducePartitionReply { partition, result, current_leader: None };
    Reply::Produce(ProduceReply { partitions: vec![answer] })
}

pub(super) fn fetched(batches: Vec<Batch>) -> Reply {
    let end = batches.last().map_or(Offset::ZERO, |batch| batch.last_offset.next());
    fetch_reply(Ok(Fetched {
        high_watermark: end,
        last_stable_offset: end,
        log_start: Offset::ZERO,
        diverging: None,
        aborted: Vec::new(),
        batches,
    }))
}

/// One large record of a transaction that was aborted, and nothing else.
pub(super) fn fetched_aborted(offset: u64, by: ProducerId, bytes: usize) -> Reply {
    let (epoch, sequence) = (ProducerEpoch(1), Some(Sequence(0)));
    let record = Record::new("k", vec![0; bytes]);
    let aborted = Batch {
        producer: Some(ProducerStamp { id: by, epoch, sequence, transactional: true }),
        payload: Payload::Records(Records::new(vec![record])),
        ..batch(offset, 1)
    };
    let mut reply = fetched(vec![aborted]);
    let Reply::Fetch(FetchReply { partitions, .. }) = &mut reply else { unreachable!("{reply:?}") };
    let first_offset = Offset(offset);
    for fetched in partitions.iter_mut().filter_map(|it| it.result.as_mut().ok()) {
        fetched.aborted.push(AbortedTransaction { first_offset, producer: by });
    }
    reply
}

pub(super) fn not_fetched(code: ErrorCode) -> Reply {
    fetch_reply(Err(code))
}

fn fetch_reply(result: Result<Fetched, ErrorCode>) -> Reply {
    let partition = partition();
    let answer = FetchPartitionReply { partition, result, current_leader: None };
    Reply::Fetch(FetchReply { error: None, partitions: vec![answer] })
}

pub(super) fn end_of_epoch(end: EpochEnd) -> Reply {
    let partitions = vec![(partition(), Ok(Some(end)))];
    Reply::OffsetForLeaderEpoch(OffsetForLeaderEpochReply { partitions })
}

pub(super) fn batch(base: u64, count: usize) -> Batch {
    Batch {
        base_offset: Offset(base),
        last_offset: Offset(base + count as u64 - 1),
        leader_epoch: LeaderEpoch(1),
        timestamp: Timestamp(0),
        producer: None,
        payload: Payload::Records(Records::new(vec![Record::new("k", "v"); count])),
    }
}

fn partition() -> TopicPartition {
    Names::new("").partition(PLACE)
}

fn metadata(nth: usize) -> Reply {
    let epoch = u32::try_from(nth + 1).expect("few looks");
    let partition = PartitionMetadata {
        partition: PLACE.1.0,
        leader: Some(BROKER),
        leader_epoch: LeaderEpoch(epoch),
        replicas: vec![BROKER],
        in_sync: vec![BROKER],
    };
    let topic = partition_topic();
    let topics = vec![TopicMetadata { topic, partitions: Ok(vec![partition]) }];
    Reply::Metadata(MetadataReply { brokers: vec![BROKER], topics })
}

fn partition_topic() -> crate::wire::TopicName {
    partition().topic
}
