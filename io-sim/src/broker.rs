//! A broker: a pure machine.

pub mod coordinator;
