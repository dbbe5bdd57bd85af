//! A node: each of the services on a thread of its own.

use std::{
    path::Path,
    pin::pin,
    thread::{self, JoinHandle},
};

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use pollster::block_on;
use tidelog_core::Service;
use tidelog_io_kafka::{KafkaTransport, Settings};
use tidelog_io_local::FjallStore;
use tidelog_machines::{EntityBatch, EntityStorage, ResponseAccumulator, SchemaStorage};

/// A node at work.
pub(super) struct Node {
    workers: Vec<Worker>,
}

struct Worker {
    end: oneshot::Sender<End>,
    thread: JoinHandle<()>,
}

/// How a node ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It commits what there is, and leaves.
    Stop,
    /// It drops everything as it is: nothing more is committed, nobody is told.
    Crash,
}

/// The services of a node.
pub(super) fn services() -> Vec<Box<dyn Service + Send>> {
    vec![
        Box::new(EntityBatch),
        Box::new(EntityStorage),
        Box::new(ResponseAccumulator),
        Box::new(SchemaStorage),
    ]
}

impl Node {
    pub(super) fn start(settings: &Settings, store: &Path) -> Self {
        let store = FjallStore::open(store, 1024 * 1024).expect("a folder of our own");
        let transport = KafkaTransport::new(settings.clone(), store);
        let start = |service: Box<dyn Service + Send>| {
            let (end, ended) = oneshot::channel();
            let transport = transport.clone();
            Worker { end, thread: thread::spawn(move || work(&transport, &*service, ended)) }
        };
        Self { workers: services().into_iter().map(start).collect() }
    }

    /// Has the node commit what there is, and leave.
    pub(super) fn stop(self) {
        self.end(End::Stop);
    }

    /// Drops everything that the node has.
    pub(super) fn crash(self) {
        self.end(End::Crash);
    }

    fn end(self, how: End) {
        let end = |worker: Worker| {
            worker.end.send(how).expect("a worker that is at work");
            worker.thread
        };
        let threads: Vec<_> = self.workers.into_iter().map(end).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("a worker that does not panic"));
    }
}

fn work(
    transport: &KafkaTransport<FjallStore>,
    service: &(dyn Service + Send),
    ended: oneshot::Receiver<End>,
) {
    let (stop, stopped) = oneshot::channel::<()>();
    let settings = tidelog_runtime::Settings::default();
    let stopped = async { stopped.await.unwrap_or_default() };
    let run = pin!(tidelog_runtime::run(transport, service, &settings, stopped));
    block_on(async {
        match select(run, ended).await {
            Either::Left((outcome, _)) => panic!("a worker has ended by itself: {outcome:?}"),
            Either::Right((Ok(End::Stop), run)) => {
                drop(stop);
                run.await.expect("a worker that leaves in good order");
            }
            Either::Right((Ok(End::Crash) | Err(_), _)) => {}
        }
    });
}
