//! `tidelog databases`.

use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{pages, write};
use crate::cli::Json;
use crate::client::{Call, Client};
use crate::failure::Failure;
use crate::output;

/// A page of databases.
#[derive(Deserialize)]
struct Page {
    databases: Vec<Value>,
    #[serde(default)]
    next: Option<String>,
}

pub(super) async fn run(client: &Client, output: Json) -> Result<(), Failure> {
    let mut cursor: Option<String> = None;
    let mut is_empty = true;
    loop {
        let path = pages::path("/v1/databases", None, cursor.as_deref());
        let reply = client.send(&Call::new(Method::GET, path)).await?;
        let reply =
            reply.success().map_err(|problem| Failure::Refused { problem, advice: None })?;
        let page: Page = serde_json::from_slice(&reply.body).map_err(|_| write::foreign(&reply))?;
        for database in &page.databases {
            is_empty = false;
            let name = database.as_str().or_else(|| database.get("id").and_then(Value::as_str));
            match (output.json, name) {
                (true, Some(_)) if database.is_string() => output::json(&json!({ "id": name }))?,
                (true, _) => output::json(database)?,
                (false, Some(name)) => output::line(name)?,
                (false, None) => output::line(&database.to_string())?,
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    if is_empty && !output.json {
        output::say("there are no databases; make one with `tidelog provision NAME`");
    }
    Ok(())
}
