//! The simulated home: a model of a Kafka-protocol cluster, hosted on madsim, and the ports of Tidelog
//! on top of it.

#[cfg(not(madsim))]
compile_error!(
    "tidelog-io-sim needs `--cfg madsim`, which `.cargo/config.toml` sets for the workspace; a RUSTFLAGS \
     variable overrides that file: unset it, or add `--cfg madsim` to it"
);

pub mod broker;
pub mod choice;
pub mod fault;
pub mod plan;
pub mod trace;
pub mod wire;

