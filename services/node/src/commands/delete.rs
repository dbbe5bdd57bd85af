//! `tidelog delete`.

use hyper::Method;

use super::write;
use crate::cli::DeleteArgs;
use crate::client::{Call, Client};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(client: &Client, args: &DeleteArgs) -> Result<(), Failure> {
    let call = Call::new(Method::DELETE, write::path(&args.id));
    let reply = write::send(client, call, &args.id, &args.write).await?;
    if args.output.json {
        let mut result = write::result(&args.id, None, &reply);
        result.insert("deleted".to_owned(), true.into());
        return output::json(&result);
    }
    output::line(&write::words("deleted", &args.id, &reply))
}
