//! The client library of Tidelog
