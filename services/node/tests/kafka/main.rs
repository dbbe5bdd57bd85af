//! The binary and a real broker.

mod cat;
mod node;
mod schemas;
mod security;
mod tool;
mod topics;
mod zones;
