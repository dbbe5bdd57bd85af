//! A broker: a pure machine.

pub mod coordinator;
pub mod producers;
pub mod transaction;
