//! Something that changes, and those who wait for it to.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{Mutex, MutexGuard},
    task::{Poll, Waker},
};

/// A value that many look at, from threads and from futures.
#[derive(Default)]
pub(crate) struct Watched<T>(Mutex<State<T>>);

#[derive(Default)]
struct State<T> {
    value: T,
    waiting: BTreeMap<u64, Waker>,
    waiters: u64,
}

impl<T> Watched<T> {
    /// Changes the value, and wakes everybody who waits.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let mut state = self.lock();
        let outcome = change(&mut state.value);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(Waker::wake);
        outcome
    }

    /// Looks at the value.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.lock().value)
    }

    /// Waits until something is found in the value. It is looked for under the lock, so that what it
    /// was found by still holds when this is ready to give it.
    pub(crate) async fn until<R>(&self, mut find: impl FnMut(&T) -> Option<R>) -> R {
        let mut waiter = Waiter { watched: self, id: None };
        poll_fn(|context| {
            let mut state = self.lock();
            if let Some(found) = find(&state.value) {
                return Poll::Ready(found);
            }
            let id = *waiter.id.get_or_insert_with(|| {
                state.waiters += 1;
                state.waiters
            });
            state.waiting.insert(id, context.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().expect("nothing that can panic is done under this lock")
    }
}

/// Somebody who waits, until they are dropped.
struct Waiter<'a, T> {
    watched: &'a Watched<T>,
    id: Option<u64>,
}

impl<T> Drop for Waiter<'_, T> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.watched.lock().waiting.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Context};

    use super::*;

    #[test]
    fn who_does_not_wait_any_more_is_forgotten() {
        let watched = Watched::<u32>::default();
        {
            let mut three = pin!(watched.until(|value| (*value == 3).then_some("three")));
            let mut context = Context::from_waker(Waker::noop());
            assert!(three.as_mut().poll(&mut context).is_pending());
            assert!(three.as_mut().poll(&mut context).is_pending());
            assert_eq!(watched.lock().waiting.len(), 1);
        }
        assert_eq!(watched.lock().waiting.len(), 0);
        watched.change(|value| *value = 3);
        assert_eq!(pollster::block_on(watched.until(|value| Some(*value))), 3);
    }
}
