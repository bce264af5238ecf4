//! Between capture and store: a bounded queue and one worker thread.

pub mod health;
pub mod inlet;
pub mod sink;

pub use sink::Sink;
