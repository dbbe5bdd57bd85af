//! A run that is led from outside, a piece at a time.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use madsim::{net::NetSim, runtime::Runtime, time::TimeHandle};

use super::{Machine, Options, Sim, config, ip};
use crate::wire::{ClientId, Node};

/// A run whose main task is given piece by piece, on the thread of whoever leads it. The pieces run on a
/// machine of their own, [`Stage::NODE`], which can be neither killed nor paused.
///
/// What a run hashes to is a matter of [`Sim::run`]; this is for tests that have a main function
/// themselves.
pub struct Stage {
    runtime: Runtime,
    sim: Sim,
}

impl Stage {
    /// The machine on which the pieces run.
    pub const NODE: Node = Node::Client(ClientId(1 << 20));

    /// Begins a run.
    #[must_use]
    pub fn begin(options: Options) -> Self {
        let mut runtime = Runtime::with_seed_and_config(options.seed, config());
        runtime.set_time_limit(options.time_limit);
        let (time, id) = runtime.block_on(async {
            let here = madsim::plugin::node();
            NetSim::current().set_ip(here, ip(Self::NODE));
            (TimeHandle::current(), here)
        });
        let sim = Sim::new(options, runtime.handle(), time);
        let machine = Machine::adopt(&sim, Self::NODE, id);
        sim.machines().insert(Self::NODE, machine);
        Self { runtime, sim }
    }

    /// The run.
    #[must_use]
    pub fn sim(&self) -> &Sim {
        &self.sim
    }

    /// Runs a piece to its end.
    pub fn block_on<F: Future>(&self, piece: F) -> F::Output {
        self.runtime.block_on(piece)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.runtime.set_time_limit(Duration::MAX);
        self.sim.machines().remove(&Self::NODE);
        // A panic of something that is dropped has nothing to add to the one that ended the run.
        let _ = catch_unwind(AssertUnwindSafe(|| self.runtime.block_on(self.sim.stop())));
        self.sim.machines().clear();
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").field("sim", &self.sim).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::async_yields_async,
        reason = "the task is to outlive the piece that starts it"
    )]
    fn time_and_tasks_go_on_from_piece_to_piece() {
        let stage = Stage::begin(Options::calm(1));
        let clock = stage.sim().machine(Stage::NODE).clock().clone();
        let task = stage.block_on(async {
            let clock = clock.clone();
            madsim::task::spawn_local(async move { clock.sleep(Duration::from_secs(2)).await })
        });
        let begun = clock.instant();
        stage.block_on(clock.sleep(Duration::from_secs(1)));
        assert!(!task.is_finished());
        stage.block_on(task).expect("a task that ends");
        assert!(clock.instant().ms_since(begun) >= 2_000);
    }
}
