//! `tidelog put`.

use hyper::header::{HeaderValue, IF_NONE_MATCH};
use hyper::{Method, StatusCode};
use tidelog_core::Document;

use super::write;
use crate::cli::PutArgs;
use crate::client::{Call, Client, JSON, PREFER};
use crate::failure::Failure;
use crate::{input, output};

pub(super) async fn run(client: &Client, args: &PutArgs) -> Result<(), Failure> {
    let given = args.document.as_deref();
    let bytes = input::read(given, "document")?;
    // Checked here too: what a shell has made of a document is best told with the document.
    let document =
        Document::parse(&bytes).map_err(|error| input::unusable("document", given, &error))?;
    let mut call = Call::new(Method::PUT, write::path(&args.id))
        .header(PREFER, HeaderValue::from_static("return=minimal"))
        .body(JSON, document.as_str().to_owned());
    if args.create {
        call = call.header(IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    let reply = write::send(client, call, &args.id, &args.write).await?;
    let created = reply.status == StatusCode::CREATED;
    if args.output.json {
        return output::json(&write::result(&args.id, Some(created), &reply));
    }
    output::line(&write::words(if created { "created" } else { "replaced" }, &args.id, &reply))
}
