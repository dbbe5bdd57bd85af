//! The runner on the log in memory, whose clock leaps: no test takes real time.

mod failures;
mod histories;
mod load;
mod members;
mod queries;
mod records;
mod support;
mod timeouts;
