//! Tidelog under simulation: a workload for real drivers, what they observe, and the oracles that judge
//! it.
//!
//! A run is a function of its seed and options. [`history`] is what clients observed, [`log`] and
//! [`observed`] are what the harness found when the run was over, [`model`] is what an entity is by the
//! description of the system, and each file of [`oracle`] holds one invariant. None of them shares code
//! with the product beyond reading its messages.

mod cluster;
pub mod dice;
pub mod explain;
pub mod gate;
pub mod history;
pub mod linear;
pub mod log;
pub mod model;
pub mod observed;
pub mod oracle;
pub mod outcome;
pub mod planted;
pub mod probes;
pub mod recorder;
pub mod replay;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod violation;
pub mod workload;

pub use outcome::Outcome;
pub use run::Run;
pub use scenario::Scenario;
pub use violation::Violation;
