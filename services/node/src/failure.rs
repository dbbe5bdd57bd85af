//! Why a command did not do what was asked, and the exit code that says so.

use std::process::ExitCode;

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
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Refused { .. } | Self::Failed(_) => ExitCode::from(1),
            Self::WrongCall(_) => ExitCode::from(2),
            Self::Unreachable { .. } => ExitCode::from(3),
            Self::Interrupted(_) => ExitCode::from(130),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
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
        let code = |failure: Failure| format!("{:?}", failure.exit_code());
        let unreachable = Failure::Unreachable { what: String::new(), advice: String::new() };
        assert_eq!(code(Failure::Failed(String::new())), format!("{:?}", ExitCode::from(1)));
        assert_eq!(code(Failure::WrongCall(String::new())), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(unreachable), format!("{:?}", ExitCode::from(3)));
        assert_eq!(code(Failure::OutputClosed), format!("{:?}", ExitCode::SUCCESS));
    }
}
