//! A run: a function of a seed and its options.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tidelog_io_sim::{
    Sim, Watchdog,
    fault::Scope,
    plan::{Fault, Plan},
    sim::Report,
};

use crate::{
    cluster::{self, Runs, Setup},
    history::{History, Outcome as Told},
    oracle::judge,
    outcome::Outcome,
    probes::Probes,
    recorder::{Recorded, Recorder},
    replay::Replay,
    scenario::Scenario,
    shrink::Case,
    violation::Violation,
    workload::{Limits, Workload},
};

/// What a run is a function of.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// The scenario.
    pub scenario: &'static Scenario,
    /// How many partitions each topic has.
    pub partitions: u32,
    /// Whether schemas are learned.
    pub learns: bool,
    /// Whether zones are watched.
    pub watches: bool,
    /// The faults and steps that there are, if not all that the seed has.
    pub only: Option<Case<Fault>>,
    /// Whether the trace keeps its lines.
    pub keeps_lines: bool,
    /// The line that makes the same run again.
    pub reproduce: Box<str>,
    /// Told, in the middle of it, of a run that stands still. Nothing but the end of the process ends it.
    pub stands_still: fn(&Outcome),
}

/// The real time without an event after which a run stands still. A run has a hundred thousand a second.
const PATIENCE: Duration = Duration::from_secs(120);

/// The virtual time after which a run is over, whatever it does.
const TIME_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The number of events after which a run is over.
const EVENTS_MAX: u64 = 20_000_000;

impl Run {
    /// The run of a seed in a scenario.
    #[must_use]
    pub fn new(seed: u64, scenario: &'static Scenario) -> Self {
        let reproduce = format!("cargo sim run --seed {seed} --scenario {}", scenario.name).into();
        let partitions = scenario.partitions(seed);
        let (learns, watches) = (scenario.learns(seed), scenario.watches(seed));
        let (only, keeps_lines, stands_still) = (None, false, give_up as fn(&Outcome));
        Self {
            seed,
            scenario,
            partitions,
            learns,
            watches,
            only,
            keeps_lines,
            reproduce,
            stands_still,
        }
    }

    /// A run that was saved, in its scenario.
    #[must_use]
    pub fn replay(replay: &Replay, scenario: &'static Scenario, file: &str) -> Self {
        let reproduce = format!("cargo sim run --replay {file}").into();
        let Replay { seed, partitions, learns, watches, .. } = *replay;
        let only = Some(replay.case());
        Self { partitions, learns, watches, only, reproduce, ..Self::new(seed, scenario) }
    }

    /// Makes the run.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let setup = self.setup();
        let frame = Frame {
            run: self.clone(),
            steps: setup.workload.numbers(),
            nodes: setup.nodes,
            length: setup.length,
        };
        let shared = Arc::new(Mutex::new(None::<Recorder>));
        let probes = Probes::new();
        let options = tidelog_io_sim::Options {
            plan: self.plan(),
            keeps_lines: self.keeps_lines,
            time_limit: TIME_LIMIT,
            events_max: EVENTS_MAX,
            watchdog: Some(frame.clone().watchdog(shared.clone())),
            ..tidelog_io_sim::Options::calm(self.seed)
        };
        let run = Sim::run(options, |sim| {
            // On the thread of the run, and until it is over.
            let listening = probes.listen();
            let recorder = Recorder::new(&sim);
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(recorder.clone());
            async move {
                let observed = cluster::run(sim, setup, recorder).await;
                drop(listening);
                observed
            }
        });
        let (history, violations) = match run.outcome {
            Ok(observed) => {
                let violations = judge(&observed);
                (observed.history, violations)
            }
            Err(words) => stopped(&words, micros(&run.report), recorded(&shared)),
        };
        frame.outcome(run.report, probes.counts(), history, violations)
    }

    fn setup(&self) -> Setup {
        let Scenario { brokers, nodes, size, spares_copies, .. } = *self.scenario;
        let whole = Workload::of_seed(self.seed, size);
        let whole = if self.learns { whole.with_schemas(self.seed, size) } else { whole };
        let whole = if self.watches { whole.with_zones(self.seed, size) } else { whole };
        let whole = if self.scenario.is_calm() { whole.undisturbed() } else { whole };
        let (nodes, length_ms, workload) = match &self.only {
            None => (nodes, size.length_ms, whole),
            Some(case) => (case.nodes, case.length_ms, whole.only(&case.steps)),
        };
        let length = Duration::from_millis(length_ms);
        let Self { partitions, learns, .. } = *self;
        let runs = Runs { learns, watches: self.watches.then(|| Limits::of_seed(self.seed)) };
        let clocks_hold = self.plan().kinds().all(|kind| kind.scope() != Scope::Clock);
        Setup { brokers, nodes, partitions, runs, clocks_hold, spares_copies, length, workload }
    }

    fn plan(&self) -> Plan {
        match &self.only {
            None => self.scenario.plan(self.seed),
            Some(case) => Plan::replay(&case.faults),
        }
    }
}

