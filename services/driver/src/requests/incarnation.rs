//! The requests under one name of the client.

use std::collections::VecDeque;

use tidelog_core::ClientId;

use super::entry::Entry;

/// The numbers that a client has used under one of its names, from the first incomplete one on.
/// Numbers are dense, so the entry of a number is found by counting.
#[derive(Debug)]
pub(super) struct Incarnation<R> {
    client: ClientId,
    first_incomplete: u64,
    /// What is under way; the first is, and the others may be.
    entries: VecDeque<Option<Box<Entry<R>>>>,
}

impl<R> Incarnation<R> {
    /// A name under which nothing was sent yet.
    pub(super) fn new(client: ClientId) -> Self {
        Self { client, first_incomplete: 1, entries: VecDeque::new() }
    }

    /// The name.
    pub(super) fn client(&self) -> &ClientId {
        &self.client
    }

    /// The lowest number that is not over.
    pub(super) fn first_incomplete(&self) -> u64 {
        self.first_incomplete
    }

    /// The number of the next request.
    pub(super) fn next_number(&self) -> u64 {
        self.first_incomplete + self.entries.len() as u64
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes the next number for a request.
    pub(super) fn push(&mut self, entry: Entry<R>) {
        self.entries.push_back(Some(Box::new(entry)));
    }

    /// The request of a number, if it is under way.
    pub(super) fn get(&self, number: u64) -> Option<&Entry<R>> {
        self.entries.get(self.index(number)?)?.as_deref()
    }

    /// The request of a number, if it is under way.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Entry<R>> {
        let index = self.index(number)?;
        self.entries.get_mut(index)?.as_deref_mut()
    }

    /// Ends a number.
    pub(super) fn take(&mut self, number: u64) -> Option<Box<Entry<R>>> {
        let index = self.index(number)?;
        let entry = self.entries.get_mut(index)?.take()?;
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first_incomplete += 1;
        }
        Some(entry)
    }

    fn index(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first_incomplete)?).ok()
    }
}
