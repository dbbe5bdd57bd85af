//! A connection that is lent to hyper, and comes back when hyper is done with it.
//!
//! hyper gives a connection up whose header takes too long, and answers nothing. Who has it back can.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};

/// Lends a stream. It is told where it comes back to once the borrower has dropped it.
pub(super) fn lend<S>(stream: S) -> (Lent<S>, oneshot::Receiver<Returned<S>>) {
    let (owner, returned) = oneshot::channel();
    (Lent { lease: Some((stream, owner)), has_begun: false }, returned)
}

/// A stream that is lent.
#[derive(Debug)]
pub(super) struct Lent<S> {
    lease: Option<(S, oneshot::Sender<Returned<S>>)>,
    has_begun: bool,
}

/// A stream that has come back.
#[derive(Debug)]
pub(super) struct Returned<S> {
    pub(super) stream: S,
    /// Whether anything was read from it after the last thing that was written to it: whether its
    /// peer is in the middle of a request.
    pub(super) has_begun: bool,
}

impl<S: Unpin> Lent<S> {
    fn stream(&mut self) -> Pin<&mut S> {
        let (stream, _) = self.lease.as_mut().expect("it goes back only when this is dropped");
        Pin::new(stream)
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let Some((stream, owner)) = self.lease.take() {
            // Nobody may want it back; then it is closed.
            let _ = owner.send(Returned { stream, has_begun: self.has_begun });
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(self.stream().poll_read(context, buffer));
        self.has_begun |= buffer.filled().len() > before;
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.has_begun = false;
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.has_begun = false;
        self.stream().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.lease.as_ref().is_some_and(|(stream, _)| stream.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_stream_comes_back_and_says_whether_a_request_had_begun() {
        let (stream, mut peer) = duplex(64);
        let (mut lent, returned) = lend(stream);
        peer.write_all(b"GET / HTTP/1.1\r\n").await.expect("there is room");
        lent.read_u8().await.expect("there is something");
        drop(lent);
        let Returned { stream, has_begun } = returned.await.expect("it comes back");
        assert!(has_begun);
        let (mut lent, returned) = lend(stream);
        lent.read_u8().await.expect("there is something");
        lent.write_all(b"an answer").await.expect("there is room");
        drop(lent);
        assert!(!returned.await.expect("it comes back").has_begun);
    }
}
