//! How fast one core learns a schema. See `bench/README.md`.

use std::time::Instant;

use clap::Parser;
use tidelog_bench::{Result, doc};
use tidelog_core::{
    Document, Timestamp,
    message::{decode_row, encode_row},
};
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
    report("updates learned", args.updates, start);

    let start = Instant::now();
    let mut row = encode_row(&Model::default());
    for n in 0..args.updates {
        let (before, after) = update(n);
        let model: Model = decode_row(&row)?;
        row = encode_row(&model.learn(Some(before), Some(after), Timestamp::from_millis(n))?);
    }
    report("updates learned, the model read and written as a row each time", args.updates, start);
    println!("{} bytes a row, {} shapes", row.len(), model.shapes());

    let start = Instant::now();
    let times = (args.updates / 100).max(1);
    let mut bytes = 0;
    for _ in 0..times {
        bytes = model.definition(Notes::With).len();
    }
    report("definitions printed", times, start);
    println!("{bytes} bytes a definition");
    Ok(())
}

fn report(what: &str, count: u64, start: Instant) {
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!("{rate:>12.0} a second: {what}");
}
