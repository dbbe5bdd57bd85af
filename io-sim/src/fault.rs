//! The kinds of faults: a closed list, each with its name, what it does, and how often it may strike.

mod draw;

pub use draw::Draw;
pub(crate) use draw::scale;

use std::{fmt, str::FromStr};

use self::Scope::{App, Broker, Client, Clock, Cluster, Disk, Link, Log, Moment, Node};

/// Of what a fault kind has an opportunity, and who brings it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A message on a link, `client1>broker2`: the network.
    Link,
    /// A tick of a pair of machines or of a machine that can be cut off: chaos.
    Cluster,
    /// A tick of a tidelog node: chaos.
    Node,
    /// A tick of a broker: chaos.
    Broker,
    /// A tick of a partition, `entity-patches/3`, on the broker that leads it: chaos.
    Log,
    /// A tick of a client machine: chaos.
    App,
    /// A request of a kind after which a crash is worth its while: chaos, which watches the network.
    Moment,
    /// A tick of a machine's clock: chaos.
    Clock,
    /// An operation of a client of the protocol, a fetch, a delivery, a commit: the client.
    Client,
    /// An operation of a disk: the disk.
    Disk,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident $name:literal $scope:ident $rate:literal;)*) => {
        /// A kind of fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $kind,)*
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Its name, as in replay files and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }

            /// What it does, in a line.
            #[must_use]
            pub const fn what(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!($($doc,)+),)*
                }
            }

            /// Of what it has opportunities.
            #[must_use]
            pub const fn scope(self) -> Scope {
                match self {
                    $(Self::$kind => $scope,)*
                }
            }

            /// How likely it strikes at one opportunity, at the usual intensity.
            #[must_use]
            pub const fn rate(self) -> f64 {
                match self {
                    $(Self::$kind => $rate,)*
                }
            }
        }
    };
}

