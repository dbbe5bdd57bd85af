//! The HTTP gateway of Tidelog
