//! `tidelog watch`.

use std::time::Duration;

use hyper::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{advice, pages::escaped, write};
use crate::cli::WatchArgs;
use crate::client::{Call, Client, Patience, ask};
use crate::failure::Failure;
use crate::output;

/// A page of a zone's feed.
#[derive(Debug, Deserialize)]
struct Page {
    changes: Vec<Value>,
    next: String,
    more: bool,
}

pub(super) async fn run(client: &Client, args: &WatchArgs) -> Result<(), Failure> {
    let mut since = match &args.since {
        Some(token) => Some(token.clone()),
        None => (!args.all).then(|| "now".to_owned()),
    };
    loop {
        let page = page(client, args, since.as_deref()).await?;
        for change in &page.changes {
            print(change, args.output.json)?;
        }
        if args.once && !page.more {
            output::say(&format!("go on with --since {}", page.next));
            return Ok(());
        }
        since = Some(page.next);
    }
}

async fn page(client: &Client, args: &WatchArgs, since: Option<&str>) -> Result<Page, Failure> {
    let zone = &args.zone;
    // Well within the time that any answer is waited for.
    let wait = if args.once { 0 } else { (client.timeout().as_secs() / 2).min(WAIT_SECONDS) };
    let mut path = format!("/v1/zones/{zone}/changes?limit={}&wait={wait}", super::pages::PAGE_MAX);
    if let Some(since) = since {
        path.push_str(&format!("&since={}", escaped(since)));
    }
    // A node that is started again in the meantime is waited for: nothing is missed by that.
    let is_going_on = since.is_some_and(|since| since != "now");
    let patience = if is_going_on { GOES_ON } else { Patience::NONE };
    let reply = ask(client, &Call::new(Method::GET, path), patience, output::say).await;
    let reply = reply.map_err(|failure| advice::advised(failure, &zone.database()))?;
    serde_json::from_slice(&reply.body).map_err(|_| write::foreign(&reply))
}

fn print(change: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(change);
    }
    let text = |name: &str| match &change[name] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    output::line(&["sequence", "time", "change", "entity", "revision"].map(text).join("\t"))
}

/// How long one answer is waited for at most.
const WAIT_SECONDS: u64 = 25;

/// How long a node is waited for that has answered before.
const GOES_ON: Patience = Patience { give_up_after: Duration::from_secs(60) };