/// What is known of a run before it begins.
#[derive(Clone)]
struct Frame {
    run: Run,
    steps: BTreeSet<u32>,
    nodes: u32,
    length: Duration,
}

impl Frame {
    /// Tells of the run if it stands still.
    fn watchdog(self, shared: Arc<Mutex<Option<Recorder>>>) -> Watchdog {
        let tell = move |sim: &Sim| {
            let (report, seconds) = (sim.report(), PATIENCE.as_secs());
            let words = format!("{LIMIT}: nothing has happened for {seconds} s of real time");
            let (history, violations) = stopped(&words, micros(&report), recorded(&shared));
            let outcome = self.outcome(report, BTreeMap::new(), history, violations);
            (self.run.stands_still)(&outcome);
        };
        Watchdog { patience: PATIENCE, tell: Arc::new(tell) }
    }

    fn outcome(
        &self,
        report: Report,
        probes: BTreeMap<&'static str, u64>,
        history: History,
        violations: Vec<Violation>,
    ) -> Outcome {
        let struck = report.struck.iter().map(|(kind, count)| (kind.name(), *count)).collect();
        Outcome {
            seed: self.run.seed,
            scenario: self.run.scenario.name,
            hash: report.hash,
            events: report.events,
            virtual_ms: micros(&report) / 1_000,
            faults: report.faults,
            struck,
            probes,
            operations: counted(&history),
            steps: self.steps.clone(),
            nodes: self.nodes,
            length_ms: u64::try_from(self.length.as_millis()).unwrap_or(u64::MAX),
            violations,
            reproduce: self.run.reproduce.clone(),
            lines: report.lines,
            history,
        }
    }
}

/// Says what is known, and ends the process.
fn give_up(outcome: &Outcome) {
    eprint!("{}", outcome.to_text());
    std::process::exit(1);
}

/// What has been observed of a run that did not come to its end.
fn recorded(shared: &Mutex<Option<Recorder>>) -> Recorded {
    let recorder = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    recorder.map(|it| std::mem::take(&mut *it.look())).unwrap_or_default()
}

fn micros(report: &Report) -> u64 {
    u64::try_from(report.virtual_time.as_micros()).unwrap_or(u64::MAX)
}

/// In the words of whatever ends a run because it is too long.
const LIMIT: &str = "limit exceeded";

/// What a run that was stopped, or that panicked, comes to.
fn stopped(words: &str, at_us: u64, recorded: Recorded) -> (History, Vec<Violation>) {
    let is_limit = words.contains(LIMIT);
    let violation = if is_limit {
        let states = recorded.states();
        let owners = recorded.owners.iter();
        let owned = owners
            .flat_map(|(task, on)| on.iter().map(move |it| format!("{task} is on {}", it.node)));
        let owned: Vec<_> = owned.collect();
        let message = format!("{words}. {}; {}", owned.join(", "), states.join("; "));
        Violation::new("caught-up", "never-ends", at_us, message)
    } else {
        Violation::panic(words, at_us)
    };
    (recorded.history, vec![violation])
}

fn counted(history: &History) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for operation in &history.operations {
        let name = match operation.outcome {
            Told::Done { .. } => "done",
            Told::Refused { .. } => "refused",
            Told::NotDone(_) => "not-done",
            Told::Unknown => "unknown",
            Told::Incomplete => "incomplete",
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use tidelog_io_sim::{
        Net, Options,
        host::Nodes,
        wire::{ClientId, Node},
    };

    use super::*;

    #[test]
    fn a_run_that_was_stopped_tells_how_every_process_is() {
        let node = Node::Client(ClientId(7));
        let run = Sim::run(Options::calm(1), |sim| async move {
            let nodes = Nodes::new(&Net::new(&sim));
            nodes.add_client("node7", ClientId(7), |_| Box::pin(std::future::pending()));
            Recorded { processes: vec![nodes.process(node)], ..Recorded::default() }
        });
        let words = format!("time {LIMIT}: 900s");
        let (_, violations) = stopped(&words, 0, run.outcome.expect("it ends"));
        assert_eq!(&*violations[0].signature, "caught-up/never-ends");
        assert!(violations[0].message.contains(&format!("{node} ")), "{}", violations[0].message);
    }
}
