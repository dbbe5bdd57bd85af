//! The server: connections, their limits, and an end that lets requests under way finish.

mod lent;
mod patient;
mod refuse;

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tidelog_driver::Driver;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use self::{
    lent::{Returned, lend},
    patient::Patient,
};
use crate::{
    closing::Closing, limits::HEADER_BUFFER_BYTES_MAX, problem::Kind, router_until,
    settings::Settings,
};

/// Serves the gateway until `shutdown` is ready. Then no connection is taken any more, requests
/// under way are waited for until the drain timeout, and what is left is cut off.
///
/// # Errors
///
/// If the listener cannot take connections any more.
pub async fn serve(
    listener: TcpListener,
    driver: Driver,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (close, closing) = Closing::when();
    let mut server = Server {
        service: TowerToHyperService::new(router_until(driver, settings.clone(), closing)),
        http: http(&settings),
        draining: GracefulShutdown::new(),
        connections: JoinSet::new(),
        refusals: JoinSet::new(),
        settings,
    };
    let mut shutdown = pin!(shutdown);
    let mut failures = 0;
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_) = server.connections.join_next() => {}
            Some(_) = server.refusals.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    failures = 0;
                    server.take(stream, peer);
                }
                Err(error) if is_of_connection(&error) => {}
                Err(error) if failures < ACCEPT_FAILURES_MAX => {
                    // Most often the process has no file left; a connection that ends gives one
                    // back.
                    tracing::warn!(%error, "no connection could be taken");
                    failures += 1;
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Err(error) => return Err(error),
            },
        }
    }
    drop(listener);
    // Who waits for news is answered, and streams end: their readers find another node.
    close.send_replace(true);
    server.drain().await;
    Ok(())
}

struct Server {
    service: TowerToHyperService<Router>,
    http: http1::Builder,
    draining: GracefulShutdown,
    connections: JoinSet<()>,
    refusals: JoinSet<()>,
    settings: Settings,
}

impl Server {
    fn take(&mut self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "the connection was gone at once");
            return;
        }
        if self.connections.len() >= self.settings.connections_max {
            tracing::warn!(%peer, "refused a connection: there are too many");
            if self.refusals.len() < REFUSALS_MAX {
                let detail = "there are too many connections";
                self.refusals.spawn(refuse::refuse(stream, Kind::Busy, detail));
            }
            return;
        }
        let (stream, returned) = lend(stream);
        let stream = Patient::new(stream, self.settings.write_timeout);
        let connection = self.http.serve_connection(TokioIo::new(stream), self.service.clone());
        let connection = self.draining.watch(connection);
        self.connections.spawn(async move {
            let outcome = connection.await;
            let Err(error) = outcome else { return };
            tracing::debug!(%peer, %error, "a connection broke");
            // The only timeout of hyper's is that of a header. Who has not begun with one need not be
            // told: the connection was idle.
            if error.is_timeout()
                && let Ok(Returned { stream, has_begun: true }) = returned.await
            {
                let detail = "the header of the request did not come to an end in time";
                refuse::refuse(stream, Kind::HeaderTimeout, detail).await;
            }
        });
    }

    async fn drain(mut self) {
        let under_way = self.connections.len();
        tracing::debug!(under_way, "waiting for the requests under way");
        let drained = tokio::time::timeout(self.settings.drain_timeout, self.draining.shutdown());
        if drained.await.is_err() {
            tracing::warn!("requests were under way beyond the drain timeout, and were cut off");
        }
        self.refusals.shutdown().await;
        self.connections.shutdown().await;
    }
}

fn http(settings: &Settings) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(HEADER_BUFFER_BYTES_MAX);
    http
}

/// Whether accepting failed because of the connection that was to be accepted.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often in a row taking a connection may fail: for five minutes.
const ACCEPT_FAILURES_MAX: u32 = 3_000;

/// Connections that are told why they are refused; more are just closed.
const REFUSALS_MAX: usize = 64;
