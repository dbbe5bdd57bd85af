//! The modelled broker and a real one, put to the same scripts and compared.
//!
//! A script is a sequence of [`Step`]s of a few producers, members of a group and readers of one topic,
//! at the level of the protocol: below librdkafka and its model, so that every answer can be compared,
//! error codes, epochs, offsets of markers and lists of aborted transactions included, and so that it
//! does not take the seconds that clients wait. [`play`] runs one in a [`Home`] and tells what was seen.
//! Where the two differ, the model is what is wrong.
//!
//! What is not compared: times, the numbers of producer and member ids (only who is who), which
//! member leads its group, how often
//! a client has to ask until a transaction before has ended, and how much of a log comes at a time.

mod home;
mod model;
mod play;
mod real;
mod script;

pub use self::{
    home::Home,
    model::Model,
    play::{Names, play},
    real::Real,
    script::{Batch, End, Speech, Step, script},
};
