//! Speaking HTTP until the node is told to stop.

use std::{future::Future, sync::Arc, time::Duration};

use tidelog_core::port::{Client, Queries};
use tidelog_driver::{Driver, Options};
use tidelog_gateway::{CorsOrigin, Metrics, Readiness};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::{Error, greeting};
use crate::settings::ServeSettings;

/// How long requests under way are waited for when the node stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);

/// What HTTP is spoken about.
pub(super) struct Log<C, Q, R> {
    /// Appends and reads.
    pub(super) client: C,
    /// Asks tasks.
    pub(super) queries: Arc<Q>,
    /// What `/readyz` asks.
    pub(super) readiness: Readiness,
    /// What `/metrics` tells.
    pub(super) metrics: Metrics,
    /// Where the data is, in words.
    pub(super) place: String,
    /// Is ready when the log can be read. Until then the node is not.
    pub(super) is_there: R,
}

/// Speaks HTTP until the node is told to stop, or `failed` is ready.
pub(super) async fn serve<C: Client, Q: Queries>(
    settings: &ServeSettings,
    listener: TcpListener,
    log: Log<C, Q, impl Future<Output = ()> + Send + 'static>,
    failed: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let Log { client, queries, readiness, metrics, place, is_there } = log;
    let address = listener.local_addr().map_err(Error::Runtime)?;
    // A prefix of its own for each life of a node: its requests are told from all others.
    let options = Options::new(uuid::Uuid::now_v7().simple().to_string());
    let (driver, connection) = Driver::new(client, queries, options)?;
    let (leave, left) = oneshot::channel::<()>();
    let connection = tokio::spawn(async move {
        tokio::select! {
            biased;
            () = is_there => connection.run().await,
            _ = left => Ok(()),
        }
    });
    let mut signals = Signals::new().map_err(Error::Runtime)?;
    let (hurry, hurried) = oneshot::channel();
    let stop = async move {
        tokio::select! {
            biased;
            () = failed => tracing::error!("the node cannot go on, and stops"),
            signal = signals.next() => {
                tracing::warn!(signal, "requests under way are finished; once more to stop at once");
            }
        }
        tokio::spawn(async move {
            signals.next().await;
            // The node may have stopped by itself.
            let _ = hurry.send(());
        });
    };
    let gateway = tidelog_gateway::Settings {
        answer_timeout: settings.answer_timeout,
        drain_timeout: DRAIN_TIMEOUT,
        cors_origin: CorsOrigin::from_list(&settings.cors_origins)?,
        readiness,
        metrics,
        ..tidelog_gateway::Settings::default()
    };
    let greeting = async {
        driver.ready().await;
        greeting::print(address, &place);
        std::future::pending::<()>().await;
    };
    let serving = async {
        tidelog_gateway::serve(listener, driver.clone(), gateway, stop).await?;
        drop(leave);
        driver.shutdown(driver.now().plus(DRAIN_TIMEOUT)).await;
        Ok::<(), std::io::Error>(())
    };
    tokio::select! {
        biased;
        served = serving => served.map_err(Error::Runtime)?,
        Ok(()) = hurried => {
            tracing::warn!("stopped at once; what had no answer may be carried out or not");
            return Ok(());
        }
        () = greeting => unreachable!("it never ends"),
    }
    drop(driver);
    match connection.await {
        Ok(outcome) => Ok(outcome?),
        Err(panicked) => Err(Error::Connection(panicked)),
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one, and says which it is.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
