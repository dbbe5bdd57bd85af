//! `tidelog get`.

use hyper::Method;
use serde_json::{Value, json};

use super::{advice, write};
use crate::cli::GetArgs;
use crate::client::{Call, Client};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(client: &Client, args: &GetArgs) -> Result<(), Failure> {
    let call = Call::new(Method::GET, write::path(&args.id));
    let reply = client.send(&call).await?;
    let reply = reply.success().map_err(|problem| advice::about_entity(problem, &args.id))?;
    let revision = reply.revision();
    let value: Value = write::document(&reply)?;
    if args.output.json {
        return output::json(&json!({ "id": args.id, "revision": revision, "value": value }));
    }
    if let Some(revision) = revision {
        output::say(&format!("{} at revision {revision}", args.id));
    }
    output::document(&value)
}
