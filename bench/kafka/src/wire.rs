//! Records as Tidelog has them: one byte of format version, then postcard.
//!
//! All contestants read and write these bytes, so that the broker has the same work with each. The
//! same in Java is `Wire.java` of the peer; the tests hold this one against `tidelog-core`.
//!
//! Numbers are LEB128 varints; texts and documents are a length and UTF-8; an option is 0, or 1 and
//! the value.

mod reader;
#[cfg(test)]
mod tests;
mod writer;

use reader::Reader;
use writer::Writer;

use crate::Result;

/// The time of the log, in milliseconds since the Unix epoch.
pub type Millis = u64;

const FORMAT_VERSION: u8 = 1;
const PATCH: u8 = 1;
const UPDATE: u8 = 2;
const ANSWER: u8 = 3;
const MERGE: u8 = 4;
const PATCHES_TOPIC: u8 = 1;

/// A request to merge a JSON merge patch into one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch<'a> {
    /// Which client asks: the key of the answer.
    pub client: &'a str,
    /// The client's number for the request, from 1.
    pub number: u64,
    /// The client's lowest number that has no answer yet.
    pub first_incomplete: u64,
    /// When the request was sent.
    pub sent: Millis,
    /// The entity: the key of the patch.
    pub entity: &'a str,
    /// The merge patch, as JSON text.
    pub document: &'a [u8],
    /// Whether the answer is to hold the document.
    pub wants_value: bool,
}

impl<'a> Patch<'a> {
    /// The payload of the patch.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::new(self.document.len() + 128);
        to.one(FORMAT_VERSION).one(PATCH);
        self.write_name(&mut to);
        to.number(self.first_incomplete).number(self.sent);
        // No user, no device; part 1 of 1; no idempotency key.
        to.one(0).one(0).one(1).one(1).one(0);
        to.bytes(self.entity.as_bytes()).one(MERGE).bytes(self.document);
        // No condition of either kind; nobody is to remember the answer.
        to.one(0).one(0).one(u8::from(self.wants_value)).one(0);
        to.done()
    }

    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// If it is not what [`Patch::write`] writes.
    pub fn read(payload: &'a [u8]) -> Result<Self> {
        let mut from = Reader::new(payload);
        from.expect(&[FORMAT_VERSION, PATCH])?;
        let client = from.text()?;
        from.expect(&[0])?;
        let (number, first_incomplete, sent) = (from.number()?, from.number()?, from.number()?);
        from.expect(&[0, 0, 1, 1, 0])?;
        let entity = from.text()?;
        from.expect(&[MERGE])?;
        let document = from.bytes()?;
        from.expect(&[0, 0])?;
        let wants_value = from.number()? == 1;
        from.expect(&[0])?;
        Ok(Self { client, number, first_incomplete, sent, entity, document, wants_value })
    }

    fn write_name(&self, to: &mut Writer) {
        // The client's name is its first.
        to.bytes(self.client.as_bytes()).one(0).number(self.number);
    }
}

/// What became of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Update<'a> {
    /// The entity: the key of the update.
    pub entity: &'a str,
    /// How often it was changed.
    pub revision: u64,
    /// Its document before, unless it was created.
    pub before: Option<&'a [u8]>,
    /// Its document after.
    pub after: &'a [u8],
}

impl<'a> Update<'a> {
    /// The payload of the update that a patch made.
    #[must_use]
    pub fn write(&self, patch: &Patch<'_>, time: Millis) -> Vec<u8> {
        let before = self.before.unwrap_or_default();
        let mut to = Writer::new(before.len() + self.after.len() + 128);
        to.one(FORMAT_VERSION).one(UPDATE).bytes(self.entity.as_bytes());
        to.one(u8::from(self.before.is_some())).number(self.revision);
        to.option(self.before).option(Some(self.after));
        patch.write_name(&mut to);
        // Part 1 of 1; no user, no device.
        to.one(1).one(1).one(0).one(0).number(time);
        to.done()
    }

    /// Reads a payload, as far as it is about the entity.
    ///
    /// # Errors
    ///
    /// If it is no update that left a document.
    pub fn read(payload: &'a [u8]) -> Result<Self> {
        let mut from = Reader::new(payload);
        from.expect(&[FORMAT_VERSION, UPDATE])?;
        let entity = from.text()?;
        from.number()?;
        let revision = from.number()?;
        let before = from.option()?;
        let after = from.option()?.ok_or("an update without a document")?;
        Ok(Self { entity, revision, before, after })
    }
}

/// The payload of the answer to a patch that was read at `partition` and `offset`.
#[must_use]
pub fn answer(patch: &Patch<'_>, made: &Update<'_>, place: (u64, u64), time: Millis) -> Vec<u8> {
    let mut to = Writer::new(made.after.len() + 128);
    to.one(FORMAT_VERSION).one(ANSWER);
    patch.write_name(&mut to);
    to.number(patch.sent).one(1).one(1).bytes(made.entity.as_bytes());
    // Created or updated.
    to.one(if made.revision == 1 { 1 } else { 2 }).number(made.revision);
    to.option(patch.wants_value.then_some(made.after));
    // Not replayed.
    to.one(0).one(PATCHES_TOPIC).number(place.0).number(place.1).number(time).one(0);
    to.done()
}

/// An entity's row in the store and in the changelog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// How often the entity was changed.
    pub revision: u64,
    /// Its document.
    pub document: &'a [u8],
}

impl<'a> Row<'a> {
    /// The row's bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::new(self.document.len() + 16);
        to.one(FORMAT_VERSION).number(self.revision).option(Some(self.document));
        to.done()
    }

    /// Reads a row's bytes.
    ///
    /// # Errors
    ///
    /// If they are not what [`Row::write`] writes.
    pub fn read(row: &'a [u8]) -> Result<Self> {
        let mut from = Reader::new(row);
        from.expect(&[FORMAT_VERSION])?;
        let revision = from.number()?;
        Ok(Self { revision, document: from.option()?.ok_or("a row without a document")? })
    }
}
