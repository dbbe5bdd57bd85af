//! Who asks, and what is not carried out whatever it asks for.

use std::collections::BTreeMap;

use crate::history::Name;

/// The clients that a task knows.
#[derive(Default)]
pub(super) struct Clients {
    clients: BTreeMap<Box<str>, Client>,
    task_time_ms: u64,
}

/// How far a client is.
#[derive(Clone, Default)]
struct Client {
    first_incomplete: u64,
    /// The lowest number that was too far ahead.
    barred_from: Option<u64>,
}

/// Task time after a first sending from which on a part is refused.
const EXPIRES_AFTER_MS: u64 = 12 * 3_600_000;

/// How many numbers may lie between a request and the first one of its client without an outcome.
pub(super) const AHEAD_MAX: u64 = 16_384;

impl Clients {
    /// A record of this time is read.
    pub(super) fn time_is(&mut self, time_ms: u64) {
        self.task_time_ms = self.task_time_ms.max(time_ms);
    }

    pub(super) fn task_time_ms(&self) -> u64 {
        self.task_time_ms
    }

    /// Why a request is not carried out whatever it asks for, if it is not. One that has expired says
    /// nothing about its client.
    pub(super) fn refused(
        &mut self,
        name: &Name,
        first_incomplete: u64,
        first_sent_ms: u64,
    ) -> Option<&'static str> {
        let Name { client, number, .. } = name;
        let client = self.clients.entry(client.clone()).or_default();
        let first_incomplete = first_incomplete.max(client.first_incomplete);
        let is_stale = *number < first_incomplete;
        if !is_stale && self.task_time_ms.saturating_sub(first_sent_ms) > EXPIRES_AFTER_MS {
            return Some("expired");
        }
        client.first_incomplete = first_incomplete;
        if is_stale {
            return Some("stale");
        }
        let is_ahead = number - first_incomplete > AHEAD_MAX;
        if !is_ahead && client.barred_from.is_none_or(|barred| *number < barred) {
            return None;
        }
        client.barred_from = client.barred_from.into_iter().chain([*number]).min();
        Some("too far ahead")
    }
}
