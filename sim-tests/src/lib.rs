//! Tidelog under simulation.
