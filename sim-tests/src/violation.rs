//! What an oracle says when an invariant does not hold.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The oracle that found it.
    pub oracle: Box<str>,
    /// What is the same for every seed that finds the same bug: the oracle and the kind of violation,
    /// without ids, numbers and times.
    pub signature: Box<str>,
    /// What happened, to what, and how one can see it.
    pub message: Box<str>,
    /// When it happened, in microseconds of virtual time; the time of the look, if that is not known.
    pub at_us: u64,
}

impl Violation {
    /// A violation of what `oracle` holds, of this kind.
    #[must_use]
    pub fn new(oracle: &str, kind: &str, at_us: u64, message: impl fmt::Display) -> Self {
        Self {
            oracle: oracle.into(),
            signature: format!("{oracle}/{kind}").into(),
            message: message.to_string().into(),
            at_us,
        }
    }

    /// A run that panicked. Numbers and quoted texts differ from seed to seed, so the signature is
    /// without them.
    #[must_use]
    pub fn panic(words: &str, at_us: u64) -> Self {
        Self::new("no-panic", &blanked(words), at_us, words)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.at_us / 1_000_000, self.at_us / 1_000 % 1_000);
        write!(f, "{} at {seconds}.{millis:03} s: {}", self.signature, self.message)
    }
}

/// The first line of a text, with every run of digits as one `#`, and not too long.
fn blanked(text: &str) -> String {
    let mut blank = String::new();
    for character in text.lines().next().unwrap_or_default().chars().take(SIGNATURE_CHARS_MAX) {
        match character {
            '0'..='9' if blank.ends_with('#') => {}
            '0'..='9' => blank.push('#'),
            other => blank.push(other),
        }
    }
    blank
}

const SIGNATURE_CHARS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_no_numbers() {
        let one = Violation::panic("index 7 of 12 in shop/e15", 1);
        let two = Violation::panic("index 8 of 1 in shop/e3", 9);
        assert_eq!(one.signature, two.signature);
        assert_ne!(one.message, two.message);
        assert_eq!(&*one.signature, "no-panic/index # of # in shop/e#");
    }
}
