//! The workers: a thread for each service.

use std::{
    future::Future,
    sync::Arc,
    thread::{self, JoinHandle},
};

use tidelog_core::{Service, ServiceName};
use tidelog_io_local::LocalTransport;
use tidelog_runtime::{RunError, Settings, run_watched};
use tokio::sync::{mpsc, oneshot};

use super::{Error, health::Health};

/// Records of one commit. A commit to the embedded log costs next to nothing, and small ones let the
/// writer make one batch durable while the next one is prepared.
const BATCH_RECORDS_MAX: usize = 200;

/// The threads of the services. They are to be stopped, not dropped.
pub(crate) struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    service: ServiceName,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), RunError>>,
}

impl Workers {
    /// Starts a thread for each service, which tells `health` what becomes of its tasks. The future is ready when one of them has ended by itself.
    pub(crate) fn start(
        transport: &LocalTransport,
        services: fn() -> Vec<Box<dyn Service + Send + Sync>>,
        health: &Arc<Health>,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), Error> {
        let (ended, mut some_ended) = mpsc::channel::<()>(1);
        let mut workers = Vec::new();
        for service in services() {
            let name = service.spec().name;
            let (stop, stopped) = oneshot::channel();
            let transport = transport.clone();
            let health = Arc::clone(health);
            let ended = EndOfWorker(ended.clone());
            let run = move || {
                let _ended = ended;
                let stopped = async { _ = stopped.await };
                let settings =
                    Settings { batch_records_max: BATCH_RECORDS_MAX, ..Settings::default() };
                pollster::block_on(run_watched(&transport, &*service, &settings, &*health, stopped))
            };
            let thread = thread::Builder::new()
                .name(name.to_string())
                .spawn(run)
                .map_err(|source| Error::Thread { service: name, source })?;
            workers.push(Worker { service: name, stop, thread });
        }
        let failed = async move { _ = some_ended.recv().await };
        Ok((Self { workers }, failed))
    }

    /// Lets every service commit what it has done, and ends the threads.
    pub(crate) fn stop(self) -> Result<(), Error> {
        let mut outcome = Ok(());
        let mut threads = Vec::new();
        for Worker { service, stop, thread } in self.workers {
            // One that has ended by itself cannot be told.
            let _ = stop.send(());
            threads.push((service, thread));
        }
        for (service, thread) in threads {
            let ended = match thread.join() {
                Ok(Ok(())) => Ok(()),
                Ok(Err(source)) => Err(Error::Service { service, source }),
                Err(_) => Err(Error::Panic(service)),
            };
            outcome = outcome.and(ended);
        }
        outcome
    }
}

/// Tells that a worker has ended, however it did.
struct EndOfWorker(mpsc::Sender<()>);

impl Drop for EndOfWorker {
    fn drop(&mut self) {
        // One is enough.
        let _ = self.0.try_send(());
    }
}
