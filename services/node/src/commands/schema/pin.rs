//! `tidelog schema pin` and `unpin`.

use hyper::Method;
use serde_json::{Map, Value};
use tidelog_core::{CollectionId, document, message::LearningScope};

use super::{ask, change, field, path, print};
use crate::cli::{Field, PinArgs, UnpinArgs};
use crate::client::{Call, Client};
use crate::commands::write;
use crate::failure::Failure;
use crate::input;

/// States something of a field.
pub(super) async fn pin(client: &Client, args: &PinArgs) -> Result<(), Failure> {
    let PinArgs { collection, field, schema, output } = args;
    let keywords = match schema.as_deref() {
        Some(given) => given_keywords(given)?,
        None => learned_keywords(client, collection, field).await?,
    };
    let reply = change(client, collection, |stated| {
        let mut stated = stated.clone();
        field::set(&mut stated, &field.0, &keywords);
        Ok(stated)
    });
    print(&LearningScope::Collection(collection.clone()), &reply.await?, *output)
}

/// Takes back what is stated of a field.
pub(super) async fn unpin(client: &Client, args: &UnpinArgs) -> Result<(), Failure> {
    let UnpinArgs { collection, field, keywords, output } = args;
    let reply = change(client, collection, |stated| {
        let mut stated = stated.clone();
        match field::clear(&mut stated, &field.0, keywords) {
            true => Ok(stated),
            false => Err(Failure::Failed(format!(
                "nothing like that is stated there; `tidelog schema show {collection} --stated` \
                 prints what is"
            ))),
        }
    });
    print(&LearningScope::Collection(collection.clone()), &reply.await?, *output)
}

fn given_keywords(given: &str) -> Result<Map<String, Value>, Failure> {
    let bytes = input::read(Some(given), "schema")?;
    let value = document::parse_value(&bytes);
    match value.map_err(|error| input::unusable("schema", Some(given), &error))? {
        Value::Object(keywords) if !keywords.is_empty() => Ok(keywords),
        Value::Object(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => Err(Failure::WrongCall(
            "what is pinned is an object of keywords, as in {\"maximum\":120}; `tidelog schema edit` \
             states whatever else there is"
                .to_owned(),
        )),
    }
}

/// What is shown of a field itself, without what is shown of the fields in it.
async fn learned_keywords(
    client: &Client,
    collection: &CollectionId,
    field: &Field,
) -> Result<Map<String, Value>, Failure> {
    let scope = LearningScope::Collection(collection.clone());
    let reply = ask(client, Call::new(Method::GET, path(&scope)), &scope).await?;
    let schema = write::document(&reply)?;
    let mut keywords = match field::find(&schema, field) {
        Some(Value::Object(keywords)) => keywords.clone(),
        Some(_) | None => Map::new(),
    };
    let is_of_others = |keyword: &str| {
        keyword.starts_with('$') || ["x-tidelog", "properties", "items"].contains(&keyword)
    };
    keywords.retain(|keyword, _| !is_of_others(keyword));
    if keywords.is_empty() {
        return Err(Failure::Failed(format!(
            "nothing is learned of that field that could be pinned; `tidelog schema show \
             {collection}` prints what is"
        )));
    }
    Ok(keywords)
}
