//! Threads that read partitions, one consumer each.
//!
//! A reader that has read to some place is given the next read from there, so that what it has fetched
//! ahead is of use.

use std::{
    sync::{Arc, Mutex, MutexGuard, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures_channel::oneshot;
use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};
use tidelog_core::{
    Offset, PartitionId, Timestamp, Topic,
    port::{ClientError, Record},
};
use tracing::{debug, warn};

use super::{GLANCE, closed};
use crate::{Settings, bounds, clock, context::Logging, error::is_refusal, record};

/// Reads at one time.
const READERS_MAX: usize = 256;

/// Readers that are kept for reads to come.
const IDLE_MAX: usize = 4;

/// Records that one read gives.
const RECORDS_MAX: usize = 1_000;

/// Bytes of records that one read gives; one record may be larger.
const BYTES_MAX: usize = 1024 * 1024;

/// How long the brokers are asked before it is looked whether the client is still there.
const ASKED_FOR: Duration = Duration::from_secs(1);

/// How long it is waited before a call is repeated.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// How long a reader waits where there is nothing to be read yet.
const BEYOND_PAUSE: Duration = Duration::from_millis(20);

/// A place to read on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) topic: Topic,
    pub(super) partition: PartitionId,
    pub(super) next: Offset,
}

/// What a reader can do.
pub(super) enum Job {
    Read {
        place: Place,
        until: Timestamp,
        reply: oneshot::Sender<Result<Vec<Record>, ClientError>>,
    },
    Bounds {
        topic: Topic,
        partition: PartitionId,
        reply: oneshot::Sender<Result<(Offset, Offset), ClientError>>,
    },
    Stop,
}

/// The readers of a client.
pub(crate) struct Readers {
    settings: Arc<Settings>,
    pool: Arc<Mutex<Pool>>,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Idle>,
    threads: Vec<JoinHandle<()>>,
    readers: usize,
    is_closed: bool,
}

/// A reader that waits for its next job.
struct Idle {
    place: Option<Place>,
    jobs: mpsc::Sender<Job>,
}

impl Readers {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { settings: Arc::new(settings.clone()), pool: Arc::default() }
    }

    /// The first offset of a partition, and the one after the last.
    pub(crate) async fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), ClientError> {
        let (reply, bounds) = oneshot::channel();
        self.give(Job::Bounds { topic, partition, reply })?;
        bounds.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Gives a job to the reader that fits best.
    pub(super) fn give(&self, job: Job) -> Result<(), ClientError> {
        let mut pool = lock(&self.pool);
        let jobs = match pool.take(&job) {
            Some(jobs) => jobs,
            None => self.start(&mut pool)?,
        };
        drop(pool);
        jobs.send(job).map_err(|_| unavailable("the thread that reads is gone"))
    }

    fn start(&self, pool: &mut Pool) -> Result<mpsc::Sender<Job>, ClientError> {
        if pool.readers >= READERS_MAX {
            let reason = format!("{READERS_MAX} reads are under way already: try again later");
            return Err(unavailable(&reason));
        }
        let consumer = self.settings.reading_consumer().create_with_context(Logging);
        let consumer = consumer.map_err(|error| unavailable(&error.to_string()))?;
        let (jobs, received) = mpsc::channel();
        let reader = Reader {
            settings: Arc::clone(&self.settings),
            pool: Arc::clone(&self.pool),
            consumer,
            place: None,
            jobs: jobs.clone(),
        };
        let thread = thread::Builder::new().name("kafka-read".into());
        let thread = thread.spawn(move || reader.run(&received));
        pool.threads.retain(|thread| !thread.is_finished());
        pool.threads.push(thread.map_err(|error| unavailable(&error.to_string()))?);
        pool.readers += 1;
        Ok(jobs)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let mut pool = lock(&self.pool);
        pool.is_closed = true;
        for idle in pool.idle.drain(..) {
            drop(idle.jobs.send(Job::Stop));
        }
        let threads = std::mem::take(&mut pool.threads);
        drop(pool);
        for thread in threads {
            if thread.join().is_err() {
                warn!("a thread that reads has panicked");
            }
        }
    }
}

impl Pool {
    /// Takes an idle reader: the one that is there already, or else the one that has waited longest.
    fn take(&mut self, job: &Job) -> Option<mpsc::Sender<Job>> {
        let wanted = match job {
            Job::Read { place, .. } => Some(*place),
            Job::Bounds { .. } | Job::Stop => None,
        };
        let fits = self.idle.iter().position(|idle| idle.place == wanted);
        let index = match (fits, wanted) {
            (Some(index), _) => index,
            // One that reads should not lose its place, nor what it has fetched, to somebody passing.
            (None, _) if self.idle.len() < IDLE_MAX => return None,
            (None, _) => 0,
        };
        Some(self.idle.remove(index).jobs)
    }
}

struct Reader {
    settings: Arc<Settings>,
    pool: Arc<Mutex<Pool>>,
    consumer: BaseConsumer<Logging>,
    place: Option<Place>,
    jobs: mpsc::Sender<Job>,
}

