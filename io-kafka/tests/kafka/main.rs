//! The tests that need a broker, in one process so that one is enough.

mod absent;
mod broker;
mod contract;
mod damaged;
mod end_to_end;
mod leaders;
mod restoring;
mod stores;
mod topics;
mod world;
