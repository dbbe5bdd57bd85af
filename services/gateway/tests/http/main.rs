//! The gateway over the real machines, the real runner and the real driver, on a log in memory:
//! every script below speaks HTTP to a server that listens.

mod batches;
mod changes;
mod client;
mod conditions;
mod connections;
mod cors;
mod databases;
mod devices;
mod entities;
mod events;
mod keys;
mod limits;
mod lists;
mod log;
mod patches;
mod preferences;
mod problems;
mod schemas;
mod system;
mod traces;
