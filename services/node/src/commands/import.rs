//! `tidelog import`: a thread reads documents, lanes send them in batches, one loop reports.

mod ids;
mod lanes;
mod reader;
mod report;
mod scan;
mod send;
mod source;
mod split;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use self::ids::Naming;
use self::reader::Reader;
use self::report::{Event, Outcome, Report};
use self::send::Lane;
use self::source::Source;
use self::split::Documents;
use super::provision::provision;
use super::stop;
use crate::cli::ImportArgs;
use crate::client::{Client, Patience, nonce};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(client: Client, args: ImportArgs) -> Result<(), Failure> {
    let source = Source::open(&args.file)?;
    let name = source.name().to_owned();
    let database = args.into.collection().database();
    let patience = Patience { give_up_after: args.give_up_after };
    if provision(&client, &database, patience, output::say).await? {
        output::say(&format!("made the database {database}"));
    }
    let mut import = Import::prepare(source, &args)?;
    let lanes = import.start_lanes(&client, &args, patience);
    let was_interrupted = import.watch(lanes).await;
    let outcome = import.report.end();
    outcome.print(&args.destination(), args.output.json)?;
    ending(outcome, was_interrupted, &name)
}

/// An import under way.
struct Import {
    report: Report,
    reader: Option<Reader>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
}

impl Import {
    fn prepare(mut source: Source, args: &ImportArgs) -> Result<Self, Failure> {
        let (naming, digest) = match &args.id {
            Some(pointer) => (Naming::pointer(&args.into, pointer.clone()), None),
            None if args.entities => (Naming::exported(&args.into), None),
            None => {
                let digest = source.digest()?;
                (Naming::derived(&args.into, &digest), Some(digest))
            }
        };
        let read = Arc::default();
        let report = Report::new(source.length(), source.taken(), Arc::clone(&read));
        let (events_in, events) = mpsc::channel(EVENTS_WAITING_MAX);
        let (stop, stopped) = watch::channel(false);
        let name = source.name().to_owned();
        let documents = Documents::new(source.bytes(digest)?, args.format);
        let reader = Reader {
            name,
            documents,
            naming,
            ways: Vec::new(),
            events: events_in,
            read,
            stop: stopped,
        };
        Ok(Self { report, reader: Some(reader), events, stop })
    }

    fn start_lanes(
        &mut self,
        client: &Client,
        args: &ImportArgs,
        patience: Patience,
    ) -> JoinSet<()> {
        let mut lanes = JoinSet::new();
        let Some(mut reader) = self.reader.take() else { return lanes };
        let run = nonce();
        for number in 1..=usize::from(args.in_flight) {
            let (way, batches) = mpsc::channel(BATCHES_WAITING_MAX);
            let lane = Lane {
                number,
                client: client.clone(),
                database: args.into.collection().database(),
                run,
                patience,
                stop: reader.stop.clone(),
                events: reader.events.clone(),
            };
            lanes.spawn(lane.run(batches));
            reader.ways.push(way);
        }
        // A thread of its own, which a read that never returns cannot keep from being left behind.
        std::thread::spawn(move || reader.run());
        lanes
    }

    /// Takes note of all that happens until every lane has ended; whether somebody said to stop.
    async fn watch(&mut self, mut lanes: JoinSet<()>) -> bool {
        let mut asked = pin!(stop::asked());
        let mut was_interrupted = false;
        let mut draw = tokio::time::interval(DRAWN_EACH);
        loop {
            tokio::select! {
                biased;
                () = &mut asked => {
                    self.stop.send_replace(true);
                    if was_interrupted {
                        break;
                    }
                    was_interrupted = true;
                    self.report.say("stopping once what was sent is answered; Ctrl-C again: now");
                    asked.set(stop::asked());
                }
                Some(event) = self.events.recv() => self.note(event),
                ended = lanes.join_next() => match ended {
                    Some(Ok(())) => {}
                    Some(Err(error)) => {
                        let words = format!("a lane of the import broke: {error}");
                        self.note(Event::Fatal(Failure::Failed(words)));
                    }
                    None => break,
                },
                _ = draw.tick() => self.report.draw(),
            }
        }
        while let Ok(event) = self.events.try_recv() {
            self.note(event);
        }
        was_interrupted
    }

    fn note(&mut self, event: Event) {
        if self.report.note(event) {
            self.stop.send_replace(true);
        }
    }
}

impl ImportArgs {
    /// Where to, zone and all, unless each document has its own.
    fn destination(&self) -> String {
        if self.entities { self.into.to_string() } else { self.into.zone().to_string() }
    }
}

fn ending(outcome: Outcome, was_interrupted: bool, name: &str) -> Result<(), Failure> {
    let Outcome { tally, broken, fatal, complete, .. } = outcome;
    let again =
        "run the same command again: it goes on to the same end, and nothing is there twice";
    match (fatal, broken) {
        (Some(Failure::Unreachable { what, .. }), _) => {
            Err(Failure::Unreachable { what, advice: again.to_owned() })
        }
        (Some(Failure::Refused { problem, advice }), _) => {
            let advice = if problem.is_temporary() { Some(again.to_owned()) } else { advice };
            Err(Failure::Refused { problem, advice })
        }
        (Some(failure), _) => Err(failure),
        (None, Some(broken)) => Err(Failure::Failed(format!(
            "{name} is broken: {broken}.\n  What was read before that is imported"
        ))),
        (None, None) if was_interrupted && !complete => {
            Err(Failure::Interrupted(format!("stopped before the end; {again}")))
        }
        (None, None) if tally.refused > 0 => {
            let documents = if tally.refused == 1 { "document was" } else { "documents were" };
            Err(Failure::Failed(format!("{} {documents} refused", tally.refused)))
        }
        (None, None) => Ok(()),
    }
}

/// Events that wait to be noted.
const EVENTS_WAITING_MAX: usize = 256;

/// Full batches that wait for a lane, besides the one under way and the one that is filled.
const BATCHES_WAITING_MAX: usize = 2;

/// How often progress is drawn.
const DRAWN_EACH: Duration = Duration::from_millis(100);
