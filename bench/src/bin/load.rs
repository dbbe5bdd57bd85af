//! A load generator for the entity routes, of the bare program or of Tidelog.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use serde_json::json;
use tidelog_bench::client::{Connection, Target};
use tidelog_bench::hist::Hist;
use tidelog_bench::{Result, doc, host};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// PUT of new entities.
    Creates,
    /// GET of existing ones.
    Reads,
    /// PATCH of existing ones, with one operation each.
    Patches,
}

/// Loads a server from a number of connections, each with one request at a time.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// What to send.
    #[arg(value_enum)]
    kind: Kind,
    /// Where to.
    #[arg(long, default_value = "http://127.0.0.1:7070")]
    url: String,
    /// How many requests are under way at a time; 1 is the test of latency.
    #[arg(long, default_value_t = 64)]
    connections: u64,
    /// For how long.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Size of a document.
    #[arg(long, default_value_t = 400)]
    bytes: usize,
    /// Creates: stop after this many (0: when the time is up). Reads and patches: of this many.
    #[arg(long, default_value_t = 0)]
    entities: u64,
    /// Begin of every id. Creates take a new one; reads and patches create what is missing of it.
    #[arg(long)]
    run: Option<String>,
    /// Ids in no order, instead of ascending.
    #[arg(long)]
    scatter: bool,
    /// The database.
    #[arg(long, default_value = "bench")]
    database: String,
    /// The collection.
    #[arg(long, default_value = "docs")]
    collection: String,
    /// The zone.
    #[arg(long, default_value = "default")]
    zone: String,
    /// The body of the PUT of the database.
    #[arg(long, default_value = "{}")]
    provision: String,
    /// A bearer token.
    #[arg(long)]
    token: Option<String>,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug)]
struct Plan {
    args: Args,
    target: Target,
    run: String,
    next: AtomicU64,
    start: Instant,
    until: Instant,
}

#[derive(Debug, Default)]
struct Outcome {
    hist: Hist,
    statuses: BTreeMap<u16, u64>,
    broken: BTreeMap<String, u64>,
    /// Answers in each second of the run.
    seconds: Vec<u64>,
}

impl Outcome {
    fn add(&mut self, other: &Self) {
        self.hist.add(&other.hist);
        for (status, n) in &other.statuses {
            *self.statuses.entry(*status).or_default() += n;
        }
        for (text, n) in &other.broken {
            *self.broken.entry(text.clone()).or_default() += n;
        }
        self.seconds.resize(self.seconds.len().max(other.seconds.len()), 0);
        for (sum, n) in self.seconds.iter_mut().zip(&other.seconds) {
            *sum += n;
        }
    }

    fn answered(&mut self, second: u64, took: Duration, status: u16) {
        self.hist.time(took);
        *self.statuses.entry(status).or_default() += 1;
        let second = usize::try_from(second).unwrap_or(0);
        if self.seconds.len() <= second {
            self.seconds.resize(second + 1, 0);
        }
        self.seconds[second] += 1;
    }
}

fn path(args: &Args, run: &str, n: u64) -> String {
    let id = doc::id(run, n, args.scatter);
    format!("/v1/entities/{}/{}/{}/{id}", args.database, args.collection, args.zone)
}

async fn worker(plan: Arc<Plan>, number: u64) -> Outcome {
    let mut out = Outcome::default();
    while Instant::now() < plan.until {
        if let Err(error) = connection(&plan, number, &mut out).await {
            *out.broken.entry(error.to_string()).or_default() += 1;
            tokio::time::sleep(Duration::from_millis(50)).await;
        } else {
            break;
        }
    }
    out
}

