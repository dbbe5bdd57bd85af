//! Asking again: how long, how often, and when not.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::{Call, CallError, Client, Problem, Reply};
use crate::failure::Failure;

/// How long a call is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Without an answer for this long, it is given up.
    pub(crate) give_up_after: Duration,
}

/// The waits between tries of one call: they double, with some jitter, up to a bound.
#[derive(Debug)]
pub(crate) struct Backoff {
    patience: Patience,
    delay: Duration,
}

impl Patience {
    /// One try.
    pub(crate) const NONE: Self = Self { give_up_after: Duration::ZERO };
}

impl Backoff {
    /// The waits for a call.
    pub(crate) fn new(patience: Patience) -> Self {
        Self { patience, delay: DELAY_FIRST }
    }

    /// How long to wait before the next try, `elapsed` after the first one began; `None` if it is
    /// time to give up. `jitter` is any number.
    pub(crate) fn next(
        &mut self,
        elapsed: Duration,
        retry_after_seconds: Option<u64>,
        jitter: u64,
    ) -> Option<Duration> {
        let left = self.patience.give_up_after.checked_sub(elapsed).filter(|d| !d.is_zero())?;
        // Between a half and the whole of the delay.
        let part = u32::try_from(jitter % 512).unwrap_or_default() + 512;
        let wait = self.delay * part / 1_024;
        self.delay = (self.delay * 2).min(DELAY_MAX);
        let asked_for = retry_after_seconds.map_or(Duration::ZERO, Duration::from_secs);
        Some(wait.max(asked_for).min(left))
    }
}

/// Makes a call that may be made again, until there is an answer or patience ends; `say` gets words
/// about each wait. A first try that finds nobody listening ends it at once: waiting for a node that
/// was never there helps nobody.
pub(crate) async fn ask(
    client: &Client,
    call: &Call,
    patience: Patience,
    mut say: impl FnMut(&str),
) -> Result<Reply, Failure> {
    let begun = Instant::now();
    let mut backoff = Backoff::new(patience);
    let mut is_first = true;
    loop {
        let (failure, retry_after) = match client.send(call).await.map(Reply::success) {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(problem)) => {
                let retry_after = problem.retry_after;
                let is_temporary = problem.is_temporary();
                let failure = Failure::Refused { advice: None, problem };
                if !is_temporary {
                    return Err(failure);
                }
                (failure, retry_after)
            }
            Err(error @ CallError::Connect { .. }) if is_first => return Err(error.into()),
            Err(error) => (error.into(), None),
        };
        is_first = false;
        let Some(wait) = backoff.next(begun.elapsed(), retry_after, nonce()) else {
            return Err(failure);
        };
        say(&waiting(&failure));
        tokio::time::sleep(wait).await;
    }
}

/// Words about a wait.
pub(crate) fn waiting(failure: &Failure) -> String {
    match failure {
        Failure::Refused { problem, .. } => waiting_for(problem),
        Failure::Failed(_)
        | Failure::WrongCall(_)
        | Failure::Unreachable { .. }
        | Failure::Interrupted(_)
        | Failure::OutputClosed => format!("{failure}; trying again"),
    }
}

fn waiting_for(problem: &Problem) -> String {
    format!("the node says: {} ({}); trying again", problem.title, problem.status)
}

/// A number that nobody else has: from the randomness of hash tables.
pub(crate) fn nonce() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// The first wait, about.
const DELAY_FIRST: Duration = Duration::from_millis(100);

/// The longest wait, unless the node asks for more.
const DELAY_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_end() {
        let mut backoff = Backoff::new(Patience { give_up_after: Duration::from_secs(60) });
        let mut elapsed = Duration::ZERO;
        let mut waits = Vec::new();
        while let Some(wait) = backoff.next(elapsed, None, 511) {
            elapsed += wait;
            waits.push(wait);
        }
        assert_eq!(elapsed, Duration::from_secs(60));
        assert!(waits[0] < Duration::from_millis(100) && waits[0] > Duration::from_millis(99));
        let is_double =
            |pair: &[Duration]| pair[1].abs_diff(pair[0] * 2) < Duration::from_micros(1);
        assert!(waits.windows(2).take(5).all(is_double));
        assert!(waits.iter().all(|wait| *wait <= DELAY_MAX));
    }

    #[test]
    fn the_node_may_ask_for_a_longer_wait_but_not_beyond_the_end() {
        let mut backoff = Backoff::new(Patience { give_up_after: Duration::from_secs(10) });
        assert_eq!(backoff.next(Duration::ZERO, Some(3), 0), Some(Duration::from_secs(3)));
        let late = Duration::from_secs(9);
        assert_eq!(backoff.next(late, Some(3), 0), Some(Duration::from_secs(1)));
        assert_eq!(backoff.next(Duration::from_secs(10), None, 0), None);
    }

    #[test]
    fn without_patience_there_is_one_try() {
        assert_eq!(Backoff::new(Patience::NONE).next(Duration::ZERO, None, 0), None);
    }
}
