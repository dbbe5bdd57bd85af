//! A value that one task sets and others wait for.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

/// A value that is looked at by others. Clones are handles to the same one.
#[derive(Debug)]
pub(crate) struct Watched<T>(Rc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    value: RefCell<T>,
    /// In the order in which they came to wait, so that they are woken alike in every run.
    waiting: RefCell<Vec<Waker>>,
}

impl<T> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Rc::new(Inner { value: RefCell::new(value), waiting: RefCell::default() }))
    }

    /// Looks at the value.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.0.value.borrow())
    }

    /// Changes the value, and wakes everybody who waits.
    pub(crate) fn change(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.0.value.borrow_mut());
        self.0.waiting.take().into_iter().for_each(Waker::wake);
    }

    /// Waits until the value is so that `look` finds something.
    pub(crate) async fn find<R>(&self, mut look: impl FnMut(&T) -> Option<R>) -> R {
        poll_fn(|context| match self.with(&mut look) {
            Some(found) => Poll::Ready(found),
            None => {
                let mut waiting = self.0.waiting.borrow_mut();
                if !waiting.iter().any(|it| it.will_wake(context.waker())) {
                    waiting.push(context.waker().clone());
                }
                Poll::Pending
            }
        })
        .await
    }
}

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
