//! What a service wants to happen, as data: one commit makes it real.

use bytes::Bytes;

use crate::{
    headers::{Headers, JSON_TYPE},
    id::{PartitionId, RequestName},
    limits::{EFFECTS_MAX, RECORD_BYTES_MAX},
    message::{DeadLetter, Message},
    service::{ServiceName, Source},
    topic::{Layout, Topic},
    trace::TraceContext,
};

/// A record on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic.
    pub topic: Topic,
    /// Where in it.
    pub destination: Destination,
    /// The record's key: the text that its topic is partitioned by, or a longer one.
    pub key: Bytes,
    /// The message.
    pub payload: Bytes,
    /// What it says about itself to outsiders.
    pub headers: Headers,
}

/// Where in its topic a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To one partition.
    Partition(PartitionId),
    /// To every partition, once each.
    Every,
}

/// Collects the sends and dead letters of a service's calls.
#[derive(Debug)]
pub struct Effects {
    layout: Layout,
    sends: Vec<Outgoing>,
    bytes: usize,
    in_call: usize,
    trace: Option<TraceContext>,
}

impl Effects {
    /// No effects yet, for topics of this layout.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self { layout, sends: Vec::new(), bytes: 0, in_call: 0, trace: None }
    }

    /// How many partitions the topics have.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Sends a message to the partition of its key.
    ///
    /// # Panics
    ///
    /// If the message is larger than [`RECORD_BYTES_MAX`], or the call has sent [`EFFECTS_MAX`]
    /// already: services keep what they write within the limits, and ask [`Effects::fits`] where
    /// they cannot know.
    pub fn send(&mut self, message: &Message) {
        let destination = Destination::Partition(self.layout.partition(message.key()));
        self.push(message, destination);
    }

    /// Sends a message to every partition of its topic.
    ///
    /// # Panics
    ///
    /// As [`Effects::send`].
    pub fn send_every(&mut self, message: &Message) {
        self.push(message, Destination::Every);
    }

    /// Sends a JSON text to the partition of its key, for those who look at the log from outside.
    ///
    /// # Panics
    ///
    /// As [`Effects::send`], and if the topic is not one of JSON.
    pub fn send_json(
        &mut self,
        topic: Topic,
        key: &str,
        request: Option<&RequestName>,
        text: String,
    ) {
        assert_eq!(topic.content_type(), JSON_TYPE, "{topic} has no JSON");
        let destination = Destination::Partition(self.layout.partition(key));
        self.push_bytes((topic, destination), key, text.into(), request.cloned());
    }

    /// Whether a message is small enough for a record.
    #[must_use]
    pub fn fits(message: &Message) -> bool {
        message.encode().len() <= RECORD_BYTES_MAX
    }

    /// Sets a record aside, with the reason, into the partition that it came from.
    pub fn dead_letter(
        &mut self,
        service: ServiceName,
        source: Source,
        reason: impl ToString,
        key: &[u8],
        payload: &Bytes,
    ) {
        const PAYLOAD_MAX: usize = RECORD_BYTES_MAX - 64 * 1024;
        let key = String::from_utf8_lossy(key);
        let letter = Message::DeadLetter(DeadLetter {
            service,
            source: source.position,
            time: source.time,
            reason: cut(&reason.to_string()),
            key: cut(&key),
            payload: payload.slice(..payload.len().min(PAYLOAD_MAX)),
            payload_bytes: payload.len() as u64,
        });
        self.push(&letter, Destination::Partition(source.position.partition));
    }

    /// What has been collected, in order.
    #[must_use]
    pub fn sends(&self) -> &[Outgoing] {
        &self.sends
    }

    /// The bytes of keys and payloads that have been collected.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether nothing has been collected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sends.is_empty()
    }

    /// Says that a call of the service begins, for the limit on effects of one call. What is sent in
    /// it belongs to the trace of the record that it is given.
    pub fn begin_call(&mut self, trace: Option<TraceContext>) {
        self.in_call = 0;
        self.trace = trace;
    }

    /// Takes what has been collected.
    #[must_use]
    pub fn take(&mut self) -> Vec<Outgoing> {
        self.bytes = 0;
        std::mem::take(&mut self.sends)
    }

    fn push(&mut self, message: &Message, destination: Destination) {
        let place = (message.topic(), destination);
        self.push_bytes(place, message.record_key(), message.encode(), message.request().cloned());
    }

    fn push_bytes(
        &mut self,
        (topic, destination): (Topic, Destination),
        key: &str,
        payload: Bytes,
        request: Option<RequestName>,
    ) {
        assert!(
            payload.len() <= RECORD_BYTES_MAX,
            "a message of {} bytes for {topic} is larger than any record may be",
            payload.len()
        );
        assert!(self.in_call < EFFECTS_MAX, "a call has more than {EFFECTS_MAX} effects");
        self.in_call += 1;
        let key = Bytes::copy_from_slice(key.as_bytes());
        self.bytes += key.len() + payload.len();
        let headers = Headers { request, trace: self.trace };
        self.sends.push(Outgoing { topic, destination, key, payload, headers });
    }
}

/// Keeps what a person needs of a text that can have any length.
fn cut(text: &str) -> Box<str> {
    text[..text.floor_char_boundary(1_024)].into()
}
