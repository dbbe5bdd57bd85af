//! The services of Tidelog as pure state machines
