//! The binary and a real broker.

mod cat;
mod node;
mod rights;
mod schemas;
mod security;
mod stores;
mod tool;
mod topics;
mod zones;
