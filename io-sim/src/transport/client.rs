//! The side of the drivers: an idempotent producer, and reading without a group.

use std::time::Duration;

use futures_channel::{mpsc, oneshot};
use futures_util::{StreamExt, future::{Either, select}, stream::FuturesUnordered};
use tidelog_core::{
    Layout, Offset, PartitionId, Timestamp, Topic,
    port::{Append, AppendOutcome, Client, ClientError, Record},
};

use crate::client::{Cluster, Delivery, Failure, LogRecord, Place, Producer, Task, Which, Unsent};

/// How long one fetch waits for a record.
const FETCH_WAIT: Duration = Duration::from_millis(500);

/// How long beyond its deadline a read waits for an answer that it has asked for.
const GRACE: Duration = Duration::from_secs(1);

/// A client of the modelled log. It does its work in a task of its own on the machine that made it, so
/// that its futures can go to any thread, as the port wants them; none ever does.
#[derive(Clone, Debug)]
pub struct SimClient {
    calls: mpsc::UnboundedSender<Call>,
    layout: Layout,
    clock: Clock,
}

#[derive(Debug)]
enum Call {
    Append { records: Vec<Append>, outcomes: oneshot::Sender<Vec<AppendOutcome>> },
    Read { place: Place, from: Offset, until: Timestamp, records: Answer<Vec<Record>> },
    Bounds { place: Place, bounds: Answer<(Offset, Offset)> },
}

type Answer<T> = oneshot::Sender<Result<T, ClientError>>;
