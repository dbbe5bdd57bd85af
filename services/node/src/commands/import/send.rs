//! A lane: sends its batches one after the other, each until it is answered.

use std::fmt::Write;
use std::time::Duration;

use hyper::Method;
use hyper::header::HeaderValue;
use serde::Deserialize;
use tidelog_core::DatabaseId;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::ids::{Op, Part, Refusal};
use super::lanes::Batch;
use super::report::{Event, Tally};
use crate::client::{Backoff, Call, Client, IDEMPOTENCY_KEY, JSON, PREFER, Patience, Problem};
use crate::client::{nonce, waiting};
use crate::commands::{advice, write};
use crate::failure::Failure;

/// A lane.
pub(super) struct Lane {
    /// Its number, for the names of its batches.
    pub(super) number: usize,
    /// The node.
    pub(super) client: Client,
    /// The database.
    pub(super) database: DatabaseId,
    /// What this run is called, for the names of its batches.
    pub(super) run: u64,
    /// How long a batch is tried.
    pub(super) patience: Patience,
    /// Whether to stop.
    pub(super) stop: watch::Receiver<bool>,
    /// Where it reports.
    pub(super) events: mpsc::Sender<Event>,
}

/// What became of a batch.
enum Fate {
    /// Each part has its answer.
    Answered(Vec<Answer>),
    /// The node will not take it as it is.
    Refused(Box<Problem>),
    /// Nothing is known; why it was given up, unless somebody said to stop.
    Unknown(Option<Failure>),
    /// There is no use in going on.
    Hopeless(Failure),
}

/// What one try came to.
enum Try {
    Done(Fate),
    /// It may be tried again, perhaps only after some seconds.
    Again(Failure, Option<u64>),
}

/// A node's answer to a batch.
#[derive(Deserialize)]
struct Answers {
    parts: Vec<Answer>,
}

/// A node's answer to a part.
#[derive(Deserialize)]
struct Answer {
    status: u16,
    #[serde(default)]
    problem: Option<Problem>,
}

