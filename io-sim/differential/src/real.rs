//! A real broker, spoken to without any client library.

mod answers;
mod codes;
mod questions;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        CreateTopicsRequest, DeleteTopicsRequest, DescribeTransactionsRequest, RequestHeader,
        ResponseHeader, TransactionalId,
        create_topics_request::{CreatableTopic, CreatableTopicConfig},
        delete_topics_request::DeleteTopicState,
    },
    protocol::{Decodable, Encodable, HeaderVersion, Message, Request as Protocol, StrBytes},
};
use tidelog_io_sim::wire::{Reply, Request};

use crate::{Home, Names};

/// A real broker.
pub struct Real {
    address: String,
    connections: BTreeMap<usize, Connection>,
}

/// A connection, and what was asked on it.
struct Connection {
    stream: TcpStream,
    asked: Option<Request>,
    received: Vec<u8>,
}

/// How long an answer is waited for at a time.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a request that must be answered may take.
const PATIENCE: u32 = 1_500;

/// The connection of what is no part of a script.
const ASIDE: usize = usize::MAX;

impl Real {
    /// Speaks to the broker at that address.
    #[must_use]
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), connections: BTreeMap::new() }
    }

    fn connection(&mut self, number: usize) -> &mut Connection {
        self.connections.entry(number).or_insert_with(|| {
            let stream = TcpStream::connect(&self.address).expect("a broker that can be reached");
            stream.set_nodelay(true).expect("a socket");
            stream.set_read_timeout(Some(GLANCE)).expect("a socket");
            Connection { stream, asked: None, received: Vec::new() }
        })
    }

    /// Asks what must be answered at once.
    fn ask<R: Protocol + Debug>(&mut self, request: &R, version: i16) -> R::Response {
        let connection = self.connection(ASIDE);
        connection.send(request, version);
        for _ in 0..PATIENCE {
            if let Some(answer) = connection.receive() {
                return decode::<R::Response>(answer, version);
            }
        }
        panic!("no answer of the broker to {request:?}");
    }
}

impl Connection {
    fn send<R: Protocol + Debug>(&mut self, request: &R, version: i16) {
        let mut bytes = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_client_id(Some(StrBytes::from_static_str("differential")));
        let encoded = header
            .encode(&mut bytes, R::header_version(version))
            .and_then(|()| request.encode(&mut bytes, version));
        encoded.unwrap_or_else(|error| panic!("{request:?}: {error}"));
        let length = u32::try_from(bytes.len()).expect("a short request");
        let sent = self.stream.write_all(&length.to_be_bytes());
        sent.and_then(|()| self.stream.write_all(&bytes)).expect("a broker that is there");
    }

    /// A whole answer, if one comes in time.
    fn receive(&mut self) -> Option<Bytes> {
        let mut buffer = [0; 64 * 1024];
        loop {
            if let Some((length, rest)) = self.received.split_first_chunk() {
                let length = u32::from_be_bytes(*length) as usize;
                if rest.len() >= length {
                    let answer = Bytes::copy_from_slice(&rest[..length]);
                    self.received.drain(..length + 4);
                    return Some(answer);
                }
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the broker has closed the connection after {:?}", self.asked),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => panic!("the broker: {error}"),
            }
        }
    }
}

fn decode<R: Message + Decodable + HeaderVersion>(mut answer: Bytes, version: i16) -> R {
    let header = ResponseHeader::decode(&mut answer, R::header_version(version));
    header.and_then(|_| R::decode(&mut answer, version)).expect("an answer that can be read")
}

impl Home for Real {
    fn begin(&mut self, names: &Names) {
        // By the time of append, or retention would find that all of it is old.
        let time = CreatableTopicConfig::default()
            .with_name(StrBytes::from_static_str("message.timestamp.type"))
            .with_value(Some(StrBytes::from_static_str("LogAppendTime")));
        let topic = CreatableTopic::default()
            .with_configs(vec![time])
            .with_name(names.topic.as_str().to_owned().into_topic())
            .with_num_partitions(2)
            .with_replication_factor(1);
        let request =
            CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(9_000);
        let created = self.ask(&request, 5);
        assert!(created.topics.iter().all(|topic| topic.error_code == 0), "{created:?}");
    }

    fn end(&mut self, names: &Names) {
        let topic = names.topic.as_str().to_owned().into_topic();
        let request = DeleteTopicsRequest::default()
            .with_topics(vec![DeleteTopicState::default().with_name(Some(topic))])
            .with_timeout_ms(9_000);
        self.ask(&request, 6);
        self.connections.clear();
    }

    fn send(&mut self, connection: usize, request: Request) {
        let connection = self.connection(connection);
        assert_eq!(connection.asked, None, "one request at a time on a connection");
        questions::send(&request, connection);
        connection.asked = Some(request);
    }

    fn glance(&mut self, connection: usize) -> Option<Reply> {
        let connection = self.connection(connection);
        let answer = connection.receive()?;
        let asked = connection.asked.take().expect("what is answered was asked");
        Some(answers::reply(&asked, answer))
    }

    fn abandon(&mut self, connection: usize) {
        self.connections.remove(&connection);
    }

    fn pause(&mut self) {
        thread::sleep(Duration::from_millis(2));
    }

    fn settle(&mut self, names: &Names) {
        let ids = names.ids.iter().cloned().map(|id| TransactionalId(StrBytes::from_string(id)));
        let request = DescribeTransactionsRequest::default().with_transactional_ids(ids.collect());
        for _ in 0..PATIENCE {
            let states = self.ask(&request, 0).transaction_states;
            if states.iter().all(|it| !it.transaction_state.as_str().starts_with("Prepare")) {
                return;
            }
            self.pause();
        }
        panic!("the transactions do not end");
    }
}

/// Text as the name of a topic.
trait IntoTopic {
    fn into_topic(self) -> kafka_protocol::messages::TopicName;
}

impl IntoTopic for String {
    fn into_topic(self) -> kafka_protocol::messages::TopicName {
        kafka_protocol::messages::TopicName(StrBytes::from_string(self))
    }
}
