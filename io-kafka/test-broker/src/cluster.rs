//! Brokers that can be killed and started again.

use std::{
    fs, io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    Failure, Flavour, Transactions,
    installation::Installation,
    process::{Home, Process, copy},
};

/// How often brokers are started whose ports somebody else was quicker to take.
const STARTS: u32 = 3;

/// How long a broker is dead at least: its controller has taken note of it by then.
///
/// Were it back sooner, it would begin with the leaders as they were, and be told only then that it has to
/// begin anew. In between its partitions have no leader, and Apache Kafka 4.3.1 takes such a partition for
/// one that was deleted when it finishes the transactions that were to be committed: it leaves out the
/// markers, and what was written is neither committed nor aborted for ever
/// (`KRaftMetadataCache.getPartitionLeaderEndpoint`, `TransactionMarkerChannelManager`).
const DEAD_FOR: Duration = Duration::from_millis(1_500);

/// One broker, or three that copy everything. They and their data are gone when it is dropped.
///
/// A broker without others has its controller in another process, which is never killed: see
/// [`Cluster::revive`].
#[derive(Debug)]
pub struct Cluster {
    homes: Vec<Home>,
    /// By node; none while it is dead.
    processes: Vec<Option<Process>>,
    /// When each was killed last.
    killed_at: Vec<Option<Instant>>,
    /// What controls a broker without others, and where it is.
    _controller: Option<(Process, Home)>,
    /// Who is killed next by [`Cluster::kill_the_next`].
    next: usize,
}

impl Cluster {
    /// Starts brokers, and waits until they answer.
    ///
    /// # Errors
    ///
    /// If this machine does not have what it takes, or they do not start.
    pub fn start(flavour: Flavour) -> Result<Self, Failure> {
        let installation = Installation::get()?;
        let made = match flavour.nodes {
            1 => installation.make_apart_template(flavour.transactions),
            _ => installation.make_template(flavour.transactions),
        };
        made.map_err(Failure::Broken)?;
        Self::start_of(&installation, flavour, Self::try_start)
    }

    /// Starts one broker that is its own controller, which is quicker, and that nobody may kill.
    pub(crate) fn start_one(transactions: Transactions) -> Result<Self, Failure> {
        let installation = Installation::get()?;
        installation.make_template(transactions).map_err(Failure::Broken)?;
        let flavour = Flavour { nodes: 1, transactions };
        Self::start_of(&installation, flavour, |installation, flavour| {
            Self::try_start_homes(vec![Home::alone(installation, flavour.transactions)?], None)
        })
    }

    fn start_of(
        installation: &Installation,
        flavour: Flavour,
        try_start: impl Fn(&Installation, Flavour) -> Result<Self, String>,
    ) -> Result<Self, Failure> {
        let mut failure = String::new();
        for _ in 0..STARTS {
            match try_start(installation, flavour) {
                Ok(cluster) => return Ok(cluster),
                Err(reason) => failure = reason,
            }
        }
        Err(Failure::Broken(failure))
    }

    fn try_start(installation: &Installation, flavour: Flavour) -> Result<Self, String> {
        match flavour.nodes {
            1 => {
                let (controller, home) = Home::apart(installation, flavour.transactions)?;
                Self::try_start_homes(vec![home], Some((controller.spawn()?, controller)))
            }
            3 => Self::try_start_homes(Home::three(installation, flavour.transactions)?, None),
            other => Err(format!("there can be 1 node or 3, and not {other}")),
        }
    }

    fn try_start_homes(
        homes: Vec<Home>,
        controller: Option<(Process, Home)>,
    ) -> Result<Self, String> {
        let killed_at = vec![None; homes.len()];
        let processes = homes.iter().map(|home| home.spawn().map(Some));
        let processes = processes.collect::<Result<_, _>>()?;
        let mut cluster = Self { homes, processes, killed_at, _controller: controller, next: 0 };
        for process in cluster.processes.iter_mut().flatten() {
            process.is_ready()?;
        }
        if cluster.nodes() > 1 {
            cluster.try_settle()?;
            cluster.living()?.ask("warm")?;
        }
        Ok(cluster)
    }

    /// How many nodes there are, dead or alive.
    pub fn nodes(&self) -> usize {
        self.homes.len()
    }

    /// Where they listen, as `bootstrap.servers` has it.
    pub fn addresses(&self) -> String {
        let addresses: Vec<_> = self.homes.iter().map(Home::address).collect();
        addresses.join(",")
    }

    /// Kills a node at once.
    pub fn kill(&mut self, node: usize) {
        self.processes[node] = None;
        self.killed_at[node] = Some(Instant::now());
    }

    /// Starts a node again with the data that it had, once it has been dead for a second and a half, and
    /// does not wait until it answers.
    ///
    /// # Panics
    ///
    /// If there is no Java any more.
    pub fn revive(&mut self, node: usize) {
        assert!(self.processes[node].is_none(), "it was killed");
        let dead_for = self.killed_at[node].map_or(DEAD_FOR, |at| at.elapsed());
        thread::sleep(DEAD_FOR.saturating_sub(dead_for));
        self.processes[node] = Some(self.homes[node].spawn().expect("a broker that starts again"));
    }

    /// Starts a node again with the data that it had, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn start_again(&mut self, node: usize) {
        self.revive(node);
        let process = self.processes[node].as_mut().expect("it was started just now");
        process.is_ready().expect("a broker that starts again");
    }

    /// Waits until all nodes are there and every copy of everything is in sync.
    ///
    /// # Panics
    ///
    /// If that takes too long.
    pub fn settle(&mut self) {
        self.try_settle().expect("brokers that get in sync");
    }

    /// Kills the next node in turn and starts it again, once everything is in sync after the last time.
    ///
    /// # Panics
    ///
    /// If it does not get in sync.
    pub fn kill_the_next(&mut self) {
        self.settle();
        let node = self.next;
        self.next = (node + 1) % self.nodes();
        self.kill(node);
        self.revive(node);
    }

    /// Removes all members of a group, as if they had been silent for too long.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn evict(&mut self, group: &str) {
        let evicted = self.living().and_then(|it| it.ask(&format!("evict {group}")));
        evicted.expect("a broker that takes members out of groups");
    }

    /// What the brokers have written down of groups and transactions, a line for each, in the order in which
    /// it was written: see `installation/Ledger.java`. To be asked for when all is in sync.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    pub fn ledger(&mut self) -> Vec<String> {
        let home = self.homes.first().expect("a cluster has a node");
        let file = home.folder().join("ledger");
        let command = format!("ledger {}\t{}", home.data().display(), file.display());
        let told = self.living().and_then(|it| it.ask(&command));
        told.expect("a broker that can read its files");
        let text = fs::read_to_string(file).expect("what the broker has written");
        text.lines().map(str::to_owned).collect()
    }

    /// Copies the files of all nodes, dead or alive, for somebody to look at.
    ///
    /// # Errors
    ///
    /// If they cannot be copied.
    pub fn copy_to(&self, folder: &Path) -> io::Result<()> {
        for (node, home) in self.homes.iter().enumerate() {
            copy(&home.data(), &folder.join(format!("broker-{node}")))?;
        }
        Ok(())
    }

    fn try_settle(&mut self) -> Result<(), String> {
        let nodes = self.nodes();
        self.living()?.ask(&format!("settle {nodes}"))
    }

    /// The process of a node that answers.
    fn living(&mut self) -> Result<&mut Process, String> {
        let mut living = self.processes.iter_mut().flatten();
        living.find_map(|it| it.is_ready().is_ok().then_some(it)).ok_or("all are dead".to_owned())
    }
}