async fn connection(plan: &Plan, number: u64, out: &mut Outcome) -> Result<()> {
    const JSON: &str = "application/json";
    let args = &plan.args;
    let mut connection = Connection::open(&plan.target).await?;
    let mut body = Vec::with_capacity(args.bytes + 256);
    let mut random = number << 32;
    while Instant::now() < plan.until {
        body.clear();
        let n = plan.next.fetch_add(1, Ordering::Relaxed);
        random = random.wrapping_add(1);
        let start;
        let status = match args.kind {
            Kind::Creates => {
                if args.entities > 0 && n >= args.entities {
                    break;
                }
                doc::write(n, args.bytes, &mut body);
                let path = path(args, &plan.run, n);
                start = Instant::now();
                connection.send("PUT", &path, JSON, &body).await?
            }
            Kind::Reads => {
                let path = path(args, &plan.run, doc::mix(random) % args.entities);
                start = Instant::now();
                connection.send("GET", &path, JSON, &body).await?
            }
            Kind::Patches => {
                let path = path(args, &plan.run, doc::mix(random) % args.entities);
                let ops = json!([{"op": "replace", "path": "/count", "value": n}]);
                serde_json::to_writer(&mut body, &ops)?;
                start = Instant::now();
                connection.send("PATCH", &path, "application/json-patch+json", &body).await?
            }
        };
        out.answered(plan.start.elapsed().as_secs(), start.elapsed(), status);
    }
    Ok(())
}

async fn run_plan(plan: Plan) -> Result<(Outcome, Duration)> {
    let plan = Arc::new(plan);
    let start = Instant::now();
    let tasks: Vec<_> =
        (0..plan.args.connections).map(|n| tokio::spawn(worker(Arc::clone(&plan), n))).collect();
    let mut sum = Outcome::default();
    for task in tasks {
        sum.add(&task.await?);
    }
    Ok((sum, start.elapsed()))
}

/// Creates the entities that reads and patches need, if the last one is missing.
async fn fill(args: &Args, target: &Target, run: &str) -> Result<()> {
    let mut connection = Connection::open(target).await?;
    let last = path(args, run, args.entities - 1);
    if connection.send("GET", &last, "", &[]).await? == 200 {
        return Ok(());
    }
    let mut creates = args.clone();
    creates.kind = Kind::Creates;
    let until = Instant::now() + Duration::from_secs(3_600);
    let (target, run) = (target.clone(), run.to_owned());
    let (next, start) = (AtomicU64::new(0), Instant::now());
    let plan = Plan { args: creates, target, run, next, start, until };
    let (made, _) = run_plan(plan).await?;
    eprintln!("created {} entities: {:?}", made.hist.len(), made.statuses);
    Ok(())
}

async fn measure(mut args: Args) -> Result<()> {
    let target = Target::parse(&args.url, args.token.clone())?;
    let mut connection = Connection::open(&target).await?;
    let database = format!("/v1/databases/{}", args.database);
    let provisioned =
        connection.send("PUT", &database, "application/json", args.provision.as_bytes()).await?;
    if provisioned >= 300 && !args.json {
        eprintln!("PUT {database}: {provisioned}");
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let run = match (&args.run, args.kind) {
        (Some(run), _) => run.clone(),
        (None, Kind::Creates) => format!("r{seconds:x}"),
        (None, Kind::Reads | Kind::Patches) => "seed".to_owned(),
    };
    if args.kind != Kind::Creates {
        args.entities = if args.entities == 0 { 10_000 } else { args.entities };
        fill(&args, &target, &run).await?;
    }
    let start = Instant::now();
    let until = start + Duration::from_secs_f64(args.seconds);
    let next = AtomicU64::new(0);
    let (out, took) =
        run_plan(Plan { args: args.clone(), target, run: run.clone(), next, start, until }).await?;
    let rate = out.hist.len() as f64 / took.as_secs_f64();
    let errors: u64 = out.statuses.iter().filter(|(s, _)| **s >= 300).map(|(_, n)| n).sum::<u64>()
        + out.broken.values().sum::<u64>();
    if args.json {
        println!(
            "{}",
            json!({
                "kind": format!("{:?}", args.kind).to_lowercase(),
                "run": run,
                "connections": args.connections,
                "seconds": took.as_secs_f64(),
                "rate": rate.round(),
                "latency_ms": out.hist.json_ms(),
                "statuses": out.statuses,
                "broken": out.broken,
                "errors": errors,
                "per_second": out.seconds,
                "cpu_s": host::cpu_seconds(),
            })
        );
    } else {
        println!(
            "{:?}: {:.0}/s over {:.1} s, {} connections, run {run}",
            args.kind,
            rate,
            took.as_secs_f64(),
            args.connections
        );
        println!("  {}", out.hist.line_ms());
        println!("  by status {:?}, errors {errors} {:?}", out.statuses, out.broken);
    }
    Ok(())
}

fn main() -> Result<()> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(args))
}
