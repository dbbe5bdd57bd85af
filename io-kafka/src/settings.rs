//! Settings of a connection to a broker.

use std::time::Duration;

use rdkafka::ClientConfig;
use tidelog_core::{Layout, ServiceName, Topic, limits::RECORD_BYTES_MAX};

/// Bytes of a record with its key and what the log puts around it.
pub(crate) const MESSAGE_BYTES_MAX: usize = RECORD_BYTES_MAX + 128 * 1024;

/// KiB of records that a consumer has fetched and nobody has taken, before it fetches no more. librdkafka has some 250
/// bytes for each record besides, which is as much as a small one.
const QUEUED_KIB_MAX: usize = 4 * 1024;

/// Bytes of one fetch, which may all be of one partition. What is fetched stays in memory whole until the last of
/// its records is taken. Long runs of one partition make large batches, and so less work for the broker: with 256 KiB
/// of each partition it needed a third more.
const FETCH_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The same of a consumer that reads changelogs, of which a service has one.
const RESTORING_QUEUED_KIB_MAX: usize = 16 * 1024;

/// Bytes of a changelog that are fetched at a time.
const RESTORING_FETCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Settings of a connection to a broker.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Host and port of some brokers, with commas between.
    pub brokers: String,
    /// What the names of all topics, groups, members and transactions begin with, so that
    /// installations share a broker without meeting.
    pub prefix: String,
    /// How many partitions the topics have. Fixed for the life of an installation.
    pub layout: Layout,
    /// How many copies of each partition there are.
    pub replication: u16,
    /// The name of this node. No two that run at the same time may have the same: the newer one
    /// would put an end to the older one's sessions.
    pub node: String,
    /// How long a member may be silent before its partitions go to others.
    pub session_timeout: Duration,
    /// How often a member is heard of. A rebalance takes two of these.
    pub heartbeat_interval: Duration,
    /// How long a transaction may be open before the broker ends it: as long at most do the records
    /// of a node that has died hold readers back. Shorter than the session.
    pub transaction_timeout: Duration,
    /// How long a call may take before it counts as failed.
    pub request_timeout: Duration,
    /// How long a driver's record may be on its way before its outcome counts as unknown.
    pub append_timeout: Duration,
    /// How long the broker waits for records before it answers a fetch without any. A partition that
    /// is newly read waits as long at most.
    pub fetch_wait: Duration,
    /// How long a query waits for a task that is being restored, or behind the record that it is to
    /// have read.
    pub query_wait: Duration,
    /// What becomes of the partitions of a session that is dropped.
    pub leaving: Leaving,
    /// Further settings of librdkafka: `security.protocol`, `sasl.mechanism`, and so on.
    pub librdkafka: Vec<(String, String)>,
}

/// What becomes of the partitions of a session that is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// They go to the other members at once.
    AtOnce,
    /// They wait for this node until the session has timed out. A node that is back by then goes on
    /// with them, and nobody is asked to rebalance.
    WhenTheSessionEnds,
}

