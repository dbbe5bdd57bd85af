//! What the embedded log does beyond the laws of the ports.

mod clock;
mod formats;
mod regressions;
mod retention;
