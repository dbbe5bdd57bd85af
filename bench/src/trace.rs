//! Keeps what fjall logged lately, to be printed when a group of writes stalls.

use std::collections::VecDeque;
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

static EVENTS: Mutex<VecDeque<(Instant, String)>> = Mutex::new(VecDeque::new());
static START: OnceLock<Instant> = OnceLock::new();

struct Recorder;

impl log::Log for Recorder {
    fn enabled(&self, meta: &log::Metadata<'_>) -> bool {
        meta.target().starts_with("fjall") || meta.target().starts_with("lsm_tree")
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut text = record.args().to_string();
        if text.starts_with("Compaction choice: DoNothing") || text.starts_with("Running journal") {
            return;
        }
        if text.len() > 160 {
            text.truncate(text.floor_char_boundary(160));
        }
        note(text);
    }

    fn flush(&self) {}
}

/// Notes an event of the program itself.
pub fn note(text: String) {
    let Ok(mut events) = EVENTS.lock() else { return };
    if events.len() >= 256 {
        events.pop_front();
    }
    events.push_back((Instant::now(), text));
}

/// Starts to keep fjall's log.
///
/// # Errors
/// Fails if another logger is installed.
pub fn install() -> crate::Result<()> {
    START.get_or_init(Instant::now);
    log::set_boxed_logger(Box::new(Recorder))?;
    log::set_max_level(log::LevelFilter::Debug);
    Ok(())
}

/// Prints what was logged since the given moment, with times relative to it, and the text first.
pub fn print_since(since: Instant, headline: &str) {
    let Some(start) = START.get() else { return };
    let Ok(events) = EVENTS.lock() else { return };
    eprintln!("[{:9.3}] {headline}", since.duration_since(*start).as_secs_f64());
    for (at, text) in events.iter() {
        let ms = if *at >= since {
            at.duration_since(since).as_secs_f64() * 1e3
        } else {
            -since.duration_since(*at).as_secs_f64() * 1e3
        };
        if ms > -60.0 {
            eprintln!("    {ms:+8.1} ms  {text}");
        }
    }
}
