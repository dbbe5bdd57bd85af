//! What a record says about itself to those who look at the log from outside.

use crate::{id::RequestName, trace::TraceContext};

/// The headers of a record on its way into the log.
///
/// On a broker each is a header of the record. The embedded log and the simulated one keep the trace
/// alone, without which it would be lost: whoever reads them has the request in the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// The request that the record belongs to.
    pub request: Option<RequestName>,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

/// The name of the header that says what a payload is.
pub const CONTENT_TYPE: &str = "content-type";

/// The name of the header with the name of the request that a record belongs to.
pub const REQUEST_ID: &str = "request-id";

/// The name of the header with the trace that a record belongs to (W3C Trace Context).
pub const TRACEPARENT: &str = "traceparent";

/// What a payload is that is a JSON text.
pub const JSON_TYPE: &str = "application/json";

/// What a payload is that is a format version and postcard.
pub const MESSAGE_TYPE: &str = "application/vnd.tidelog+postcard";
