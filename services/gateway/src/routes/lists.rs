//! Lists in pages: entities, and the names of collections and zones.

use axum::http::{HeaderValue, StatusCode, header};
use tidelog_core::{CollectionId, DatabaseId, ZoneId, query::EntityView, query::Scope};
use tidelog_driver::Listing;

use crate::{
    answered::About,
    cursor::{self, Slice},
    failure::Failure,
    gateway::{Answer, Arrival, Gateway},
    json::Json,
    path, respond,
};

/// GET zones/{db}/{c}/{z}/entities
pub(super) async fn zone(arrival: Arrival) -> Answer {
    let zone: ZoneId = path::id(arrival.path(), "/v1/zones/", "/entities")?;
    entities(arrival, Scope::Zone(zone)).await
}

/// GET collections/{db}/{c}/entities
pub(super) async fn collection(arrival: Arrival) -> Answer {
    let collection: CollectionId = path::id(arrival.path(), "/v1/collections/", "/entities")?;
    entities(arrival, Scope::Collection(collection)).await
}

/// GET databases/{db}/collections
pub(super) async fn collections(arrival: Arrival) -> Answer {
    let database: DatabaseId = path::id(arrival.path(), "/v1/databases/", "/collections")?;
    let list = List { name: "collections", path: format!("/v1/databases/{database}/collections") };
    let slice = list.slice(&arrival)?;
    let at_least = arrival.at_least(About::Entities)?;
    arrival.gateway.check_database(&database).await?;
    let driver = arrival.gateway.driver();
    let (after, deadline) = (slice.after.as_deref(), arrival.gateway.deadline());
    let listing = driver.collections(&database, after, slice.limit, at_least, deadline).await?;
    list.page(&arrival.gateway, &slice, listing, write_name)
}

/// GET collections/{db}/{c}/zones
pub(super) async fn zones(arrival: Arrival) -> Answer {
    let collection: CollectionId = path::id(arrival.path(), "/v1/collections/", "/zones")?;
    let list = List { name: "zones", path: format!("/v1/collections/{collection}/zones") };
    let slice = list.slice(&arrival)?;
    let at_least = arrival.at_least(About::Entities)?;
    arrival.gateway.check_collection(&collection).await?;
    let driver = arrival.gateway.driver();
    let (after, deadline) = (slice.after.as_deref(), arrival.gateway.deadline());
    let listing = driver.zones(&collection, after, slice.limit, at_least, deadline).await?;
    list.page(&arrival.gateway, &slice, listing, write_name)
}

async fn entities(arrival: Arrival, scope: Scope) -> Answer {
    let path = match &scope {
        Scope::Zone(zone) => format!("/v1/zones/{zone}/entities"),
        Scope::Collection(collection) => format!("/v1/collections/{collection}/entities"),
    };
    let list = List { name: "entities", path };
    let slice = list.slice(&arrival)?;
    let at_least = arrival.at_least(About::Entities)?;
    arrival.gateway.check_database(&scope.database()).await?;
    let driver = arrival.gateway.driver();
    let (after, deadline) = (slice.after.as_deref(), arrival.gateway.deadline());
    let listing = driver.list(&scope, after, slice.limit, at_least, deadline).await?;
    list.page(&arrival.gateway, &slice, listing, |json, EntityView { id, revision, value }| {
        json.raw(r#"{"id":"#).string(id.as_str());
        json.raw(r#","revision":"#).revision(revision);
        json.raw(r#","value":"#).document(&value).raw("}");
    })
}

/// A list: the member that its pages have it under, and its URL's path, by which its cursors are
/// told from those of others.
pub(super) struct List {
    pub(super) name: &'static str,
    pub(super) path: String,
}

impl List {
    /// Reads which part of the list is asked for.
    pub(super) fn slice(&self, arrival: &Arrival) -> Result<Slice, Failure> {
        Slice::read(arrival.head.uri.query(), &self.path)
    }

    /// A page.
    pub(super) fn page<T>(
        &self,
        gateway: &Gateway,
        slice: &Slice,
        listing: Listing<T>,
        item: impl FnMut(&mut Json, T),
    ) -> Answer {
        let next = listing.next.map(|after| cursor::print(&after, &self.path));
        let mut json = Json::with_capacity(64 + 64 * listing.items.len());
        json.raw(r#"{""#).raw(self.name).raw(r#"":"#).list(listing.items, item);
        json.raw(r#","next":"#).string_or_null(next.as_deref()).raw("}");
        let mut response = respond::json(StatusCode::OK, gateway.hold(json.into_bytes())?);
        if let Some(next) = next {
            let (path, limit) = (&self.path, slice.limit);
            let link = format!("<{path}?limit={limit}&cursor={next}>; rel=\"next\"");
            let link = HeaderValue::try_from(link).expect("ids and cursors are visible ASCII");
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }
}

fn write_name(json: &mut Json, name: Box<str>) {
    json.string(&name);
}
