//! Reading ahead: one fetch at a time from each leader, of every partition that has room.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    task::Poll,
};

use futures_channel::mpsc;
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tidelog_core::{Offset, Topic, port::Record};

use super::{Chunk, Cluster, Failure, Leader, Place, Task};
use crate::{
    fault::FaultKind,
    wire::{BrokerId, LeaderEpoch},
};

/// A reader of partitions, which tells what it fetched, in order for each of them.
#[derive(Debug)]
pub(crate) struct Fetcher {
    pub(crate) fetched: mpsc::UnboundedReceiver<Fetched>,
    orders: mpsc::UnboundedSender<Order>,
    _task: Task,
}

/// What was fetched of a partition.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) place: Place,
    /// Which order to read it was.
    pub(crate) reading: u64,
    pub(crate) read: Read,
}

/// What a reader comes upon.
#[derive(Debug)]
pub(crate) enum Read {
    /// Records, perhaps none, up to an offset.
    Records {
        records: Vec<Record>,
        /// How much room they take.
        bytes: usize,
        /// The offset to be read next.
        next: Offset,
    },
    /// The offset is gone, and nothing more is read.
    Gone {
        /// The first offset that is there.
        start: Offset,
    },
    /// The log is not the one that was read, and nothing more is read.
    Diverged {
        /// What happened.
        why: Box<str>,
    },
}

#[derive(Debug)]
enum Order {
    Read { place: Place, reading: u64, from: Offset },
    Stop(Place),
    Consumed { place: Place, bytes: usize },
}

impl Fetcher {
    pub(crate) fn start(cluster: Cluster) -> Self {
        let (fetched_sender, fetched) = mpsc::unbounded();
        let (orders, queue) = mpsc::unbounded();
        let work = Work {
            cluster,
            readers: BTreeMap::new(),
            fetched: fetched_sender,
            in_flight: FuturesUnordered::new(),
            asked: BTreeSet::new(),
            is_refreshing: false,
        };
        Self { fetched, orders, _task: Task::start(work.run(queue)) }
    }

    /// Reads a partition from an offset on, in place of whatever was read of it before.
    pub(crate) fn read(&self, place: Place, reading: u64, from: Offset) {
        let _ = self.orders.unbounded_send(Order::Read { place, reading, from });
    }

    /// Stops reading a partition.
    pub(crate) fn stop(&self, place: Place) {
        let _ = self.orders.unbounded_send(Order::Stop(place));
    }

    /// Says that there is room again.
    pub(crate) fn consumed(&self, place: Place, bytes: usize) {
        let _ = self.orders.unbounded_send(Order::Consumed { place, bytes });
    }
}

struct Work {
    cluster: Cluster,
    readers: BTreeMap<Place, Reader>,
    fetched: mpsc::UnboundedSender<Fetched>,
    in_flight: FuturesUnordered<LocalBoxFuture<'static, Done>>,
    /// The leaders that have been asked and have not answered.
    asked: BTreeSet<BrokerId>,
    is_refreshing: bool,
}

#[derive(Debug)]
struct Reader {
    reading: u64,
    next: Offset,
    /// The leader epoch of the last batch that was read.
    epoch: Option<LeaderEpoch>,
    /// The leader epoch in which it is known that the log goes on from what was read.
    valid_in: Option<LeaderEpoch>,
    is_validating: bool,
    /// Whether it waits a little after a failure.
    is_resting: bool,
    /// The bytes that have been read ahead.
    ahead: usize,
    has_ended: bool,
}

/// A slow consumer takes so much time at most to look at what was fetched.
const SLOW_MS_MAX: u64 = 3_000;

/// What a fetch asks for: which reading of a partition, and from where on.
type Asked = BTreeMap<Place, (u64, Offset)>;

/// What was waited for.
enum Done {
    Fetched {
        leader: Leader,
        asked: Asked,
        answers: Result<BTreeMap<Place, Result<Chunk, Failure>>, Failure>,
    },
    Validated {
        place: Place,
        reading: u64,
        leader: Leader,
        /// Where the epoch ended in which the reader is.
        end: Result<Offset, Failure>,
    },
    Refreshed,
    /// Readings of partitions have waited a little.
    Rested(Vec<(Place, u64)>),
}

