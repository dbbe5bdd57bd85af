//! How many bytes of bodies are held at a time.
//!
//! A limit for each body does not bound the memory: there are thousands of connections, and each may
//! send, or take, as slowly as the timeouts let it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;

use crate::{failure::Failure, problem::Kind};

/// How many bytes of bodies are held at a time, and may be. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    held: Arc<AtomicUsize>,
    bytes_max: usize,
    full: &'static str,
}

impl Budget {
    /// For the bodies of requests.
    pub(crate) fn of_requests(bytes_max: usize) -> Self {
        let full = "the bodies of the requests under way fill the room that there is for them";
        Self { held: Arc::default(), bytes_max, full }
    }

    /// For the answers to reads.
    pub(crate) fn of_answers(bytes_max: usize) -> Self {
        let full = "answers that others have not taken yet fill the room that there is for them";
        Self { held: Arc::default(), bytes_max, full }
    }

    /// A share that has nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }

    /// Has bytes count until the last copy of them is dropped.
    pub(crate) fn hold(&self, bytes: impl Into<Bytes>) -> Result<Bytes, Failure> {
        struct Held(Bytes, #[expect(dead_code, reason = "it counts while it lives")] Share);
        impl AsRef<[u8]> for Held {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        let bytes = bytes.into();
        let mut share = self.share();
        share.grow(bytes.len())?;
        Ok(Bytes::from_owner(Held(bytes, share)))
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// What one body has of a budget, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Failure> {
        let held = self.budget.held.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if held.saturating_add(bytes) > self.budget.bytes_max {
            return Err(Failure::new(Kind::Busy, self.budget.full));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_count_until_their_last_copy_is_dropped() {
        let budget = Budget::of_answers(10);
        let held = budget.hold(vec![0; 8]).expect("there is room");
        let copy = held.slice(..1);
        drop(held);
        let failure = budget.hold(vec![0; 3]).expect_err("there is no room");
        assert_eq!(failure.kind(), Kind::Busy);
        assert_eq!(budget.held(), 8);
        drop(copy);
        assert_eq!(budget.held(), 0);
    }
}
