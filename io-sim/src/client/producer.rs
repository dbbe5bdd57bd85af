//! Producers: an idempotent one for drivers, a transactional one for services.

mod idempotent;
mod lane;
mod transactional;

pub(crate) use idempotent::{Appender, Producer};
pub(crate) use transactional::{TransactionError, TransactionalProducer};

use bytes::Bytes;
use tidelog_core::Offset;

use crate::wire::Record;

/// A record that is to get into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsent {
    pub(crate) key: Bytes,
    /// None is a tombstone.
    pub(crate) value: Option<Bytes>,
}

impl Unsent {
    /// As it travels.
    pub(super) fn to_record(&self) -> Record {
        match &self.value {
            Some(value) => Record::new(self.key.clone(), value.clone()),
            None => Record::tombstone(self.key.clone()),
        }
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is in the log.
    Appended(Offset),
    /// It is not, and never will be.
    Failed(Box<str>),
    /// It is not known.
    Unknown(Box<str>),
}