impl Reader {
    fn run(mut self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let goes_on = match job {
                Job::Read { place, until, reply } => {
                    let records = self.read(place, until, &reply);
                    let goes_on = self.rest();
                    if let Some(records) = records
                        && reply.send(records).is_err()
                    {
                        debug!("nobody waits for what was read");
                    }
                    goes_on
                }
                Job::Bounds { topic, partition, reply } => {
                    let bounds = self.bounds(topic, partition);
                    let goes_on = self.rest();
                    drop(reply.send(bounds));
                    goes_on
                }
                Job::Stop => false,
            };
            if !goes_on {
                break;
            }
        }
        lock(&self.pool).readers -= 1;
    }

    /// Waits for the next job, before the outcome of this one is told: it may be asked for at once.
    ///
    /// Says whether there will be one.
    fn rest(&self) -> bool {
        let mut pool = lock(&self.pool);
        if !pool.is_closed {
            pool.idle.push(Idle { place: self.place, jobs: self.jobs.clone() });
        }
        !pool.is_closed
    }

    /// Reads, unless nobody waits for it any more.
    fn read(
        &mut self,
        place: Place,
        until: Timestamp,
        reply: &oneshot::Sender<Result<Vec<Record>, ClientError>>,
    ) -> Option<Result<Vec<Record>, ClientError>> {
        if self.place != Some(place)
            && let Err(error) = self.go_to(place)
        {
            return Some(Err(error));
        }
        loop {
            if reply.is_canceled() || lock(&self.pool).is_closed {
                return None;
            }
            let left = until.since(clock::now());
            match self.consumer.poll(left.min(GLANCE)) {
                Some(Ok(message)) => {
                    let (records, goes_on) = take(&self.consumer, &message);
                    let next = records.last().map_or(place.next, |last| last.offset.next());
                    self.place = goes_on.then_some(Place { next, ..place });
                    return Some(Ok(records));
                }
                Some(Err(error)) => {
                    if let Err(error) = self.recover(place, &error) {
                        self.place = None;
                        return Some(Err(error));
                    }
                }
                None => {}
            }
            if left.is_zero() {
                return Some(Ok(Vec::new()));
            }
        }
    }

    fn go_to(&mut self, place: Place) -> Result<(), ClientError> {
        self.place = None;
        let topic = self.settings.topic(place.topic);
        let list = record::places([(&topic[..], place.partition, place.next)]);
        self.consumer.assign(&list).map_err(|error| unavailable(&error.to_string()))?;
        self.place = Some(place);
        Ok(())
    }

    /// Goes on after an error, if that can be.
    fn recover(&mut self, place: Place, error: &KafkaError) -> Result<(), ClientError> {
        let Some(code) = error.rdkafka_error_code() else {
            return Err(unavailable(&error.to_string()));
        };
        if matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) {
            let (start, _) = self.bounds(place.topic, place.partition)?;
            if place.next < start {
                let Place { topic, partition, next: from } = place;
                return Err(ClientError::Gone { topic, partition, from, start });
            }
            // It is beyond the end, where there may be something later.
            thread::sleep(BEYOND_PAUSE);
            return self.go_to(place);
        }
        if is_refusal(code) || matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            return Err(unavailable(&error.to_string()));
        }
        debug!(%error, "reading goes on");
        Ok(())
    }

    /// The first offset and the one after the last. Leaders may be moving at this time.
    fn bounds(
        &self,
        topic: Topic,
        partition: PartitionId,
    ) -> Result<(Offset, Offset), ClientError> {
        let name = self.settings.topic(topic);
        let deadline = Instant::now() + self.settings.request_timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).min(ASKED_FOR);
            let error = match bounds::bounds(self.consumer.client(), &name, partition, left) {
                Ok(bounds) => return Ok(bounds),
                Err(error) => error,
            };
            let is_refused = error.rdkafka_error_code().is_some_and(is_refusal);
            if is_refused || Instant::now() >= deadline || lock(&self.pool).is_closed {
                return Err(unavailable(&format!("{name}: {error}")));
            }
            thread::sleep(RETRY_PAUSE);
        }
    }
}

/// The first record, and those behind it that have been fetched already; and whether the consumer can
/// go on from there.
fn take(consumer: &BaseConsumer<Logging>, first: &BorrowedMessage<'_>) -> (Vec<Record>, bool) {
    let mut records = vec![record::record(first)];
    let mut bytes = first.payload_len();
    while records.len() < RECORDS_MAX && bytes < BYTES_MAX {
        match consumer.poll(Duration::ZERO) {
            Some(Ok(message)) => {
                bytes += message.key_len() + message.payload_len();
                records.push(record::record(&message));
            }
            Some(Err(_)) => return (records, false),
            None => break,
        }
    }
    (records, true)
}

fn lock(pool: &Mutex<Pool>) -> MutexGuard<'_, Pool> {
    pool.lock().expect("nothing that can panic is done under this lock")
}

fn unavailable(reason: &str) -> ClientError {
    ClientError::Unavailable(reason.into())
}
