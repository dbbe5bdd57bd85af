//! The words of `tidelog schema`.

use clap::{Args, Subcommand, ValueEnum};
use tidelog_core::{CollectionId, DatabaseId, message::LearningScope};

use super::entity::{Json, Precondition, parse_precondition};

/// `tidelog schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    #[command(subcommand)]
    pub(crate) action: SchemaAction,
}

/// What can be done about schemas.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaAction {
    /// Print the schema of a collection's documents, or of a database with all its collections
    Show(ShowArgs),
    /// Change what is stated of a collection's documents in an editor ($VISUAL or $EDITOR)
    Edit(EditArgs),
    /// Change what is stated by a patch: an object is a JSON Merge Patch, an array a JSON Patch
    Patch(PatchSchemaArgs),
    /// State something of one field; without a schema, what is learned of it now
    Pin(PinArgs),
    /// Take back what is stated of one field, so that it is learned again
    Unpin(UnpinArgs),
    /// Say whether schemas are learned, or switch it
    Learning(LearningArgs),
    /// Learn again from the documents that there are: types get narrower, what is gone is forgotten
    Relearn(RelearnArgs),
}

impl SchemaArgs {
    /// How results are printed.
    pub(crate) fn output(&self) -> Json {
        match &self.action {
            SchemaAction::Show(args) => args.output,
            SchemaAction::Edit(args) => args.output,
            SchemaAction::Patch(args) => args.output,
            SchemaAction::Pin(args) => args.output,
            SchemaAction::Unpin(args) => args.output,
            SchemaAction::Learning(args) => args.output,
            SchemaAction::Relearn(args) => args.output,
        }
    }
}

/// `tidelog schema show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The database or collection, as in shop or shop/orders
    #[arg(value_name = "DB[/COLLECTION]", value_parser = scope)]
    pub(crate) scope: LearningScope,

    /// Only what users state, without what was learned
    #[arg(long)]
    pub(crate) stated: bool,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog schema edit`.
#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// The collection, as in shop/orders
    pub(crate) collection: CollectionId,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog schema patch`.
#[derive(Debug, Args)]
pub(crate) struct PatchSchemaArgs {
    /// The collection, as in shop/orders
    pub(crate) collection: CollectionId,

    /// The patch: JSON, @FILE, or - for standard input (also if left out)
    pub(crate) patch: Option<String>,

    /// Only if the schema is at this revision; * for any, so that there must be one
    #[arg(long, value_name = "REVISION", value_parser = parse_precondition)]
    pub(crate) if_match: Option<Precondition>,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog schema pin`.
#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// The collection, as in shop/orders
    pub(crate) collection: CollectionId,

    /// Where the field is in documents, as in /age or /lines/-/sku (- for every element); "" is the
    /// whole document
    #[arg(value_name = "POINTER", value_parser = pointer)]
    pub(crate) field: Field,

    /// What is stated of it: a JSON Schema, as in {"maximum":120}, @FILE, or - for standard input
    /// [default: what is learned of it now]
    pub(crate) schema: Option<String>,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog schema unpin`.
#[derive(Debug, Args)]
pub(crate) struct UnpinArgs {
    /// The collection, as in shop/orders
    pub(crate) collection: CollectionId,

    /// Where the field is in documents, as in /age or /lines/-/sku; "" is the whole document
    #[arg(value_name = "POINTER", value_parser = pointer)]
    pub(crate) field: Field,

    /// Which keywords, as in maximum [default: all that is stated of it]
    #[arg(value_name = "KEYWORD")]
    pub(crate) keywords: Vec<String>,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// `tidelog schema learning`.
#[derive(Debug, Args)]
pub(crate) struct LearningArgs {
    /// The database or collection, as in shop or shop/orders
    #[arg(value_name = "DB[/COLLECTION]", value_parser = scope)]
    pub(crate) scope: LearningScope,

    /// What becomes of it [default: it is only said]
    pub(crate) to: Option<LearningTo>,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// What becomes of learning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LearningTo {
    /// Learn, beginning with the documents that there are
    On,
    /// Learn no more; what was learned stays
    Off,
    /// Do as the collection's database does
    AsDatabase,
}

/// `tidelog schema relearn`.
#[derive(Debug, Args)]
pub(crate) struct RelearnArgs {
    /// The database or collection, as in shop or shop/orders
    #[arg(value_name = "DB[/COLLECTION]", value_parser = scope)]
    pub(crate) scope: LearningScope,

    #[command(flatten)]
    pub(crate) output: Json,
}

/// A place in documents: the names on the way, or every element of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field(pub(crate) Vec<Step>);

/// A step on the way to a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To a member of an object.
    Member(String),
    /// To every element of an array.
    Elements,
}

fn scope(text: &str) -> Result<LearningScope, String> {
    if text.contains('/') {
        let collection: CollectionId = text.parse().map_err(|error| format!("{error}"))?;
        return Ok(LearningScope::Collection(collection));
    }
    let database: DatabaseId = text.parse().map_err(|error| format!("{error}"))?;
    Ok(LearningScope::Database(database))
}

fn pointer(text: &str) -> Result<Field, String> {
    if text.is_empty() {
        return Ok(Field(Vec::new()));
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(format!("a pointer begins with a slash: /{text}"));
    };
    let step = |part: &str| match part {
        "-" => Step::Elements,
        name => Step::Member(name.replace("~1", "/").replace("~0", "~")),
    };
    Ok(Field(rest.split('/').map(step).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_database_or_a_collection() {
        assert_eq!(scope("shop").map(|scope| scope.as_str().to_owned()), Ok("shop".to_owned()));
        assert!(matches!(scope("shop/orders"), Ok(LearningScope::Collection(_))));
        assert!(scope("shop/orders/eu").is_err());
    }

    #[test]
    fn a_pointer_leads_to_members_and_elements() {
        let member = |name: &str| Step::Member(name.to_owned());
        assert_eq!(pointer(""), Ok(Field(Vec::new())));
        assert_eq!(
            pointer("/a~1b/-/c"),
            Ok(Field(vec![member("a/b"), Step::Elements, member("c")]))
        );
        assert!(pointer("age").is_err_and(|words| words.contains("/age")));
    }
}
