//! What `/metrics` tells, in the text format of Prometheus.

use std::{collections::BTreeMap, fmt::Write};

use tidelog_core::{Topic, port::TaskId};

/// A page in the text format of Prometheus. Names of services and topics need no escapes.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    /// Begins the figures of a name.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    pub(super) fn value(&mut self, name: &str, labels: &str, value: u64) {
        if labels.is_empty() {
            self.line(format_args!("{name} {value}"));
        } else {
            self.line(format_args!("{name}{{{labels}}} {value}"));
        }
    }

    /// How many tasks of each service there are.
    pub(super) fn tasks(&mut self, tasks: impl Iterator<Item = TaskId>) {
        let mut owned = BTreeMap::new();
        for task in tasks {
            *owned.entry(task.service).or_insert(0) += 1;
        }
        self.family("tidelog_tasks", "gauge", "Tasks that this node has.");
        for (service, count) in owned {
            self.value("tidelog_tasks", &format!(r#"service="{service}""#), count);
        }
    }

    /// How far tasks are behind their inputs.
    pub(super) fn lags(&mut self, lags: impl Iterator<Item = (TaskId, Topic, u64)>) {
        let name = "tidelog_task_lag_records";
        let help =
            "Offsets of an input that a task has still to read, ends of transactions included.";
        self.family(name, "gauge", help);
        for (task, topic, lag) in lags {
            self.value(name, &format!(r#"{},topic="{topic}""#, labels(task)), lag);
        }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a String takes all that is written to it");
    }
}

pub(super) fn labels(task: TaskId) -> String {
    format!(r#"service="{}",partition="{}""#, task.service, task.partition)
}
