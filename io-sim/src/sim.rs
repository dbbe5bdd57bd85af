//! A run: one seed, one thread, one virtual time.

mod machine;
mod stage;
mod watchdog;

pub use machine::Machine;
pub use stage::Stage;
pub use watchdog::Watchdog;

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    hash::Hash,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use madsim::{
    Config,
    runtime::{Handle, NodeHandle, Runtime},
    time::TimeHandle,
};

pub(crate) use self::machine::ip;
use crate::{
    choice::{Choices, Entity, Vary},
    fault::{Draw, FaultKind},
    plan::{Fault, Plan},
    trace::{Line, Trace},
    wire::Node,
};

/// What a run is a function of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed.
    pub seed: u64,
    /// Which faults may strike.
    pub plan: Plan,
    /// Whether the trace keeps its lines.
    pub keeps_lines: bool,
    /// The virtual time after which the run is over, whatever it does.
    pub time_limit: Duration,
    /// The number of events after which the run is over: one that goes round in circles may take no
    /// virtual time at all.
    pub events_max: u64,
    /// Who is told if it stands still.
    pub watchdog: Option<Watchdog>,
}

impl Options {
    /// A seed's run without faults, of an hour at most.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        let time_limit = Duration::from_secs(3600);
        let (plan, keeps_lines) = (Plan::calm(), false);
        Self { seed, plan, keeps_lines, time_limit, events_max: 1 << 30, watchdog: None }
    }
}

/// The handle of everything that takes part in a run. Clones are handles to the same run.
#[derive(Clone)]
pub struct Sim(Arc<Shared>);

struct Shared {
    seed: u64,
    /// The kinds that may strike, where they are looked up without a lock.
    kinds: AtomicU64,
    choices: Mutex<Choices>,
    trace: Mutex<Trace>,
    events_max: u64,
    machines: Mutex<BTreeMap<Node, Machine>>,
    /// By how much all clocks have leaped.
    leaped_us: AtomicU64,
    /// Where tasks run that belong to no machine.
    post: NodeHandle,
    handle: Handle,
    time: TimeHandle,
}

/// What a run came to.
#[derive(Debug)]
pub struct Run<T> {
    /// What it gave, or the words of its panic.
    pub outcome: Result<T, Box<str>>,
    /// What is known of it.
    pub report: Report,
}

/// What is known of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The hash of everything that happened.
    pub hash: u64,
    /// How many events there were.
    pub events: u64,
    /// How much virtual time went by.
    pub virtual_time: Duration,
    /// The faults that struck, in their order.
    pub faults: Vec<Fault>,
    /// How often each kind struck, zeros included.
    pub struck: BTreeMap<FaultKind, u64>,
    /// The lines of the trace, if they were kept.
    pub lines: Vec<Line>,
}

impl Sim {
    /// Runs a seed to its end, on a thread of its own: what the standard library keeps for each thread
    /// is then the same for every run of a process.
    pub fn run<T, F>(options: Options, body: impl FnOnce(Self) -> F + Send) -> Run<T>
    where
        T: Send,
        F: Future<Output = T>,
    {
        let watchdog = options.watchdog.clone();
        let (told, begun) = mpsc::channel();
        let (runs, over) = mpsc::channel();
        std::thread::scope(|scope| {
            let run = scope.spawn(move || {
                let run = Self::run_here(options, body, |sim| drop(told.send(sim.clone())));
                drop(runs);
                run
            });
            if let (Some(watchdog), Ok(sim)) = (watchdog, begun.recv()) {
                watchdog.watch(&over, &sim);
            }
            run.join().expect("a run catches its own panics")
        })
    }

    fn run_here<T, F: Future<Output = T>>(
        options: Options,
        body: impl FnOnce(Self) -> F,
        tell: impl FnOnce(&Self),
    ) -> Run<T> {
        let is_watched = options.watchdog.is_some();
        let mut runtime = Runtime::with_seed_and_config(options.seed, config());
        runtime.set_time_limit(options.time_limit);
        let time = runtime.block_on(async { TimeHandle::current() });
        let sim = Self::new(options, runtime.handle(), time);
        if is_watched {
            tell(&sim);
        }
        let running = AssertUnwindSafe(|| runtime.block_on(async { body(sim.clone()).await }));
        let outcome = catch_unwind(running).map_err(|panic| words(&*panic));
        let report = sim.report();
        runtime.set_time_limit(Duration::MAX);
        // A second panic, of something that is dropped after the first, has nothing to add.
        let _ = catch_unwind(AssertUnwindSafe(|| runtime.block_on(sim.stop())));
        // A machine holds the run, and the run its machines.
        sim.machines().clear();
        Run { outcome, report }
    }

    fn new(options: Options, handle: &Handle, time: TimeHandle) -> Self {
        let Options { seed, plan, keeps_lines, events_max, .. } = options;
        Self(Arc::new(Shared {
            seed,
            kinds: AtomicU64::new(plan.bits()),
            choices: Mutex::new(Choices::new(seed, plan)),
            trace: Mutex::new(Trace::new(keeps_lines)),
            events_max,
            machines: Mutex::default(),
            leaped_us: AtomicU64::new(0),
            post: handle.create_node().name("post").build(),
            handle: handle.clone(),
            time,
        }))
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// Microseconds of virtual time since the run began.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        micros(self.0.time.elapsed())
    }

