//! The controller: who is alive, who leads what.
//!
//! It stands for a KRaft quorum: it can be slow and out of reach, but it never loses what it has
//! decided. Every decision makes a new [`Image`]; brokers fetch images, and see them late.

mod brokers;
mod partitions;
#[cfg(test)]
mod tests;
mod topics;

use std::{collections::BTreeMap, mem, sync::Arc};

use crate::wire::{
    BrokerId, Config, FetchImageReply, FetchImageRequest, Image, ImageVersion, Input, Instant,
    MetadataReply, Now, Output, ProducerId, ProducerIdRange, Reply, Request, Token,
};

/// The controller.
#[derive(Debug)]
pub struct Controller {
    config: Config,
    image: Arc<Image>,
    /// When each broker was last heard of.
    heard: BTreeMap<BrokerId, Instant>,
    /// Fetches of metadata that wait for something new, each with the end of its patience.
    waiting: Vec<(Token, Instant)>,
    next_producer: ProducerId,
    armed: Option<Instant>,
    outputs: Vec<Output>,
}

/// So many producer ids a broker gets at once, as in Kafka.
const PRODUCER_IDS: u64 = 1000;

/// A controller whose timer goes off later than this has stood still, and has not read what brokers have
/// sent in the meantime. A quorum has another leader by then, who gives everybody a whole session.
const TICKS_LATE_MS_MAX: u64 = 10;

impl Controller {
    /// The controller of a cluster that nobody has joined yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            image: Arc::default(),
            heard: BTreeMap::new(),
            waiting: Vec::new(),
            next_producer: ProducerId(0),
            armed: None,
            outputs: Vec::new(),
        }
    }

    /// The metadata as it stands.
    pub fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// Takes an input.
    pub fn step(&mut self, now: Now, input: Input) -> Vec<Output> {
        let before = self.image.version;
        match input {
            Input::Request { token, request, .. } => self.serve(now, token, request),
            Input::Tick => {
                let due = self.armed.take();
                if due.is_some_and(|due| now.instant.ms_since(due) > TICKS_LATE_MS_MAX) {
                    self.heard.clear();
                }
                self.expire_sessions(now.instant);
            }
            // It asks nobody, and has no log to maintain.
            Input::Reply { .. } | Input::Maintain { .. } => {}
        }
        self.answer_waiting(now.instant, self.image.version > before);
        self.arm(now.instant);
        mem::take(&mut self.outputs)
    }

    /// The process has ended and another begins: it knows everything but who was waiting. Every broker
    /// gets a whole session to be heard of again.
    pub fn restart(&mut self) {
        self.waiting.clear();
        self.heard.clear();
        self.armed = None;
        self.outputs.clear();
    }

    fn serve(&mut self, now: Now, token: Token, request: Request) {
        let reply = match request {
            Request::BrokerRegistration(request) => {
                Reply::BrokerRegistration(self.register(now.instant, &request))
            }
            Request::BrokerHeartbeat(request) => {
                Reply::BrokerHeartbeat(self.heartbeat(now.instant, &request))
            }
            Request::FetchImage(request) => return self.fetch_image(now.instant, token, &request),
            Request::CreateTopics(request) => Reply::CreateTopics(self.create_topics(request)),
            Request::AlterPartition(request) => {
                Reply::AlterPartition(self.alter_partitions(&request))
            }
            Request::ElectLeaders(request) => Reply::ElectLeaders(self.elect_leaders(request)),
            Request::AllocateProducerIds(request) => {
                let known = self.check_broker(request.broker, request.epoch);
                Reply::AllocateProducerIds(known.map(|()| self.allocate_producer_ids()))
            }
            Request::Metadata(request) => Reply::Metadata(MetadataReply {
                brokers: super::metadata::alive(&self.image),
                topics: super::metadata::topics(&self.image, request.topics),
            }),
            // Not its business; whoever asks has lost its way and gets no answer.
            Request::Produce(_)
            | Request::Fetch(_)
            | Request::ListOffsets(_)
            | Request::OffsetForLeaderEpoch(_)
            | Request::DeleteRecords(_)
            | Request::WriteTxnMarkers(_)
            | Request::FindCoordinator(_)
            | Request::InitProducerId(_)
            | Request::AddPartitionsToTxn(_)
            | Request::AddOffsetsToTxn(_)
            | Request::TxnOffsetCommit(_)
            | Request::EndTxn(_)
            | Request::JoinGroup(_)
            | Request::SyncGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::DescribeGroup(_) => return,
        };
        self.outputs.push(Output::Reply { token, reply });
    }

    fn allocate_producer_ids(&mut self) -> ProducerIdRange {
        let first = self.next_producer;
        self.next_producer.0 += PRODUCER_IDS;
        ProducerIdRange { first, count: PRODUCER_IDS }
    }

    fn fetch_image(&mut self, now: Instant, token: Token, request: &FetchImageRequest) {
        if request.seen < self.image.version {
            self.send_image(token);
        } else {
            let patience = request.max_wait_ms.min(self.config.image_wait_max_ms);
            self.waiting.push((token, now.plus_ms(patience)));
        }
    }

    fn answer_waiting(&mut self, now: Instant, is_new: bool) {
        let is_due = |(_, until): &mut (Token, Instant)| is_new || *until <= now;
        let due: Vec<_> = self.waiting.extract_if(.., is_due).collect();
        for (token, _) in due {
            self.send_image(token);
        }
    }

    fn send_image(&mut self, token: Token) {
        let image = Arc::clone(&self.image);
        let reply = Reply::FetchImage(FetchImageReply { image });
        self.outputs.push(Output::Reply { token, reply });
    }

    /// The image, to be changed: a new version of it.
    fn change(&mut self) -> &mut Image {
        let image = Arc::make_mut(&mut self.image);
        image.version = ImageVersion(image.version.0 + 1);
        image
    }

    /// Asks to be woken when the next session or wait ends.
    fn arm(&mut self, now: Instant) {
        let waits = self.waiting.iter().map(|(_, until)| *until);
        let Some(next) = waits.chain(self.sessions_end(now)).min() else { return };
        if self.armed.is_none_or(|armed| next < armed) {
            self.armed = Some(next);
            self.outputs.push(Output::WakeAt(next));
        }
    }
}
