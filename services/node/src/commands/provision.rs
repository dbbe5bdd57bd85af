//! `tidelog provision`.

use hyper::{Method, StatusCode};
use serde_json::json;
use tidelog_core::DatabaseId;

use super::advice;
use crate::cli::ProvisionArgs;
use crate::client::{Call, Client, Patience, ask};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(client: &Client, args: &ProvisionArgs) -> Result<(), Failure> {
    let database = &args.database;
    let created = provision(client, database, Patience::NONE, |_| ()).await?;
    if args.output.json {
        return output::json(&json!({ "id": database, "created": created }));
    }
    let words = if created { "made the database" } else { "there was already a database" };
    output::line(&format!("{words} {database}"))
}

/// Makes a database unless it is there; whether it was made.
pub(super) async fn provision(
    client: &Client,
    database: &DatabaseId,
    patience: Patience,
    say: impl FnMut(&str),
) -> Result<bool, Failure> {
    let call = Call::new(Method::PUT, format!("/v1/databases/{database}"));
    let reply = ask(client, &call, patience, say).await;
    let reply = reply.map_err(|failure| advice::advised(failure, database))?;
    Ok(reply.status == StatusCode::CREATED)
}
