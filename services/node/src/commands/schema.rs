//! `tidelog schema`.

mod edit;
mod field;
mod learning;
mod pin;

use hyper::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tidelog_core::{CollectionId, document, message::LearningScope};

use super::{advice, write};
use crate::cli::{Json, PatchSchemaArgs, SchemaAction, SchemaArgs, ShowArgs};
use crate::client::{Call, Client, Problem, Reply};
use crate::failure::Failure;
use crate::{input, output};

pub(super) async fn run(client: &Client, args: &SchemaArgs) -> Result<(), Failure> {
    match &args.action {
        SchemaAction::Show(args) => show(client, args).await,
        SchemaAction::Edit(args) => edit::run(client, args).await,
        SchemaAction::Patch(args) => patch(client, args).await,
        SchemaAction::Pin(args) => pin::pin(client, args).await,
        SchemaAction::Unpin(args) => pin::unpin(client, args).await,
        SchemaAction::Learning(args) => learning::run(client, args).await,
        SchemaAction::Relearn(args) => learning::anew(client, args).await,
    }
}

async fn show(client: &Client, args: &ShowArgs) -> Result<(), Failure> {
    let ShowArgs { scope, stated, output } = args;
    let path = match (scope, stated) {
        (LearningScope::Collection(_), true) => format!("{}/stated", path(scope)),
        (LearningScope::Collection(_) | LearningScope::Database(_), false) => path(scope),
        (LearningScope::Database(_), true) => {
            return Err(Failure::WrongCall(
                "what users state is shown of a collection, as in shop/orders".to_owned(),
            ));
        }
    };
    let reply = ask(client, Call::new(Method::GET, path), scope).await?;
    print(scope, &reply, *output)
}

async fn patch(client: &Client, args: &PatchSchemaArgs) -> Result<(), Failure> {
    let given = args.patch.as_deref();
    let bytes = input::read(given, "patch")?;
    let patch =
        document::parse_value(&bytes).map_err(|error| input::unusable("patch", given, &error))?;
    let media_type = if patch.is_array() { JSON_PATCH } else { MERGE_PATCH };
    let scope = LearningScope::Collection(args.collection.clone());
    let mut call = Call::new(Method::PATCH, path(&scope)).body(media_type, bytes);
    if let Some(precondition) = args.if_match {
        call = call.header(IF_MATCH, write::header_value(&precondition.if_match())?);
    }
    let reply = ask(client, call, &scope).await?;
    print(&scope, &reply, args.output)
}

/// Prints a schema.
fn print(scope: &LearningScope, reply: &Reply, output: Json) -> Result<(), Failure> {
    let (id, revision) = (scope.as_str(), reply.revision());
    if reply.status == StatusCode::NO_CONTENT {
        return match output.json {
            true => output::json(&json!({ "id": id, "schema": null })),
            false => output::line(&format!("nothing is stated or learned of {id} any more")),
        };
    }
    let schema = write::document(reply)?;
    if output.json {
        return output::json(&json!({ "id": id, "revision": revision, "schema": schema }));
    }
    if let Some(revision) = revision {
        output::say(&format!("the schema of {id} at revision {revision}"));
    }
    output::document(&schema)
}

/// What is stated of a collection's documents, with the revision of the definition, if there is one.
struct Stated {
    statement: Value,
    revision: Option<u64>,
}

impl Stated {
    async fn read(client: &Client, collection: &CollectionId) -> Result<Self, Failure> {
        let scope = LearningScope::Collection(collection.clone());
        let call = Call::new(Method::GET, format!("{}/stated", path(&scope)));
        let reply = client.send(&call).await?;
        match reply.success() {
            Ok(reply) => {
                Ok(Self { revision: reply.revision(), statement: write::document(&reply)? })
            }
            Err(problem) if problem.name() == "not-found" => {
                let revision = problem.document.as_ref().and_then(|it| it["revision"].as_u64());
                Ok(Self { statement: json!({}), revision })
            }
            Err(problem) => Err(about(problem, &scope)),
        }
    }

    /// Replaces what is stated, unless somebody was faster; `None` in that case.
    async fn replace(
        &self,
        client: &Client,
        collection: &CollectionId,
        statement: &Value,
    ) -> Result<Option<Reply>, Failure> {
        let scope = LearningScope::Collection(collection.clone());
        let is_nothing = statement.as_object().is_some_and(serde_json::Map::is_empty);
        let call = match is_nothing {
            true => Call::new(Method::DELETE, path(&scope)),
            false => Call::new(Method::PUT, path(&scope)).body(SCHEMA, statement.to_string()),
        };
        let call = match self.revision {
            Some(revision) => {
                call.header(IF_MATCH, write::header_value(&format!("\"{revision}\""))?)
            }
            None => call.header(IF_NONE_MATCH, HeaderValue::from_static("*")),
        };
        match client.send(&call).await?.success() {
            Ok(reply) => Ok(Some(reply)),
            Err(problem) if problem.name() == "precondition-failed" => Ok(None),
            Err(problem) => Err(about(problem, &scope)),
        }
    }
}

/// Changes what is stated, however often the revision moves on meanwhile because of what is learned.
/// `edit` gives the statement to be, from the one that there is.
async fn change(
    client: &Client,
    collection: &CollectionId,
    edit: impl Fn(&Value) -> Result<Value, Failure>,
) -> Result<Reply, Failure> {
    for _ in 0..TRIES_MAX {
        let stated = Stated::read(client, collection).await?;
        let statement = edit(&stated.statement)?;
        if let Some(reply) = stated.replace(client, collection, &statement).await? {
            return Ok(reply);
        }
    }
    Err(Failure::Failed(format!(
        "the schema of {collection} changed each time before this change came; run it again"
    )))
}

async fn ask(client: &Client, call: Call, scope: &LearningScope) -> Result<Reply, Failure> {
    client.send(&call).await?.success().map_err(|problem| about(problem, scope))
}

fn about(problem: Box<Problem>, scope: &LearningScope) -> Failure {
    let id = scope.as_str();
    let advice = match problem.name() {
        "not-found" => Some(format!(
            "put documents there, and their schema is learned (`tidelog schema learning {id}` says \
             whether it is); or state one with `tidelog schema edit {id}`"
        )),
        "learning-off" => Some(format!("switch it on with `tidelog schema learning {id} on`")),
        "precondition-failed" | "path-missing" | "test-failed" => {
            Some(format!("look at what is stated with `tidelog schema show {id} --stated`"))
        }
        _ => return advice::about_database(problem, &scope.database()),
    };
    Failure::Refused { problem, advice }
}

/// The path of a schema.
fn path(scope: &LearningScope) -> String {
    match scope {
        LearningScope::Database(database) => format!("/v1/databases/{database}/schema"),
        LearningScope::Collection(collection) => format!("/v1/collections/{collection}/schema"),
    }
}

const SCHEMA: &str = "application/schema+json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// How often a change is tried that what is learned gets in the way of.
const TRIES_MAX: usize = 10;
