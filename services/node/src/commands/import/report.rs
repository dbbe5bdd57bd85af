//! What an import tells: progress while it runs, refusals as they come, exact counts at the end.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde::Serialize;

use super::ids::Refusal;
use super::split::Broken;
use crate::failure::Failure;
use crate::output;

/// What the reader and the lanes report.
#[derive(Debug)]
pub(super) enum Event {
    /// A batch was answered.
    Answered(Tally),
    /// A document was not taken.
    Refused(Refusal),
    /// What became of this many documents is not known.
    Unanswered(u64),
    /// The node is waited for.
    Waiting(String),
    /// The file was read to its end, or as far as it can be.
    Ended(Option<Broken>),
    /// There is no use in going on.
    Fatal(Failure),
}

/// Exact counts of documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Tally {
    /// Read from the file.
    pub(super) read: u64,
    /// New entities.
    pub(super) created: u64,
    /// Entities that were there and have a new document.
    pub(super) replaced: u64,
    /// Entities that an earlier run has made.
    pub(super) already_there: u64,
    /// Documents that cannot be kept.
    pub(super) refused: u64,
    /// Documents that were sent without getting an answer.
    pub(super) unanswered: u64,
    /// Documents that were read and not sent.
    pub(super) not_sent: u64,
}

/// What was reported so far.
pub(super) struct Report {
    tally: Tally,
    bar: ProgressBar,
    taken: Arc<AtomicU64>,
    read: Arc<AtomicU64>,
    begun: Instant,
    waiting_said: Option<Instant>,
    /// Why the file could not be read to its end.
    broken: Option<Broken>,
    /// Why the import was given up.
    fatal: Option<Failure>,
    has_ended: bool,
}

impl Report {
    /// A report on a source of `length` bytes, of which `taken` are taken and `read` documents read.
    pub(super) fn new(length: Option<u64>, taken: Arc<AtomicU64>, read: Arc<AtomicU64>) -> Self {
        Self {
            tally: Tally::default(),
            bar: progress_bar(length),
            taken,
            read,
            begun: Instant::now(),
            waiting_said: None,
            broken: None,
            fatal: None,
            has_ended: false,
        }
    }

    /// Takes note of an event; whether the import should stop.
    pub(super) fn note(&mut self, event: Event) -> bool {
        match event {
            Event::Answered(answered) => {
                self.tally.created += answered.created;
                self.tally.replaced += answered.replaced;
                self.tally.already_there += answered.already_there;
                self.waiting_said = None;
            }
            Event::Refused(refusal) => self.refused(&refusal),
            Event::Unanswered(count) => self.tally.unanswered += count,
            Event::Waiting(words) => self.waiting(&words),
            Event::Ended(broken) => {
                self.has_ended = true;
                self.broken = broken;
            }
            Event::Fatal(failure) => {
                self.fatal.get_or_insert(failure);
                return true;
            }
        }
        false
    }

    /// Says something without disturbing the bar.
    pub(super) fn say(&self, words: &str) {
        self.bar.suspend(|| output::say(words));
    }

    /// Draws the progress.
    pub(super) fn draw(&self) {
        self.bar.set_position(self.taken.load(Ordering::Relaxed));
        let documents = self.tally.answered();
        let rate = self.rate(documents);
        let (documents, rate) = (HumanCount(documents), HumanCount(rate));
        self.bar.set_message(format!("{documents} documents, {rate}/s"));
    }

    /// How it ended.
    pub(super) fn end(mut self) -> Outcome {
        self.bar.finish_and_clear();
        self.tally.read = self.read.load(Ordering::Relaxed);
        let known = self.tally.answered() + self.tally.unanswered;
        self.tally.not_sent = self.tally.read.saturating_sub(known);
        let complete = self.has_ended
            && self.broken.is_none()
            && self.fatal.is_none()
            && self.tally.not_sent + self.tally.unanswered == 0;
        let (seconds, rate) =
            (self.begun.elapsed().as_secs_f64(), self.rate(self.tally.answered()));
        let Self { tally, broken, fatal, .. } = self;
        Outcome { tally, broken, fatal, complete, seconds, rate }
    }