impl Lane {
    /// Sends batches until there are no more, or until it is told to stop, or must.
    pub(super) async fn run(mut self, mut batches: mpsc::Receiver<Batch>) {
        let mut count = 0_u64;
        loop {
            let batch = tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return,
                batch = batches.recv() => batch,
            };
            let Some(batch) = batch else { return };
            count += 1;
            let key = format!("import-{:016x}-{}-{count}", self.run, self.number);
            if !self.deliver(batch, &key).await {
                return;
            }
        }
    }

    /// Delivers a batch, part by part if the node refuses it as a whole; whether to go on.
    async fn deliver(&mut self, batch: Batch, key: &str) -> bool {
        let fate = self.send(&batch, key).await;
        if batch.parts().len() == 1 || !matches!(fate, Fate::Refused(_)) {
            return self.tell(&batch, fate).await;
        }
        for (index, one) in (1..).zip(batch.split()) {
            let fate = self.send(&one, &format!("{key}-{index}")).await;
            if !self.tell(&one, fate).await {
                let left = batch.parts().len() as u64 - index;
                self.report(Event::Unanswered(left)).await;
                return false;
            }
        }
        true
    }

    /// Sends a batch until its fate is known, or patience ends.
    async fn send(&mut self, batch: &Batch, key: &str) -> Fate {
        let call = Call::new(Method::POST, format!("/v1/databases/{}/batch", self.database))
            .header(PREFER, HeaderValue::from_static("return=minimal"))
            .body(JSON, body(batch.parts()));
        let call = match write::header_value(key) {
            Ok(key) => call.header(IDEMPOTENCY_KEY, key),
            Err(failure) => return Fate::Hopeless(failure),
        };
        let begun = Instant::now();
        let mut backoff = Backoff::new(self.patience);
        loop {
            let (failure, retry_after) = match self.attempt(&call, batch.parts().len()).await {
                Try::Done(fate) => return fate,
                Try::Again(failure, retry_after) => (failure, retry_after),
            };
            let Some(wait) = backoff.next(begun.elapsed(), retry_after, nonce()) else {
                return Fate::Unknown(Some(failure));
            };
            self.report(Event::Waiting(waiting(&failure))).await;
            if self.is_stopped_within(wait).await {
                return Fate::Unknown(None);
            }
        }
    }

    async fn attempt(&self, call: &Call, parts: usize) -> Try {
        let reply = match self.client.send(call).await {
            Ok(reply) => reply,
            Err(error) => return Try::Again(error.into(), None),
        };
        let reply = match reply.success() {
            Ok(reply) => reply,
            Err(problem) => return self.judge(problem),
        };
        let answers = match serde_json::from_slice::<Answers>(&reply.body) {
            Ok(answers) if answers.parts.len() == parts => answers.parts,
            Ok(_) | Err(_) => return Try::Done(Fate::Hopeless(write::foreign(&reply))),
        };
        let mut problems = answers.iter().filter_map(|answer| answer.problem.as_ref());
        match problems.find(|problem| problem.is_temporary()) {
            Some(problem) => self.judge(Box::new(problem.clone())),
            None => Try::Done(Fate::Answered(answers)),
        }
    }

    fn judge(&self, problem: Box<Problem>) -> Try {
        if problem.is_temporary() {
            let retry_after = problem.retry_after;
            return Try::Again(advice::about_database(problem, &self.database), retry_after);
        }
        Try::Done(match problem.status {
            400 | 413 | 422 => Fate::Refused(problem),
            _ => Fate::Hopeless(advice::about_database(problem, &self.database)),
        })
    }

    /// Reports what became of a batch; whether to go on.
    async fn tell(&self, batch: &Batch, fate: Fate) -> bool {
        let count = batch.parts().len() as u64;
        match fate {
            Fate::Answered(answers) => {
                let mut tally = Tally::default();
                for (part, answer) in batch.parts().iter().zip(answers) {
                    match (part.op, answer.status) {
                        (_, 201) => tally.created += 1,
                        (_, 200..=299) => tally.replaced += 1,
                        (Op::Create, 412) => tally.already_there += 1,
                        (_, status) => {
                            let why = words(status, answer.problem.as_ref());
                            self.report(Event::Refused(refusal(part, why))).await;
                        }
                    }
                }
                self.report(Event::Answered(tally)).await;
                true
            }
            Fate::Refused(problem) => {
                for part in batch.parts() {
                    let why = words(problem.status, Some(&problem));
                    self.report(Event::Refused(refusal(part, why))).await;
                }
                true
            }
            Fate::Unknown(failure) => {
                self.report(Event::Unanswered(count)).await;
                if let Some(failure) = failure {
                    self.report(Event::Fatal(failure)).await;
                }
                false
            }
            Fate::Hopeless(failure) => {
                self.report(Event::Unanswered(count)).await;
                self.report(Event::Fatal(failure)).await;
                false
            }
        }
    }

    async fn is_stopped_within(&mut self, wait: Duration) -> bool {
        let stop = self.stop.wait_for(|stop| *stop);
        tokio::time::timeout(wait, stop).await.is_ok()
    }

    async fn report(&self, event: Event) {
        // If nobody listens, the import has ended otherwise.
        let _ = self.events.send(event).await;
    }
}

/// A batch as it is sent. Documents are JSON text already, and ids need no escapes.
fn body(parts: &[Part]) -> String {
    let mut body = String::from("{\"parts\":[");
    for (index, part) in parts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let op = match part.op {
            Op::Create => "create",
            Op::Replace => "replace",
        };
        let (entity, value) = (&part.entity, &part.value);
        // A String takes all that is written to it.
        let _ =
            write!(body, "{comma}{{\"op\":\"{op}\",\"entity\":\"{entity}\",\"value\":{value}}}");
    }
    body.push_str("]}");
    body
}

fn refusal(part: &Part, why: String) -> Refusal {
    let why = format!("{}: {why}", part.entity);
    Refusal { position: part.position, why, is_no_json: false }
}

fn words(status: u16, problem: Option<&Problem>) -> String {
    match problem {
        Some(problem) if problem.detail.is_empty() => format!("{} ({status})", problem.title),
        Some(problem) => format!("{} ({status}): {}", problem.title, problem.detail),
        None => format!("the node answered with status {status} and no reason"),
    }
}
