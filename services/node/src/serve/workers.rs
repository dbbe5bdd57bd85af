//! The workers: a thread for each service.

use std::{
    future::Future,
    pin::{Pin, pin},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tidelog_core::{Service, ServiceName, port::Transport};
use tidelog_runtime::{RunError, Settings, run_watched};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Error, error::Names, health::Health};

/// The threads of the services. They are to be stopped, not dropped.
pub(crate) struct Workers {
    workers: Vec<Worker>,
}

struct Worker {
    service: ServiceName,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<(), RunError>>,
}

/// What a worker does while there is no log.
#[derive(Clone, Debug)]
pub(crate) enum Patience {
    /// It ends, and the node with it.
    None,
    /// It waits for the log, however long that takes, and ends only if the log will not have it.
    Endless {
        /// Whether the log has been there.
        join_when: watch::Receiver<bool>,
    },
}

impl Workers {
    /// Starts a thread for each service, which tells `health` what becomes of its tasks. The future is
    /// ready when one of them has ended by itself.
    pub(crate) fn start<T: Transport + Clone + Send + 'static>(
        transport: &T,
        services: Vec<Box<dyn Service + Send + Sync>>,
        settings: &Settings,
        patience: &Patience,
        health: &Arc<Health>,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), Error> {
        let (ended, mut some_ended) = mpsc::channel::<()>(1);
        let mut workers = Vec::new();
        for service in services {
            let name = service.spec().name;
            let (stop, stopped) = oneshot::channel();
            let (transport, settings) = (transport.clone(), settings.clone());
            let (patience, health) = (patience.clone(), Arc::clone(health));
            let ended = EndOfWorker(ended.clone());
            let run = move || {
                let _ended = ended;
                let stopped = pin!(async { _ = stopped.await });
                let work = Work { transport, service, settings, patience, health };
                pollster::block_on(work.run(stopped))
            };
            let thread = thread::Builder::new()
                .name(name.to_string())
                .spawn(run)
                .map_err(|source| Error::Thread { service: name, source })?;
            workers.push(Worker { service: name, stop, thread });
        }
        let failed = async move {
            // Where there are no services, there is none to fail.
            if some_ended.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        };
        drop(ended);
        Ok((Self { workers }, failed))
    }

    /// Lets every service commit what it has done, and ends the threads. One that does not end within the
    /// time, where there is a limit, is left to itself until the process ends, which is an error.
    pub(crate) fn stop(self, within: Option<Duration>) -> Result<(), Error> {
        let deadline = within.map(|within| Instant::now() + within);
        let mut outcome = Ok(());
        let mut threads = Vec::new();
        let mut late = Vec::new();
        for Worker { service, stop, thread } in self.workers {
            // One that has ended by itself cannot be told.
            let _ = stop.send(());
            threads.push((service, thread));
        }
        for (service, thread) in threads {
            if !has_ended_by(&thread, deadline) {
                late.push(service);
                continue;
            }
            let ended = match thread.join() {
                Ok(Ok(())) => Ok(()),
                Ok(Err(source)) => Err(Error::Service { service, source }),
                Err(_) => Err(Error::Panic(service)),
            };
            outcome = outcome.and(ended);
        }
        match within {
            Some(within) if !late.is_empty() => {
                outcome.and(Err(Error::NotStopped { services: Names(late), within }))
            }
            _ => outcome,
        }
    }
}

/// Waits for a thread to end. Says whether it has; without a deadline it is for `join` to wait.
fn has_ended_by<T>(thread: &JoinHandle<T>, deadline: Option<Instant>) -> bool {
    let Some(deadline) = deadline else { return true };
    while !thread.is_finished() {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(ENDED_POLL);
    }
    true
}

/// What a worker's thread has.
struct Work<T> {
    transport: T,
    service: Box<dyn Service + Send + Sync>,
    settings: Settings,
    patience: Patience,
    health: Arc<Health>,
}

impl<T: Transport> Work<T> {
    async fn run(&self, mut stop: Pin<&mut impl Future<Output = ()>>) -> Result<(), RunError> {
        if let Patience::Endless { join_when } = &self.patience {
            let mut join_when = join_when.clone();
            tokio::select! {
                biased;
                () = stop.as_mut() => return Ok(()),
                // If it never is there, the node stops.
                Ok(_) = join_when.wait_for(|is_there| *is_there) => {}
            }
        }
        loop {
            let Self { transport, service, settings, health, .. } = self;
            let ended = run_watched(transport, &**service, settings, &**health, stop.as_mut());
            let reason = match ended.await {
                Err(reason @ (RunError::Lost { .. } | RunError::Failing { .. }))
                    if matches!(self.patience, Patience::Endless { .. }) =>
                {
                    reason
                }
                outcome => return outcome,
            };
            let service = service.spec().name;
            tracing::error!(%service, %reason, pause = ?PAUSE, "the service is tried again");
            tokio::select! {
                biased;
                () = stop.as_mut() => return Ok(()),
                () = transport.pause(PAUSE) => {}
            }
        }
    }
}

/// How long it is waited before it is looked again whether a thread has ended.
const ENDED_POLL: Duration = Duration::from_millis(5);

/// How long it is waited after a service has given up.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells that a worker has ended, however it did.
struct EndOfWorker(mpsc::Sender<()>);

impl Drop for EndOfWorker {
    fn drop(&mut self) {
        // One is enough.
        let _ = self.0.try_send(());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn worker(service: ServiceName, run: impl FnOnce() + Send + 'static) -> Worker {
        let (stop, _) = oneshot::channel();
        let thread = thread::spawn(move || {
            run();
            Ok(())
        });
        Worker { service, stop, thread }
    }

    #[test]
    fn a_service_that_does_not_stop_in_time_is_named_and_left() {
        let (go_on, hung) = channel::<()>();
        let hang = move || hung.recv().unwrap_or_default();
        let workers =
            vec![worker(ServiceName::EntityStorage, hang), worker(ServiceName::ZoneWatch, || {})];
        let error =
            Workers { workers }.stop(Some(Duration::from_millis(50))).expect_err("one hangs");
        let words = error.to_string();
        assert!(words.starts_with("entity-storage did not stop within 50ms"), "{words}");
        drop(go_on);
    }

    #[test]
    fn services_that_stop_have_stopped() {
        let workers =
            vec![worker(ServiceName::EntityStorage, || {}), worker(ServiceName::ZoneWatch, || {})];
        assert!(Workers { workers }.stop(Some(Duration::from_secs(60))).is_ok());
    }
}
