//! Finds where documents begin and end in a stream, holding one at a time.
//!
//! Nothing is parsed here: a document is found by its brackets and quotes (array) or by its line
//! (NDJSON), so one that is no JSON does not hide the ones after it.

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, ErrorKind};

use super::scan::Scan;
use crate::cli::Format;

/// One document as it stands in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Raw {
    /// Where it is.
    pub(super) position: Position,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// All its bytes, more than were kept if it is too long.
    pub(super) length: u64,
}

/// Where a document is; everything counts from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// The how-manieth document it is.
    pub(super) number: u64,
    /// The line where it begins.
    pub(super) line: u64,
    /// The column, in bytes, where it begins.
    pub(super) column: u64,
}

/// Why no more documents can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The stream cannot be read.
    #[error("it cannot be read after line {line}: {source}")]
    Unreadable {
        /// The line up to which it was read.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// The stream ends where it should not.
    #[error("it ends at line {line} in the middle of {what}: it seems to be cut off")]
    CutOff {
        /// The last line.
        line: u64,
        /// What is not whole.
        what: String,
    },
    /// Something stands where it cannot.
    #[error("line {line}, column {column}: {what}")]
    Garbage {
        /// Where it is.
        line: u64,
        /// Where in the line, in bytes.
        column: u64,
        /// What is there, and what should be.
        what: String,
    },
}

/// The documents of a stream.
pub(super) struct Documents<R> {
    reader: R,
    format: Option<Format>,
    state: State,
    number: u64,
    line: u64,
    column: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    /// In an array, before its first element.
    ArrayStart,
    /// In an array, after an element.
    AfterElement,
    Lines,
    End,
}

impl<R: BufRead> Documents<R> {
    /// The documents of `reader`; without a format, a `[` at the beginning makes an array.
    pub(super) fn new(reader: R, format: Option<Format>) -> Self {
        Self { reader, format, state: State::Start, number: 0, line: 1, column: 1 }
    }

    /// The next document, or `None` at the end. After an error there is nothing more.
    pub(super) fn next(&mut self) -> Result<Option<Raw>, Broken> {
        let next = self.step();
        if !matches!(next, Ok(Some(_))) {
            self.state = State::End;
        }
        next
    }

    fn step(&mut self) -> Result<Option<Raw>, Broken> {
        if self.state == State::Start {
            self.begin()?;
        }
        match self.state {
            State::Start | State::End => Ok(None),
            State::ArrayStart => match self.skip_space()? {
                None => Err(self.cut_off("the array")),
                Some(b']') => self.end_of_array(),
                Some(_) => self.element(),
            },
            State::AfterElement => match self.skip_space()? {
                None => Err(self.cut_off("the array, which has no end")),
                Some(b']') => self.end_of_array(),
                Some(b',') => {
                    self.consume(1);
                    match self.skip_space()? {
                        None => Err(self.cut_off("the array")),
                        Some(b']') => Err(self.garbage("a document was expected after the comma")),
                        Some(_) => self.element(),
                    }
                }
                Some(byte) => Err(self.garbage(&format!(
                    "found {:?} where a comma or the end of the array was expected, after document \
                     {}",
                    char::from(byte),
                    self.number
                ))),
            },
            State::Lines => self.line(),
        }
    }

    fn begin(&mut self) -> Result<(), Broken> {
        if self.buffer()?.starts_with(BYTE_ORDER_MARK) {
            self.reader.consume(BYTE_ORDER_MARK.len());
        }
        // In NDJSON the lines count, so white space is skipped line by line.
        self.state = match self.format {
            Some(Format::Ndjson) => State::Lines,
            Some(Format::Array) => match self.skip_space()? {
                Some(b'[') => State::ArrayStart,
                Some(_) => {
                    return Err(self.garbage("an array was expected to begin here, with `[`"));
                }
                None => return Err(self.cut_off("nothing: it is empty, and no array")),
            },
            None => match self.skip_space()? {
                Some(b'[') => State::ArrayStart,
                Some(_) => State::Lines,
                None => State::End,
            },
        };
        if self.state == State::ArrayStart {
            self.consume(1);
        }
        Ok(())
    }

    fn element(&mut self) -> Result<Option<Raw>, Broken> {
        let mut raw = self.raw();
        let mut scan = Scan::new();
        loop {
            let buffer = self.buffer()?;
            if buffer.is_empty() {
                return Err(self.cut_off(&format!("document {}", raw.position.number)));
            }
            let end = scan.feed(buffer);
            let length = end.unwrap_or(buffer.len());
            keep(&mut raw, &buffer[..length]);
            self.consume(length);
            if end.is_some() {
                break;
            }
        }
        if raw.length == 0 {
            return Err(self.garbage("a document was expected before the comma"));
        }
        self.state = State::AfterElement;
        Ok(Some(raw))
    }

    fn line(&mut self) -> Result<Option<Raw>, Broken> {
        if self.skip_space()?.is_none() {
            return Ok(None);
        }
        let mut raw = self.raw();
        loop {
            let buffer = self.buffer()?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let length = end.unwrap_or(buffer.len());
            keep(&mut raw, &buffer[..length]);
            let is_last = end.is_some() || buffer.is_empty();
            self.consume(length);
            if is_last {
                return Ok(Some(raw));
            }
        }
    }

    fn end_of_array(&mut self) -> Result<Option<Raw>, Broken> {
        self.consume(1);
        match self.skip_space()? {
            None => Ok(None),
            Some(_) => Err(self.garbage(
                "something follows the end of the array; a file is one array or NDJSON (see \
                 --format)",
            )),
        }
    }

    /// An empty document at this place, which begins with the next byte.
    fn raw(&mut self) -> Raw {
        self.number += 1;
        let position = Position { number: self.number, line: self.line, column: self.column };
        Raw { position, bytes: Vec::new(), length: 0 }
    }

    /// Skips white space and looks at the byte after it.
    fn skip_space(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            let buffer = self.buffer()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let skipped = buffer.iter().position(|byte| !space(byte)).unwrap_or(buffer.len());
            let next = buffer.get(skipped).copied();
            self.consume(skipped);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// What can be read without waiting for more; empty at the end.
    fn buffer(&mut self) -> Result<&[u8], Broken> {
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(Broken::Unreadable { line: self.line, source }),
            }
        }
        // Asked again for the borrow checker's sake: what is there costs nothing.
        self.reader.fill_buf().map_err(|source| Broken::Unreadable { line: self.line, source })
    }

    fn consume(&mut self, count: usize) {
        if count == 0 {
            return;
        }
        let Ok(buffer) = self.reader.fill_buf() else { return };
        let passed = &buffer[..count];
        match passed.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => {
                self.line += passed.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
                self.column = (count - last) as u64;
            }
            None => self.column += count as u64,
        }
        self.reader.consume(count);
    }

    fn cut_off(&self, what: &str) -> Broken {
        Broken::CutOff { line: self.line, what: what.to_owned() }
    }

    fn garbage(&self, what: &str) -> Broken {
        Broken::Garbage { line: self.line, column: self.column, what: what.to_owned() }
    }
}

fn keep(raw: &mut Raw, bytes: &[u8]) {
    raw.length += bytes.len() as u64;
    let room = RAW_BYTES_MAX - raw.bytes.len();
    raw.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

impl Raw {
    /// Whether not all its bytes were kept.
    pub(super) fn is_cut(&self) -> bool {
        self.length > self.bytes.len() as u64
    }
}

/// Bytes of a document, white space included, that are held.
pub(super) const RAW_BYTES_MAX: usize = 16 * 1024 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
