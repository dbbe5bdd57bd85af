//! The change feed of a zone: in pages, with waiting, or as a stream of events.

use std::time::Duration;

use axum::http::StatusCode;
use tidelog_core::{
    Timestamp, ZoneId,
    limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX},
    message::UpdateKind,
    query::{ChangeView, EntityView, FeedView},
};
use tidelog_driver::{Driver, Error, Positions, ZoneEvent, ZoneTail};

use crate::{
    events::{self, EventText, Events, HEARTBEAT_AFTER},
    failure::Failure,
    gateway::{Answer, Arrival, Gateway},
    json::Json,
    path::{self, Named},
    problem::Kind,
    respond,
    token::{Standing, Token},
};

/// GET zones/{db}/{c}/{z}/changes
pub(super) async fn read(arrival: Arrival) -> Answer {
    let zone: ZoneId = path::id(arrival.path(), "/v1/zones/", "/changes")?;
    let named = path::named(arrival.head.uri.query(), &["since", "limit", "wait", "documents"])?;
    let is_stream = events::wants_events(arrival.headers());
    let since = match events::last_event_id(arrival.headers())?.filter(|_| is_stream) {
        Some(id) => Since::read(Some(id))?,
        None => Since::read(named.get("since").map(|since| &**since))?,
    };
    arrival.gateway.check_database(&zone.database()).await?;
    if is_stream {
        return stream(&arrival.gateway, zone, since).await;
    }
    let wanted = Wanted::read(&named)?;
    page(&arrival.gateway, zone, since, &wanted).await
}

/// From where on changes are wanted.
enum Since {
    /// From the oldest that is kept.
    Oldest,
    /// From now on.
    Now,
    /// From where the holder of a token is.
    Token(Token),
}

impl Since {
    fn read(text: Option<&str>) -> Result<Self, Failure> {
        match text {
            None => Ok(Self::Oldest),
            Some("now") => Ok(Self::Now),
            Some(text) => Token::read(text).map(Self::Token),
        }
    }

    /// The number after which changes are wanted, as far as that is known without the feed.
    fn after(&self) -> Option<u64> {
        match self {
            Self::Oldest => None,
            Self::Now => Some(u64::MAX),
            Self::Token(token) => Some(token.after),
        }
    }
}

/// What a page is to have.
struct Wanted {
    limit: usize,
    wait: Duration,
    documents: bool,
}

impl Wanted {
    fn read(named: &Named<'_>) -> Result<Self, Failure> {
        let limit = path::number(named, "limit", 1..=PAGE_ITEMS_MAX as u64)?;
        let wait = path::number(named, "wait", 0..=WAIT_SECONDS_MAX)?;
        let documents = match named.get("documents").map(|text| &**text) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Failure::bad_request("documents is true or false")),
        };
        let most = if documents { PAGE_ITEMS_DEFAULT } else { PAGE_ITEMS_MAX };
        let limit = limit.map_or(PAGE_ITEMS_DEFAULT, |limit| limit as usize).min(most);
        Ok(Self { limit, wait: Duration::from_secs(wait.unwrap_or(0)), documents })
    }
}

/// Where a reader is, once the feed has been asked.
struct Place {
    feed: u64,
    after: u64,
}

/// Asks the feed where a reader is. What is kept no more is told apart from what never was.
async fn locate(
    driver: &Driver,
    zone: &ZoneId,
    since: &Since,
    limit: usize,
    deadline: Timestamp,
) -> Result<(FeedView, Place, Standing), Failure> {
    let none = Positions::default();
    let view = driver.changes(zone, since.after(), limit, none, deadline).await?;
    let (after, standing) = match since {
        Since::Oldest => (view.oldest - 1, Standing::Kept),
        Since::Now => (view.last, Standing::Kept),
        Since::Token(token) => (token.after, token.check(zone, &view)?),
    };
    let feed = view.feed;
    Ok((view, Place { feed, after }, standing))
}

