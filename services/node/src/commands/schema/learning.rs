//! `tidelog schema learning` and `relearn`.

use hyper::Method;
use serde_json::{Value, json};
use tidelog_core::message::LearningScope;

use super::{ask, path};
use crate::cli::{Json, LearningArgs, LearningTo, RelearnArgs};
use crate::client::{Call, Client, JSON, Reply};
use crate::commands::write;
use crate::failure::Failure;
use crate::output;

/// Says whether schemas are learned, or switches it.
pub(super) async fn run(client: &Client, args: &LearningArgs) -> Result<(), Failure> {
    let LearningArgs { scope, to, output } = args;
    let path = format!("{}/learning", path(scope));
    let switch = |is_on: bool| {
        Call::new(Method::PUT, &*path).body(JSON, json!({ "learning": is_on }).to_string())
    };
    let call = match (to, scope) {
        (None, _) => Call::new(Method::GET, path),
        (Some(LearningTo::On), _) => switch(true),
        (Some(LearningTo::Off), _) => switch(false),
        (Some(LearningTo::AsDatabase), LearningScope::Collection(_)) => {
            Call::new(Method::DELETE, path)
        }
        (Some(LearningTo::AsDatabase), LearningScope::Database(database)) => {
            return Err(Failure::WrongCall(format!(
                "{database} is a database itself; a collection is written as in shop/orders"
            )));
        }
    };
    print(scope, &ask(client, call, scope).await?, *output)
}

/// Has it begin again.
pub(super) async fn anew(client: &Client, args: &RelearnArgs) -> Result<(), Failure> {
    let RelearnArgs { scope, output } = args;
    let call = Call::new(Method::POST, format!("{}/relearn", path(scope)));
    print(scope, &ask(client, call, scope).await?, *output)
}

fn print(scope: &LearningScope, reply: &Reply, output: Json) -> Result<(), Failure> {
    let state = write::document(reply)?;
    let id = scope.as_str();
    if output.json {
        let (learning, since, by) = (&state["learning"], &state["since"], &state["by"]);
        return output::json(&json!({ "id": id, "learning": learning, "since": since, "by": by }));
    }
    let is_on = if state["learning"] == Value::Bool(true) { "on" } else { "off" };
    let since = match state["since"].as_u64() {
        Some(0) | None => String::new(),
        Some(since) => format!(" since revision {since}"),
    };
    let by = match state["by"].as_str() {
        Some(by) if by != id => format!(", as for all of {by}"),
        Some(_) | None => String::new(),
    };
    output::line(&format!("learning is {is_on} for {id}{since}{by}"))
}
