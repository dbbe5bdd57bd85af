//! Whether the tasks behind the gateway do their work.

use std::collections::BTreeMap;

use tidelog_core::port::TaskId;
use tokio::sync::watch;

use crate::json::Json;

/// What is the matter with each task that does not do its work.
pub type Ailments = BTreeMap<TaskId, Box<str>>;

/// What `/readyz` asks about the tasks of this node. The default knows of none, and finds no fault.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Option<watch::Receiver<Ailments>>);

impl Readiness {
    /// Asks what the node's runners tell.
    #[must_use]
    pub fn of(ailments: watch::Receiver<Ailments>) -> Self {
        Self(Some(ailments))
    }

    /// What is to be told of the tasks that do not do their work, if there are any.
    pub(crate) fn complaint(&self) -> Option<Complaint> {
        let ailments = self.0.as_ref()?.borrow();
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
