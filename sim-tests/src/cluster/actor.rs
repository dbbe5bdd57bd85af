//! A client: it takes the steps of the workload that are its own, with a real driver.

mod asking;
mod known;
mod odd;
mod schema;
mod told;
mod zone;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tidelog_driver::{Driver, Options};
use tidelog_io_sim::{
    Net,
    client::ClientSettings,
    host::{Boot, Nodes},
    transport::SimClient,
    wire::{ClientId, Node},
};

use self::{known::Known, zone::Tokens};
use super::{node::Runs, queries::Directory, tap_client::TapClient};
use crate::{
    dice::Dice,
    recorder::Recorder,
    workload::{Step, What},
};

/// A client, through all its lives. Clones are handles to the same one.
#[derive(Clone)]
pub(super) struct Actor(Arc<Shared>);

struct Shared {
    world: World,
    node: Node,
    name: Box<str>,
    life: Mutex<Option<Life>>,
    /// How far it has followed zones: what an app keeps when it ends.
    tokens: Mutex<Tokens>,
}

/// What every client needs.
#[derive(Clone)]
pub(super) struct World {
    pub(super) net: Net,
    pub(super) settings: ClientSettings,
    pub(super) recorder: Recorder,
    pub(super) directory: Directory,
    pub(super) nodes: Nodes,
    /// What nodes run besides what they always do.
    pub(super) runs: Runs,
}

/// What a client knows between two restarts.
struct Life {
    number: u32,
    driver: Driver,
    /// For what no driver would write.
    client: TapClient<SimClient>,
    known: Known,
    /// The revision of each entity that it has seen last.
    seen: BTreeMap<u32, u64>,
}

/// Who looks at everything when the run is over.
pub(super) const LAST: &str = "last";

/// How long a client is away that restarts by itself.
const RESTARTS_AFTER: Duration = Duration::from_millis(100);

impl Actor {
    /// Starts a client on a machine of its own.
    pub(super) fn start(world: &World, name: &str, number: u32) -> Self {
        let client = ClientId(number);
        let (node, life, tokens) = (Node::Client(client), Mutex::default(), Mutex::default());
        let (world_of, name_of) = (world.clone(), name.into());
        let actor = Self(Arc::new(Shared { world: world_of, node, name: name_of, life, tokens }));
        let lives = actor.clone();
        let main = move |boot: Boot| lives.clone().live(boot).boxed_local();
        world.nodes.add_client(name, client, main);
        actor
    }

    /// Takes a step, on the client's machine. One that is down takes none.
    pub(super) fn take(&self, step: &Step) {
        let Shared { world, node, .. } = &*self.0;
        let process = world.nodes.process(*node);
        match &step.what {
            What::Restart => drop(world.nodes.crash(*node, RESTARTS_AFTER, |_| {})),
            What::Request { .. }
            | What::Batch { .. }
            | What::Query { .. }
            | What::List { .. }
            | What::Spoil { .. }
            | What::Schema(_)
            | What::Zone(_)
            | What::Odd(_) => {
                if process.is_up() && self.driver().is_some() {
                    let (actor, step) = (self.clone(), step.clone());
                    process.machine().start(move || async move { actor.ask(&step).await });
                }
            }
        }
    }

    /// Its driver at this time, if it has begun.
    pub(super) fn driver(&self) -> Option<Driver> {
        self.life().as_ref().map(|life| life.driver.clone())
    }

    /// One life of its process.
    async fn live(self, boot: Boot) {
        let Shared { world, name, life, .. } = &*self.0;
        let prefix = format!("{name}-{}", boot.start);
        world.recorder.look().gone.extend(lives_before(name, boot.start));
        let (options, settings) = self.temper(&prefix);
        let client = SimClient::start(&world.net, boot.node, &prefix, &settings);
        let client = TapClient::new(client, &world.recorder, &prefix);
        let queries = Arc::new(world.directory.client(&world.nodes, boot.node));
        let (driver, connection) =
            Driver::new(client.clone(), queries, options).expect("a prefix of letters");
        let (known, seen) = (Known::default(), BTreeMap::new());
        let begun = Life { number: boot.start, driver, client, known, seen };
        // The one before is dropped where no lock is held.
        let before = life.lock().unwrap_or_else(PoisonError::into_inner).replace(begun);
        drop(before);
        // It ends with the process.
        let _ = connection.run().await;
    }

    /// Some lives have little patience with the log, and some little room for what is under way.
    fn temper(&self, prefix: &str) -> (Options, ClientSettings) {
        let world = &self.0.world;
        let mut dice = Dice::new(world.net.sim().seed(), prefix);
        let (mut options, mut settings) = (Options::new(prefix), world.settings.clone());
        if &*self.0.name != LAST {
            settings.delivery_limit = Duration::from_secs(*dice.one(&[20, 20, 20, 20, 5, 1]));
            options.in_flight_max = *dice.one(&[4_096, 4_096, 4_096, 4_096, 4_096, 12]);
        }
        (options, settings)
    }

    fn recorder(&self) -> &Recorder {
        &self.0.world.recorder
    }

    fn life(&self) -> MutexGuard<'_, Option<Life>> {
        self.0.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of a client's lives before one: of each, for some have ended before they had begun.
fn lives_before(name: &str, life: u32) -> impl Iterator<Item = Box<str>> {
    (1..life).map(move |before| format!("{name}-{before}").into())
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").field("name", &self.0.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_that_ended_before_it_had_begun_is_over_too() {
        let before: Vec<_> = lives_before("app0", 4).collect();
        assert_eq!(before, ["app0-1", "app0-2", "app0-3"].map(Box::from));
        assert_eq!(lives_before("app0", 1).count(), 0);
    }
}
