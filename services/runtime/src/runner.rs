//! Joining, and joining again.

mod alarm;
mod recovery;
mod task;
mod totals;
mod worker;

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
};

use tidelog_core::{
    Service,
    port::{SessionError, Transport},
};
use tracing::{Instrument, info, info_span, warn};

use self::{
    recovery::delay,
    worker::{Interrupt, Worker},
};
use crate::{RunError, Settings, Watch};

/// Runs a service until `stop` completes, which ends every wait; then commits what there is and
/// leaves.
///
/// # Errors
///
/// If the log cannot be used any more, or if a task or the session fails again and again with no
/// commit in between. What was not committed is for the next owner to do again; whoever calls decides
/// when to run the service again.
///
/// # Panics
///
/// If the service breaks one of its invariants, or the transport one of its laws.
pub async fn run<T: Transport, S: Service + ?Sized>(
    transport: &T,
    service: &S,
    settings: &Settings,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    run_watched(transport, service, settings, &(), stop).await
}

/// As [`run`], and tells `watch` what becomes of the tasks.
///
/// # Errors
///
/// As [`run`].
///
/// # Panics
///
/// As [`run`].
pub async fn run_watched<T: Transport, S: Service + ?Sized>(
    transport: &T,
    service: &S,
    settings: &Settings,
    watch: &dyn Watch,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let span = info_span!("run", service = %service.spec().name);
    let stop = pin!(stop);
    run_until(transport, service, settings, watch, stop).instrument(span).await
}

async fn run_until<T: Transport, S: Service + ?Sized>(
    transport: &T,
    service: &S,
    settings: &Settings,
    watch: &dyn Watch,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), RunError> {
    let mut lost = 0;
    loop {
        let ended = match race(stop.as_mut(), transport.join(service.spec())).await {
            None => return Ok(()),
            Some(Err(error)) => Interrupt::Session(error),
            Some(Ok(session)) => {
                info!("joined");
                let mut worker = Worker::new(session, service, settings, watch);
                match worker.work(stop.as_mut()).await {
                    Ok(()) => return Ok(()),
                    Err(ended) => {
                        if worker.has_committed() {
                            lost = 0;
                        }
                        ended
                    }
                }
            }
        };
        match ended {
            Interrupt::Failing(error) => return Err(error),
            Interrupt::Session(SessionError::Fatal(reason)) => return Err(RunError::Fatal(reason)),
            Interrupt::Session(SessionError::Lost(reason)) => {
                lost += 1;
                if lost >= settings.failures_max {
                    return Err(RunError::Lost { times: lost, reason });
                }
                let pause = delay(lost, settings);
                warn!(times = lost, %reason, ?pause, "the session was lost: joining again");
                if race(stop.as_mut(), transport.pause(pause)).await.is_none() {
                    return Ok(());
                }
            }
        }
    }
}

/// What a future comes to, or `None` if it is to be left for `stop`.
async fn race<F: Future>(
    mut stop: Pin<&mut impl Future<Output = ()>>,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| {
        if stop.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(context).map(Some)
    })
    .await
}
