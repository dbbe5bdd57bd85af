//! Whether what is behind the gateway does its work.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tidelog_core::{ServiceName, port::TaskId};
use tokio::sync::watch;

use crate::json::Json;

/// Who does not do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ailing {
    /// A service of this node that does not know its tasks yet.
    Service(ServiceName),
    /// A task of this node.
    Task(TaskId),
}

impl fmt::Display for Ailing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(service) => service.fmt(f),
            Self::Task(task) => task.fmt(f),
        }
    }
}

/// What is the matter with each of those that do not do their work.
pub type Ailments = BTreeMap<Ailing, Box<str>>;

/// What the gateway asks about the tasks of this node, and about the log. The default knows of nothing,
/// and finds no fault.
#[derive(Clone, Default)]
pub struct Readiness {
    ailments: Option<Arc<dyn Fn() -> Ailments + Send + Sync>>,
    log: Option<watch::Receiver<Option<Box<str>>>>,
}

impl Readiness {
    /// Asks whenever it is asked itself.
    #[must_use]
    pub fn of(ailments: impl Fn() -> Ailments + Send + Sync + 'static) -> Self {
        Self { ailments: Some(Arc::new(ailments)), log: None }
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
        let ailments = (self.ailments.as_ref()?)();
        let (first, reason) = ailments.first_key_value()?;
        let others = match ailments.len() - 1 {
            0 => String::new(),
            others => format!("; {others} more of this node's tasks do not do their work"),
        };
        let detail = format!("{first}: {reason}{others}");
        let mut tasks = Json::default();
        tasks.list(ailments.iter().take(TASKS_TOLD_MAX), |json, (ailing, reason)| {
            json.raw(match ailing {
                Ailing::Service(_) => r#"{"service":"#,
                Ailing::Task(_) => r#"{"task":"#,
            });
            json.string(&ailing.to_string());
            json.raw(r#","reason":"#).string(reason).raw("}");
        });
        Some(Complaint { detail, tasks })
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("log", &self.log).finish_non_exhaustive()
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
