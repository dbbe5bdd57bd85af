//! The binary and a real broker.

mod cat;
mod node;
mod security;
mod tool;
mod topics;
