//! A broker, two nodes, and writers.

use std::{fs, thread, time::Duration};

use tempfile::TempDir;
use tidelog_test_broker::{Cluster, Flavour, own};

use crate::{
    histories::check_histories,
    http::Http,
    ledger::{Found, check_ledger},
    log::{Log, check_store},
    member::Member,
    writers::{WRITERS, Writers},
};

pub(crate) struct World {
    pub(crate) members: [Member; 2],
    pub(crate) cluster: Cluster,
    /// Kept where something went wrong.
    folder: Option<TempDir>,
}

impl World {
    /// A cluster whose nodes are ready; none where there is no broker to be had.
    pub(crate) fn new() -> Option<Self> {
        let cluster = own(Flavour::from_env())?;
        let folder = tempfile::tempdir().expect("a folder");
        let member =
            |name: &str| Member::new(folder.path(), name, &cluster.addresses(), cluster.nodes());
        let members = [member("one"), member("two")];
        let mut world = Self { members, cluster, folder: Some(folder) };
        for member in &mut world.members {
            member.start();
            member.until_ready();
        }
        Http::new(&world.members[0].url()).provision("shop");
        Some(world)
    }

    pub(crate) fn writers(&self) -> Writers {
        Writers::new([self.members[0].url(), self.members[1].url()])
    }

    /// Does something while the writers write, and then checks all that is to hold.
    pub(crate) fn while_writing(mut self, work: impl FnOnce(&mut Self, &Writers)) -> Found {
        let writers = self.writers();
        thread::scope(|scope| {
            let stopping = Stopping(&writers);
            for writer in 0..WRITERS {
                let writers = &writers;
                scope.spawn(move || writers.write(writer));
            }
            work(&mut self, &writers);
            drop(stopping);
        });
        let found = self.check(&writers);
        drop(self.folder.take());
        found
    }

    fn check(&mut self, writers: &Writers) -> Found {
        let addresses = self.cluster.addresses();
        self.cluster.settle();
        // Each node in turn has everything, and stops in good order.
        for keeps in [0, 1] {
            let goes = 1 - keeps;
            assert!(self.members[goes].stop().success(), "node {goes} stops in good order");
            self.until_served(keeps, writers);
            assert!(self.members[keeps].stop().success(), "node {keeps} stops in good order");
            check_store(&Log::of(&addresses), &self.members[keeps].store());
            for member in &mut self.members {
                member.start();
                member.until_ready();
            }
        }
        check_histories(&Log::of(&addresses), &writers.acknowledged());
        for member in &mut self.members {
            assert!(member.stop().success(), "it stops in good order");
        }
        self.cluster.settle();
        check_ledger(&self.cluster.ledger())
    }

    /// Waits until a node alone answers for every entity, which takes all of its tasks.
    fn until_served(&self, member: usize, writers: &Writers) {
        let http = Http::new(&self.members[member].url());
        for acknowledged in writers.acknowledged().iter().rev().take(64) {
            let path = format!("/v1/entities/shop/logs/eu/{}", acknowledged.entity);
            for _ in 0..1_000 {
                let reply = http.call("GET", &path).try_send(b"").expect("the node answers");
                if reply.status == 200 {
                    break;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        self.members[member].until_ready();
        // Every service has taken its partitions, or has had the time to.
        thread::sleep(Duration::from_secs(3));
        self.members[member].until_ready();
    }
}

/// Stops the writers, also where the work has failed: the scope waits for them.
struct Stopping<'a>(&'a Writers);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // What the nodes have said stays, where it is of interest.
        let Some(folder) = self.folder.take() else { return };
        for member in &self.members {
            let said = fs::read_to_string(member.log()).unwrap_or_default();
            let last: Vec<_> = said.lines().rev().take(40).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            eprintln!("what {} said last:\n{}", member.url(), last.join("\n"));
        }
        let folder = folder.keep();
        if let Err(error) = self.cluster.copy_to(&folder) {
            eprintln!("what the brokers have could not be kept: {error}");
        }
        eprintln!("all of it, and what the brokers have, is in {}", folder.display());
    }
}
