//! What the embedded log does beyond the laws of the ports.

mod clock;
mod regressions;
mod retention;
