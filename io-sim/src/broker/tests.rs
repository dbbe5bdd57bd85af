//! Whole clusters, in one loop.

mod cluster;
mod durability;
mod replication;
mod scripts;
mod transactions;
