//! Answering a connection without hyper, and closing it.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{failure::write_problem, json::Json, problem::Kind};

/// Answers a connection without reading its request, and closes it.
pub(super) async fn refuse(mut stream: TcpStream, kind: Kind, detail: &str) {
    // Whatever goes wrong, the connection is to be closed.
    let _ = timeout(REFUSAL_TIMEOUT, async {
        stream.write_all(&answer(kind, detail)).await?;
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

fn answer(kind: Kind, detail: &str) -> Vec<u8> {
    let mut json = Json::default();
    write_problem(&mut json, kind, detail, None, None, None);
    let body = json.into_bytes();
    let status = kind.row().status;
    let wait = if status == StatusCode::SERVICE_UNAVAILABLE { "retry-after: 1\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n{wait}connection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

const REFUSED_BYTES_MAX: usize = 1024 * 1024;
