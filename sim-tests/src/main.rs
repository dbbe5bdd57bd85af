//! The command `cargo sim`.

fn main() {}
