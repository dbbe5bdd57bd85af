//! A minimal HTTP/1.1 client over one kept-alive connection.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Result;

/// Where a server is: taken from a URL such as `http://127.0.0.1:7070`.
#[derive(Clone, Debug)]
pub struct Target {
    host: String,
    token: Option<String>,
}

impl Target {
    /// Takes host and port from a URL; a path is ignored.
    ///
    /// # Errors
    /// Fails for anything but plain `http`.
    pub fn parse(url: &str, token: Option<String>) -> Result<Self> {
        let rest = url.strip_prefix("http://").ok_or("the URL must begin with http://")?;
        let host = rest.split('/').next().unwrap_or_default();
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        Ok(Self { host, token })
    }
}

/// One kept-alive connection.
#[derive(Debug)]
pub struct Connection {
    target: Target,
    stream: TcpStream,
    out: Vec<u8>,
    read: Vec<u8>,
    body: (usize, usize),
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Fails as the network does.
    pub async fn open(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(&target.host).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            target: target.clone(),
            stream,
            out: Vec::with_capacity(1_024),
            read: Vec::with_capacity(4_096),
            body: (0, 0),
        })
    }

    /// Sends a request and reads the answer, giving its status.
    ///
    /// # Errors
    /// Fails if the connection does, or if the answer has no length.
    pub async fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<u16> {
        use std::io::Write as _;
        self.out.clear();
        write!(self.out, "{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.target.host)?;
        if let Some(token) = &self.target.token {
            write!(self.out, "authorization: Bearer {token}\r\n")?;
        }
        if !body.is_empty() {
            write!(self.out, "content-type: {kind}\r\ncontent-length: {}\r\n", body.len())?;
        }
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(body);
        self.stream.write_all(&self.out).await?;
        self.answer().await
    }

    /// The body of the last answer.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.read.get(self.body.0..self.body.1).unwrap_or_default()
    }

    async fn answer(&mut self) -> Result<u16> {
        self.read.clear();
        let mut seen = 0_usize;
        let head = loop {
            self.more().await?;
            let from = seen.saturating_sub(3);
            if let Some(at) = find(&self.read[from..], b"\r\n\r\n") {
                break from + at + 4;
            }
            seen = self.read.len();
        };
        let text = std::str::from_utf8(&self.read[..head])?;
        let status: u16 = text.get(9..12).ok_or("no status")?.parse()?;
        let length = match length(text)? {
            Some(length) => length,
            None if status == 204 || status == 304 => 0,
            None => return Err("the answer has no content-length".into()),
        };
        while self.read.len() < head + length {
            self.more().await?;
        }
        self.body = (head, head + length);
        Ok(status)
    }

    async fn more(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.read).await? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

fn length(head: &str) -> Result<Option<usize>> {
    for line in head.split("\r\n").skip(1) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok(Some(value.trim().parse()?));
        }
    }
    Ok(None)
}
