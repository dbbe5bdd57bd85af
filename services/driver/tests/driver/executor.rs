//! One thread, tasks polled in the order in which they were spawned, and a clock that moves only
//! when nobody has anything left to do.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use crate::world::World;

pub(crate) struct Executor {
    world: World,
    tasks: Vec<Task>,
}

struct Task {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    flag: Arc<Flag>,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What a task will have given once it is through.
pub(crate) struct Outcome<T>(Rc<RefCell<Option<T>>>, usize);

impl<T> Outcome<T> {
    pub(crate) fn take(&self) -> Option<T> {
        self.0.borrow_mut().take()
    }
}

impl Executor {
    pub(crate) fn new(world: World) -> Self {
        Self { world, tasks: Vec::new() }
    }

    pub(crate) fn spawn<T: 'static>(
        &mut self,
        future: impl Future<Output = T> + 'static,
    ) -> Outcome<T> {
        let outcome = Rc::new(RefCell::new(None));
        let slot = outcome.clone();
        let future = async move { *slot.borrow_mut() = Some(future.await) };
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        self.tasks.push(Task { future: Some(Box::pin(future)), flag });
        Outcome(outcome, self.tasks.len() - 1)
    }

    /// Drops a task where it stands.
    pub(crate) fn cancel<T>(&mut self, outcome: &Outcome<T>) {
        self.tasks[outcome.1].future = None;
        self.settle();
    }

    /// Runs until nobody has anything left to do at this time.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut is_any = false;
            for task in &mut self.tasks {
                let Some(future) = &mut task.future else { continue };
                if !task.flag.0.swap(false, Ordering::SeqCst) {
                    continue;
                }
                is_any = true;
                let waker = Waker::from(task.flag.clone());
                if let Poll::Ready(()) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    task.future = None;
                }
            }
            if !is_any {
                return;
            }
        }
    }

    /// Lets that much time pass, stopping wherever somebody wants to be woken.
    pub(crate) fn pass(&mut self, millis: u64) {
        let until = self.world.millis() + millis;
        self.settle();
        while let Some(at) = self.world.next_wake().filter(|at| *at <= until) {
            self.world.set_clock(at);
            self.settle();
        }
        self.world.set_clock(until);
        self.settle();
    }

    /// Runs a future to its end, letting as much time pass as it takes.
    pub(crate) fn finish<T: 'static>(&mut self, future: impl Future<Output = T> + 'static) -> T {
        let outcome = self.spawn(future);
        self.settle();
        let patience = self.world.millis() + PATIENCE_MS;
        loop {
            if let Some(value) = outcome.take() {
                return value;
            }
            let at = self.world.next_wake().expect("somebody wants to be woken");
            assert!(at < patience, "no end is in sight");
            self.world.set_clock(at);
            self.settle();
        }
    }
}

const PATIENCE_MS: u64 = 2 * 3_600_000;
