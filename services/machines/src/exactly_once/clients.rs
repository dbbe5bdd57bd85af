//! How far each client is.

use serde::{Deserialize, Serialize};
use tidelog_core::{
    ClientId, Probe, State, TableId, limits::COMPLETION_KEPT_FOR, message::Origin, state::Table,
};

use super::{
    completions::{self, SPAN_MAX},
    expiry::{self, Subject, hour, hours},
};

/// What is known of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Client {
    /// The greatest `first_incomplete` that it has told.
    pub(super) first_incomplete: u64,
    /// Records of numbers below this one, a multiple of [`SPAN_MAX`], are gone.
    pub(super) cleared: u64,
    /// The hour of its last write, or of the latest first sending that it stamped, if that is
    /// later.
    pub(super) active: u64,
    /// The lowest number that was refused for being too far ahead: it and those above stay refused.
    pub(super) barred_from: Option<u64>,
}

pub(super) fn find(state: &State<'_>, client: &ClientId) -> Option<Client> {
    state.get(&CLIENTS, client)
}

/// Notes a write of a client: how far it is, that it is alive, and from where on it is barred.
///
/// Its row of [`expiry`] is moved only when the hour has changed, and old records are looked for
/// only when `first_incomplete` has passed some chunks' ends: finding them is a read of a range,
/// which costs more than all else of a small request.
pub(super) fn note(
    state: &mut State<'_>,
    origin: &Origin,
    known: Option<Client>,
    barred_from: Option<u64>,
) {
    let id = &origin.name.client;
    let active = hour(state.task_time().max(origin.first_sent));
    let mut client = known.clone().unwrap_or_else(|| Client {
        first_incomplete: origin.first_incomplete,
        cleared: chunk_start(origin.first_incomplete),
        active,
        barred_from: None,
    });
    client.first_incomplete = client.first_incomplete.max(origin.first_incomplete);
    client.barred_from = client.barred_from.into_iter().chain(barred_from).min();
    let over = chunk_start(client.first_incomplete);
    if over >= client.cleared.saturating_add(CLEARED_AFTER) {
        client.cleared = completions::clear(state, id, client.cleared, over);
    }
    let is_new = known.is_none();
    if is_new || active > client.active {
        if !is_new {
            expiry::unschedule(state, due(&client), Subject::Client(id.clone()));
        }
        client.active = active.max(client.active);
        expiry::schedule(state, due(&client), Subject::Client(id.clone()));
    }
    if known.as_ref() != Some(&client) {
        state.put(&CLIENTS, id, &client);
    }
}

/// Forgets a client, at most `limit` rows. Says how many it were, and whether nothing is left.
pub(super) fn forget(state: &mut State<'_>, client: &ClientId, limit: usize) -> (usize, bool) {
    let rows = completions::clear_client(state, client, limit);
    let is_gone = rows < limit;
    if is_gone {
        Probe::ClientForgotten.hit();
        state.remove(&CLIENTS, client);
    } else {
        Probe::ClientForgottenInPart.hit();
    }
    (rows, is_gone)
}

/// The hour in which a client can be forgotten: task time is then more than
/// [`COMPLETION_KEPT_FOR`] past any time within its last active hour.
fn due(client: &Client) -> u64 {
    client.active.saturating_add(1 + hours(COMPLETION_KEPT_FOR))
}

fn chunk_start(number: u64) -> u64 {
    number - number % SPAN_MAX
}

/// How far `first_incomplete` gets beyond what was forgotten before there is more forgotten.
pub(super) const CLEARED_AFTER: u64 = 4 * SPAN_MAX;

/// Clients.
pub(crate) const CLIENTS: Table<ClientId, Client> = Table::new(TableId::Clients);
