//! A contestant's process, and what the kernel says about it.

use std::{
    fs,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::Result;

/// How long a contestant may take to stop before it is killed.
const STOP_MAX: Duration = Duration::from_secs(20);

/// A contestant that runs. One that is dropped is killed.
pub(super) struct Contestant {
    child: Child,
}

impl Contestant {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        Ok(Self { child: command.spawn()? })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails if it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => Err(format!("the contestant has ended: {status}").into()),
            None => Ok(()),
        }
    }

    /// Asks it to stop, and waits until it has.
    pub(super) fn stop(mut self) -> Result<()> {
        Command::new("kill").arg(self.pid().to_string()).status()?;
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() && asked.elapsed() < STOP_MAX {
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// User and system CPU seconds that a process has used.
pub(super) fn cpu_seconds(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field, the name, is in parentheses and may contain spaces.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
    let ticks: u32 = ticks.sum::<std::result::Result<_, _>>()?;
    Ok(f64::from(ticks) / TICKS_PER_SECOND)
}

/// The most memory that a process has had resident, in MiB.
pub(super) fn peak_rss_mib(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u32 = kib.ok_or("the kernel does not tell the peak of memory")?.parse()?;
    Ok(f64::from(kib) / 1_024.0)
}

/// As Linux tells times to programs, on every machine.
const TICKS_PER_SECOND: f64 = 100.0;
