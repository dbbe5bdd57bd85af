//! `tidelog list`.

use super::pages::{self, Listed};
use crate::cli::ListArgs;
use crate::client::{Client, Patience};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(client: &Client, args: &ListArgs) -> Result<(), Failure> {
    let mut left = if args.all { usize::MAX } else { args.limit.get() };
    let mut cursor = args.cursor.clone();
    let mut is_empty = true;
    loop {
        let page =
            pages::page(client, &args.place, left, cursor.as_deref(), Patience::NONE, |_| ())
                .await?;
        for listed in &page.entities {
            is_empty = false;
            print(listed, args.output.json)?;
        }
        left = left.saturating_sub(page.entities.len());
        cursor = page.next;
        if cursor.is_none() || left == 0 {
            break;
        }
    }
    match cursor {
        Some(cursor) => output::say(&format!("there is more: --all, or --cursor {cursor}")),
        None if is_empty && !args.output.json => {
            output::say(&format!("there is nothing in {}", args.place));
        }
        None => {}
    }
    Ok(())
}

fn print(listed: &Listed, as_json: bool) -> Result<(), Failure> {
    if as_json {
        output::json(listed)
    } else {
        output::line(&format!("{}\t{}\t{}", listed.id, listed.revision, listed.value.get()))
    }
}