impl Settings {
    /// The settings that fit most.
    #[must_use]
    pub fn new(brokers: impl Into<String>, prefix: impl Into<String>, layout: Layout) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: prefix.into(),
            layout,
            replication: 1,
            node: "node".into(),
            session_timeout: Duration::from_secs(6),
            heartbeat_interval: Duration::from_millis(200),
            transaction_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            append_timeout: Duration::from_secs(30),
            fetch_wait: Duration::from_millis(100),
            query_wait: Duration::from_secs(5),
            leaving: Leaving::AtOnce,
            librdkafka: Vec::new(),
        }
    }

    /// The name of a topic on the broker.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{topic}", self.prefix)
    }

    /// The consumer group of a service.
    #[must_use]
    pub fn group(&self, service: ServiceName) -> String {
        format!("{}{service}", self.prefix)
    }

    /// What the sessions of this node are called as members of a group and as transactional
    /// producers. The names stay the same over restarts, so that a node that is back ends what its
    /// predecessor left open. No two have the same: no service has a dot in its name, and no ordinal.
    #[must_use]
    pub(crate) fn member(&self, service: ServiceName, ordinal: u32) -> String {
        format!("{}{service}.{}.{ordinal}", self.prefix, self.node)
    }

    /// What all clients have in common.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", format!("tidelog-{}", self.node))
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "250")
            .set("retry.backoff.ms", "50")
            .set("socket.nagle.disable", "true")
            .set("topic.metadata.refresh.sparse", "true")
            .set("allow.auto.create.topics", "false");
        for (key, value) in &self.librdkafka {
            config.set(key, value);
        }
        config
    }

    /// A consumer of committed records that goes to no offset by itself.
    pub(crate) fn consumer(&self, group: &str) -> ClientConfig {
        let mut config = self.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", millis(self.fetch_wait))
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.message.max.bytes", FETCH_BYTES_MAX.to_string())
            .set("fetch.max.bytes", FETCH_BYTES_MAX.to_string())
            .set("queued.max.messages.kbytes", QUEUED_KIB_MAX.to_string());
        config
    }

    /// A member of a service's group.
    pub(crate) fn member_consumer(&self, service: ServiceName, member: &str) -> ClientConfig {
        let mut config = self.consumer(&self.group(service));
        config
            .set("group.instance.id", member)
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", millis(self.session_timeout))
            .set("heartbeat.interval.ms", millis(self.heartbeat_interval));
        config
    }

    /// What all producers have in common: each record once, in order, on every copy.
    pub(crate) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", "1000000")
            .set("queue.buffering.max.kbytes", "1048576");
        config
    }

    /// A producer for records that stand for themselves.
    pub(crate) fn appending_producer(&self) -> ClientConfig {
        let mut config = self.producer();
        config.set("message.timeout.ms", millis(self.append_timeout));
        config
    }

    /// A consumer that belongs to no group: librdkafka wants the name of one for all that.
    pub(crate) fn reading_consumer(&self) -> ClientConfig {
        self.consumer(&format!("{}readers", self.prefix))
    }

    /// A consumer that reads changelogs and the ends of inputs.
    pub(crate) fn restoring_consumer(&self, service: ServiceName) -> ClientConfig {
        let mut config = self.consumer(&self.group(service));
        config
            .set("enable.partition.eof", "true")
            // The end of a partition is told after a fetch that brought nothing.
            .set("fetch.wait.max.ms", "5")
            .set("fetch.message.max.bytes", RESTORING_FETCH_BYTES_MAX.to_string())
            .set("fetch.max.bytes", RESTORING_FETCH_BYTES_MAX.to_string())
            .set("queued.max.messages.kbytes", RESTORING_QUEUED_KIB_MAX.to_string());
        config
    }

    /// A consumer that sees what is not committed yet, to be asked where partitions end.
    pub(crate) fn heads_consumer(&self) -> ClientConfig {
        let mut config = self.client();
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// A transactional producer.
    pub(crate) fn transactional_producer(&self, member: &str) -> ClientConfig {
        let mut config = self.producer();
        config
            .set("transactional.id", member)
            // A transaction that follows upon another is put off while the broker marks the first one's
            // end, which takes a millisecond or two.
            .set("retry.backoff.ms", "2")
            .set("retry.backoff.max.ms", "200")
            // Where a group's coordinator goes away while positions are sent to it, librdkafka waits for the
            // dead one until the state of any connection changes, and heeds no time limit meanwhile (its
            // issues 5511 and 5456). A connection that is closed when it has been idle is such a change, and
            // costs the few milliseconds of the next one.
            .set("connections.max.idle.ms", "5000")
            .set("transaction.timeout.ms", millis(self.transaction_timeout));
        config
    }
}

pub(crate) fn millis(duration: Duration) -> String {
    duration.as_millis().to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_members_have_the_same_name() {
        let nodes = ["x", "x.0", "partitioner-x", "partitioner.x", "0", "x-0", "0.0"];
        let mut names = BTreeSet::new();
        for node in nodes {
            let layout = Layout::new(1).expect("one");
            let settings = Settings { node: node.into(), ..Settings::new("", "t-", layout) };
            for service in ServiceName::ALL {
                for ordinal in [0, 1, 10] {
                    assert!(names.insert(settings.member(service, ordinal)), "{service} on {node}");
                }
            }
        }
    }
}
