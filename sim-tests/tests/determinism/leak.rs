//! A run into which something leaks.

use std::{
    cell::Cell,
    collections::HashMap,
    fs,
    io::Read,
    path::Path,
    sync::{
        LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant, SystemTime},
};

use clap::{Parser, ValueEnum};
use tidelog_io_sim::{Options, Sim, sim::Run};
use tidelog_sim_tests::gate::{Surroundings, event_json};

use crate::fixture;

/// What the event is called into which it leaks.
pub(crate) const EVENT: &str = "leak";

/// What leaks. Each is something that a careless line of code would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Leak {
    /// Nothing: what madsim answers for in a run.
    Closed,
    /// The time at which the process began.
    WallClock,
    /// The order of a map that was made before the run.
    HashOrder,
    /// The number of the thread.
    ThreadId,
    /// The number of the process.
    ProcessId,
    /// Where something lies in memory.
    Address,
    /// A counter that all runs of a process share.
    Counter,
    /// A variable of the environment.
    Environment,
    /// The folder in which the program was called.
    Folder,
    /// The files of a folder, with those that other runs left there.
    Files,
    /// A select that is fair by a generator of its own.
    Select,
    /// A generator of random numbers that is seeded once for each thread.
    Generator,
    /// Random numbers that are read past the C library.
    Urandom,
    /// Which of two threads is quicker.
    ThreadRace,
    /// How the program was built.
    Build,
}

/// As `cargo sim run` is called.
#[derive(Debug, Parser)]
struct Call {
    leak: Leak,
    #[arg(long)]
    seed: u64,
    #[arg(long)]
    json: bool,
    #[arg(long)]
    trace: bool,
    #[arg(long, default_value_t = 0)]
    after: u64,
    #[arg(long)]
    optimised: bool,
}

/// What the process has besides its runs.
struct Process<'p> {
    call: &'p Call,
    folder: &'p Path,
    race: Race,
}

/// Two threads that were there before the run.
struct Race {
    starts: Vec<mpsc::Sender<()>>,
    arrivals: Mutex<mpsc::Receiver<u64>>,
}

static BEGUN: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

static MAP: LazyLock<HashMap<u32, ()>> = LazyLock::new(|| (0..64).map(|it| (it, ())).collect());

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Events before the leak, and after it.
const TICKS: u64 = 10;

/// The fixture.
pub(crate) fn main() {
    let call = Call::parse_from(std::env::args().skip(1));
    LazyLock::force(&BEGUN);
    LazyLock::force(&MAP);
    let folder = tempfile::tempdir().expect("a folder for files");
    let process = Process { call: &call, folder: folder.path(), race: Race::start() };
    for nth in (1..=call.after).rev() {
        run(&process, call.seed.wrapping_sub(nth));
    }
    let Run { report, .. } = run(&process, call.seed);
    for line in &report.lines {
        eprintln!("{}", event_json(line));
    }
    println!("{{\"hash\":\"{:016x}\",\"events\":{}}}", report.hash, report.events);
}

fn run(process: &Process<'_>, seed: u64) -> Run<()> {
    let options = Options { keeps_lines: process.call.trace, ..Options::calm(seed) };
    Sim::run(options, async |sim: Sim| {
        for nth in 0..2 * TICKS {
            madsim::time::sleep(Duration::from_millis(10)).await;
            if nth == TICKS {
                let leaked = process.leak(seed).await;
                sim.event("node1", EVENT, leaked.as_str());
            }
            sim.event("node1", "tick", &nth);
        }
    })
}

impl Leak {
    pub(crate) const ALL: [Self; 15] = [
        Self::Closed,
        Self::WallClock,
        Self::HashOrder,
        Self::ThreadId,
        Self::ProcessId,
        Self::Address,
        Self::Counter,
        Self::Environment,
        Self::Folder,
        Self::Files,
        Self::Select,
        Self::Generator,
        Self::Urandom,
        Self::ThreadRace,
        Self::Build,
    ];

