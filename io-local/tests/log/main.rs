//! What the embedded log does beyond the laws of the ports.

mod clock;
mod formats;
mod lost;
mod regressions;
mod retention;
