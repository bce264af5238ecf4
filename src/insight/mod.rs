//! Reading traces for you: pure functions over the [model](crate::model), and how people read durations, tokens and costs.

mod amount;
mod tree;

pub use amount::{NanoUsd, Nanoseconds, Printable, Tokens};
