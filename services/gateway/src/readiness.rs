//! Whether what is behind the gateway does its work.

use std::collections::BTreeMap;

use tidelog_core::port::TaskId;
use tokio::sync::watch;

use crate::json::Json;

/// What is the matter with each task that does not do its work.
pub type Ailments = BTreeMap<TaskId, Box<str>>;

/// What the gateway asks about the tasks of this node, and about the log. The default knows of nothing,
/// and finds no fault.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    tasks: Option<watch::Receiver<Ailments>>,
    log: Option<watch::Receiver<Option<Box<str>>>>,
}

impl Readiness {
    /// Asks what the node's runners tell.
    #[must_use]
    pub fn of(ailments: watch::Receiver<Ailments>) -> Self {
        Self { tasks: Some(ailments), log: None }
    }

    /// Asks as well why the log cannot be reached, if it cannot. Nothing is then written.
    #[must_use]
    pub fn and_log(self, log: watch::Receiver<Option<Box<str>>>) -> Self {
        Self { log: Some(log), ..self }
    }

    /// Why the log cannot be reached, if it cannot.
    pub(crate) fn log_away(&self) -> Option<Box<str>> {
        self.log.as_ref()?.borrow().clone()
    }

    /// What is to be told of the tasks that do not do their work, if there are any.
    pub(crate) fn complaint(&self) -> Option<Complaint> {
        let ailments = self.tasks.as_ref()?.borrow();
        let (first, reason) = ailments.first_key_value()?;
        let others = match ailments.len() - 1 {
            0 => String::new(),
            others => format!("; {others} more of this node's tasks do not do their work"),
        };
        let detail = format!("{first}: {reason}{others}");
        let mut tasks = Json::default();
        tasks.list(ailments.iter().take(TASKS_TOLD_MAX), |json, (task, reason)| {
            json.raw(r#"{"task":"#).string(&task.to_string());
            json.raw(r#","reason":"#).string(reason).raw("}");
        });
        Some(Complaint { detail, tasks })
    }
}

/// That some tasks do not do their work.
pub(crate) struct Complaint {
    /// In words.
    pub(crate) detail: String,
    /// Each of them, as a list in JSON.
    pub(crate) tasks: Json,
}

/// Tasks that one answer names.
const TASKS_TOLD_MAX: usize = 100;
