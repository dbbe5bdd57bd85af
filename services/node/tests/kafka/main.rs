//! The binary and a real broker.

mod cat;
mod node;
mod tool;
mod topics;
