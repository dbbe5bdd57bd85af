//! The simulated home: a model of a Kafka-protocol cluster, hosted on madsim, and the ports of Tidelog
//! on top of it.

#[cfg(not(madsim))]
compile_error!(
    "tidelog-io-sim needs `--cfg madsim`, which `.cargo/config.toml` sets for the workspace; a RUSTFLAGS \
     variable overrides that file: unset it, or add `--cfg madsim` to it"
);

pub mod broker;
pub mod choice;
pub mod client;
pub mod clock;
pub mod disk;
pub mod fault;
pub mod host;
pub mod net;
pub mod plan;
pub mod sim;
pub mod store;
pub mod trace;
pub mod transport;
pub mod wire;

pub use clock::Clock;
pub use disk::Disk;
pub use net::{Net, NetError};
pub use sim::{Options, Sim, Watchdog};
pub use store::SimStore;