async fn page(gateway: &Gateway, zone: ZoneId, since: Since, wanted: &Wanted) -> Answer {
    let (driver, deadline) = (gateway.driver(), gateway.deadline());
    let found = locate(driver, &zone, &since, wanted.limit, deadline).await?;
    let (FeedView { changes, last, .. }, mut place, standing) = found;
    if standing == Standing::Expired {
        return Err(expired(&zone));
    }
    let mut told = Told { changes, last };
    if told.changes.is_empty() && !wanted.wait.is_zero() {
        let tail = ZoneTail::new(driver.clone(), zone.clone(), Some(place.after));
        let until = driver.now().plus(wanted.wait);
        if let Some((feed, changes)) = wait(gateway, tail, until).await? {
            place.feed = feed;
            let last = changes.last().map_or(last, |change| change.sequence);
            told = Told { changes, last };
            told.changes.truncate(wanted.limit);
        }
    }
    let next = told.changes.last().map_or(place.after, |change| change.sequence);
    let mut json = Json::with_capacity(64 + 128 * told.changes.len());
    let documents = if wanted.documents { documents(gateway, &told.changes).await? } else { None };
    json.raw(r#"{"changes":"#).list(told.changes.iter().enumerate(), |json, (index, change)| {
        write_change(json, change);
        if let Some(documents) = &documents {
            add_document(json, documents.get(index).and_then(Option::as_ref));
        }
        json.raw("}");
    });
    json.raw(r#","next":"#).string(&Token::print(&zone, place.feed, next));
    json.raw(r#","more":"#).raw(if next < told.last { "true}" } else { "false}" });
    Ok(respond::json(StatusCode::OK, gateway.hold(json.into_bytes())?))
}

/// What a page tells.
struct Told {
    changes: Vec<ChangeView>,
    last: u64,
}

/// Waits until something happens in a zone.
async fn wait(
    gateway: &Gateway,
    mut tail: ZoneTail,
    until: Timestamp,
) -> Result<Option<(u64, Vec<ChangeView>)>, Failure> {
    loop {
        let Some(next) = gateway.closing().or(tail.next(until)).await else { return Ok(None) };
        match next? {
            Some(ZoneEvent::Changes { feed, changes }) => return Ok(Some((feed, changes))),
            Some(ZoneEvent::UpToDate { .. }) => {}
            // So much has come in a moment that some of it is gone: the next call says so.
            Some(ZoneEvent::Gap { .. }) | None => return Ok(None),
        }
    }
}

/// The entities of changes as they are now, in the order of the changes.
async fn documents(
    gateway: &Gateway,
    changes: &[ChangeView],
) -> Result<Option<Vec<Option<EntityView>>>, Failure> {
    let (driver, deadline) = (gateway.driver(), gateway.deadline());
    let mut documents = Vec::with_capacity(changes.len());
    for change in changes {
        documents.push(driver.read(&change.entity, Positions::default(), deadline).await?);
    }
    Ok(Some(documents))
}

async fn stream(gateway: &Gateway, zone: ZoneId, since: Since) -> Answer {
    let driver = gateway.driver().clone();
    // The changes themselves are asked for again, by the stream.
    let (view, place, standing) = locate(&driver, &zone, &since, 1, gateway.deadline()).await?;
    let mut first = EventText::default();
    let mut after = place.after;
    if standing == Standing::Expired {
        after = view.oldest - 1;
        let mut data = Json::with_capacity(32);
        data.raw(r#"{"oldest":"#).number(view.oldest).raw("}");
        first.event("reset", &Token::print(&zone, place.feed, after), data);
    }
    let tail = ZoneTail::new(driver.clone(), zone.clone(), Some(after));
    let events = ZoneEvents { driver, zone, tail };
    Ok(events::respond(events, first, gateway.closing().clone()))
}

/// The changes of a zone as events.
struct ZoneEvents {
    driver: Driver,
    zone: ZoneId,
    tail: ZoneTail,
}

impl Events for ZoneEvents {
    async fn next(&mut self, text: &mut EventText) -> Result<(), Error> {
        let until = self.driver.now().plus(HEARTBEAT_AFTER);
        match self.tail.next(until).await? {
            Some(ZoneEvent::Changes { feed, changes }) => {
                for change in &changes {
                    let mut data = Json::with_capacity(160);
                    write_change(&mut data, change);
                    data.raw("}");
                    text.event("change", &Token::print(&self.zone, feed, change.sequence), data);
                }
            }
            Some(ZoneEvent::UpToDate { feed, last }) => {
                let mut data = Json::with_capacity(32);
                data.raw(r#"{"sequence":"#).number(last).raw("}");
                text.event("up-to-date", &Token::print(&self.zone, feed, last), data);
            }
            Some(ZoneEvent::Gap { feed, first, last }) => {
                let mut data = Json::with_capacity(48);
                data.raw(r#"{"first":"#).number(first).raw(r#","last":"#).number(last).raw("}");
                text.event("gap", &Token::print(&self.zone, feed, last), data);
            }
            None => {}
        }
        Ok(())
    }
}

/// Writes a change, but for the bracket that ends it.
fn write_change(json: &mut Json, change: &ChangeView) {
    let ChangeView { sequence, entity, kind, revision, time } = change;
    let kind = match kind {
        UpdateKind::Created => "created",
        UpdateKind::Updated => "updated",
        UpdateKind::Deleted => "deleted",
    };
    json.raw(r#"{"sequence":"#).number(*sequence);
    json.raw(r#","entity":"#).string(entity.as_str());
    json.raw(r#","revision":"#).revision(*revision);
    json.raw(r#","change":""#).raw(kind);
    json.raw(r#"","time":"#).time(*time);
}

fn add_document(json: &mut Json, view: Option<&EntityView>) {
    match view {
        None => json.raw(r#","document":null"#),
        Some(view) => {
            json.raw(r#","document":{"revision":"#).revision(view.revision);
            json.raw(r#","value":"#).document(&view.value).raw("}")
        }
    };
}

fn expired(zone: &ZoneId) -> Failure {
    Failure::new(
        Kind::ChangeTokenExpired,
        format_args!(
            "changes of {zone} after this token are kept no more; ask with since=now, keep the token that \
             you get, read the zone's entities, and go on with that token"
        ),
    )
}

/// The longest time that an answer is waited for.
const WAIT_SECONDS_MAX: u64 = 60;
