//! The system as its users meet it: the real binary, real HTTP, a real disk.

mod api;
mod change_stream;
mod cluster;
mod cluster_answers;
mod command_line;
mod crash;
mod folder;
mod http;
mod json_patch_suite;
mod limits;
mod lost_input;
mod movies;
mod node;
mod readiness;
mod schemas;
mod sse;
mod zones;
