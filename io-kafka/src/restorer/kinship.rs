//! Which log a changelog is, and whether a store is of the same.
//!
//! A topic that is deleted and created again has its old name, and offsets from zero on; and so has the
//! topic of another cluster at the same address. Neither the name nor an offset tells whether what a
//! store has was read from it. So each commit says which changelog it is in: the one before said so, or
//! else the owner of the first one has drawn it.

use std::fmt;

use rdkafka::Message;
use tidelog_core::{
    Offset, PartitionId,
    port::{LogId, SessionError, Store},
};
use uuid::Uuid;

use super::Work;
use crate::{changelog::POSITIONS_KEY, figures::WhyRebuilt, headers};

/// What the last commit says that a changelog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// There is no commit.
    Empty,
    /// A release has made it that knew of no identities.
    Nameless,
    Named(LogId),
}

/// Why a store cannot be brought up to date, and is to be rebuilt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// It is of another log, or further than this one, or has something else at the same place.
    OfAnotherLog(String),
    /// One of the two does not say which log it is, and nothing else shows that they are the same.
    Unproven(Offset),
    /// Rows may have been removed since whose tombstones are gone by now.
    TooOld(Offset),
}

impl<S: Store> Work<S> {
    /// What a changelog is, as the last of its commits says.
    pub(super) fn log(
        &self,
        changelog: &str,
        partition: PartitionId,
        bounds: (Offset, Offset),
    ) -> Result<Log, SessionError> {
        let last = self.last(changelog, partition, bounds, |message| {
            let is_of_positions = message.key() == Some(&POSITIONS_KEY);
            is_of_positions.then(|| headers::log(message).map_or(Log::Nameless, Log::Named))
        })?;
        Ok(last.unwrap_or(Log::Empty))
    }
}

impl Log {
    /// What it is, if it says so.
    pub(super) fn id(self) -> Option<LogId> {
        match self {
            Self::Empty | Self::Nameless => None,
            Self::Named(id) => Some(id),
        }
    }

    /// What it is; a new identity, if none says so.
    pub(super) fn or_new(self) -> LogId {
        self.id().unwrap_or_else(|| LogId(Uuid::now_v7().as_u128()))
    }
}

/// Whether it is certain that what a store has is of a log. An error says that it is not.
pub(super) fn kinship(of_store: Option<LogId>, log: Log) -> Result<bool, Stale> {
    match (of_store, log) {
        (_, Log::Empty) => Err(Stale::OfAnotherLog("this one has no commit".into())),
        (Some(ours), Log::Named(found)) if ours == found => Ok(true),
        (Some(ours), Log::Named(found)) => {
            Err(Stale::OfAnotherLog(format!("they are of {ours}, and this is {found}")))
        }
        (None, Log::Named(_)) | (_, Log::Nameless) => Ok(false),
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfAnotherLog(reason) => write!(f, "they are of another log: {reason}"),
            Self::Unproven(next) => write!(
                f,
                "they may be of another log: they or it were written by a release that did not say \
                 which log it was, and the commit before {next} is gone"
            ),
            Self::TooOld(next) => write!(
                f,
                "they are from before {next}, and what was removed soon after that has left no trace"
            ),
        }
    }
}

impl From<Stale> for WhyRebuilt {
    fn from(stale: Stale) -> Self {
        match stale {
            Stale::OfAnotherLog(_) | Stale::Unproven(_) => Self::OfAnotherLog,
            Stale::TooOld(_) => Self::TooOld,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_of_a_log_if_both_say_so_and_of_none_if_they_differ() {
        let [one, other] = [LogId(1), LogId(2)];
        assert_eq!(kinship(Some(one), Log::Named(one)), Ok(true));
        for (store, log) in
            [(Some(one), Log::Named(other)), (Some(one), Log::Empty), (None, Log::Empty)]
        {
            assert!(
                matches!(kinship(store, log), Err(Stale::OfAnotherLog(_))),
                "{store:?} {log:?}"
            );
        }
    }

    #[test]
    fn where_one_does_not_say_so_it_has_to_be_shown() {
        for (store, log) in
            [(None, Log::Named(LogId(1))), (None, Log::Nameless), (Some(LogId(1)), Log::Nameless)]
        {
            assert_eq!(kinship(store, log), Ok(false), "{store:?} {log:?}");
        }
    }

    #[test]
    fn no_two_logs_are_called_the_same() {
        assert_ne!(Log::Empty.or_new(), Log::Nameless.or_new());
        assert_eq!(Log::Named(LogId(7)).or_new(), LogId(7));
    }
}
