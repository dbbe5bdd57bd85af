//! What can be set about a driver, and about a request.

use std::time::Duration;

use tidelog_core::{DeviceId, TraceContext, UserId, message::IdempotencyKey};

/// What can be set about a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The client's prefix, a segment of an id. It must be new for each driver.
    pub prefix: String,
    /// How many requests may be under way; more are refused with
    /// [`Error::Busy`](crate::Error::Busy).
    pub in_flight_max: usize,
    /// After how long without an answer a request is sent again under its name. The time doubles
    /// with each sending, up to [`RESEND_AFTER_MAX`].
    pub resend_after: Duration,
}

impl Options {
    /// The options of a driver with this prefix, as most drivers need them.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            in_flight_max: IN_FLIGHT_MAX_DEFAULT,
            resend_after: RESEND_AFTER_DEFAULT,
        }
    }
}

/// How a request is to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct With {
    /// A key under which the caller can ask again, through any driver.
    pub key: Option<IdempotencyKey>,
    /// Whether the answer is to hold the document.
    pub wants_value: bool,
    /// Whether the answer is to be remembered for [`Driver::outcome`](crate::Driver::outcome).
    /// Those of batches always are.
    pub remember: bool,
    /// On whose behalf it is asked.
    pub user: Option<UserId>,
    /// From which device it is asked.
    pub device: Option<DeviceId>,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

/// The longest time between two sendings of a request.
pub const RESEND_AFTER_MAX: Duration = Duration::from_secs(30);

/// How many requests may be under way where nothing else is said.
pub const IN_FLIGHT_MAX_DEFAULT: usize = 4_096;

/// After how long a request is sent again where nothing else is said.
pub const RESEND_AFTER_DEFAULT: Duration = Duration::from_secs(2);
