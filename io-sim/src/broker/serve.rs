//! Requests, by their kind.

use super::{
    Arrived, Broker,
    calls::Call,
    coordinator::Event,
    metadata,
    partition::Reader,
    refusal::{addressee, refusal},
};
use crate::wire::{
    CONSUMER_OFFSETS, CoordinatorKind, DeleteRecordsReply, DeleteRecordsRequest, ErrorCode,
    ListOffsetsReply, ListOffsetsRequest, MetadataReply, Node, OffsetForLeaderEpochReply,
    OffsetForLeaderEpochRequest, Reply, Request, TRANSACTION_STATE, Token,
};

impl Broker {
    pub(super) fn serve(&mut self, arrived: Arrived) {
        let Arrived { from, token, request } = arrived;
        match request {
            Request::Metadata(request) => {
                let brokers = metadata::alive(&self.image);
                let topics = metadata::topics(&self.image, request.topics);
                self.reply(token, Reply::Metadata(MetadataReply { brokers, topics }));
            }
            Request::Produce(request) => self.produce(token, request),
            Request::Fetch(mut request) => match request.replica.take() {
                Some(replica) => self.fetch_replica(token, replica, request),
                None => self.fetch(token, request),
            },
            Request::ListOffsets(request) => self.list_offsets(from, token, request),
            Request::OffsetForLeaderEpoch(request) => self.ends_of_epochs(token, request),
            Request::DeleteRecords(request) => self.delete_records(token, request),
            Request::WriteTxnMarkers(request) => self.write_markers(token, request),
            Request::FindCoordinator(request) => {
                let found = self.coordinator_of(topic_of(request.kind), &request.key);
                self.reply(token, Reply::FindCoordinator(found.map(|(node, _)| node)));
            }
            Request::InitProducerId(ref init) if init.transactional_id.is_none() => {
                self.init_producer(token);
            }
            request @ (Request::InitProducerId(_)
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
            | Request::DescribeGroup(_)) => self.coordinate(from, token, request),
            request @ (Request::CreateTopics(_) | Request::ElectLeaders(_)) => {
                self.call(Node::Controller, request, Call::Forward(token));
            }
            // The controller's business; whoever asks a broker has lost its way and gets no answer.
            Request::BrokerRegistration(_)
            | Request::BrokerHeartbeat(_)
            | Request::FetchImage(_)
            | Request::AlterPartition(_)
            | Request::AllocateProducerIds(_) => {}
        }
    }

    /// Passes a request on to the coordinator that it is for, if it sits here.
    fn coordinate(&mut self, from: Node, token: Token, request: Request) {
        let (kind, key) = addressee(&request).expect("the caller knows that it is for one");
        let at = match self.coordinator_of(topic_of(kind), key) {
            Ok((_, at)) if self.has_seated(&at) => at,
            Ok(_) => return self.reply(token, refusal(&request, ErrorCode::NotCoordinator)),
            Err(error) => return self.reply(token, refusal(&request, error)),
        };
        self.seat_event(&at, None, Event::Request { from, token, request });
    }

    fn list_offsets(&mut self, from: Node, token: Token, request: ListOffsetsRequest) {
        let reader = match from {
            Node::Broker(_) => Reader::Follower,
            Node::Client(_) | Node::Controller => Reader::Client(request.isolation),
        };
        let list = |question: crate::wire::ListOffsetsPartition| {
            let at = &question.partition;
            let partition = self.partitions.get(at).ok_or_else(|| self.unknown(at));
            let result = partition.and_then(|it| it.list_offset(&question, reader));
            (question.partition, result)
        };
        let partitions = request.partitions.into_iter().map(list).collect();
        self.reply(token, Reply::ListOffsets(ListOffsetsReply { partitions }));
    }

    fn ends_of_epochs(&mut self, token: Token, request: OffsetForLeaderEpochRequest) {
        let end = |question: crate::wire::EpochQuestion| {
            let at = &question.partition;
            let partition = self.partitions.get(at).ok_or_else(|| self.unknown(at));
            let result = partition.and_then(|it| it.end_of_epoch(&question));
            (question.partition, result)
        };
        let partitions = request.partitions.into_iter().map(end).collect();
        self.reply(token, Reply::OffsetForLeaderEpoch(OffsetForLeaderEpochReply { partitions }));
    }

    fn delete_records(&mut self, token: Token, request: DeleteRecordsRequest) {
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for (at, before) in request.partitions {
            let unknown = self.unknown(&at);
            let partition = self.partitions.get_mut(&at).ok_or(unknown);
            let result = partition.and_then(|it| it.delete_records(before));
            self.changed.insert(at.clone());
            partitions.push((at, result));
        }
        self.reply(token, Reply::DeleteRecords(DeleteRecordsReply { partitions }));
    }
}

fn topic_of(kind: CoordinatorKind) -> &'static str {
    match kind {
        CoordinatorKind::Group => CONSUMER_OFFSETS,
        CoordinatorKind::Transaction => TRANSACTION_STATE,
    }
}