    pub(crate) fn name(self) -> String {
        self.to_possible_value().expect("no leak is hidden").get_name().to_owned()
    }

    /// Where it must show; it may show elsewhere too.
    pub(crate) fn shows(self) -> Option<Surroundings> {
        match self {
            Self::Closed => None,
            Self::WallClock
            | Self::HashOrder
            | Self::ProcessId
            | Self::Address
            | Self::Urandom
            | Self::ThreadRace => Some(Surroundings::Fresh),
            Self::ThreadId | Self::Counter | Self::Files | Self::Select | Self::Generator => {
                Some(Surroundings::After(3))
            }
            Self::Environment | Self::Folder => Some(Surroundings::Elsewhere),
            Self::Build => {
                let mut other = fixture(self);
                other.args.push("--optimised".into());
                Some(Surroundings::OtherBuild(other))
            }
        }
    }
}

impl Process<'_> {
    async fn leak(&self, seed: u64) -> String {
        match self.call.leak {
            Leak::Closed => {
                let map: HashMap<u32, ()> = (0..64).map(|it| (it, ())).collect();
                let order: Vec<_> = map.into_keys().collect();
                let begun = Instant::now();
                madsim::time::sleep(Duration::from_millis(1)).await;
                format!("{:?} {:?} {order:?}", SystemTime::now(), begun.elapsed())
            }
            Leak::WallClock => format!("{:?}", *BEGUN),
            Leak::HashOrder => format!("{:?}", MAP.keys().collect::<Vec<_>>()),
            Leak::ThreadId => format!("{:?}", std::thread::current().id()),
            Leak::ProcessId => std::process::id().to_string(),
            Leak::Address => format!("{:p}", &*Box::new(seed)),
            Leak::Counter => COUNTER.fetch_add(1, Ordering::Relaxed).to_string(),
            Leak::Environment => format!("{:?}", std::env::var_os("HOME")),
            Leak::Folder => format!("{:?}", std::env::current_dir()),
            Leak::Files => {
                fs::write(self.folder.join(seed.to_string()), "").expect("a file can be written");
                let files = fs::read_dir(self.folder).expect("a folder that is there");
                format!("{:?}", files.flatten().map(|file| file.file_name()).collect::<Vec<_>>())
            }
            Leak::Select => {
                let first = Cell::new(0_u64);
                for nth in 0..64 {
                    tokio::select! {
                        () = std::future::ready(()) => first.set(first.get() | 1 << nth),
                        () = std::future::ready(()) => {}
                    }
                }
                first.get().to_string()
            }
            Leak::Generator => fastrand::u64(..).to_string(),
            Leak::Urandom => {
                let mut bytes = [0; 8];
                let mut file = fs::File::open("/dev/urandom").expect("random numbers");
                file.read_exact(&mut bytes).expect("eight bytes");
                format!("{bytes:?}")
            }
            Leak::ThreadRace => self.race.run(),
            Leak::Build => self.call.optimised.to_string(),
        }
    }
}

impl Race {
    fn start() -> Self {
        let (arrived, arrivals) = mpsc::channel();
        let start = |nth| {
            let (start, starts) = mpsc::channel();
            let arrived = arrived.clone();
            std::thread::spawn(move || while starts.recv().is_ok() && arrived.send(nth).is_ok() {});
            start
        };
        let starts = (0..2).map(start).collect();
        Self { starts, arrivals: Mutex::new(arrivals) }
    }

    /// Who won, a thousand times.
    fn run(&self) -> String {
        let arrivals = self.arrivals.lock().expect("nobody panics with it");
        let winner = |_| {
            self.starts.iter().for_each(|start| start.send(()).expect("it waits"));
            let first = arrivals.recv().expect("one of them");
            arrivals.recv().expect("the other");
            char::from_digit(u32::try_from(first).expect("0 or 1"), 10).expect("a digit")
        };
        (0..1_000).map(winner).collect()
    }
}
