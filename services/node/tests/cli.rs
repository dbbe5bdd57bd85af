//! Runs the real binary: without a node where none is needed, else against a scripted one.

#[path = "cli/bare_run.rs"]
mod bare_run;
#[path = "cli/calls.rs"]
mod calls;
#[path = "cli/entities.rs"]
mod entities;
#[path = "cli/imports.rs"]
mod imports;
#[path = "cli/interrupts.rs"]
mod interrupts;
#[path = "cli/scripted.rs"]
mod scripted;
#[path = "cli/state.rs"]
mod state;
#[path = "cli/tool.rs"]
mod tool;
