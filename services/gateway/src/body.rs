//! Reading a request's body, within bounds of size and time.

use std::{
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use axum::{
    body::{Body, HttpBody},
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tidelog_core::ProblemKind;

use crate::{
    budget::{Budget, Share},
    failure::Failure,
    limits::{self, REFUSED_BODY_BYTES_MAX},
    problem::Kind,
};

/// A body that has been read. While it lives, its bytes count among those held.
#[derive(Debug)]
pub(crate) struct Read {
    pub bytes: Bytes,
    _share: Share,
}

/// Reads a body of at most `bytes_max` bytes.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    timeout: Duration,
    budget: &Budget,
) -> Result<Read, Failure> {
    let mut body = pin!(body);
    let collected = within(timeout, collect(headers, body.as_mut(), bytes_max, budget)).await;
    let Some(read) = collected else {
        let detail = format_args!("the body did not come within {} s", timeout.as_secs_f32());
        return Err(Failure::new(Kind::BodyTimeout, detail).closing());
    };
    match read {
        Ok(read) => Ok(read),
        Err(failure) => {
            within(timeout, drain(headers, body)).await;
            Err(failure.closing())
        }
    }
}

/// Reads what a refused request still sends, so that its sender gets to see the answer: closing a
/// connection with bytes unread would reset it.
pub(crate) async fn discard(headers: &HeaderMap, body: Body, timeout: Duration) {
    if !body.is_end_stream() {
        within(timeout, drain(headers, pin!(body))).await;
    }
}

async fn collect(
    headers: &HeaderMap,
    mut body: Pin<&mut Body>,
    bytes_max: usize,
    budget: &Budget,
) -> Result<Read, Failure> {
    let told = content_length(headers).unwrap_or_default();
    if told > bytes_max as u64 {
        return Err(too_large(told, bytes_max));
    }
    let mut share = budget.share();
    let mut whole = Bytes::new();
    let mut growing = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let broken = |error| Failure::bad_request(format_args!("the body broke off: {error}"));
        // What is no data is trailers, which mean nothing here.
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        let bytes = whole.len() + growing.len() + data.len();
        if bytes > bytes_max {
            return Err(too_large(bytes as u64, bytes_max));
        }
        share.grow(data.len())?;
        if whole.is_empty() && growing.is_empty() {
            whole = data;
            continue;
        }
        if growing.is_empty() {
            growing.reserve(usize::try_from(told).unwrap_or_default().max(bytes));
            growing.extend_from_slice(&std::mem::take(&mut whole));
        }
        growing.extend_from_slice(&data);
    }
    let bytes = if growing.is_empty() { whole } else { growing.freeze() };
    Ok(Read { bytes, _share: share })
}

async fn drain(headers: &HeaderMap, mut body: Pin<&mut Body>) {
    // Who waits for a go-ahead has not sent anything, and does not when the answer is a refusal.
    if headers.contains_key(header::EXPECT) {
        return;
    }
    let mut left = REFUSED_BODY_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn too_large(bytes: u64, bytes_max: usize) -> Failure {
    let what = limits::meant_by(bytes_max);
    let detail =
        format_args!("the body has {bytes} bytes or more and {bytes_max} are allowed{what}");
    Failure::new(ProblemKind::TooLarge, detail)
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The future's output, or `None` if it takes longer than `timeout`. A timer is made only if the
/// future is not ready at once.
pub(crate) async fn within<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let first = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    match first {
        Poll::Ready(output) => Some(output),
        Poll::Pending => tokio::time::timeout(timeout, future).await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn read_within(body: Body, bytes_max: usize, budget: &Budget) -> Result<Read, Failure> {
        read(&HeaderMap::new(), body, bytes_max, SECOND, budget).await
    }

    #[tokio::test]
    async fn a_body_of_one_frame_is_passed_through_without_a_copy() {
        let sent = Bytes::from(vec![b'x'; 10]);
        let budget = Budget::of_requests(100);
        let read = read_within(Body::from(sent.clone()), 10, &budget).await.expect("a body");
        assert_eq!(read.bytes.as_ptr(), sent.as_ptr());
        assert_eq!(budget.held(), 10);
        drop(read);
        assert_eq!(budget.held(), 0);
    }

    #[tokio::test]
    async fn frames_are_joined() {
        let frames = ["{\"a\"", ":", "1}"].map(|text| Ok::<_, std::io::Error>(Bytes::from(text)));
        let body = Body::from_stream(stream::iter(frames));
        let read = read_within(body, 10, &Budget::of_requests(100)).await.expect("a body");
        assert_eq!(read.bytes, "{\"a\":1}");
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_too_large() {
        let failure = read_within(Body::from("12345"), 4, &Budget::of_requests(100)).await;
        let failure = failure.expect_err("too large");
        assert_eq!(failure.kind(), Kind::Core(ProblemKind::TooLarge));
        assert!(failure.detail().contains("5 bytes or more and 4 are allowed"));
    }

    #[tokio::test]
    async fn bodies_beyond_the_room_for_all_are_refused_until_there_is_room_again() {
        let budget = Budget::of_requests(6);
        let first = read_within(Body::from("1234"), 10, &budget).await.expect("room");
        let failure = read_within(Body::from("123"), 10, &budget).await.expect_err("no room");
        assert_eq!(failure.kind(), Kind::Busy);
        drop(first);
        assert!(read_within(Body::from("123"), 10, &budget).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let failure = read_within(body, 10, &Budget::of_requests(100)).await.expect_err("no body");
        assert_eq!(failure.kind(), Kind::BodyTimeout);
    }
}
