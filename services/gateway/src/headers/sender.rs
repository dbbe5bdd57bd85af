//! `Tidelog-User` and `Tidelog-Device`: on whose behalf, and from which device, something is written.
//!
//! They are what the application in front of the gateway says, and are in the log with each change. A
//! device is not told of its own changes where its subscription says so.

use std::{fmt::Display, str::FromStr};

use axum::http::{HeaderMap, HeaderName};
use tidelog_core::{DeviceId, UserId};

use super::single;
use crate::failure::Failure;

/// Who writes, as far as the header says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sender {
    pub user: Option<UserId>,
    pub device: Option<DeviceId>,
}

impl Sender {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Failure> {
        Ok(Self { user: id(headers, TIDELOG_USER)?, device: id(headers, TIDELOG_DEVICE)? })
    }
}

fn id<T: FromStr<Err: Display>>(
    headers: &HeaderMap,
    name: HeaderName,
) -> Result<Option<T>, Failure> {
    let Some(value) = single(headers, name.clone())? else { return Ok(None) };
    let text = value.to_str().unwrap_or(NOT_TEXT);
    let parsed = text.trim().parse();
    parsed.map(Some).map_err(|error| Failure::bad_request(format_args!("{name}: {error}")))
}

const TIDELOG_USER: HeaderName = HeaderName::from_static("tidelog-user");
const TIDELOG_DEVICE: HeaderName = HeaderName::from_static("tidelog-device");

/// What no id is.
const NOT_TEXT: &str = "?";

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(name: HeaderName, values: &[&'static str]) -> Result<Sender, String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        Sender::read(&headers).map_err(|failure| failure.detail().to_owned())
    }

    #[test]
    fn who_writes_is_read_strictly() {
        let sender = read(TIDELOG_DEVICE, &["phone"]).expect("a device");
        assert_eq!(sender.device.map(|device| device.to_string()).as_deref(), Some("phone"));
        assert!(sender.user.is_none());
        let sender = read(TIDELOG_USER, &["ann"]).expect("a user");
        assert_eq!(sender.user.map(|user| user.to_string()).as_deref(), Some("ann"));
        for bad in [&["a b"][..], &["a/b"], &[""], &["a", "b"]] {
            let error = read(TIDELOG_DEVICE, bad).expect_err("no device");
            assert!(error.contains("tidelog-device"), "{error}");
        }
    }
}
