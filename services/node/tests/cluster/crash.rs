//! `kill -9` of nodes and of the broker in turn, under writers whose changes are not idempotent.

use std::{env, time::Duration};

use crate::world::World;

/// How many kills `cargo test` does. `TIDELOG_KILLS` says otherwise.
const KILLS: usize = 51;

/// No acknowledged write is lost, none is applied twice, revisions have no gaps, and each store equals
/// the fold of its changelog.
#[test]
fn nothing_is_lost_or_doubled_while_nodes_and_the_broker_are_killed() {
    let Some(world) = World::new() else { return };
    let kills = env::var("TIDELOG_KILLS").map_or(KILLS, |text| text.parse().expect("a number"));
    let found = world.while_writing(|world, writers| {
        let mut longest = Duration::ZERO;
        for kill in 0..kills {
            let since = writers.progress();
            let victim = kill % 3;
            match victim {
                0 | 1 => {
                    world.members[victim].kill();
                    world.members[victim].start();
                }
                _ => world.cluster.kill_the_next(),
            }
            let Some(took) = writers.until(since, 2) else {
                panic!("writing does not go on after kill {kill}, of {victim}");
            };
            longest = longest.max(took);
        }
        let answered: u64 = writers.progress().iter().sum();
        eprintln!(
            "{kills} kills, {answered} changes, at most {longest:?} until all writers went on"
        );
    });
    let handed_over: usize = found.taken_from.values().sum();
    eprintln!("{} positions, {handed_over} hand-overs, each committed by its owner", found.commits);
}
