//! The client library of Tidelog: many requests in flight over one connection to the log, each
//! carried out exactly once however often it has to be sent.
//!
//! [`Driver::new`] gives a [`Driver`], which is cheap to clone, and a [`Connection`], whose
//! [`run`](Connection::run) must be polled for anything to happen: spawn it on any executor.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use tidelog_driver::{Driver, Error, core::{Document, message::Condition}};
//!
//! # async fn example(driver: Driver) -> Result<(), Box<dyn std::error::Error>> {
//! let deadline = || driver.now().plus(Duration::from_secs(10));
//! driver.provision(&"shop".parse()?, deadline()).await?;
//!
//! let id = "shop/orders/eu/42".parse()?;
//! let document = Document::parse(br#"{"n":1}"#)?;
//! let made = driver.replace(&id, document, Condition::default(), deadline()).await?;
//! driver.increment(&id, "/n", 41, deadline()).await?;
//!
//! let entity = driver.read(&id, Some(made.position), deadline()).await?.expect("it was just made");
//! println!("{} is at revision {}: {}", entity.id, entity.revision, entity.value);
//! # Ok(())
//! # }
//! ```
//!
//! There are two levels. The typed methods ([`Driver::create`], [`Driver::patch`], …) send one
//! request, wait for its answer until a deadline, and tell a problem as an [`Error`]. Below them,
//! [`Driver::request`] gives a [`Call`], which can be named before it is sent, waited for until it
//! is in the log, waited for again as the same request after its outcome was unknown, and let go of.
//!
//! # Invariants
//!
//! - All mutable state belongs to the connection; there is no lock around it. What it decides is in
//!   `requests`, a pure state machine.
//! - A request keeps its name and its first sending's time however often it is sent.
//! - Somebody who follows a zone or a device costs a place in a table: a partition has one reader,
//!   however many follow what is in it, and none if nobody does.
//! - The crate spawns nothing, has no timer of its own, and uses no more of tokio than
//!   `tokio::sync`.

mod answer;
mod call;
mod clock;
mod connection;
mod driver;
mod error;
mod following;
mod merge;
mod options;
mod positions;
mod requests;

pub use answer::{Answered, BatchAnswered, Changed, Listing, Provisioned, RequestState};
pub use call::Call;
pub use connection::Connection;
pub use driver::{Connected, Driver};
pub use error::Error;
pub use following::{DeviceTail, Follower, ZoneEvent, ZoneTail};
pub use options::{IN_FLIGHT_MAX_DEFAULT, Options, RESEND_AFTER_DEFAULT, RESEND_AFTER_MAX, With};
pub use positions::Positions;
pub use tidelog_core as core;
pub use tidelog_schema as schema;
