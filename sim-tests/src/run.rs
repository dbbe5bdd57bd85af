//! A run: a function of a seed and its options.

use std::{collections::BTreeMap, time::Duration};

use tidelog_io_sim::{
    Sim,
    plan::{Fault, Plan},
};

use crate::{
    cluster::{self, Setup},
    history::{History, Outcome as Told},
    oracle::judge,
    outcome::Outcome,
    probes::Probes,
    recorder::{Recorded, Recorder},
    replay::Replay,
    scenario::Scenario,
    shrink::Case,
    violation::Violation,
    workload::Workload,
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
    /// The faults and steps that there are, if not all that the seed has.
    pub only: Option<Case<Fault>>,
    /// Whether the trace keeps its lines.
    pub keeps_lines: bool,
    /// The line that makes the same run again.
    pub reproduce: Box<str>,
}

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
        Self { seed, scenario, partitions, only: None, keeps_lines: false, reproduce }
    }

    /// A run that was saved, in its scenario.
    #[must_use]
    pub fn replay(replay: &Replay, scenario: &'static Scenario, file: &str) -> Self {
        let reproduce = format!("cargo sim run --replay {file}").into();
        let Replay { seed, partitions, .. } = *replay;
        let only = Some(replay.case());
        Self { seed, scenario, partitions, only, keeps_lines: false, reproduce }
    }

    /// Makes the run.
    #[must_use]
    pub fn run(&self) -> Outcome {
        let setup = self.setup();
        let options = tidelog_io_sim::Options {
            plan: self.plan(),
            keeps_lines: self.keeps_lines,
            time_limit: TIME_LIMIT,
            events_max: EVENTS_MAX,
            ..tidelog_io_sim::Options::calm(self.seed)
        };
        let (steps, nodes, length) = (setup.workload.numbers(), setup.nodes, setup.length);
        let shared = std::sync::Mutex::new(None::<Recorder>);
        let probes = Probes::new();
        let run = Sim::run(options, |sim| {
            // On the thread of the run, and until it is over.
            let listening = probes.listen();
            let recorder = Recorder::new(&sim);
            *shared.lock().expect("nobody panics with it") = Some(recorder.clone());
            async move {
                let observed = cluster::run(sim, setup, recorder).await;
                drop(listening);
                observed
            }
        });
        let at_us = u64::try_from(run.report.virtual_time.as_micros()).unwrap_or(u64::MAX);
        let (history, violations) = match run.outcome {
            Ok(observed) => {
                let violations = judge(&observed);
                (observed.history, violations)
            }
            Err(words) => {
                let recorder = shared.into_inner().ok().flatten();
                let recorded = recorder.map(|it| std::mem::take(&mut *it.look()));
                stopped(&words, at_us, recorded.unwrap_or_default())
            }
        };
        Outcome {
            seed: self.seed,
            scenario: self.scenario.name,
            hash: run.report.hash,
            events: run.report.events,
            virtual_ms: at_us / 1_000,
            faults: run.report.faults,
            struck: run.report.struck.iter().map(|(kind, count)| (kind.name(), *count)).collect(),
            probes: probes.counts(),
            operations: counted(&history),
            steps,
            nodes,
            length_ms: u64::try_from(length.as_millis()).unwrap_or(u64::MAX),
            violations,
            reproduce: self.reproduce.clone(),
            lines: run.report.lines,
            history,
        }
    }

    fn setup(&self) -> Setup {
        let Scenario { brokers, nodes, size, .. } = *self.scenario;
        let whole = Workload::of_seed(self.seed, size);
        let whole = if self.scenario.is_calm() { whole.undisturbed() } else { whole };
        let (nodes, length_ms, workload) = match &self.only {
            None => (nodes, size.length_ms, whole),
            Some(case) => (case.nodes, case.length_ms, whole.only(&case.steps)),
        };
        let length = Duration::from_millis(length_ms);
        Setup { brokers, nodes, partitions: self.partitions, length, workload }
    }

    fn plan(&self) -> Plan {
        match &self.only {
            None => self.scenario.plan(self.seed),
            Some(case) => Plan::replay(&case.faults),
        }
    }
}

/// What a run that was stopped, or that panicked, comes to.
fn stopped(words: &str, at_us: u64, recorded: Recorded) -> (History, Vec<Violation>) {
    let is_limit = words.contains("limit exceeded");
    let violation = if is_limit {
        let troubles = recorded.troubles.iter();
        let states: Vec<_> =
            troubles.map(|((task, node), why)| format!("{task} on {node} {why}")).collect();
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
