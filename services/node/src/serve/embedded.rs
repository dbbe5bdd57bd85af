//! A node whose log is in its data folder: it runs everything.

use std::{sync::Arc, time::Duration};

use tidelog_core::{Layout, Service, Spec, port::TaskId};
use tidelog_gateway::{Ailing, Metrics, Readiness};
use tidelog_io_local::{LocalLog, LocalProgress};
use tidelog_runtime::{LocalQueries, Settings};

use super::{
    Error,
    health::Health,
    http::{self, Log},
    layout, listen,
    page::Page,
    runtime, services, usual_services,
    workers::{Patience, Workers},
};
use crate::settings::ServeSettings;

/// Records of one commit. A commit to the embedded log costs next to nothing, and small ones let the
/// writer make one batch durable while the next one is prepared.
const BATCH_RECORDS_MAX: usize = 200;

pub(super) fn serve(settings: &ServeSettings) -> Result<(), Error> {
    let layout = layout(settings)?;
    let runtime = runtime()?;
    // First the address: a folder that is made for nothing would be left behind.
    let listener = listen(settings, &runtime)?;
    super::cluster::refuse_folder_of_cluster(&settings.data)?;
    let log = LocalLog::open(&settings.data, tidelog_io_local::Settings::new(layout))?;
    let usual = usual_services(settings);
    let health = Arc::new(Health::of(tasks(&usual, layout)));
    let asked = Arc::clone(&health);
    let readiness = Readiness::of(move || asked.ailments());
    let metrics = metrics(log.progress(), &usual, layout, Arc::clone(&health));
    let of_runner = Settings { batch_records_max: BATCH_RECORDS_MAX, ..Settings::default() };
    let (workers, failed) =
        Workers::start(&log.transport(), usual, &of_runner, &Patience::None, &health)?;
    let queries = Arc::new(LocalQueries::new(log.snapshots(), services(settings)));
    let place = settings.data.display().to_string();
    let of_http =
        Log { client: log.client(), queries, readiness, metrics, place, is_there: async {} };
    let served = runtime.block_on(http::serve(settings, listener, of_http, failed));
    // The services go on until the last request was answered or given up.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let worked = workers.stop(None);
    let failure = log.failure();
    log.close();
    match failure {
        Some(reason) => Err(Error::Disk { data: settings.data.clone(), reason }),
        None => served.and(worked),
    }
}

/// What `/metrics` tells: the tasks that do their work, and how far each is behind its inputs.
fn metrics(
    progress: LocalProgress,
    services: &[Box<dyn Service + Send + Sync>],
    layout: Layout,
    health: Arc<Health>,
) -> Metrics {
    let specs: Vec<&'static Spec> = services.iter().map(|service| service.spec()).collect();
    Metrics::of(move || {
        let ailments = health.ailments();
        let all = || {
            let of = |spec: &&'static Spec| {
                let spec = *spec;
                layout.all().map(move |partition| (spec, TaskId { service: spec.name, partition }))
            };
            specs.iter().flat_map(of)
        };
        let mut page = Page::default();
        let works = |task: &TaskId| !ailments.contains_key(&Ailing::Task(*task));
        page.tasks(all().map(|(_, task)| task).filter(works));
        page.lags(all().flat_map(|(spec, task)| {
            let inputs = progress.inputs(spec, task.partition).into_iter();
            inputs.map(move |input| (task, input.topic, input.unread()))
        }));
        page.into_text()
    })
}

/// The tasks of a node: there is one node, so it has all.
fn tasks(
    services: &[Box<dyn Service + Send + Sync>],
    layout: Layout,
) -> impl Iterator<Item = TaskId> {
    let names = services.iter().map(|service| service.spec().name);
    names.flat_map(move |service| layout.all().map(move |partition| TaskId { service, partition }))
}
