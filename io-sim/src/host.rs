//! Hosting: the brokers and the controller as processes of simulated machines, the nodes of tidelog
//! beside them, and what is done to all of them.

mod atlas;
mod chaos;
mod cluster;
mod engine;
mod nodes;
mod process;

pub use atlas::Atlas;
pub use chaos::{Chaos, ChaosSettings};
pub use cluster::{Cluster, ClusterSettings};
pub use engine::{Engine, Host, Loss};
pub use nodes::{Boot, Format, Nodes, Role};
pub use process::Process;

#[cfg(test)]
mod tests;
