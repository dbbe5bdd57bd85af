//! What a device has not read: as it is, with waiting, or as a stream of events; and that it has read it.

use std::time::Duration;

use axum::http::StatusCode;
use serde::Deserialize;
use tidelog_core::{
    DeviceId,
    query::{NotificationsView, UnreadView},
};
use tidelog_driver::{DeviceTail, Driver, Error, Positions};

use crate::{
    events::{self, EventText, Events, HEARTBEAT_AFTER},
    failure::Failure,
    gateway::{Answer, Arrival, Gateway},
    headers::media,
    json::Json,
    limits::DOCUMENT_BODY_BYTES_MAX,
    path, respond,
};

/// GET devices/{device}/notifications
pub(super) async fn read(arrival: Arrival) -> Answer {
    let device: DeviceId = path::id(arrival.path(), "/v1/devices/", "/notifications")?;
    let named = path::named(arrival.head.uri.query(), &["after", "wait"])?;
    let wait = path::number(&named, "wait", 0..=WAIT_SECONDS_MAX)?;
    let after = path::number(&named, "after", 0..=u64::MAX)?;
    let gateway = &arrival.gateway;
    let driver = gateway.driver();
    if events::wants_events(arrival.headers()) {
        let after = match events::last_event_id(arrival.headers())? {
            Some(id) => Some(id.parse().map_err(|_| {
                Failure::bad_request("Last-Event-ID is the number of a notification")
            })?),
            None => after,
        };
        return stream(gateway, device, after).await;
    }
    let none = Positions::default();
    let mut view = driver.notifications(&device, none, gateway.deadline()).await?;
    let after = check(after.unwrap_or(view.acknowledged), &view)?;
    if view.last <= after && wait.is_some_and(|wait| wait > 0) {
        let until = driver.now().plus(Duration::from_secs(wait.unwrap_or_default()));
        let mut tail = DeviceTail::new(driver.clone(), device.clone(), after);
        // What comes in the meantime may be less than all that is unread.
        if let Some(news) = gateway.closing().or(tail.next(until)).await
            && news?.is_some()
        {
            let none = Positions::default();
            view = driver.notifications(&device, none, gateway.deadline()).await?;
        }
    }
    answer(gateway, &view)
}

/// POST devices/{device}/notifications/ack
pub(super) async fn acknowledge(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    let device: DeviceId = path::id(arrival.path(), "/v1/devices/", "/notifications/ack")?;
    media::json(arrival.headers())?;
    let Read { through } = serde_json::from_slice(&body.bytes).map_err(|error| {
        Failure::bad_request(format_args!(
            "an acknowledgement is an object with the member through, the number of the last \
             notification that was read: {error}"
        ))
    })?;
    let gateway = &arrival.gateway;
    gateway.check_log()?;
    let driver = gateway.driver();
    let none = Positions::default();
    let view = driver.notifications(&device, none, gateway.deadline()).await?;
    check(through, &view)?;
    let view = driver.acknowledge(&device, through, gateway.deadline()).await?;
    answer(gateway, &view)
}

/// What is sent when notifications were read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    through: u64,
}

/// Refuses a number that the device was not told yet.
fn check(number: u64, view: &NotificationsView) -> Result<u64, Failure> {
    if number <= view.last {
        return Ok(number);
    }
    Err(Failure::bad_request(format_args!(
        "the device was told {} notifications so far, and {number} is not one of them",
        view.last
    )))
}

fn answer(gateway: &Gateway, view: &NotificationsView) -> Answer {
    let mut json = Json::with_capacity(64 + 160 * view.zones.len());
    write(&mut json, view);
    Ok(respond::json(StatusCode::OK, gateway.hold(json.into_bytes())?))
}

async fn stream(gateway: &Gateway, device: DeviceId, after: Option<u64>) -> Answer {
    let driver = gateway.driver().clone();
    let none = Positions::default();
    let view = driver.notifications(&device, none, gateway.deadline()).await?;
    let after = check(after.unwrap_or(view.acknowledged), &view)?;
    let tail = DeviceTail::new(driver.clone(), device, after);
    let events = DeviceEvents { driver, tail };
    Ok(events::respond(events, EventText::default(), gateway.closing().clone()))
}

/// What a device is told as events.
struct DeviceEvents {
    driver: Driver,
    tail: DeviceTail,
}

impl Events for DeviceEvents {
    async fn next(&mut self, text: &mut EventText) -> Result<(), Error> {
        let until = self.driver.now().plus(HEARTBEAT_AFTER);
        if let Some(view) = self.tail.next(until).await? {
            let mut data = Json::with_capacity(64 + 160 * view.zones.len());
            write(&mut data, &view);
            text.event("notification", &view.last.to_string(), data);
        }
        Ok(())
    }
}

fn write(json: &mut Json, view: &NotificationsView) {
    let NotificationsView { last, acknowledged, overflowed, zones } = view;
    json.raw(r#"{"last":"#).number(*last);
    json.raw(r#","acknowledged":"#).number(*acknowledged);
    json.raw(r#","overflowed":"#).raw(if *overflowed { "true" } else { "false" });
    json.raw(r#","zones":"#).list(zones, write_zone).raw("}");
}

fn write_zone(json: &mut Json, unread: &UnreadView) {
    let UnreadView { zone, number, first, last, created, updated, deleted, time } = unread;
    json.raw(r#"{"zone":"#).string(zone.as_str());
    for (name, number) in [
        ("number", number),
        ("first", first),
        ("last", last),
        ("created", created),
        ("updated", updated),
        ("deleted", deleted),
    ] {
        json.raw(",\"").raw(name).raw("\":").number(*number);
    }
    json.raw(r#","time":"#).time(*time).raw("}");
}

/// The longest time that an answer is waited for.
const WAIT_SECONDS_MAX: u64 = 60;