impl Work {
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Order>) {
        loop {
            self.ask();
            let step = poll_fn(|context| {
                if let Poll::Ready(order) = queue.poll_next_unpin(context) {
                    return Poll::Ready(order.map(Ok));
                }
                match self.in_flight.poll_next_unpin(context) {
                    Poll::Ready(Some(done)) => Poll::Ready(Some(Err(done))),
                    Poll::Ready(None) | Poll::Pending => Poll::Pending,
                }
            });
            match step.await {
                Some(Ok(order)) => self.obey(order),
                Some(Err(done)) => self.take(done),
                None => return,
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Read { place, reading, from } => {
                let reader = Reader {
                    reading,
                    next: from,
                    epoch: None,
                    valid_in: None,
                    is_validating: false,
                    is_resting: false,
                    ahead: 0,
                    has_ended: false,
                };
                self.readers.insert(place, reader);
            }
            Order::Stop(place) => drop(self.readers.remove(&place)),
            Order::Consumed { place, bytes } => {
                if let Some(reader) = self.readers.get_mut(&place) {
                    reader.ahead = reader.ahead.saturating_sub(bytes);
                }
            }
        }
    }

    /// Asks every leader that is not busy for what there is room for.
    fn ask(&mut self) {
        let ahead_max = self.cluster.settings().ahead_bytes_max;
        let mut leaders: BTreeMap<BrokerId, (Leader, Asked)> = BTreeMap::new();
        let mut lost: Vec<Topic> = Vec::new();
        for (place, reader) in &mut self.readers {
            if reader.is_busy() || reader.ahead >= ahead_max {
                continue;
            }
            let Some(leader) = self.cluster.leader(*place) else {
                lost.push(place.0);
                continue;
            };
            let read_in = reader.valid_in.or(reader.epoch);
            if let (Some(epoch), Some(read_in)) = (reader.epoch, read_in)
                && read_in < leader.epoch
            {
                reader.is_validating = true;
                let (cluster, place, reading) = (self.cluster.clone(), *place, reader.reading);
                let validate = async move {
                    let end = cluster.end_of_epoch(leader, place, epoch).await;
                    Done::Validated { place, reading, leader, end }
                };
                self.in_flight.push(validate.boxed_local());
            } else if !self.asked.contains(&leader.broker) {
                let (_, asked) = leaders.entry(leader.broker).or_insert((leader, BTreeMap::new()));
                asked.insert(*place, (reader.reading, reader.next));
            }
        }
        for (leader, asked) in leaders.into_values() {
            self.asked.insert(leader.broker);
            let cluster = self.cluster.clone();
            let fetch = async move {
                let from = asked.iter().map(|(place, (_, from))| (*place, *from)).collect();
                let wait = cluster.settings().fetch_wait;
                let answers = cluster.fetch_at(leader.broker, from, wait).await;
                cluster.stand_still(FaultKind::SlowConsumer, SLOW_MS_MAX).await;
                Done::Fetched { leader, asked, answers }
            };
            self.in_flight.push(fetch.boxed_local());
        }
        lost.dedup();
        if !lost.is_empty() && !self.is_refreshing {
            self.is_refreshing = true;
            let cluster = self.cluster.clone();
            let refresh = async move {
                cluster.refresh(&lost).await;
                Done::Refreshed
            };
            self.in_flight.push(refresh.boxed_local());
        }
    }

    fn take(&mut self, done: Done) {
        match done {
            Done::Fetched { leader, asked, answers } => {
                self.asked.remove(&leader.broker);
                match answers {
                    Ok(answers) => {
                        for (place, answer) in answers {
                            let Some((reading, from)) = asked.get(&place) else { continue };
                            self.read(place, *reading, *from, answer);
                        }
                    }
                    Err(_) => {
                        self.rest(asked.into_iter().map(|(at, (reading, _))| (at, reading)));
                    }
                }
            }
            Done::Validated { place, reading, leader, end } => {
                self.validated(place, reading, leader, end);
            }
            Done::Refreshed => self.is_refreshing = false,
            Done::Rested(rested) => {
                for (place, reading) in rested {
                    let reader = self.readers.get_mut(&place);
                    if let Some(reader) = reader.filter(|it| it.reading == reading) {
                        reader.is_resting = false;
                    }
                }
            }
        }
    }

    fn read(&mut self, place: Place, reading: u64, from: Offset, answer: Result<Chunk, Failure>) {
        let reader = self.readers.get_mut(&place);
        let Some(reader) = reader.filter(|it| it.reading == reading && it.next == from) else {
            return;
        };
        let read = match answer {
            Ok(chunk) if chunk.next == from => return,
            Ok(chunk) => {
                reader.next = chunk.next;
                reader.epoch = chunk.epoch.or(reader.epoch);
                // What holds no record that is told takes no room: nobody would give it back.
                let bytes = if chunk.records.is_empty() { 0 } else { chunk.bytes };
                reader.ahead += bytes;
                let records = chunk.records.into_iter().map(Into::into).collect();
                Read::Records { records, bytes, next: reader.next }
            }
            Err(Failure::OutOfRange { start, .. }) if from < start => {
                reader.has_ended = true;
                Read::Gone { start }
            }
            Err(Failure::OutOfRange { end, .. }) => {
                reader.has_ended = true;
                Read::Diverged { why: format!("it ends at {end}, before {from}").into() }
            }
            Err(_) => return self.rest([(place, reading)].into_iter()),
        };
        let _ = self.fetched.unbounded_send(Fetched { place, reading, read });
    }

    /// Goes on in a new leader epoch if the log of the new leader has what was read.
    fn validated(
        &mut self,
        place: Place,
        reading: u64,
        leader: Leader,
        end: Result<Offset, Failure>,
    ) {
        let reader = self.readers.get_mut(&place);
        let Some(reader) = reader.filter(|it| it.reading == reading) else { return };
        reader.is_validating = false;
        match end {
            Ok(end) if end >= reader.next => reader.valid_in = Some(leader.epoch),
            Ok(end) => {
                reader.has_ended = true;
                let why = format!("its new leader has it only up to {end}, not {}", reader.next);
                let read = Read::Diverged { why: why.into() };
                let _ = self.fetched.unbounded_send(Fetched { place, reading, read });
            }
            Err(_) => self.rest([(place, reading)].into_iter()),
        }
    }

    /// Lets partitions be for a little while after a failure, which has made the cluster forget their
    /// leaders if it is about those.
    fn rest(&mut self, readings: impl Iterator<Item = (Place, u64)>) {
        let mut resting = Vec::new();
        for (place, reading) in readings {
            let reader = self.readers.get_mut(&place);
            if let Some(reader) = reader.filter(|it| it.reading == reading) {
                reader.is_resting = true;
                resting.push((place, reading));
            }
        }
        let cluster = self.cluster.clone();
        let rest = async move {
            cluster.back_off().await;
            Done::Rested(resting)
        };
        self.in_flight.push(rest.boxed_local());
    }
}

impl Reader {
    fn is_busy(&self) -> bool {
        self.has_ended || self.is_validating || self.is_resting
    }
}
