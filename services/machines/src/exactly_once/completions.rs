//! Completion records, in chunks: a commit of hundreds of requests then touches a handful of rows.

use std::ops::Bound;

use serde::{Deserialize, Serialize};
use tidelog_core::{
    ClientId, Probe, RequestName, State, TableId,
    message::{Outcome, Part},
    state::{Table, TableKey},
};

/// What became of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Completion {
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Whether that is the outcome of an earlier request under the same idempotency key.
    pub(crate) replayed: bool,
}

impl From<Outcome> for Completion {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, replayed: false }
    }
}

/// A part that has no completion record, and the place for it.
pub(crate) struct Admitted {
    key: ChunkKey,
    chunk: Vec<Entry>,
    index: usize,
    slot: Slot,
}

/// Finds the completion record of a part, or the place for it.
pub(super) fn find(
    state: &State<'_>,
    name: &RequestName,
    part: Part,
) -> Result<Completion, Admitted> {
    let (key, slot) = ChunkKey::of(name, part);
    let mut chunk: Vec<Entry> = state.get(&COMPLETIONS, &key).unwrap_or_default();
    match chunk.binary_search_by_key(&slot, |entry| entry.slot) {
        Ok(index) => Ok(chunk.swap_remove(index).completion),
        Err(index) => Err(Admitted { key, chunk, index, slot }),
    }
}

impl Admitted {
    /// Keeps what became of the part.
    pub(crate) fn complete(self, state: &mut State<'_>, completion: &Completion) {
        let Self { key, mut chunk, index, slot } = self;
        chunk.insert(index, Entry { slot, completion: completion.clone() });
        state.put(&COMPLETIONS, &key, &chunk);
    }
}

/// Forgets records of a client's numbers from `from` to below `to`, both multiples of
/// [`SPAN_MAX`], at most [`CLEARED_ROWS_MAX`] rows of them. Says below which number none is left.
pub(super) fn clear(state: &mut State<'_>, client: &ClientId, from: u64, to: u64) -> u64 {
    let first = number_bytes(client, from);
    let end = number_bytes(client, to);
    let bounds = (Bound::Included(&*first), Bound::Excluded(&*end));
    let rows = state.range(&COMPLETIONS, bounds.0, bounds.1, CLEARED_ROWS_MAX);
    for (key, _) in &rows {
        state.remove(&COMPLETIONS, key);
    }
    Probe::CompletionsCleared.hit_if(!rows.is_empty());
    match rows.last() {
        Some((last, _)) if rows.len() == CLEARED_ROWS_MAX => {
            Probe::CompletionsClearedInPart.hit();
            last.start - last.start % SPAN_MAX
        }
        _ => to,
    }
}

/// Forgets at most `limit` rows of a client. Says how many there were.
pub(super) fn clear_client(state: &mut State<'_>, client: &ClientId, limit: usize) -> usize {
    let first = client.to_bytes();
    // No span is that large, so every number is below.
    let end = [&*first, &[0xff; 9]].concat();
    let bounds = (Bound::Included(&*first), Bound::Excluded(&*end));
    let rows = state.range(&COMPLETIONS, bounds.0, bounds.1, limit);
    for (key, _) in &rows {
        state.remove(&COMPLETIONS, key);
    }
    rows.len()
}

/// Which records stand together in a row: those of `span` numbers, each with
/// `SPAN_MAX / span` parts.
///
/// Requests of one part, the most frequent ones, stand in rows of 32 numbers; the parts of one
/// large batch stand in rows of 32 parts; what is between is between. A row never has more than 32
/// records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ChunkKey {
    client: ClientId,
    /// The first of the numbers, a multiple of `span`.
    start: u64,
    /// How many numbers: a power of two.
    span: u8,
    /// Which of a request's groups of 32 parts.
    group: u32,
}

/// A record's place in its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// The request's number, less the chunk's first.
    number: u8,
    part: u32,
}

/// A completion record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(super) slot: Slot,
    pub(super) completion: Completion,
}

impl ChunkKey {
    pub(super) fn of(name: &RequestName, part: Part) -> (Self, Slot) {
        const { assert!(SPAN_MAX == 32) };
        let span: u8 = match part.of {
            0..=1 => 32,
            2 => 16,
            3..=4 => 8,
            5..=8 => 4,
            9..=16 => 2,
            17.. => 1,
        };
        let [number, ..] = (name.number % u64::from(span)).to_le_bytes();
        let start = name.number - u64::from(number);
        let key = Self { client: name.client.clone(), start, span, group: part.number / 32 };
        (key, Slot { number, part: part.number })
    }
}

/// The client, then the first number, so that a range of numbers is a range of keys.
impl TableKey for ChunkKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = number_bytes(&self.client, self.start);
        bytes.push(self.span);
        bytes.extend_from_slice(&self.group.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (rest, group) = bytes.split_last_chunk()?;
        let (span, rest) = rest.split_last()?;
        let (client, start) = rest.split_last_chunk()?;
        Some(Self {
            client: ClientId::from_bytes(client)?,
            start: u64::from_be_bytes(*start),
            span: *span,
            group: u32::from_be_bytes(*group),
        })
    }
}

fn number_bytes(client: &ClientId, number: u64) -> Vec<u8> {
    let mut bytes = client.to_bytes();
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

/// Completion records by client, number and part.
pub(crate) const COMPLETIONS: Table<ChunkKey, Vec<Entry>> = Table::new(TableId::Completions);

/// How many numbers a chunk has at most. Each span divides it.
pub(super) const SPAN_MAX: u64 = 32;

/// How many chunks a call forgets at most because its client has got further.
const CLEARED_ROWS_MAX: usize = 64;