    fn refused(&mut self, refusal: &Refusal) {
        self.tally.refused += 1;
        if self.tally.refused <= REFUSALS_TOLD_MAX {
            let (number, line) = (refusal.position.number, refusal.position.line);
            self.say(&format!("refused: document {number} (line {line}): {}", refusal.why));
        } else if self.tally.refused == REFUSALS_TOLD_MAX + 1 {
            self.say("more documents are refused; from here on they are only counted");
        }
    }

    fn waiting(&mut self, words: &str) {
        if self.waiting_said.is_none_or(|said| said.elapsed() >= SAID_AGAIN_AFTER) {
            self.waiting_said = Some(Instant::now());
            self.say(words);
        }
    }

    fn rate(&self, documents: u64) -> u64 {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        documents.saturating_mul(1_000) / millis.max(1)
    }
}

/// How an import ended.
pub(super) struct Outcome {
    /// The counts.
    pub(super) tally: Tally,
    /// Why the file could not be read to its end.
    pub(super) broken: Option<Broken>,
    /// Why the import was given up.
    pub(super) fatal: Option<Failure>,
    /// Whether every document of the file has its answer.
    pub(super) complete: bool,
    seconds: f64,
    rate: u64,
}

impl Outcome {
    /// Prints the counts.
    pub(super) fn print(&self, place: &str, as_json: bool) -> Result<(), Failure> {
        let Self { tally, complete, seconds, rate, .. } = *self;
        if as_json {
            return output::json(&Summary { into: place, tally, complete, seconds });
        }
        output::line(&format!("{place}: {} ({seconds:.1} s, {rate}/s)", tally.words()))
    }
}

impl Tally {
    /// How many documents are done with.
    fn answered(&self) -> u64 {
        self.created + self.replaced + self.already_there + self.refused
    }

    /// The counts in words.
    pub(super) fn words(&self) -> String {
        let Self { read, created, replaced, already_there, refused, unanswered, not_sent } = self;
        let mut words = format!(
            "read {read}, created {created}, replaced {replaced}, already there {already_there}, \
             refused {refused}"
        );
        if *unanswered > 0 {
            words.push_str(&format!(", without an answer {unanswered}"));
        }
        if *not_sent > 0 {
            words.push_str(&format!(", not sent {not_sent}"));
        }
        words
    }
}

/// The counts for scripts.
#[derive(Serialize)]
struct Summary<'a> {
    into: &'a str,
    #[serde(flatten)]
    tally: Tally,
    complete: bool,
    seconds: f64,
}

fn progress_bar(length: Option<u64>) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match length {
        Some(length) => (ProgressBar::new(length), "{bar:24} {bytes}/{total_bytes}  {msg}  {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Refusals that are told one by one.
const REFUSALS_TOLD_MAX: u64 = 20;

/// How often the same trouble is told.
const SAID_AGAIN_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_the_sum_of_the_events() {
        let read = Arc::new(AtomicU64::new(10));
        let mut report = Report::new(None, Arc::default(), read);
        let answered = Tally { created: 3, replaced: 1, already_there: 2, ..Tally::default() };
        assert!(!report.note(Event::Answered(answered)));
        assert!(!report.note(Event::Unanswered(2)));
        assert!(!report.note(Event::Ended(None)));
        let outcome = report.end();
        let words = "read 10, created 3, replaced 1, already there 2, refused 0, without an answer \
                     2, not sent 2";
        assert_eq!(outcome.tally.words(), words);
        assert!(!outcome.complete);
    }

    #[test]
    fn the_first_fatal_failure_is_kept() {
        let mut report = Report::new(None, Arc::default(), Arc::default());
        assert!(report.note(Event::Fatal(Failure::Failed("one".to_owned()))));
        assert!(report.note(Event::Fatal(Failure::Failed("two".to_owned()))));
        assert!(matches!(report.end().fatal, Some(Failure::Failed(words)) if words == "one"));
    }
}
