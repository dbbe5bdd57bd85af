//! The bare limits of one core and one disk. See `bench/README.md`.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use serde_json::Value;
use tidelog_bench::hist::Hist;
use tidelog_bench::{Result, doc};

/// Measures what one core and the disk can do at most.
#[derive(Debug, Parser)]
struct Args {
    /// A folder on the disk to measure; what is written there is removed again.
    #[arg(long, default_value = "/tmp/limits")]
    data: PathBuf,
    /// Seconds for each measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Which parts: (a) JSON, (b) fjall's puts, (c) syncs, (d) syncs beside the writing of tables.
    #[arg(long, default_value = "abcd")]
    parts: String,
    /// Size of a document.
    #[arg(long, default_value_t = 400)]
    bytes: usize,
}

/// Calls `f` until the time is up, giving calls a second.
fn rate(seconds: f64, mut f: impl FnMut(u64) -> Result<()>) -> Result<f64> {
    let (start, mut n) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        for _ in 0..64 {
            f(n)?;
            n += 1;
        }
    }
    Ok(n as f64 / start.elapsed().as_secs_f64())
}

fn patching(args: &Args) -> Result<()> {
    let docs: Vec<Vec<u8>> = (0..1_000)
        .map(|n| {
            let mut text = Vec::new();
            doc::write(n, args.bytes, &mut text);
            text
        })
        .collect();
    let pick = |n: u64| &docs[usize::try_from(n).unwrap_or(0) % docs.len()];
    let only = rate(args.seconds, |n| {
        let value: Value = serde_json::from_slice(pick(n))?;
        std::hint::black_box(serde_json::to_vec(&value)?);
        Ok(())
    })?;
    println!("(a) parse and print {} bytes of JSON: {only:.0} documents/s", args.bytes);
    let patched = rate(args.seconds, |n| {
        let mut value: Value = serde_json::from_slice(pick(n))?;
        let ops = format!(r#"[{{"op":"replace","path":"/count","value":{n}}}]"#);
        let patch: json_patch::Patch = serde_json::from_str(&ops)?;
        json_patch::patch(&mut value, &patch)?;
        std::hint::black_box(serde_json::to_vec(&value)?);
        Ok(())
    })?;
    println!("(a) parse it, parse and apply a patch of one operation, print it: {patched:.0}/s");
    Ok(())
}

fn puts(args: &Args) -> Result<()> {
    for scatter in [false, true] {
        let path = args.data.join(format!("puts-{scatter}"));
        let db = Database::builder(&path).open()?;
        let keyspace = db.keyspace("k", KeyspaceCreateOptions::default)?;
        let mut text = Vec::new();
        doc::write(7, args.bytes, &mut text);
        let (start, mut n) = (Instant::now(), 0_u64);
        while start.elapsed().as_secs_f64() < args.seconds * 2.0 {
            let mut batch = db.batch().durability(Some(PersistMode::Buffer));
            for _ in 0..1_000 {
                batch.insert(
                    &keyspace,
                    doc::id("bench/docs/default/r", n, scatter),
                    text.as_slice(),
                );
                n += 1;
            }
            batch.commit()?;
        }
        let rate = n as f64 / start.elapsed().as_secs_f64();
        let order = if scatter { "scattered" } else { "ascending" };
        println!(
            "(b) fjall puts of {} bytes, 1,000 a batch, {order} keys: {rate:.0}/s",
            args.bytes
        );
    }
    Ok(())
}

fn single_puts(args: &Args) -> Result<()> {
    let path = args.data.join("single");
    let db = Database::builder(&path).open()?;
    let keyspace = db.keyspace("k", KeyspaceCreateOptions::default)?;
    let text = vec![b'x'; args.bytes];
    let hist = timed(args.seconds, |n| {
        let mut batch = db.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&keyspace, n.to_be_bytes(), text.as_slice());
        Ok(batch.commit()?)
    })?;
    println!("(c) fjall batch of one put, SyncData:      {}", hist.line_ms());
    Ok(())
}

