//! Machines of the protocol that do as little as possible.

use std::sync::Arc;

use super::super::{Engine, Host, Loss};
use crate::wire::{
    BrokerEpoch, BrokerId, BrokerState, CallId, CreateTopicsReply, Image, ImageVersion,
    Incarnation, Input, Instant, LeaderEpoch, MetadataReply, MetadataRequest, Node, Now, Output,
    PartitionEpoch, PartitionState, Reply, Request, TopicState, WriteTxnMarkersRequest,
};

const ALL: [BrokerId; 3] = [BrokerId(1), BrokerId(2), BrokerId(3)];

/// A broker that asks the next one every now and then, and counts the answers.
pub(super) struct ToyBroker {
    id: BrokerId,
    heard: u64,
    calls: u64,
    wakes_at: Instant,
}

impl ToyBroker {
    pub(super) fn new(id: BrokerId) -> Self {
        Self { id, heard: 0, calls: 0, wakes_at: Instant::default() }
    }

    /// Asks the next broker.
    fn call(&mut self, request: Request) -> Output {
        self.calls += 1;
        let to = Node::Broker(BrokerId(self.id.0 % 3 + 1));
        Output::Call { id: CallId(self.calls), to, request }
    }
}

/// How many answers a broker has heard since it was started.
pub(super) fn heard(host: &Host) -> u64 {
    host.with(|engine| engine.image().expect("a toy tells").version.0)
}

impl Engine for ToyBroker {
    fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        match input {
            Input::Request { token, request, .. } => {
                let reply = MetadataReply { brokers: vec![self.id], topics: Vec::new() };
                let reply = Output::Reply { token, reply: Reply::Metadata(reply) };
                if matches!(request, Request::EndTxn(_)) {
                    let markers = WriteTxnMarkersRequest { markers: Vec::new() };
                    return vec![reply, self.call(markers.into())];
                }
                vec![reply]
            }
            Input::Reply { reply, .. } => {
                self.heard += u64::from(reply.is_ok());
                Vec::new()
            }
            Input::Tick if now.instant < self.wakes_at => vec![Output::WakeAt(self.wakes_at)],
            Input::Tick => {
                self.wakes_at = now.instant.plus_ms(50);
                let call = self.call(MetadataRequest { topics: None }.into());
                vec![call, Output::WakeAt(self.wakes_at)]
            }
            Input::Maintain { .. } => Vec::new(),
        }
    }

    fn restart(&mut self, _loss: Loss) {
        *self = Self::new(self.id);
    }

    fn image(&self) -> Option<Arc<Image>> {
        Some(Arc::new(Image { version: ImageVersion(self.heard), ..Image::default() }))
    }
}

/// A controller that makes topics, all of whose replicas are in sync for ever.
#[derive(Default)]
pub(super) struct ToyController {
    image: Arc<Image>,
}

impl Engine for ToyController {
    fn step(&mut self, _now: Now, input: Input) -> Vec<Output> {
        let Input::Request { token, request: Request::CreateTopics(request), .. } = input else {
            return Vec::new();
        };
        let image = Arc::make_mut(&mut self.image);
        let alive = BrokerState {
            epoch: BrokerEpoch::default(),
            incarnation: Incarnation::default(),
            fenced: false,
        };
        image.brokers = ALL.iter().map(|broker| (*broker, alive)).collect();
        let state = PartitionState {
            replicas: ALL.to_vec(),
            in_sync: ALL.to_vec(),
            leader: Some(ALL[0]),
            leader_epoch: LeaderEpoch::default(),
            partition_epoch: PartitionEpoch::default(),
        };
        let mut made = Vec::new();
        for topic in request.topics {
            let partitions = vec![state.clone(); topic.partitions as usize];
            let made_topic = TopicState { config: topic.config, partitions };
            image.topics.insert(topic.topic.clone(), made_topic);
            made.push((topic.topic, Ok(())));
        }
        let coordinators = TopicState { config: Default::default(), partitions: vec![state; 2] };
        image.topics.insert(crate::wire::CONSUMER_OFFSETS.into(), coordinators);
        vec![Output::Reply {
            token,
            reply: Reply::CreateTopics(CreateTopicsReply { topics: made }),
        }]
    }

    fn restart(&mut self, _loss: Loss) {}

    fn image(&self) -> Option<Arc<Image>> {
        Some(Arc::clone(&self.image))
    }
}
