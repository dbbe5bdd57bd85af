//! Producers: an idempotent one for drivers, a transactional one for services.

mod idempotent;
mod lane;
mod transactional;

pub(crate) use idempotent::{Appender, Producer};
pub(crate) use transactional::{TransactionError, TransactionalProducer};

use bytes::Bytes;
use tidelog_core::{Offset, TraceContext, headers::TRACEPARENT};

use crate::wire::Record;

/// A record that is to get into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsent {
    pub(crate) key: Bytes,
    /// None is a tombstone.
    pub(crate) value: Option<Bytes>,
    /// The trace that it belongs to.
    pub(crate) trace: Option<TraceContext>,
}

impl Unsent {
    /// As it travels.
    pub(super) fn to_record(&self) -> Record {
        let mut record = match &self.value {
            Some(value) => Record::new(self.key.clone(), value.clone()),
            None => Record::tombstone(self.key.clone()),
        };
        record.headers.extend(
            self.trace.map(|trace| {
                (Bytes::from_static(TRACEPARENT.as_bytes()), trace.to_string().into())
            }),
        );
        record
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
