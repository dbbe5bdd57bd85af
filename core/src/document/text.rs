//! Types that travel as text.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Deserializes what was serialized as a string; `expected` says in an error what it should be.
pub(crate) fn deserialize_text<'de, D, T, E, F>(
    deserializer: D,
    expected: &'static str,
    parse: F,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
    F: FnOnce(&str) -> Result<T, E>,
{
    deserializer.deserialize_str(TextVisitor { expected, parse, parsed: PhantomData })
}

struct TextVisitor<T, E, F> {
    expected: &'static str,
    parse: F,
    parsed: PhantomData<fn() -> Result<T, E>>,
}

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for TextVisitor<T, E, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<A: Error>(self, text: &str) -> Result<T, A> {
        (self.parse)(text).map_err(A::custom)
    }
}
