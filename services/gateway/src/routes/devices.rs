//! Devices of users: who connects, which there are, which are to be forgotten.

use axum::{
    http::StatusCode,
    response::Response,
    routing::{MethodRouter, put},
};
use serde::Deserialize;
use tidelog_core::{
    DatabaseId, ProblemKind, UserDevice, UserId,
    id::DEFAULT_ZONE,
    limits::{APP_VERSION_BYTES_MAX, DEVICE_DATABASES_MAX, USER_DEVICES_MAX},
    message::Connect,
    query::DeviceView,
};
use tidelog_driver::Positions;

use crate::{
    failure::Failure,
    gateway::{Answer, Arrival, Gateway},
    headers::media,
    json::Json,
    limits::DOCUMENT_BODY_BYTES_MAX,
    path,
    problem::Kind,
    respond,
};

/// users/{user}/devices/{device}
pub(super) fn route() -> MethodRouter<Gateway> {
    put(connect).get(read).delete(forget)
}

/// PUT users/{user}/devices/{device}: the device is there.
async fn connect(mut arrival: Arrival) -> Answer {
    let body = arrival.body(DOCUMENT_BODY_BYTES_MAX).await?;
    let device = id(&arrival)?;
    if device.device().as_str() == DEFAULT_ZONE {
        return Err(Failure::bad_request(format_args!(
            "no device is called {DEFAULT_ZONE}: that is the zone of ids that leave theirs out"
        )));
    }
    media::json(arrival.headers())?;
    let connect = Said::read(&body.bytes)?.connect(device)?;
    let gateway = &arrival.gateway;
    gateway.check_log()?;
    for database in &connect.databases {
        gateway.check_database(database).await?;
    }
    let user = connect.device.user_str().to_owned();
    let connected = gateway.driver().connect_device(connect, gateway.deadline()).await?;
    let Some(connected) = connected else {
        return Err(Failure::new(
            Kind::TooManyDevices,
            format_args!("{user} has {USER_DEVICES_MAX} devices; have some forgotten"),
        ));
    };
    let status = if connected.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(representation(status, &connected.device))
}

/// GET users/{user}/devices/{device}
async fn read(arrival: Arrival) -> Answer {
    let (id, gateway) = (id(&arrival)?, &arrival.gateway);
    let none = Positions::default();
    let device = gateway.driver().device(&id, none, gateway.deadline()).await?;
    let device = device.ok_or_else(|| {
        Failure::new(ProblemKind::NotFound, format_args!("{id} is not known; PUT makes it so"))
    })?;
    Ok(representation(StatusCode::OK, &device))
}

/// DELETE users/{user}/devices/{device}
async fn forget(arrival: Arrival) -> Answer {
    let (id, gateway) = (id(&arrival)?, &arrival.gateway);
    gateway.check_log()?;
    gateway.driver().forget_device(&id, gateway.deadline()).await?;
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// GET users/{user}/devices
pub(super) async fn list(arrival: Arrival) -> Answer {
    let user: UserId = path::id(arrival.path(), "/v1/users/", "/devices")?;
    path::named(arrival.head.uri.query(), &[])?;
    let gateway = &arrival.gateway;
    let devices = gateway.driver().devices(&user, gateway.deadline()).await?;
    let mut json = Json::with_capacity(32 + 160 * devices.len());
    json.raw(r#"{"devices":"#).list(&devices, write_device).raw("}");
    Ok(respond::json(StatusCode::OK, gateway.hold(json.into_bytes())?))
}

fn id(arrival: &Arrival) -> Result<UserDevice, Failure> {
    let path = arrival.path();
    let (user, device) = path.rsplit_once("/devices/").unwrap_or_default();
    let user: UserId = path::id(user, "/v1/users/", "")?;
    Ok(UserDevice::new(&user, &path::id(device, "", "")?))
}

/// What a device says when it connects.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    app_version: Option<String>,
    #[serde(default)]
    databases: Vec<String>,
}

impl Said {
    fn read(body: &[u8]) -> Result<Self, Failure> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|error| {
            Failure::bad_request(format_args!(
                "a device connects with an object of app_version, a text, and databases, a list of \
                 names: {error}"
            ))
        })
    }

    fn connect(self, device: UserDevice) -> Result<Connect, Failure> {
        let bytes = self.app_version.as_ref().map_or(0, String::len);
        if bytes > APP_VERSION_BYTES_MAX || self.databases.len() > DEVICE_DATABASES_MAX {
            return Err(Failure::bad_request(format_args!(
                "app_version has at most {APP_VERSION_BYTES_MAX} bytes, and there are at most \
                 {DEVICE_DATABASES_MAX} databases"
            )));
        }
        let databases: Result<Vec<DatabaseId>, _> =
            self.databases.iter().map(|text| text.parse()).collect();
        let databases = databases.map_err(Failure::bad_request)?;
        let app_version = self.app_version.map(Into::into);
        Ok(Connect { device, app_version, databases })
    }
}

fn representation(status: StatusCode, device: &DeviceView) -> Response {
    let mut json = Json::with_capacity(192);
    write_device(&mut json, device);
    respond::json(status, json.into_bytes())
}

fn write_device(json: &mut Json, view: &DeviceView) {
    let DeviceView { device, app_version, databases, added, used, .. } = view;
    json.raw(r#"{"user":"#).string(device.user_str());
    json.raw(r#","device":"#).string(device.device().as_str());
    json.raw(r#","app_version":"#).string_or_null(app_version.as_deref());
    json.raw(r#","databases":"#).list(databases, |json, database| {
        json.string(database.as_str());
    });
    json.raw(r#","added":"#).time(*added);
    json.raw(r#","used":"#).time(*used).raw("}");
}
