//! How fast one core learns a schema. See `bench/README.md`.

use std::{
    collections::BTreeMap,
    ops::{Bound, ControlFlow, RangeBounds},
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Parser;
use tidelog_bench::{Result, doc};
use tidelog_core::{
    Document, Effects, Input, Layout, Message, Offset, Overlay, PartitionId, Position, ReadFault,
    Revision, Service, Source, State, TableId, Tables, Timestamp, Topic,
    message::{Lesson, LessonSource},
};
use tidelog_machines::{Pace, SchemaLearning};
use tidelog_schema::{Model, Notes};

/// Measures the learner by itself.
#[derive(Debug, Parser)]
struct Args {
    /// How many updates, each of a document before and one after.
    #[arg(long, default_value_t = 500_000)]
    updates: u64,
    /// Size of a document.
    #[arg(long, default_value_t = 400)]
    bytes: usize,
    /// Updates that are committed at once.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let documents = (0..1_024).map(|n| {
        let mut text = Vec::new();
        doc::write(n, args.bytes, &mut text);
        Document::parse(&text)
    });
    let documents: Vec<_> = documents.collect::<std::result::Result<_, _>>()?;
    let update = |n: u64| {
        let at = |n: u64| &documents[usize::try_from(n % 1_024).unwrap_or(0)];
        (at(n), at(n + 1))
    };

    let start = Instant::now();
    let mut model = Model::default();
    for n in 0..args.updates {
        let (before, after) = update(n);
        model = model.learn(Some(before), Some(after), Timestamp::from_millis(n))?;
    }
    report("updates learned", args.updates, start.elapsed());

    let (mut rows, mut spent) = (Rows::default(), Duration::ZERO);
    let layout = Layout::new(8).ok_or("eight partitions")?;
    for from in (0..args.updates).step_by(args.batch) {
        let to = args.updates.min(from + args.batch as u64);
        let lessons: Vec<_> = (from..to).map(|n| lesson(n, update(n))).collect::<Result<_>>()?;
        let start = Instant::now();
        let overlay = learn(&lessons, from, &rows, layout)?;
        spent += start.elapsed();
        rows.take(&overlay);
    }
    report("updates taken by the service", args.updates, spent);
    println!("{} shapes", model.shapes());

    let start = Instant::now();
    let times = (args.updates / 100).max(1);
    let mut bytes = 0;
    for _ in 0..times {
        bytes = model.definition(Notes::With).len();
    }
    report("definitions printed", times, start.elapsed());
    println!("{bytes} bytes a definition");
    Ok(())
}

/// A lesson as it is in the log.
fn lesson(n: u64, (before, after): (&Document, &Document)) -> Result<Bytes> {
    let lesson = Lesson {
        collection: "shop/orders".parse()?,
        epoch: Revision(1),
        source: LessonSource::Update { partition: PartitionId(0), offset: Offset(n) },
        before: Some(before.clone()),
        after: Some(after.clone()),
        time: Timestamp::from_millis(n),
    };
    Ok(Message::Lesson(lesson).encode())
}

/// Has the service take a batch, as a task does.
fn learn(lessons: &[Bytes], from: u64, rows: &Rows, layout: Layout) -> Result<Overlay> {
    let service = SchemaLearning { pace: Pace::default() };
    let (mut overlay, mut effects) = (Overlay::default(), Effects::new(layout));
    for (n, lesson) in (from..).zip(lessons) {
        let now = Timestamp::from_millis(n);
        let topic = Topic::SchemaLearning;
        let position = Position { topic, partition: PartitionId(0), offset: Offset(n) };
        let input = Input::Record {
            source: Source { position, time: now },
            message: Message::decode(topic, lesson)?,
        };
        let mut state = State::resume(rows, None, overlay, now);
        service.handle(now, input, &mut state, &mut effects);
        overlay = state.into_overlay();
    }
    Ok(overlay)
}

/// The rows of a task in memory.
#[derive(Debug, Default)]
struct Rows(BTreeMap<(TableId, Bytes), Bytes>);

impl Rows {
    fn take(&mut self, overlay: &Overlay) {
        for (table, key, value) in overlay.iter() {
            match value {
                Some(value) => drop(self.0.insert((table, key.clone()), value.clone())),
                None => drop(self.0.remove(&(table, key.clone()))),
            }
        }
    }
}

impl Tables for Rows {
    fn get(&self, table: TableId, key: &[u8]) -> std::result::Result<Option<Bytes>, ReadFault> {
        Ok(self.0.get(&(table, Bytes::copy_from_slice(key))).cloned())
    }

    fn range(
        &self,
        table: TableId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        visit: &mut dyn FnMut(&[u8], Bytes) -> ControlFlow<()>,
    ) -> std::result::Result<(), ReadFault> {
        let of_table = self.0.iter().filter(|((of, _), _)| *of == table);
        let within =
            of_table.filter(|((_, key), _)| RangeBounds::<[u8]>::contains(&(from, to), &**key));
        for ((_, key), value) in within {
            if visit(key, value.clone()).is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn report(what: &str, count: u64, spent: Duration) {
    let rate = count as f64 / spent.as_secs_f64();
    println!("{rate:>12.0} a second: {what}");
}
