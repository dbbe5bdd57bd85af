//! The thread that reads documents and hands them to the lanes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, watch};

use super::ids::{Naming, Refusal};
use super::lanes::{Batch, Lanes};
use super::report::Event;
use super::source;
use super::split::{Broken, Documents};
use crate::failure::Failure;

/// What the thread needs.
pub(super) struct Reader {
    /// What is called what it reads.
    pub(super) name: String,
    /// What it reads.
    pub(super) documents: Documents<source::Bytes>,
    /// How the documents are called.
    pub(super) naming: Naming,
    /// The way to each lane.
    pub(super) ways: Vec<mpsc::Sender<Batch>>,
    /// Where it reports.
    pub(super) events: mpsc::Sender<Event>,
    /// How many documents it has read.
    pub(super) read: Arc<AtomicU64>,
    /// Whether to stop.
    pub(super) stop: watch::Receiver<bool>,
}

impl Reader {
    /// Reads to the end, or until it is told to stop or nobody listens any more.
    pub(super) fn run(mut self) {
        let mut lanes = Lanes::new(self.ways.len());
        loop {
            if *self.stop.borrow() {
                return;
            }
            let raw = match self.documents.next() {
                Ok(Some(raw)) => raw,
                Ok(None) => return self.end(lanes, None),
                Err(broken) => return self.end(lanes, Some(broken)),
            };
            self.read.fetch_add(1, Ordering::Relaxed);
            let is_heard = match self.naming.part(&raw) {
                Ok(part) => match lanes.push(part) {
                    Some((lane, batch)) => self.send(lane, batch),
                    None => true,
                },
                Err(refusal) if refusal.is_no_json && raw.position.number == 1 => {
                    return self.report(Event::Fatal(wrong_file(&self.name, &refusal)));
                }
                Err(refusal) => self.events.blocking_send(Event::Refused(refusal)).is_ok(),
            };
            if !is_heard {
                return;
            }
        }
    }

    fn end(&self, lanes: Lanes, broken: Option<Broken>) {
        for (lane, batch) in lanes.finish() {
            if !self.send(lane, batch) {
                return;
            }
        }
        self.report(Event::Ended(broken));
    }

    fn send(&self, lane: usize, batch: Batch) -> bool {
        self.ways[lane].blocking_send(batch).is_ok()
    }

    fn report(&self, event: Event) {
        // If nobody listens, the import has ended otherwise.
        let _ = self.events.blocking_send(event);
    }
}

/// A file whose very first document is no JSON is most likely another kind of file.
fn wrong_file(name: &str, refusal: &Refusal) -> Failure {
    Failure::Failed(format!(
        "{name} is neither a JSON array nor NDJSON (one whole document a line; `jq -c . FILE` makes \
         it of documents over several lines).\n  Its first document, at line {}: {}",
        refusal.position.line, refusal.why
    ))
}
