//! The bare server: HTTP, JSON, one writer thread, fjall, one fdatasync a group.

pub mod behind;
pub mod engine;
pub mod files;
pub mod helper;
pub mod options;
pub mod records;
pub mod serve;
pub mod store;
pub mod writer;
