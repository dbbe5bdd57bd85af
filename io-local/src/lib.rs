//! The embedded log and the store of Tidelog on fjall
