//! What requests have in common: who asks, which part it is, and the key that a caller brought.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    id::{DeviceId, RequestId, RequestName, UserId},
    time::Timestamp,
};

/// Where a request comes from (RIFL, Lee et al., SOSP 2015).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The request's name.
    pub name: RequestName,
    /// The client's lowest number that has no outcome yet: what is below it is over.
    pub first_incomplete: u64,
    /// When the client first sent the request, by its clock.
    pub first_sent: Timestamp,
    /// On whose behalf, where the client says so.
    pub user: Option<UserId>,
    /// From which device, where the client says so.
    pub device: Option<DeviceId>,
}

impl Origin {
    /// The request as people name it.
    #[must_use]
    pub fn request(&self) -> RequestId {
        RequestId { name: self.name.clone(), first_sent: self.first_sent }
    }
}

/// Which part of a request it is: `number` (from 1) of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Part {
    /// The part's number, from 1.
    pub number: u32,
    /// How many parts the request has.
    pub of: u32,
}

impl Part {
    /// The only part of a request for one entity.
    pub const ONLY: Self = Self { number: 1, of: 1 };
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// Whether the response accumulator is to remember the answer to a part, and as what.
///
/// The order is part of the message format: new ones go to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remember {
    /// Not at all. Whoever asked takes the answer when it comes.
    #[default]
    No,
    /// As the answer to a request for one entity.
    Single,
    /// As the answer to a part of a batch, be it the only one.
    Batch,
}

/// A key that a caller brought so that it can ask again, whichever gateway it reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyKey {
    /// The method and target that the key is for, as in `PUT shop/orders/eu/42`.
    pub scope: Box<str>,
    /// The key itself, as the caller wrote it.
    pub key: Box<str>,
    /// What tells this request from another one under the same key.
    pub fingerprint: Fingerprint,
}

/// A digest of what a request asks for: its body, its media type and its preconditions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint of a sequence of fields; where one ends matters.
    #[must_use]
    pub fn of(fields: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for field in fields {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(bytes)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
