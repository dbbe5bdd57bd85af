//! A process of a machine: started, killed, paused, and started again.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::LocalBoxFuture;

use crate::{
    choice::Vary,
    sim::{Machine, Sim, lock},
    wire::Node,
};

/// A process, whatever its state. Clones are handles to the same one.
#[derive(Clone)]
pub struct Process(Arc<Shared>);

struct Shared {
    sim: Sim,
    machine: Machine,
    name: Box<str>,
    main: Main,
    status: Mutex<Status>,
}

/// Makes what a process runs, for the `n`th time that it is started.
type Main = Box<dyn Fn(u32) -> LocalBoxFuture<'static, ()> + Send + Sync>;

#[derive(Clone, Copy, Debug, Default)]
struct Status {
    is_up: bool,
    is_paused: bool,
    /// How often it was started.
    starts: u32,
    /// How often it was paused.
    pauses: u32,
}

impl Process {
    /// A process that is to run on a machine of its own.
    pub fn new(
        sim: &Sim,
        node: Node,
        main: impl Fn(u32) -> LocalBoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        let machine = sim.machine(node);
        let (name, main) = (node.to_string().into(), Box::new(main));
        let status = Mutex::default();
        Self(Arc::new(Shared { sim: sim.clone(), machine, name, main, status }))
    }

    /// Its machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// Whether it runs, paused or not.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.status().is_up
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.status().is_paused
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.status().starts
    }

    /// Starts it, if it does not run.
    pub fn start(&self) {
        let mut status = lock(&self.0.status);
        if status.is_up {
            return;
        }
        if status.starts > 0 {
            self.0.machine.boot();
        }
        status.starts += 1;
        (status.is_up, status.is_paused) = (true, false);
        let start = status.starts;
        drop(status);
        self.event("start", start);
        let process = self.clone();
        self.0.machine.start(move || {
            let main = (process.0.main)(start);
            async move {
                main.await;
                process.exit(start);
            }
        });
    }

    /// Kills it, if it runs. Says whether it did.
    pub fn kill(&self) -> bool {
        let mut status = lock(&self.0.status);
        if !status.is_up {
            return false;
        }
        (status.is_up, status.is_paused) = (false, false);
        drop(status);
        self.event("kill", 0);
        self.0.machine.kill();
        true
    }

    /// Starts it after some time, unless somebody else does.
    pub fn start_after(&self, time: Duration) {
        let starts = self.starts();
        let process = self.clone();
        self.later(time, move || {
            if process.starts() == starts {
                process.start();
            }
        });
    }

    /// Lets it stand still for some time, if it runs and does not do so already. Says whether it does.
    pub fn pause_for(&self, time: Duration) -> bool {
        let mut status = lock(&self.0.status);
        if !status.is_up || status.is_paused {
            return false;
        }
        status.is_paused = true;
        status.pauses += 1;
        let pauses = status.pauses;
        drop(status);
        self.event("pause", pauses);
        self.0.machine.pause();
        let process = self.clone();
        self.later(time, move || {
            if process.status().pauses == pauses {
                process.resume();
            }
        });
        true
    }

    /// Lets it go on, if it stands still.
    pub fn resume(&self) {
        let mut status = lock(&self.0.status);
        if status.is_paused {
            status.is_paused = false;
            drop(status);
            self.event("resume", 0);
            self.0.machine.resume();
        }
    }

    /// Whatever has been done to it: it is to run.
    pub fn heal(&self) {
        self.resume();
        self.start();
    }

    /// Ends it for good: whoever was to start it again does not.
    pub fn retire(&self) {
        self.kill();
        lock(&self.0.status).starts += 1;
    }

    /// Does something after some time, whatever happens to the process.
    pub(super) fn later(&self, time: Duration, act: impl FnOnce() + Send + 'static) {
        later(&self.0.sim, time, act);
    }

    /// Its own end: it is started again, as by whoever watches over services.
    fn exit(&self, start: u32) {
        let mut status = lock(&self.0.status);
        if status.starts != start || !status.is_up {
            return;
        }
        (status.is_up, status.is_paused) = (false, false);
        drop(status);
        self.event("exit", start);
        self.0.machine.kill();
        let entity = self.0.machine.entity();
        let wait = 200 + self.0.sim.vary(Vary::StartUp, entity, 800);
        self.start_after(Duration::from_millis(wait));
    }

    fn status(&self) -> Status {
        *lock(&self.0.status)
    }

    fn event(&self, what: &'static str, nth: u32) {
        self.0.sim.event(&self.0.name, what, &nth);
    }
}

/// Does something after some time of the run.
pub(super) fn later(sim: &Sim, time: Duration, act: impl FnOnce() + Send + 'static) {
    let wait = sim.time().sleep(time);
    sim.post().spawn(async move {
        wait.await;
        act();
    });
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { name, .. } = &*self.0;
        f.debug_struct("Process").field("name", name).field("status", &self.status()).finish()
    }
}
