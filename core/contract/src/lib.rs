//! The laws of Tidelog's ports, as tests that every backend runs.
//!
//! A backend implements [`Backend`] (and [`Durable`], [`Answering`], [`Trimming`] as far as they
//! hold for it) in its tests, and has every law put to it by
//!
//! ```
//! use tidelog_contract::memory::Memory;
//!
//! tidelog_contract::contract_tests!(Memory::new);
//! tidelog_contract::durable_tests!(Memory::new);
//! tidelog_contract::query_tests!(Memory::new);
//! tidelog_contract::retention_tests!(Memory::new);
//! ```
//!
//! each of which expands to one `#[test]` for each law, named by the sentence that it proves. Nothing
//! is skipped silently: what a backend does not run, it does not list.
//!
//! Laws wait for what must come with a deadline by the backend's own clock, and prove that something
//! never comes by what comes instead of it; they do not sleep.
//!
//! [`memory`] is the reference: it obeys the laws in as few words as possible. It also has flaws to
//! choose from, one broken law each, which prove that the suite can fail.

mod backend;
mod harness;
pub mod laws;
pub mod memory;

pub use backend::{Answering, Backend, Durable, Fresh, Trimming};

/// The laws that hold for every backend, as `#[test]`s. Takes the backend's constructor, a path or a
/// closure `Fn(Layout) -> impl Backend`; and, for a backend that is not on every machine, a function
/// `fn() -> bool` without whose consent a test passes over, as in `contract_tests!(fresh, if is_there)`.
#[macro_export]
macro_rules! contract_tests {
    ($fresh:expr) => {
        $crate::general_laws! { law_tests $fresh }
    };
    ($fresh:expr, if $is_there:path) => {
        $crate::general_laws! { law_tests_where ($fresh, $is_there) }
    };
}

/// The laws of backends that outlive their process, as `#[test]`s.
#[macro_export]
macro_rules! durable_tests {
    ($fresh:expr) => {
        $crate::durable_laws! { law_tests $fresh }
    };
    ($fresh:expr, if $is_there:path) => {
        $crate::durable_laws! { law_tests_where ($fresh, $is_there) }
    };
}

/// The laws of backends that answer queries, as `#[test]`s.
#[macro_export]
macro_rules! query_tests {
    ($fresh:expr) => {
        $crate::query_laws! { law_tests $fresh }
    };
    ($fresh:expr, if $is_there:path) => {
        $crate::query_laws! { law_tests_where ($fresh, $is_there) }
    };
}

/// The laws of backends whose retention can be told to hurry, as `#[test]`s.
#[macro_export]
macro_rules! retention_tests {
    ($fresh:expr) => {
        $crate::retention_laws! { law_tests $fresh }
    };
    ($fresh:expr, if $is_there:path) => {
        $crate::retention_laws! { law_tests_where ($fresh, $is_there) }
    };
}
