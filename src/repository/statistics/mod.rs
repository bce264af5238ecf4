//! Statistics: counts, errors, durations, tokens and cost of spans or traces, by group and by time.

mod query;
mod read;
mod rolled;
mod tally;

pub use query::{Group, StatsOrder, StatsQuery};
pub(super) use read::stats;
pub use tally::{Durations, StatsRow};

#[cfg(test)]
mod tests;
