//! What `/metrics` tells of a node of a cluster, in the text format of Prometheus.

use std::collections::BTreeMap;

use tidelog_core::{Topic, port::TaskId};
use tidelog_io_kafka::{Commits, Figures, TaskFigures, WhyRebuilt};

use crate::serve::page::{Page, labels};

/// How many records each task has still to read, as far as is known.
pub(super) type Lags = BTreeMap<(TaskId, Topic), u64>;

/// The page.
pub(super) fn page(figures: &Figures, lags: &Lags, away: bool) -> String {
    let mut page = Page::default();
    page.family("tidelog_brokers_reachable", "gauge", "Whether the brokers can be reached.");
    page.value("tidelog_brokers_reachable", "", u64::from(!away));
    tasks(&mut page, &figures.tasks);
    commits(&mut page, figures);
    rebuilt(&mut page, figures);
    let is_here = |task: TaskId| figures.tasks.iter().any(|figures| figures.task == task);
    page.lags(
        lags.iter().map(|((task, topic), lag)| (*task, *topic, *lag)).filter(|it| is_here(it.0)),
    );
    page.into_text()
}

fn tasks(page: &mut Page, tasks: &[TaskFigures]) {
    page.tasks(tasks.iter().map(|task| task.task));
    let restoring: Vec<_> = tasks.iter().filter_map(|it| Some((it.task, it.restoring?))).collect();
    let total = "tidelog_restore_records_total";
    page.family(total, "gauge", "Offsets of the changelog that a task being restored is to read.");
    for (task, progress) in &restoring {
        page.value(total, &labels(*task), progress.total);
    }
    let done = "tidelog_restore_records_done";
    page.family(done, "gauge", "Offsets of the changelog that a task being restored has read.");
    for (task, progress) in &restoring {
        page.value(done, &labels(*task), progress.done);
    }
}

fn commits(page: &mut Page, figures: &Figures) {
    let name = "tidelog_commits_total";
    page.family(name, "counter", "Commits by what became of them.");
    for (service, Commits { committed, rejected, unknown }) in &figures.commits {
        let outcomes = [("committed", committed), ("rejected", rejected), ("unknown", unknown)];
        for (outcome, count) in outcomes {
            page.value(name, &format!(r#"service="{service}",outcome="{outcome}""#), *count);
        }
    }
}

fn rebuilt(page: &mut Page, figures: &Figures) {
    let name = "tidelog_tables_rebuilt_total";
    page.family(
        name,
        "counter",
        "Tables of a task that were there, and were rebuilt from its changelog.",
    );
    for ((service, why), count) in &figures.rebuilt {
        let why = match why {
            WhyRebuilt::OfAnotherLog => "of-another-log",
            WhyRebuilt::TooOld => "too-old",
            WhyRebuilt::Damaged => "damaged",
        };
        page.value(name, &format!(r#"service="{service}",why="{why}""#), *count);
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{PartitionId, ServiceName};
    use tidelog_io_kafka::Restoring;

    use super::*;

    #[test]
    fn the_page_has_a_line_for_each_figure() {
        let service = ServiceName::EntityStorage;
        let task = |partition| TaskId { service, partition: PartitionId(partition) };
        let restoring = Some(Restoring { done: 5, total: 9 });
        let figures = Figures {
            tasks: vec![
                TaskFigures { task: task(0), restoring: None, positions: Vec::new() },
                TaskFigures { task: task(3), restoring, positions: Vec::new() },
            ],
            commits: [(service, Commits { committed: 7, rejected: 1, unknown: 0 })].into(),
            rebuilt: [((service, WhyRebuilt::TooOld), 2)].into(),
        };
        let lags = [((task(0), Topic::EntityPatches), 12)].into();
        let page = page(&figures, &lags, false);
        for line in [
            "tidelog_brokers_reachable 1",
            r#"tidelog_tasks{service="entity-storage"} 2"#,
            r#"tidelog_restore_records_done{service="entity-storage",partition="3"} 5"#,
            r#"tidelog_restore_records_total{service="entity-storage",partition="3"} 9"#,
            r#"tidelog_commits_total{service="entity-storage",outcome="rejected"} 1"#,
            r#"tidelog_tables_rebuilt_total{service="entity-storage",why="too-old"} 2"#,
            r#"tidelog_task_lag_records{service="entity-storage",partition="0",topic="entity-patches"} 12"#,
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