    /// The entity of a name, for choices.
    #[must_use]
    pub fn entity(&self, name: &str) -> Entity {
        self.choices().entity(name)
    }

    /// Whether a fault strikes at this opportunity. Nearly free for kinds that the plan leaves out.
    #[must_use]
    pub fn fault(&self, kind: FaultKind, entity: Entity) -> Option<Draw> {
        self.fault_if(kind, entity, |_| true)
    }

    /// As [`Sim::fault`], for a fault that would be too much at some times: it strikes only where it
    /// `may`.
    #[must_use]
    pub fn fault_if(
        &self,
        kind: FaultKind,
        entity: Entity,
        may: impl FnOnce(Draw) -> bool,
    ) -> Option<Draw> {
        if !self.may(kind) {
            return None;
        }
        let threat = self.choices().threat(kind, entity, self.now_us() / 1000)?;
        if !may(threat.draw) {
            return None;
        }
        let mut choices = self.choices();
        choices.strike(threat);
        let event = (kind.name(), choices.name(entity), threat.draw.value());
        self.trace().event(self.now_us(), choices.name(entity), "fault", &event);
        Some(threat.draw)
    }

    /// Whether a kind may strike at all in this run, at this time.
    #[must_use]
    pub fn may(&self, kind: FaultKind) -> bool {
        self.0.kinds.load(Ordering::Relaxed) & kind.bit() != 0
    }

    /// One of `options`, which is no fault.
    #[must_use]
    pub fn vary(&self, what: Vary, entity: Entity, options: u64) -> u64 {
        self.choices().vary(what, entity, options)
    }

    /// From now on nothing strikes. What is broken stays so until its time is over or it is mended.
    pub fn heal(&self) {
        self.choices().heal();
        self.0.kinds.store(0, Ordering::Relaxed);
        self.event("sim", "heal", &());
    }

    /// All clocks on the wall leap forward together, as after a time in which nothing happened: days pass
    /// without their heartbeats. Clocks that are set right later stay there.
    pub fn leap(&self, by: Duration) {
        self.event("sim", "leap", &by);
        self.0.leaped_us.fetch_add(micros(by), Ordering::Relaxed);
        self.machines().values().for_each(|machine| machine.clock().leap(micros(by)));
    }

    /// Takes an event into the trace.
    ///
    /// # Panics
    ///
    /// If there have been too many: that ends the run.
    pub fn event<E: Hash + Debug + ?Sized>(&self, lane: &str, what: &'static str, event: &E) {
        let mut trace = self.trace();
        trace.event(self.now_us(), lane, what, event);
        let is_too_many = trace.events() > self.0.events_max;
        drop(trace);
        assert!(!is_too_many, "event limit exceeded: {} on {lane}", self.0.events_max);
    }

    /// The machine of a node of the protocol, with nothing running on it when it is first asked for.
    #[must_use]
    pub fn machine(&self, node: Node) -> Machine {
        let mut machines = self.machines();
        machines.entry(node).or_insert_with(|| Machine::new(self, node)).clone()
    }

    /// What is known of the run so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let choices = self.choices();
        let mut trace = self.trace();
        Report {
            seed: self.seed(),
            hash: trace.hash(),
            events: trace.events(),
            virtual_time: self.0.time.elapsed(),
            faults: choices.struck().to_vec(),
            struck: choices.struck_counts().collect(),
            lines: trace.take_lines(),
        }
    }

    /// Ends whatever runs on machines. Tasks that are never dropped would outlive their run.
    async fn stop(&self) {
        let machines: Vec<_> = self.machines().values().cloned().collect();
        machines.iter().for_each(Machine::kill);
        self.0.handle.kill(self.0.post.id());
        madsim::time::sleep(Duration::from_millis(1)).await;
    }

    /// How many events there have been.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.trace().events()
    }

    /// Where tasks run that belong to no machine: what is on its way, and whoever brings faults.
    pub(crate) fn post(&self) -> &NodeHandle {
        &self.0.post
    }

    pub(crate) fn leaped_us(&self) -> u64 {
        self.0.leaped_us.load(Ordering::Relaxed)
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    pub(crate) fn time(&self) -> &TimeHandle {
        &self.0.time
    }

    fn choices(&self) -> MutexGuard<'_, Choices> {
        lock(&self.0.choices)
    }

    fn trace(&self) -> MutexGuard<'_, Trace> {
        lock(&self.0.trace)
    }

    fn machines(&self) -> MutexGuard<'_, BTreeMap<Node, Machine>> {
        lock(&self.0.machines)
    }
}

impl Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("seed", &self.0.seed).finish_non_exhaustive()
    }
}

/// A lock that a panic of the code under test does not spoil: the run is over then, and what it has
/// come to is read for the report.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).expect("less than half a million years")
}

/// The network as quick and sure as madsim has it: what goes wrong in it is chosen by us.
fn config() -> Config {
    let mut config = Config::default();
    config.net.packet_loss_rate = 0.0;
    config.net.send_latency = Duration::from_micros(1)..Duration::from_micros(2);
    config
}

fn words(panic: &(dyn std::any::Any + Send)) -> Box<str> {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").into()
}

#[cfg(test)]
mod tests;
