//! Telling a connection that there are too many.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{failure::write_problem, json::Json, problem::Kind};

/// Answers a connection with 503 without reading its request, and closes it.
pub(super) async fn refuse(mut stream: TcpStream) {
    // Whatever goes wrong, the connection is to be closed.
    let _ = timeout(REFUSAL_TIMEOUT, async {
        stream.write_all(&answer()).await?;
        stream.shutdown().await?;
        // Closing with bytes unread would take the answer back.
        let mut unread = [0; 4_096];
        let mut left = REFUSED_BYTES_MAX;
        loop {
            match stream.read(&mut unread).await? {
                0 => return Ok(()),
                bytes if bytes < left => left -= bytes,
                _ => return Ok::<_, std::io::Error>(()),
            }
        }
    })
    .await;
}

fn answer() -> Vec<u8> {
    let mut json = Json::default();
    write_problem(&mut json, Kind::Busy, "there are too many connections", None, None, None);
    let body = json.into_bytes();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
         retry-after: 1\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

const REFUSED_BYTES_MAX: usize = 1024 * 1024;
