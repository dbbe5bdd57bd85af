//! A device with the user that it belongs to.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::segment::{DeviceId, IdError, UserId, check};

/// A device of a user: `ann/phone`. The id of a device belongs to one user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserDevice(Arc<str>);

impl UserDevice {
    /// The device `device` of `user`.
    #[must_use]
    pub fn new(user: &UserId, device: &DeviceId) -> Self {
        Self(format!("{user}/{device}").into())
    }

    /// The text: user and device, separated by a slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The user's text.
    #[must_use]
    pub fn user_str(&self) -> &str {
        self.parts().0
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.parts().1.parse().expect("it was checked when this was made")
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').expect("it has two segments")
    }
}

impl FromStr for UserDevice {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let found = text.split('/').count();
        if found != 2 {
            let (what, example) = ("a device of a user", "ann/phone");
            return Err(IdError::Segments { what, expected: 2, found, example });
        }
        for (index, segment) in (1..).zip(text.split('/')) {
            check(segment, index)?;
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for UserDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for UserDevice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserDevice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_of_a_user_reads_back_as_printed() {
        let user = "ann".parse().expect("a user");
        let device = "phone".parse().expect("a device");
        let both = UserDevice::new(&user, &device);
        assert_eq!(both.to_string().parse(), Ok(both.clone()));
        assert_eq!((both.user_str(), both.device()), ("ann", device));
        for bad in ["", "ann", "ann/", "/phone", "ann/phone/1", "ann/$phone"] {
            assert!(bad.parse::<UserDevice>().is_err(), "{bad}");
        }
    }
}
