//! `tidelog patch`.

use hyper::{Method, StatusCode};
use serde_json::Value;
use tidelog_core::document;

use super::write;
use crate::cli::PatchArgs;
use crate::client::{Call, Client};
use crate::failure::Failure;
use crate::{input, output};

/// The kinds of patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// RFC 7396.
    Merge,
    /// RFC 6902.
    JsonPatch,
    /// Tidelog's own operations.
    Operations,
}

pub(super) async fn run(client: &Client, args: &PatchArgs) -> Result<(), Failure> {
    let given = args.patch.as_deref();
    let bytes = input::read(given, "patch")?;
    let patch =
        document::parse_value(&bytes).map_err(|error| input::unusable("patch", given, &error))?;
    let kind = match (args.merge, args.json_patch, args.operations) {
        (true, ..) => Kind::Merge,
        (_, true, _) => Kind::JsonPatch,
        (.., true) => Kind::Operations,
        (false, false, false) => Kind::of(&patch).map_err(Failure::WrongCall)?,
    };
    let call = Call::new(Method::PATCH, write::path(&args.id)).body(kind.media_type(), bytes);
    let reply = write::send(client, call, &args.id, &args.write).await?;
    let created = reply.status == StatusCode::CREATED;
    let value = if reply.body.is_empty() { None } else { Some(write::document(&reply)?) };
    if args.output.json {
        let mut result = write::result(&args.id, Some(created), &reply);
        if let Some(value) = value {
            result.insert("value".to_owned(), value);
        }
        return output::json(&result);
    }
    output::say(&write::words(if created { "created" } else { "changed" }, &args.id, &reply));
    value.map_or(Ok(()), |value| output::document(&value))
}

impl Kind {
    fn media_type(self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
            Self::Operations => "application/vnd.tidelog.operations+json",
        }
    }

    /// What a patch most likely is: an object merges; an array holds operations, whose names tell
    /// whose they are.
    fn of(patch: &Value) -> Result<Self, String> {
        let operations = match patch {
            Value::Object(_) => return Ok(Self::Merge),
            Value::Array(operations) => operations,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err("a patch is an object (JSON Merge Patch) or an array of operations; \
                            to replace the whole document by this value, say --merge"
                    .to_owned());
            }
        };
        let name =
            |operation: &Value| operation.get("op").and_then(Value::as_str).map(str::to_owned);
        let is_ours = |name: &str| OWN.contains(&name);
        let names: Vec<String> = operations.iter().filter_map(name).collect();
        let ours = names.iter().find(|name| is_ours(name));
        let theirs = names.iter().find(|name| !is_ours(name));
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => Err(format!(
                "`{ours}` is an operation of Tidelog's and `{theirs}` is not: a patch holds one \
                 kind. Make it two patches, or say --json-patch or --operations"
            )),
            (Some(_), None) => Ok(Self::Operations),
            (None, _) => Ok(Self::JsonPatch),
        }
    }
}

/// Tidelog's own operations.
const OWN: [&str; 3] = ["increment", "add-unique", "remove-value"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_merges_and_an_array_is_told_by_its_operations() {
        assert_eq!(Kind::of(&json!({"op": "increment"})), Ok(Kind::Merge));
        assert_eq!(Kind::of(&json!([{"op": "add"}, {"op": "test"}])), Ok(Kind::JsonPatch));
        assert_eq!(
            Kind::of(&json!([{"op": "increment"}, {"op": "add-unique"}])),
            Ok(Kind::Operations)
        );
        assert_eq!(Kind::of(&json!([])), Ok(Kind::JsonPatch));
        assert_eq!(Kind::of(&json!([{"op": "inkrement"}, 5])), Ok(Kind::JsonPatch));
    }

    #[test]
    fn a_mix_and_a_bare_value_need_a_word() {
        let mixed = Kind::of(&json!([{"op": "increment"}, {"op": "add"}]));
        assert!(mixed.is_err_and(|words| words.contains("`increment`") && words.contains("`add`")));
        assert!(Kind::of(&json!(5)).is_err_and(|words| words.contains("--merge")));
    }
}
