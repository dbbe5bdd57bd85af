//! Why a command did not do what was asked, and the exit code that says so.

use serde_json::{Value, json};

use crate::client::{CallError, Problem};

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The node answered with a problem.
    #[error("{problem}")]
    Refused {
        /// What the node said.
        problem: Box<Problem>,
        /// What the person may do about it.
        advice: Option<String>,
    },
    /// Something here went wrong: a file cannot be written, documents were refused.
    #[error("{0}")]
    Failed(String),
    /// The command was called wrongly.
    #[error("{0}")]
    WrongCall(String),
    /// The node cannot be reached, or does not answer.
    #[error("{what}")]
    Unreachable {
        /// What happened.
        what: String,
        /// What the person may do about it.
        advice: String,
    },
    /// The person stopped it.
    #[error("{0}")]
    Interrupted(String),
    /// Whoever reads the output has closed it: no reason for words.
    #[error("the output was closed")]
    OutputClosed,
}

impl Failure {
    /// The exit code: 1 where the node (or the file) said no, 2 for a wrong call, 3 where the node
    /// cannot be reached, 130 after Ctrl-C.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Refused { .. } | Self::Failed(_) => 1,
            Self::WrongCall(_) => 2,
            Self::Unreachable { .. } => 3,
            Self::Interrupted(_) => 130,
            Self::OutputClosed => 0,
        }
    }

    /// The failure for a program: the exit code with a name, the words, what to do about it, and the
    /// node's problem document where it gave one.
    pub(crate) fn to_json(&self) -> Value {
        let (kind, message, problem) = match self {
            Self::Refused { problem, .. } => {
                ("refused", problem.summary().to_owned(), problem.document.as_ref())
            }
            Self::Failed(words) => ("failed", words.clone(), None),
            Self::WrongCall(words) => ("wrong-call", words.clone(), None),
            Self::Unreachable { what, .. } => ("unreachable", what.clone(), None),
            Self::Interrupted(words) => ("interrupted", words.clone(), None),
            Self::OutputClosed => ("output-closed", self.to_string(), None),
        };
        let mut error = json!({ "kind": kind, "message": message, "exit_code": self.exit_code() });
        if let Some(advice) = self.advice() {
            error["advice"] = advice.into();
        }
        if let Some(problem) = problem {
            error["problem"] = problem.clone();
        }
        json!({ "error": error })
    }

    /// What to do about it, if there is something to say.
    pub(crate) fn advice(&self) -> Option<&str> {
        match self {
            Self::Refused { advice, .. } => advice.as_deref(),
            Self::Unreachable { advice, .. } => Some(advice),
            Self::Failed(_) | Self::WrongCall(_) | Self::Interrupted(_) | Self::OutputClosed => {
                None
            }
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let advice = match &error {
            CallError::Connect { .. } => {
                "start a node with `tidelog serve`, or name another with --url or TIDELOG_URL"
            }
            CallError::Lost { .. } | CallError::TimedOut { .. } => {
                "look whether the node is well; --timeout gives it longer"
            }
        };
        Self::Unreachable { what: error.to_string(), advice: advice.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_can_tell_failures_apart() {
        let unreachable = Failure::Unreachable { what: String::new(), advice: String::new() };
        assert_eq!(Failure::Failed(String::new()).exit_code(), 1);
        assert_eq!(Failure::WrongCall(String::new()).exit_code(), 2);
        assert_eq!(unreachable.exit_code(), 3);
        assert_eq!(Failure::OutputClosed.exit_code(), 0);
    }
}
