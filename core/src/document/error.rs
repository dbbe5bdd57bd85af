//! What can be wrong with a document.

/// Why some text or value cannot be a document. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are not UTF-8.
    #[error("the text is not UTF-8 from byte {position} on; JSON has to be sent as UTF-8")]
    NotUtf8 {
        /// How many bytes before the first wrong one are right.
        position: usize,
    },
    /// The text breaks the grammar of RFC 8259; it may be empty, or begin with a byte order mark.
    #[error("this is not JSON: {message} at line {line}, column {column}")]
    Syntax {
        /// Line of the first thing that is wrong.
        line: usize,
        /// Column of the first thing that is wrong.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A key stands twice in one object.
    #[error(
        "the key {key:?} stands twice in the same object, again at line {line}, column {column}; \
         keep one of the two"
    )]
    DuplicateKey {
        /// The key, shortened if it is long.
        key: String,
        /// Line where it comes again.
        line: usize,
        /// Column where it comes again.
        column: usize,
    },
    /// Arrays and objects nest too deep.
    #[error("arrays and objects nest deeper than {limit} levels; flatten the value or split it")]
    TooDeep {
        /// The most that is allowed.
        limit: usize,
    },
    /// The compact text is too long.
    #[error(
        "the value has {bytes} bytes as compact JSON and {limit} are allowed; split it into \
         several entities"
    )]
    TooLarge {
        /// Bytes of the compact text.
        bytes: usize,
        /// The most that is allowed.
        limit: usize,
    },
    /// A number that would not come back as it was sent.
    #[error(
        "the number {literal} at line {line}, column {column} fits neither a 64-bit integer nor a \
         double without loss; round it or send it as a string"
    )]
    Number {
        /// The number as it was written, shortened if it is long.
        literal: String,
        /// Line where it begins.
        line: usize,
        /// Column where it begins.
        column: usize,
    },
}

/// The text, or its beginning and an ellipsis if it has more than `chars_max` characters.
pub(crate) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