/// Times each call until the time is up.
fn timed(seconds: f64, mut f: impl FnMut(u64) -> Result<()>) -> Result<Hist> {
    let (start, mut hist, mut n) = (Instant::now(), Hist::default(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        f(n)?;
        hist.time(begin.elapsed());
        n += 1;
    }
    Ok(hist)
}

fn appends(args: &Args, bytes: usize, file: &mut File) -> Result<Hist> {
    let block: Vec<u8> = (0..bytes as u64).map(|n| doc::mix(n).to_be_bytes()[0]).collect();
    timed(args.seconds, |_| {
        file.write_all(&block)?;
        Ok(file.sync_data()?)
    })
}

fn syncs(args: &Args) -> Result<()> {
    for bytes in [4_096, 65_536] {
        let mut file = File::create(args.data.join("append"))?;
        let hist = appends(args, bytes, &mut file)?;
        println!("(c) append {:2} KiB, fdatasync:               {}", bytes >> 10, hist.line_ms());
    }
    let mut file = File::create(args.data.join("sparse"))?;
    file.set_len(1 << 30)?;
    file.sync_all()?;
    let hist = appends(args, 4_096, &mut file)?;
    println!("(c) 4 KiB into a sparse file, fdatasync:   {}", hist.line_ms());
    let mut file = File::create(args.data.join("full"))?;
    for _ in 0..256 {
        file.write_all(&vec![1; 1 << 20])?;
    }
    file.sync_all()?;
    file.rewind()?;
    let hist = appends(args, 4_096, &mut file)?;
    println!("(c) 4 KiB over written blocks, fdatasync:  {}", hist.line_ms());
    Ok(())
}

fn all_beside(args: &Args) -> Result<()> {
    for mib in [1, 4, 16, 64] {
        for pace in [false, true] {
            beside(args, mib, pace)?;
        }
    }
    Ok(())
}

/// Appends beside a thread that writes and syncs a table every second.
fn beside(args: &Args, mib: u64, pace: bool) -> Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, path) = (Arc::clone(&stop), args.data.join("table"));
    let writer = std::thread::spawn(move || tables(&path, mib, pace, &stopped));
    let mut file = File::create(args.data.join("append"))?;
    let hist = appends(args, 4_096, &mut file)?;
    stop.store(true, Ordering::Relaxed);
    let took = writer.join().map_err(|_| "the writer panicked")??;
    let how = if pace { "synced each 256 KiB" } else { "synced at its end " };
    println!(
        "(d) the same beside a {mib:2} MiB file a second, {how} ({:5.0} ms): {}",
        took.ms(0.5),
        hist.line_ms()
    );
    Ok(())
}

fn tables(path: &Path, mib: u64, pace: bool, stop: &AtomicBool) -> Result<Hist> {
    let block: Vec<u8> = (0..65_536_u64).map(|n| doc::mix(n).to_be_bytes()[0]).collect();
    let mut hist = Hist::default();
    while !stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let mut file = File::create(path)?;
        for n in 0..mib * 16 {
            file.write_all(&block)?;
            if pace && n % 4 == 3 {
                file.sync_data()?;
            }
        }
        file.sync_all()?;
        hist.time(start.elapsed());
        std::fs::remove_file(path)?;
        std::thread::sleep(Duration::from_secs(1).saturating_sub(start.elapsed()));
    }
    Ok(hist)
}

fn main() -> Result<()> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.data)?;
    let done = measure(&args);
    std::fs::remove_dir_all(&args.data)?;
    done
}

fn measure(args: &Args) -> Result<()> {
    for part in args.parts.chars() {
        match part {
            'a' => patching(args)?,
            'b' => puts(args)?,
            'c' => {
                syncs(args)?;
                single_puts(args)?;
            }
            'd' => all_beside(args)?,
            _ => return Err(format!("there is no part {part}").into()),
        }
    }
    Ok(())
}