kinds! {
    /// A request is lost, and some time later its connection breaks.
    RequestLost "request-lost" Link 0.002;
    /// A request arrives, its reply is lost, and the connection breaks.
    ReplyLost "reply-lost" Link 0.002;
    /// A request waits in the network, and those behind it too.
    RequestDelayed "request-delayed" Link 0.01;
    /// A reply waits in the network, and those behind it too.
    ReplyDelayed "reply-delayed" Link 0.01;
    /// A request arrives a second time, on its own.
    RequestDuplicated "request-duplicated" Link 0.004;
    /// A request's connection breaks, and the request arrives after it has been tried again.
    OriginalAfterRetry "original-after-retry" Link 0.004;
    /// A connection breaks behind a request, which arrives.
    ConnectionReset "connection-reset" Link 0.004;
    /// Nothing gets from one machine to another, while the other way works.
    LinkCutOneWay "link-cut-one-way" Cluster 0.001;
    /// Nothing gets from one machine to another, nor back.
    LinkCutBothWays "link-cut-both-ways" Cluster 0.001;
    /// A machine is cut off from all others.
    MachineIsolated "machine-isolated" Cluster 0.002;
    /// The machines fall into two halves.
    PartitionInHalves "partition-in-halves" Cluster 0.001;

    /// A node's process is killed, and started again.
    NodeKilled "node-killed" Node 0.004;
    /// A node's process is killed while a commit of its is under way.
    NodeKilledInCommit "node-killed-in-commit" Moment 0.002;
    /// A node stands still for a moment.
    NodePaused "node-paused" Node 0.004;
    /// A node stands still past its session's timeout, and goes on as a zombie.
    NodeZombie "node-zombie" Node 0.002;
    /// A node loses power: what is not synced is kept, dropped or torn, page by page.
    NodePowerLoss "node-power-loss" Node 0.003;
    /// A node loses power and everything that is not synced.
    NodePowerLossWhole "node-power-loss-whole" Node 0.002;
    /// A node comes back with an empty disk.
    NodeDiskWiped "node-disk-wiped" Node 0.001;
    /// A node comes back with its disk as it was some time ago.
    NodeDiskOldCopy "node-disk-old-copy" Node 0.001;
    /// A node comes back with the disk of another one.
    NodeDiskTwin "node-disk-twin" Node 0.001;
    /// A node that is started again takes its time.
    NodeStartsLate "node-starts-late" Node 0.1;
    /// A second process of a node starts while the first goes on.
    NodeTwin "node-twin" Node 0.001;
    /// A node comes back with the format version before.
    NodePreviousFormat "node-previous-format" Node 0.002;
    /// A node comes back with the next format version.
    NodeNextFormat "node-next-format" Node 0.002;

    /// A broker's process is killed, and started again.
    BrokerKilled "broker-killed" Broker 0.003;
    /// A broker is killed while it ends a transaction in its partitions.
    BrokerKilledInEnd "broker-killed-in-end" Moment 0.01;
    /// A broker loses power, and what it had not flushed.
    BrokerPowerLoss "broker-power-loss" Broker 0.003;
    /// A broker stands still, perhaps until it is fenced, and goes on.
    BrokerPaused "broker-paused" Broker 0.003;
    /// A broker that is started again takes its time.
    BrokerStartsLate "broker-starts-late" Broker 0.3;
    /// A broker's log reaches its disk now.
    BrokerFlushes "broker-flushes" Broker 0.02;
    /// The leadership of a partition moves to another in-sync replica.
    LeaderMoved "leader-moved" Log 0.001;
    /// The leadership of a partition of groups or transactions moves: another coordinator.
    CoordinatorMoved "coordinator-moved" Log 0.002;
    /// A follower cannot reach its leader until it has left the in-sync set.
    ReplicaOutOfSync "replica-out-of-sync" Broker 0.002;
    /// The controller stands still for a while.
    ControllerSlow "controller-slow" Cluster 0.002;
    /// The controller is cut off from the brokers.
    ControllerCutOff "controller-cut-off" Cluster 0.001;
    /// A segment of a partition is closed now.
    SegmentRolled "segment-rolled" Log 0.004;
    /// A compacted partition is cleaned now, up to some offset.
    CompactionNow "compaction-now" Log 0.006;
    /// Retention looks at a partition now.
    RetentionNow "retention-now" Log 0.003;

    /// A client machine's process is killed, and started again.
    ClientKilled "client-killed" App 0.003;
    /// A client machine stands still for some time.
    ClientPaused "client-paused" App 0.003;

    /// A machine's clock is wrong from the start.
    ClockSkewed "clock-skewed" Clock 0.002;
    /// A machine's clock goes too fast or too slowly.
    ClockDrifting "clock-drifting" Clock 0.002;
    /// A machine's clock steps forward.
    ClockSteppedForward "clock-stepped-forward" Clock 0.002;
    /// A machine's clock steps back.
    ClockSteppedBack "clock-stepped-back" Clock 0.002;

    /// A consumer is slow to take what was fetched.
    SlowConsumer "slow-consumer" Client 0.01;
    /// A fetch may bring one byte only: one batch.
    FetchOneByte "fetch-one-byte" Client 0.03;
    /// A fetch names its partitions in another order.
    FetchPermuted "fetch-permuted" Client 0.05;
    /// Records that were read since the last commit are read again.
    RecordsRedelivered "records-redelivered" Client 0.004;
    /// A commit takes its time before it begins.
    CommitSlow "commit-slow" Client 0.01;
    /// Nobody is told in time what became of a commit, which is real or is not.
    CommitOutcomeLost "commit-outcome-lost" Client 0.003;

    /// The disk cannot read.
    DiskReadFails "disk-read-fails" Disk 0.001;
    /// The disk cannot write.
    DiskWriteFails "disk-write-fails" Disk 0.001;
    /// The disk is full.
    DiskFull "disk-full" Disk 0.001;
    /// A bit of a file flips.
    DiskBitFlips "disk-bit-flips" Disk 0.000_5;
    /// The disk cannot sync, and what was to be synced may be gone though it seems clean.
    DiskSyncFails "disk-sync-fails" Disk 0.002;
}

impl FaultKind {
    /// The kinds as a set of bits.
    pub(crate) const fn bit(self) -> u64 {
        1 << self as u8
    }
}

const _: () = assert!(FaultKind::ALL.len() <= 64, "kinds are kept as a set of 64 bits");

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for FaultKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let known = Self::ALL.iter().find(|kind| kind.name() == name);
        known.copied().ok_or_else(|| UnknownKind(name.into()))
    }
}

/// A text that names no kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no fault {0:?}")]
pub struct UnknownKind(Box<str>);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_enough_kinds_and_their_names_lead_back_to_them() {
        assert!(FaultKind::ALL.len() >= 35);
        let names: BTreeSet<_> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), FaultKind::ALL.len());
        for kind in FaultKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
            assert!(kind.what().trim().ends_with('.'), "{kind} says what it does");
        }
    }

    #[test]
    fn a_name_that_is_none_is_told() {
        let error = "meteorite".parse::<FaultKind>().expect_err("no such kind");
        assert_eq!(error.to_string(), "there is no fault \"meteorite\"");
    }
}
