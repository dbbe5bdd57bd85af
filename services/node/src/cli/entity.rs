//! The words of the commands about one entity.

use clap::Args;
use tidelog_core::EntityId;

use crate::place;

/// How results are printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Json {
    /// Print the result as JSON, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

/// `tidelog get`.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The entity, as in shop/orders/eu/42 or (zone `default`) shop/orders/42
    #[arg(value_parser = place::entity)]
    pub(crate) id: EntityId,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog put`.
#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// The entity, as in shop/orders/eu/42 or (zone `default`) shop/orders/42
    #[arg(value_parser = place::entity)]
    pub(crate) id: EntityId,

    /// The document: JSON, @FILE, or - for standard input (also if left out)
    #[arg(value_name = "DOC", allow_hyphen_values = true)]
    pub(crate) document: Option<String>,

    /// Only if the entity is not there yet
    #[arg(long, conflicts_with = "if_match")]
    pub(crate) create: bool,

    #[command(flatten)]
    pub(crate) write: Write,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog patch`.
#[derive(Debug, Args)]
pub(crate) struct PatchArgs {
    /// The entity, as in shop/orders/eu/42 or (zone `default`) shop/orders/42
    #[arg(value_parser = place::entity)]
    pub(crate) id: EntityId,

    /// The patch: JSON, @FILE, or - for standard input (also if left out)
    pub(crate) patch: Option<String>,

    /// It is a JSON Merge Patch (RFC 7396)
    #[arg(long, group = "how")]
    pub(crate) merge: bool,

    /// It is a JSON Patch (RFC 6902)
    #[arg(long, group = "how")]
    pub(crate) json_patch: bool,

    /// It is a list of Tidelog's operations: increment, add-unique, remove-value
    #[arg(long, group = "how")]
    pub(crate) operations: bool,

    #[command(flatten)]
    pub(crate) write: Write,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog delete`.
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// The entity, as in shop/orders/eu/42 or (zone `default`) shop/orders/42
    #[arg(value_parser = place::entity)]
    pub(crate) id: EntityId,

    #[command(flatten)]
    pub(crate) write: Write,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// What every write may be given.
#[derive(Clone, Debug, Args)]
pub(crate) struct Write {
    /// Only if the entity is at this revision; * for any, so that it must be there
    #[arg(long, value_name = "REVISION", value_parser = parse_precondition)]
    pub(crate) if_match: Option<Precondition>,

    /// Name of this write, at most 255 bytes: sent again under the same name within 24 h, it is not
    /// done again [default: a new one]
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    pub(crate) idempotency_key: Option<String>,
}

/// A precondition on what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// Something must be there.
    Exists,
    /// What is there must have this revision.
    Revision(u64),
}

impl Precondition {
    /// The value of the header field `If-Match`.
    pub(crate) fn if_match(self) -> String {
        match self {
            Self::Exists => "*".to_owned(),
            Self::Revision(revision) => format!("\"{revision}\""),
        }
    }
}

pub(super) fn parse_precondition(text: &str) -> Result<Precondition, String> {
    if text == "*" {
        return Ok(Precondition::Exists);
    }
    // As an ETag is printed, quotes and all, it is taken too.
    let digits = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let revision =
        digits.parse().map_err(|_| "a revision is a number, as in 3, or *".to_owned())?;
    Ok(Precondition::Revision(revision))
}

fn parse_key(text: &str) -> Result<String, String> {
    let is_good = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    match text.len() {
        1..=KEY_BYTES_MAX if is_good => Ok(text.to_owned()),
        1..=KEY_BYTES_MAX => Err("a key is made of printable ASCII characters".to_owned()),
        found => Err(format!("a key has 1 to {KEY_BYTES_MAX} bytes; this has {found}")),
    }
}

const KEY_BYTES_MAX: usize = tidelog_core::limits::IDEMPOTENCY_KEY_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_read_bare_and_as_an_etag() {
        assert_eq!(parse_precondition("3"), Ok(Precondition::Revision(3)));
        assert_eq!(parse_precondition("\"3\""), Ok(Precondition::Revision(3)));
        assert_eq!(parse_precondition("*"), Ok(Precondition::Exists));
        assert_eq!(Precondition::Revision(3).if_match(), "\"3\"");
        for text in ["", "v3", "\"3", "-1"] {
            assert!(parse_precondition(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_has_its_limits() {
        assert!(parse_key("order-42").is_ok());
        assert!(parse_key(&"x".repeat(255)).is_ok());
        assert!(parse_key(&"x".repeat(256)).is_err());
        assert!(parse_key("").is_err());
        assert!(parse_key("a\nb").is_err());
    }
}
