//! The laws of Tidelog's ports, as tests that every backend runs
