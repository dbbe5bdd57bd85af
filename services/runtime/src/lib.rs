//! The runner that joins a service to a transport; no executor, no timer
