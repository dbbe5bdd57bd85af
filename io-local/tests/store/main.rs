//! The store of a node, and what can befall its files.

mod damage;
