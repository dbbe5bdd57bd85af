//! Why a node cannot run.

use std::{fmt, io, net::SocketAddr, path::PathBuf, time::Duration};

use tidelog_core::{ServiceName, limits::PARTITIONS_MAX};
use tidelog_runtime::RunError;

use crate::settings::ClusterError;

/// Names of services, which are shown with commas between.
#[derive(Debug)]
pub(crate) struct Names(pub(crate) Vec<ServiceName>);

/// Why a node cannot run, or ran no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The number of partitions makes no layout.
    #[error("{0} partitions cannot be had; a topic has 1 to {PARTITIONS_MAX} (--partitions)")]
    Partitions(u32),
    /// What may use the gateway from a browser is no origin.
    #[error("{0} (--cors-origin)")]
    Origin(#[from] tidelog_gateway::OriginError),
    /// The data folder does not open.
    #[error(transparent)]
    Open(#[from] tidelog_io_local::OpenError),
    /// The address cannot be listened at.
    #[error("cannot listen at {listen}: {source}; is another node running? (--listen)")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The operating system refuses something that every process needs.
    #[error("the operating system refuses: {0}")]
    Runtime(#[source] io::Error),
    /// A worker's thread cannot be started.
    #[error("the thread of {service} cannot be started: {source}")]
    Thread {
        /// The service.
        service: ServiceName,
        /// Why not.
        source: io::Error,
    },
    /// A service gave up.
    #[error("{service} has stopped: {source}")]
    Service {
        /// The service.
        service: ServiceName,
        /// Why.
        source: RunError,
    },
    /// A service's thread panicked.
    #[error("{0} has panicked; this is a bug, and nothing that was answered is lost")]
    Panic(ServiceName),
    /// Services did not stop in time.
    #[error(
        "{services} did not stop within {within:?}: can the brokers be reached? Nothing that was answered is \
         lost, and other nodes take over when the sessions of this one have timed out"
    )]
    NotStopped {
        /// The services.
        services: Names,
        /// How long they had.
        within: Duration,
    },
    /// The connection of the gateway to the log has failed.
    #[error("the gateway's driver has stopped: {0}")]
    Driver(#[from] tidelog_driver::Error),
    /// The connection of the gateway to the log panicked.
    #[error("the gateway's driver has panicked: {0}")]
    Connection(#[source] tokio::task::JoinError),
    /// Settings of a cluster do not fit together.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Other nodes cannot be listened for.
    #[error("cannot listen for other nodes at {listen}: {source} (--peer-listen)")]
    PeerListen {
        /// The address.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// It cannot be told where this node is.
    #[error(
        "other nodes cannot reach this one at {0}: say where they can (--advertise, as in \
         node-0.example:7071)"
    )]
    Nowhere(SocketAddr),
    /// A service is asked for that there is not yet.
    #[error("this release does not run the service {0} (--services)")]
    NoSuchService(ServiceName),
    /// The settings make no client of the brokers.
    #[error(transparent)]
    Connect(#[from] tidelog_io_kafka::ConnectError),
    /// The topics are not what they have to be.
    #[error("{differences}. Topics that are there are never changed by a node")]
    Topics {
        /// What is wrong with them.
        differences: String,
    },
    /// The brokers will not have us.
    #[error("the brokers refuse this node: {0}")]
    Refused(String),
    /// The folder is of something else.
    #[error(
        "the folder {} has something else in it; a node of a cluster needs a folder of its own, which is \
         empty or was one's before (--data)",
        data.display()
    )]
    ForeignFolder {
        /// The folder.
        data: PathBuf,
    },
    /// The folder is of a node of a cluster.
    #[error(
        "the folder {} is of a node of a cluster: name its brokers (--brokers), or another folder \
         (--data)",
        data.display()
    )]
    FolderOfCluster {
        /// The folder.
        data: PathBuf,
    },
    /// What stands beside the store cannot be read or written.
    #[error("the folder {} cannot be used: {source}", data.display())]
    Folder {
        /// The folder.
        data: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The disk could not be written.
    #[error(
        "{reason}; the data folder is {}. Nothing that was answered is lost: make room or mend the \
         disk, and start the node again",
        data.display()
    )]
    Disk {
        /// The data folder.
        data: PathBuf,
        /// What happened.
        reason: Box<str>,
    },
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, name) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}
