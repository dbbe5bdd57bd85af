//! The writer thread: takes everything queued as a group.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::engine::{Fjall, Timing, Write};
use super::files::Files;
use super::options::Options;
use crate::hist::Hist;
use crate::{Result, trace};

/// A write and who waits for it.
#[derive(Debug)]
pub struct Job {
    /// The write.
    pub write: Write,
    /// Gets the write's offset, and its document back.
    pub reply: oneshot::Sender<(u64, Bytes)>,
    /// When it was queued.
    pub queued: Instant,
}

/// Histograms over groups.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Requests in a group.
    pub size: Hist,
    /// Waiting in the queue.
    pub queued: Hist,
    /// Building the batch.
    pub build: Hist,
    /// Committing the batch.
    pub commit: Hist,
    /// Syncing, if apart.
    pub sync: Hist,
    /// Rotating memtables, or handing over to the applier.
    pub rotate: Hist,
    /// The whole group.
    pub total: Hist,
    /// Groups of more than 10 ms.
    pub slow: u64,
}

/// Either engine.
#[derive(Debug)]
pub enum Engine {
    /// See [`Fjall`].
    Fjall(Box<Fjall>),
    /// See [`Files`].
    Files(Box<Files>),
}

impl Engine {
    fn write(&mut self, group: Vec<Write>) -> Result<(Vec<u64>, Timing)> {
        match self {
            Self::Fjall(engine) => engine.write(group),
            Self::Files(engine) => engine.write(group),
        }
    }
}

/// Runs until the queue closes.
///
/// # Errors
/// Fails as the engine does; nothing can be written any more then.
pub fn run(
    mut engine: Engine,
    queue: &Receiver<Job>,
    stats: &Arc<Mutex<Stats>>,
    options: &Options,
) -> Result<()> {
    let most = if options.group_max == 0 { usize::MAX } else { options.group_max };
    let pace = Duration::from_micros(options.group_wait_us);
    let mut last = Instant::now();
    while let Ok(first) = queue.recv() {
        if let Some(rest) = pace.checked_sub(last.elapsed()) {
            std::thread::sleep(rest);
        }
        let start = Instant::now();
        last = start;
        let mut jobs = vec![first];
        while jobs.len() < most {
            let Ok(job) = queue.try_recv() else { break };
            jobs.push(job);
        }
        let size = jobs.len();
        let (writes, replies): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.write, (job.reply, job.queued))).unzip();
        let docs: Vec<Bytes> = writes.iter().map(|write| write.doc.clone()).collect();
        let (offsets, timing) = engine.write(writes)?;
        let total = start.elapsed();
        note(stats, size, &timing, total, start, replies.iter().map(|(_, queued)| *queued));
        for (((reply, _), offset), doc) in replies.into_iter().zip(offsets).zip(docs) {
            // Whoever hung up needs no answer.
            let _ = reply.send((offset, doc));
        }
        if options.stall_ms > 0 && total.as_millis() >= u128::from(options.stall_ms) {
            trace::print_since(
                start,
                &format!(
                    "group of {size} took {:.1} ms: build {:.1} commit {:.1} sync {:.1} rotate {:.1}",
                    ms(total),
                    ms(timing.build),
                    ms(timing.commit),
                    ms(timing.sync),
                    ms(timing.rotate)
                ),
            );
        }
    }
    Ok(())
}

fn ms(d: Duration) -> f64 {
    d.as_secs_f64() * 1e3
}

fn note(
    stats: &Mutex<Stats>,
    size: usize,
    timing: &Timing,
    total: Duration,
    start: Instant,
    queued: impl Iterator<Item = Instant>,
) {
    let Ok(mut stats) = stats.lock() else { return };
    stats.size.count(size as u64);
    stats.build.time(timing.build);
    stats.commit.time(timing.commit);
    stats.sync.time(timing.sync);
    stats.rotate.time(timing.rotate);
    stats.total.time(total);
    stats.slow += u64::from(total >= Duration::from_millis(10));
    for at in queued {
        stats.queued.time(start.saturating_duration_since(at));
    }
}
