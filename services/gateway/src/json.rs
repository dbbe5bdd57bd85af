//! Writing JSON by hand: documents go in as the text that they are, without being parsed.

use serde::Serialize;
use tidelog_core::{Document, Revision, Timestamp};

/// An answer's body while it is written.
#[derive(Debug, Default)]
pub(crate) struct Json(Vec<u8>);

impl Json {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Puts in punctuation, keys, and texts that have no character to be escaped.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Puts in a string with its quotes.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        text.serialize(&mut serde_json::Serializer::new(&mut self.0))
            .expect("a Vec takes all that is written to it");
        self
    }

    /// Puts in a string, or null.
    pub(crate) fn string_or_null(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.string(text),
            None => self.raw("null"),
        }
    }

    pub(crate) fn number(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.raw(itoa::Buffer::new().format(number))
    }

    pub(crate) fn revision(&mut self, revision: Revision) -> &mut Self {
        self.number(revision.0)
    }

    pub(crate) fn document(&mut self, document: &Document) -> &mut Self {
        self.raw(document.as_str())
    }

    /// Puts in a point in time as RFC 3339 has it, in UTC, with milliseconds.
    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.string(&time.to_rfc3339())
    }

    /// Puts in a list, each item as `item` writes it.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.raw("[");
        for (index, value) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            item(self, value);
        }
        self.raw("]")
    }

    /// Puts one more member into the object that has been written.
    pub(crate) fn add_member(&mut self, name: &str, value: &Self) -> &mut Self {
        assert_eq!(self.0.pop(), Some(b'}'), "what has been written is an object");
        self.raw(r#",""#).raw(name).raw(r#"":"#);
        self.0.extend_from_slice(&value.0);
        self.raw("}")
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_and_lists_have_commas_between() {
        let mut json = Json::default();
        json.list(["a\"b", "\u{1}"], |json, text| {
            json.string(text);
        });
        json.raw(",").string_or_null(None).raw(",").number(7_u16);
        assert_eq!(json.into_bytes(), br#"["a\"b","\u0001"],null,7"#);
    }
}
