//! A run is a function of its seed: what leaks into one from outside is noticed.

use std::{
    collections::{HashMap, HashSet},
    hash::RandomState,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::FutureExt;
use madsim::time::sleep;

use super::world::{run, run_with, storm};
use crate::{fault::FaultKind, host::Boot, plan::Plan, sim::Report};

/// Something outside of a run that gets into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leak {
    WallClock,
    HashOrder,
    ThreadId,
    Address,
    Counter,
    ProcessId,
    Randomness,
    OtherThread,
}

const LEAKS: [Leak; 8] = [
    Leak::WallClock,
    Leak::HashOrder,
    Leak::ThreadId,
    Leak::Address,
    Leak::Counter,
    Leak::ProcessId,
    Leak::Randomness,
    Leak::OtherThread,
];

#[test]
fn a_seed_is_the_same_again_after_other_seeds_and_in_a_fresh_process() {
    let gate = Gate::new();
    let first = gate.trace(None);
    for seed in 100..110 {
        assert_eq!(storm(Plan::swarm(seed, FaultKind::ALL), seed).outcome, Ok(()));
    }
    assert!(first.len() > 1000, "{} events", first.len());
    assert_eq!(difference(&first, &gate.trace(None)), None);
    assert_eq!(difference(&first, &fresh(None)), None);
}

#[test]
fn each_leak_is_noticed_and_the_first_event_that_differs_is_named() {
    let gate = Gate::new();
    for leak in LEAKS {
        let first = gate.trace(Some(leak));
        let here = difference(&first, &gate.trace(Some(leak)));
        let found = here.or_else(|| difference(&first, &fresh(Some(leak))));
        let found = found.unwrap_or_else(|| panic!("{leak:?} went unnoticed"));
        assert!(found.contains("turn"), "{leak:?} is first seen where it leaks: {found}");
    }
}

#[test]
fn what_the_standard_library_brings_along_is_part_of_the_seed() {
    let look = || {
        run(Plan::calm(), 1, |_| async {
            let order: Vec<u32> =
                (0..50).map(|it| (it, ())).collect::<HashMap<_, _>>().into_keys().collect();
            (order, SystemTime::now(), std::thread::available_parallelism().ok())
        })
    };
    let first = look().outcome;
    assert!(first.is_ok());
    assert_eq!(first, look().outcome);
}

/// What another process of this test does.
#[test]
fn a_fresh_process() {
    if let Ok(name) = std::env::var(ASKED) {
        let leak = LEAKS.into_iter().find(|leak| format!("{leak:?}") == name);
        for line in Gate::new().trace(leak) {
            println!("{MARK}{line}");
        }
    }
}

/// The variable that asks a fresh process for a trace.
const ASKED: &str = "TIDELOG_LEAK";
const MARK: &str = "trace: ";

/// The events of the seed in a fresh process.
fn fresh(leak: Option<Leak>) -> Vec<String> {
    let name = leak.map_or("None".into(), |leak| format!("{leak:?}"));
    let this = std::env::current_exe().expect("the program of this test");
    let test = concat!(module_path!(), "::a_fresh_process");
    let (_, test) = test.split_once("::").expect("a path in a crate");
    let output = Command::new(this)
        .args(["--exact", test, "--nocapture"])
        .env(ASKED, name)
        .output()
        .expect("a process that ends");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<_> =
        text.lines().filter_map(|it| Some(it.split_once(MARK)?.1.to_owned())).collect();
    assert!(!lines.is_empty(), "{text}");
    lines
}

/// The first event that differs.
fn difference(left: &[String], right: &[String]) -> Option<String> {
    let nth = left.iter().zip(right).position(|(left, right)| left != right);
    let nth = nth.or_else(|| (left.len() != right.len()).then(|| left.len().min(right.len())))?;
    let line = |lines: &[String]| lines.get(nth).cloned().unwrap_or_default();
    Some(format!("event {nth} differs:\n{}\n{}", line(left), line(right)))
}

/// Where leaks come from.
struct Gate {
    file: tempfile::TempPath,
}

impl Gate {
    fn new() -> Self {
        let file = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
        Self { file }
    }

    /// The events of one seed, with a leak or without.
    fn trace(&self, leak: Option<Leak>) -> Vec<String> {
        let outside = Arc::new(Outside::new(&self.file));
        let counted = Arc::clone(&outside);
        std::thread::scope(|scope| {
            scope.spawn(|| counted.count());
            let main = move |boot| leaking(boot, leak, Arc::clone(&outside)).boxed_local();
            let plan = Plan::of(FaultKind::ALL, 0.005);
            let run = run_with(plan, 7, main, |world| async move {
                let _chaos = world.chaos();
                sleep(Duration::from_secs(20)).await;
            });
            counted.is_over.store(true, Ordering::Relaxed);
            assert_eq!(run.outcome, Ok(()));
            let Report { lines, .. } = run.report;
            lines.iter().map(|line| format!("{line} {:016x}", line.hash)).collect()
        })
    }
}

/// A node that decides by what it should not know.
async fn leaking(boot: Boot, leak: Option<Leak>, outside: Arc<Outside>) {
    for turn in 0..100_u64 {
        let known = leak.map_or(0, |leak| outside.look(leak));
        // A hash with keys that are none of the leak's.
        let decided = xxhash_rust::xxh3::xxh3_64_with_seed(&turn.to_le_bytes(), known);
        boot.net.sim().event(&boot.name, "turn", &(turn, decided.is_multiple_of(2)));
        boot.machine.clock().sleep(Duration::from_millis(100)).await;
    }
}

struct Outside {
    file: PathBuf,
    keys: RandomState,
    count: AtomicU64,
    is_over: AtomicBool,
}

impl Outside {
    fn new(file: &Path) -> Self {
        Self {
            file: file.into(),
            keys: RandomState::new(),
            count: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    fn look(&self, leak: Leak) -> u64 {
        match leak {
            // The clocks of the process are virtual in a run; those of the file system are not.
            Leak::WallClock => file_time(&self.file),
            Leak::HashOrder => {
                let mut set = HashSet::with_hasher(self.keys.clone());
                set.extend(0..1000_u64);
                set.into_iter().next().unwrap_or_default()
            }
            Leak::ThreadId => xxh3(&format!("{:?}", std::thread::current().id())),
            Leak::Address => std::ptr::from_ref(&*Box::new(1_u8)).addr() as u64,
            Leak::Counter => COUNTER.fetch_add(1, Ordering::Relaxed),
            Leak::ProcessId => u64::from(std::process::id()),
            Leak::Randomness => random(),
            Leak::OtherThread => self.count.load(Ordering::Relaxed),
        }
    }

    /// What another thread does meanwhile.
    fn count(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            self.count.fetch_add(1, Ordering::Relaxed);
            std::thread::yield_now();
        }
    }
}

/// Counts on from run to run, as some libraries do.
static COUNTER: AtomicU64 = AtomicU64::new(0);

fn file_time(file: &Path) -> u64 {
    std::fs::write(file, b"now").expect("a file that can be written");
    let modified = std::fs::metadata(file).and_then(|it| it.modified()).expect("a file with times");
    let since = modified.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_nanos()).expect("a time before 2500")
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    let mut file = std::fs::File::open("/dev/urandom").expect("a system with randomness");
    file.read_exact(&mut bytes).expect("randomness without end");
    u64::from_le_bytes(bytes)
}

fn xxh3(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
