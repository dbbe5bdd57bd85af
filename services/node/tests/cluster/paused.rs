//! A node that stands still for longer than its session, and wakes up.

use std::{thread, time::Duration};

use crate::{member::PREFIX, world::World};

/// Longer than a session (6 s) and a transaction (5 s).
const STILL: Duration = Duration::from_secs(9);

/// What it had begun is done by the other one, and it can commit nothing of it: the broker has written down
/// no position of its producer for a partition that the group had given to the other one.
#[test]
fn a_node_that_was_paused_beyond_its_session_commits_nothing() {
    let Some(world) = World::new() else { return };
    let found = world.while_writing(|world, writers| {
        for round in 0..2 {
            let since = writers.progress();
            assert!(writers.until(since, 20).is_some(), "writing goes on before round {round}");
            let member = &world.members[round % 2];
            member.pause();
            thread::sleep(STILL);
            let since = writers.progress();
            assert!(writers.until(since, 5).is_some(), "the other one goes on in round {round}");
            member.wake();
            let since = writers.progress();
            assert!(writers.until(since, 20).is_some(), "both go on after round {round}");
            member.until_ready();
        }
    });
    // Each has lost what it had while it stood still, so each woke up to partitions of the other one's: that
    // nobody has committed anything of those is what the ledger was checked for.
    for member in ["entity-storage.one.0", "entity-storage.two.0"] {
        let taken = found.taken_from.get(&format!("{PREFIX}{member}"));
        assert!(taken.is_some_and(|taken| *taken >= 2), "{member} lost nothing: {found:?}");
    }
}
