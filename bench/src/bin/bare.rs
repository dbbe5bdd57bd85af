//! The bare limit: the smallest server that does the same durable work. See `bench/README.md`.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Parser as _;
use tidelog_bench::bare::behind::{Applier, Pending};
use tidelog_bench::bare::engine::Fjall;
use tidelog_bench::bare::files::Files;
use tidelog_bench::bare::helper;
use tidelog_bench::bare::options::{Engine as Keeper, Options};
use tidelog_bench::bare::serve::{self, App};
use tidelog_bench::bare::store::Store;
use tidelog_bench::bare::writer::{self, Engine, Stats};
use tidelog_bench::{Result, trace};

fn main() -> Result<()> {
    let options = Options::parse();
    if options.stall_ms > 0 {
        trace::install()?;
    }
    if options.fresh && options.data.exists() {
        std::fs::remove_dir_all(&options.data)?;
    }
    std::fs::create_dir_all(&options.data)?;
    let start = Instant::now();
    let store = Store::open(&options, "fjall")?;
    let log = match options.engine {
        Keeper::Behind => Some(Store::open(&options, "fjall-log")?),
        Keeper::Fjall | Keeper::Files => None,
    };
    let open_ms = u64::try_from(start.elapsed().as_millis())?;
    helper::start(&store, log.as_ref(), &options)?;

    let pending = Pending::default();
    let applier = || Applier::start(store.clone(), Arc::clone(&pending));
    let engine = match (options.engine, &log) {
        (Keeper::Files, _) => Engine::Files(Box::new(Files::new(applier()?, options.clone())?)),
        (_, Some(log)) => {
            let behind = Some(applier()?);
            Engine::Fjall(Box::new(Fjall::new(log.clone(), options.clone(), behind)?))
        }
        (_, None) => Engine::Fjall(Box::new(Fjall::new(store.clone(), options.clone(), None)?)),
    };
    let (queue, jobs) = channel();
    let stats = Arc::new(Mutex::new(Stats::default()));
    let (to, settings) = (Arc::clone(&stats), options.clone());
    std::thread::Builder::new().name("writer".into()).spawn(move || {
        if let Err(error) = writer::run(engine, &jobs, &to, &settings) {
            eprintln!("writer: {error}");
        }
    })?;

    let shared = Arc::new(options.clone());
    let app = App { queue, store, log, pending, stats, options: shared, open_ms };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads)
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(&options.listen).await?;
        println!("listening on {} after opening in {open_ms} ms", options.listen);
        let serve = axum::serve(
            axum::serve::ListenerExt::tap_io(listener, |stream| {
                // Answers are small and must not wait for more.
                let _ = stream.set_nodelay(true);
            }),
            serve::router(app),
        );
        tokio::select! {
            served = async { serve.await } => served?,
            stopped = tokio::signal::ctrl_c() => stopped?,
        }
        Ok(())
    })
}
