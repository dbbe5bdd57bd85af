//! The binary and a real broker.

mod cat;
mod node;
mod schemas;
mod tool;
mod topics;
