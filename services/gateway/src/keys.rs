//! Which idempotency keys have a request under way at this gateway.
//!
//! That each request is done once is the log's business; here a second one under the same key only
//! waits until the first has its answer, so that it is answered as a replay, or told to wait.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidelog_core::message::IdempotencyKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{body::within, failure::Failure, problem::Kind};

/// The keys that have requests under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys(Arc<Mutex<Turns>>);

/// For each key, whose turn it is, and how many requests hold it or wait for it.
type Turns = BTreeMap<Name, (Arc<Semaphore>, usize)>;

/// Scope and key.
type Name = (Box<str>, Box<str>);

/// The turn of one request. Dropping it lets the next one go on.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Whether another request had to be waited for.
    pub has_waited: bool,
    // The order matters: the permit goes back before the key is forgotten.
    _permit: OwnedSemaphorePermit,
    _place: Place,
}

/// A place in the queue for a key.
#[derive(Debug)]
struct Place {
    keys: Keys,
    name: Name,
}

impl Keys {
    /// Waits until no other request under this key is under way.
    pub(crate) async fn turn(
        &self,
        key: &IdempotencyKey,
        timeout: Duration,
    ) -> Result<Turn, Failure> {
        let name = (key.scope.clone(), key.key.clone());
        let semaphore = {
            let mut turns = self.turns();
            let (semaphore, users) =
                turns.entry(name.clone()).or_insert_with(|| (Arc::new(Semaphore::new(1)), 0));
            *users += 1;
            semaphore.clone()
        };
        let place = Place { keys: self.clone(), name };
        if let Ok(permit) = semaphore.clone().try_acquire_owned() {
            return Ok(Turn { has_waited: false, _permit: permit, _place: place });
        }
        match within(timeout, semaphore.acquire_owned()).await {
            Some(Ok(permit)) => Ok(Turn { has_waited: true, _permit: permit, _place: place }),
            Some(Err(_)) | None => Err(in_flight()),
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the second request under a key is told if the first gets no answer.
pub(crate) fn in_flight() -> Failure {
    Failure::new(
        Kind::RequestInFlight,
        "an earlier request under this Idempotency-Key has no answer yet; send this one again later \
         to get it",
    )
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut turns = self.keys.turns();
        if let Some((_, users)) = turns.get_mut(&self.name) {
            *users -= 1;
            if *users == 0 {
                turns.remove(&self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::message::Fingerprint;

    use super::*;

    fn key(key: &str) -> IdempotencyKey {
        IdempotencyKey {
            scope: "PUT shop/orders/eu/42".into(),
            key: key.into(),
            fingerprint: Fingerprint::of(&[]),
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_second_request_under_a_key_waits_for_the_first() {
        let keys = Keys::default();
        let first = keys.turn(&key("a"), SECOND).await.expect("free");
        assert!(!first.has_waited);
        let _other = keys.turn(&key("b"), SECOND).await.expect("another key");
        let waiting = tokio::spawn({
            let keys = keys.clone();
            async move { keys.turn(&key("a"), SECOND).await.map(|turn| turn.has_waited) }
        });
        tokio::time::sleep(SECOND / 2).await;
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.expect("no panic").ok(), Some(true));
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_told_so_if_the_first_takes_too_long() {
        let keys = Keys::default();
        let _first = keys.turn(&key("a"), SECOND).await.expect("free");
        let failure = keys.turn(&key("a"), SECOND).await.expect_err("taken");
        assert_eq!(failure.kind(), Kind::RequestInFlight);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_without_requests_is_forgotten() {
        let keys = Keys::default();
        let first = keys.turn(&key("a"), SECOND).await.expect("free");
        assert!(keys.turn(&key("a"), SECOND).await.is_err());
        assert_eq!(keys.turns().len(), 1);
        drop(first);
        assert!(keys.turns().is_empty());
    }
}
