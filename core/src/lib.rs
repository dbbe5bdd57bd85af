//! The heart of Tidelog: ids, documents, patches, messages, topics, the contract of a service, and
//! the ports that join services to the outside.
//!
//! Everything here is pure: no clock, no randomness, no thread, no file, no `async` but the
//! signatures of the ports. `now` and every identity come in with the input; effects go out as
//! data, and one commit makes them real.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod document;
pub mod effects;
pub mod headers;
pub mod id;
pub mod limits;
pub mod message;
pub mod patch;
pub mod port;
pub mod probe;
pub mod problem;
pub mod query;
pub mod service;
pub mod state;
pub mod subscription;
pub mod time;
pub mod topic;
pub mod trace;

pub use document::Document;
pub use effects::{Destination, Effects, Outgoing};
pub use headers::Headers;
pub use id::{
    ClientId, CollectionId, DatabaseId, DeviceId, EntityId, PartitionId, RequestId, RequestName,
    Revision, UserDevice, UserId, ZoneId,
};
pub use message::Message;
pub use probe::Probe;
pub use problem::{Problem, ProblemKind};
pub use query::{Answer, Query};
pub use service::{Input, Service, ServiceName, Source, Spec, Wake};
pub use state::{Overlay, ReadFault, State, TableId, Tables};
pub use subscription::Subscription;
pub use time::Timestamp;
pub use topic::{Layout, Offset, Position, Retention, Topic};
pub use trace::TraceContext;
