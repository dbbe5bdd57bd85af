//! Idempotency keys: what a caller brought so that it can ask again, under whichever name.
//!
//! A row tells the fingerprint of the request and, where the service has one, its outcome. It holds
//! for whoever asks within [`IDEMPOTENCY_KEY_KEPT_FOR`] of its making, by the stamp of the repeat's
//! first sending or by task time. The row itself stays until a repeat that was first sent within
//! that time has expired: however long one lies in a queue, it finds its outcome or is refused.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tidelog_core::{
    Probe, State, TableId, Timestamp,
    limits::{IDEMPOTENCY_KEY_KEPT_FOR, REQUEST_EXPIRES_AFTER},
    message::{Fingerprint, IdempotencyKey, Origin},
    state::{Table, TableKey},
};

use super::expiry::{self, Subject, hour, hours};

/// What is known under a key.
pub(crate) enum Known<T> {
    /// Nothing.
    Nothing,
    /// The same request, with its outcome.
    Same(T),
    /// Another request.
    Another,
}

/// Looks a key up.
pub(crate) fn look_up<T: DeserializeOwned>(
    state: &mut State<'_>,
    key: &IdempotencyKey,
    part: u32,
    origin: &Origin,
) -> Known<T> {
    let id = KeyId::of(key, part);
    let Some(row) = state.get(&table::<T>(), &id) else { return Known::Nothing };
    let kept_until = row.made.plus(IDEMPOTENCY_KEY_KEPT_FOR);
    if state.task_time() > kept_until && origin.first_sent > kept_until {
        Probe::KeyOutlived.hit();
        expiry::unschedule(state, due(row.made), Subject::Key(id));
        state.remove(&table::<T>(), &id);
        return Known::Nothing;
    }
    if row.fingerprint == key.fingerprint { Known::Same(row.outcome) } else { Known::Another }
}

/// Remembers a request under a key of which nothing is known.
pub(crate) fn remember<T: Serialize>(
    state: &mut State<'_>,
    key: &IdempotencyKey,
    part: u32,
    outcome: T,
) {
    let id = KeyId::of(key, part);
    let made = state.task_time();
    let row = Remembered { fingerprint: key.fingerprint, made, outcome };
    state.put(&table(), &id, &row);
    expiry::schedule(state, due(made), Subject::Key(id));
}

/// Forgets what is known under a key.
pub(super) fn forget(state: &mut State<'_>, id: &KeyId) {
    Probe::KeyForgotten.hit();
    state.remove(&table::<()>(), id);
}

/// A digest of a key's scope, the key and the number of the part: of bounded size, whatever callers
/// bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyId(Fingerprint);

impl KeyId {
    pub(super) fn of(key: &IdempotencyKey, part: u32) -> Self {
        let fields = [key.scope.as_bytes(), key.key.as_bytes(), &part.to_le_bytes()];
        Self(Fingerprint::of(&fields))
    }
}

impl TableKey for KeyId {
    fn to_bytes(&self) -> Vec<u8> {
        self.0.0.to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Fingerprint(bytes)))
    }
}

/// A request that came with a key. `T` is what is remembered of its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered<T> {
    pub(super) fingerprint: Fingerprint,
    /// In task time.
    pub(super) made: Timestamp,
    pub(super) outcome: T,
}

fn due(made: Timestamp) -> u64 {
    hour(made).saturating_add(1 + hours(IDEMPOTENCY_KEY_KEPT_FOR) + hours(REQUEST_EXPIRES_AFTER))
}

/// Idempotency keys.
pub(crate) const fn table<T>() -> Table<KeyId, Remembered<T>> {
    Table::new(TableId::IdempotencyKeys)
}
