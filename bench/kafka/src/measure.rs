//! The clock: starts a contestant on a preloaded topic, and measures it from outside by the positions
//! that its group has committed. So all are measured alike, and none has to measure itself.

mod process;

use std::{
    fs::File,
    io::Write as _,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};
use serde::{Deserialize, Serialize};

use self::process::{Contestant, cpu_seconds};
use crate::{
    Result,
    broker::{CALL_MAX, PATCHES, Place},
    check,
};

/// How often it is looked how far the contestant is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is measured.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Where.
    #[command(flatten)]
    pub place: Place,
    /// The name of the contestant.
    #[arg(long)]
    pub name: String,
    /// How many patches there are.
    #[arg(long)]
    pub patches: u64,
    /// How large each is: only written down.
    #[arg(long)]
    pub bytes: usize,
    /// The contestant's commit interval: only written down.
    #[arg(long)]
    pub commit_ms: u64,
    /// The broker's process.
    #[arg(long)]
    pub broker_pid: u32,
    /// The file that the result is added to, as a line of JSON.
    #[arg(long)]
    pub results: PathBuf,
    /// The file to hold the contestant's process id.
    #[arg(long)]
    pub pid_file: PathBuf,
    /// How long it may take, in seconds.
    #[arg(long, default_value_t = 240)]
    pub seconds_max: u64,
    /// How the contestant is started.
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

/// What came out of a run. Times run from the first commit that was seen, so that nobody is charged
/// for starting and for joining the group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The name of the contestant.
    pub name: String,
    /// Bytes of a merge patch.
    pub bytes: usize,
    /// The commit interval.
    pub commit_ms: u64,
    /// How many patches there were.
    pub patches: u64,
    /// Seconds from the start of the process to the first commit.
    pub ready_s: f64,
    /// Patches per second.
    pub rate: f64,
    /// Patches per second, of the second half of the patches.
    pub rate_second_half: f64,
    /// CPU seconds of the contestant per million patches.
    pub cpu: f64,
    /// The same, of the second half of the patches.
    pub cpu_second_half: f64,
    /// CPU seconds of the contestant before its first commit, in all.
    pub cpu_start_s: f64,
    /// CPU seconds of the broker per million patches.
    pub broker_cpu: f64,
    /// The most memory that the contestant had resident, in MiB.
    pub rss_mib: f64,
    /// The digest of the documents that came out.
    pub digest: String,
}

/// Runs a contestant until it has committed everything, checks what it wrote, and notes the result.
///
/// # Errors
/// If the contestant ends, takes too long, or has written anything but what it should have.
pub fn measure(options: &Options) -> Result<Outcome> {
    let (program, arguments) = options.command.split_first().ok_or("there is no command")?;
    let started = Instant::now();
    let mut contestant = Contestant::start(Command::new(program).args(arguments))?;
    std::fs::write(&options.pid_file, contestant.pid().to_string())?;
    let watch = Watch::new(options, started)?;
    let first = watch.reach(1, &mut contestant)?;
    let half = watch.reach(options.patches / 2, &mut contestant)?;
    let last = watch.reach(options.patches, &mut contestant)?;
    let rss_mib = process::peak_rss_mib(contestant.pid())?;
    contestant.stop()?;
    std::fs::remove_file(&options.pid_file)?;
    let outcome = Outcome {
        name: options.name.clone(),
        bytes: options.bytes,
        commit_ms: options.commit_ms,
        patches: options.patches,
        ready_s: first.seconds,
        rate: 1e6 / last.per_million(&first, |mark| mark.seconds),
        rate_second_half: 1e6 / last.per_million(&half, |mark| mark.seconds),
        cpu: last.per_million(&first, |mark| mark.cpu),
        cpu_second_half: last.per_million(&half, |mark| mark.cpu),
        cpu_start_s: first.cpu,
        broker_cpu: last.per_million(&first, |mark| mark.broker_cpu),
        rss_mib,
        digest: check::digest(&options.place, options.patches)?,
    };
    let mut results = File::options().create(true).append(true).open(&options.results)?;
    writeln!(results, "{}", serde_json::to_string(&outcome)?)?;
    Ok(outcome)
}

/// How far the contestant was at some time.
struct Mark {
    /// Patches that it has committed.
    done: u64,
    /// Since it was started.
    seconds: f64,
    /// CPU seconds that it has used.
    cpu: f64,
    /// CPU seconds that the broker has used.
    broker_cpu: f64,
}

impl Mark {
    /// How much of something has gone since another mark, for a million patches.
    fn per_million(&self, since: &Self, of: impl Fn(&Self) -> f64) -> f64 {
        (of(self) - of(since)) * 1e6 / (self.done - since.done) as f64
    }
}

struct Watch<'a> {
    options: &'a Options,
    started: Instant,
    consumer: BaseConsumer,
}

impl<'a> Watch<'a> {
    fn new(options: &'a Options, started: Instant) -> Result<Self> {
        // Committed positions are told at once, also while others wait in an open transaction.
        let consumer =
            options.place.consumer().set("isolation.level", "read_uncommitted").create()?;
        Ok(Self { options, started, consumer })
    }

    /// Waits until that many patches have been committed.
    fn reach(&self, count: u64, contestant: &mut Contestant) -> Result<Mark> {
        loop {
            let done = self.done()?;
            if done > self.options.patches {
                return Err(format!("{done} of {} patches were read", self.options.patches).into());
            }
            let seconds = self.started.elapsed().as_secs_f64();
            if done >= count {
                let cpu = cpu_seconds(contestant.pid())?;
                let broker_cpu = cpu_seconds(self.options.broker_pid)?;
                return Ok(Mark { done, seconds, cpu, broker_cpu });
            }
            contestant.check()?;
            if self.started.elapsed().as_secs() > self.options.seconds_max {
                return Err(
                    format!("{done} patches after {seconds:.0} s: it takes too long").into()
                );
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    fn done(&self) -> Result<u64> {
        let partitions = self.options.place.partitions_of(PATCHES);
        let committed = match self.consumer.committed_offsets(partitions, CALL_MAX) {
            Ok(committed) => committed,
            // The broker has just begun to look after this group.
            Err(KafkaError::MetadataFetch(
                RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress,
            )) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let offsets = committed.elements().into_iter().filter_map(|it| it.offset().to_raw());
        // Without a commit there is a negative one.
        Ok(offsets.filter_map(|offset| u64::try_from(offset).ok()).sum())
    }
}
