//! Finds the end of one JSON value by its brackets and quotes, chunk by chunk.

/// What was seen of a value so far.
#[derive(Debug)]
pub(super) struct Scan {
    kind: Kind,
    depth: u64,
    in_string: bool,
    after_backslash: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unknown,
    /// An array or an object: ends with the bracket that closes the first one.
    Container,
    Text,
    /// A number, a word, or no JSON at all: ends before what can follow a value.
    Bare,
}

impl Scan {
    /// Nothing was seen yet; the first byte fed is the value's first.
    pub(super) fn new() -> Self {
        Self { kind: Kind::Unknown, depth: 0, in_string: false, after_backslash: false }
    }

    /// Looks at the next bytes. If the value ends in them: how many of them belong to it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.kind == Kind::Unknown {
            self.kind = match bytes.first()? {
                b'{' | b'[' => Kind::Container,
                b'"' => Kind::Text,
                _ => Kind::Bare,
            };
        }
        if self.kind == Kind::Bare {
            return bytes.iter().position(|byte| {
                matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')
            });
        }
        for (at, byte) in bytes.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => {
                        self.in_string = false;
                        if self.kind == Kind::Text {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_it_ends_however_it_is_cut() {
        for (text, length) in [
            (r#"{"a":[1,{"b":"}"}]},"#, 19),
            (r#""a\"]\\" ]"#, 8),
            ("12.5e3,", 6),
            ("true]", 4),
            ("[[],[]]]", 7),
            (r#"{"\\":"{"}"#, 10),
        ] {
            assert_eq!(Scan::new().feed(text.as_bytes()), Some(length), "{text}");
            let mut scan = Scan::new();
            let mut bytes = text.as_bytes().chunks(1).enumerate();
            let counted = bytes.find_map(|(at, byte)| scan.feed(byte).map(|more| at + more));
            assert_eq!(counted, Some(length), "{text}, byte by byte");
        }
    }

    #[test]
    fn a_value_that_is_cut_off_has_no_end() {
        for text in ["{", "[1,2", "\"abc", "{\"a\":\"}", "12"] {
            assert_eq!(Scan::new().feed(text.as_bytes()), None, "{text}");
        }
    }
}
