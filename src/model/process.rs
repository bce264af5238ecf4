//! Processes that write spans.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{LossReason, ProcessId};

/// A process that wrote spans. One row of the `processes` table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Process {
    /// The process's id, drawn anew at each start.
    pub process_id: ProcessId,
    /// The operating system's number.
    pub pid: u64,
    /// The host name; may be empty.
    pub host: String,
    /// When it opened the database, nanoseconds since 1970.
    pub started_ns: i64,
    /// When it last said that it runs, nanoseconds since 1970.
    pub heartbeat_ns: i64,
    /// When it shut down in order, nanoseconds since 1970; `None` while it runs, or when it died.
    pub ended_ns: Option<i64>,
    /// How often it promises to say that it runs, in nanoseconds; `None` where it only does when it writes spans.
    pub interval_ns: Option<u64>,
    /// When another process had found that it ended or died, and the last span that it left open was marked as interrupted, nanoseconds
    /// since 1970.
    pub settled_ns: Option<i64>,
}

/// What can be said of a process's spans from the database alone, also when it was killed.
///
/// A process numbers the spans that it accepts, from 0. A number below [`accepted`](Self::accepted) that is neither
/// [`settled`](Self::settled) nor told as [`lost`](Self::lost) belongs to a span of which nothing is known: one that waits, in the process
/// or in its spool, or, when the process is gone, one that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The process.
    pub process: Process,
    /// Spans that it accepted at least: what it told, or the largest number known and one.
    pub accepted: u64,
    /// Spans that were stored, or kept as dead letters. Later deletions do not change it.
    pub settled: u64,
    /// Spans that it told to be lost after acceptance, or left out as asked.
    pub lost: u64,
    /// All that it told to be refused or lost, by reason.
    pub losses: BTreeMap<LossReason, u64>,
    /// Its dead letters that are still kept. They count as settled.
    pub dead_letters: u64,
    /// Numbers below the largest settled one that are not settled, the first 100 gaps: told losses are among them.
    pub gaps: Vec<RangeInclusive<u64>>,
}

impl Account {
    /// Accepted spans of which nothing is known. While the process runs, or its spool waits for somebody to take it up, they can still
    /// come; else they are lost.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.accepted.saturating_sub(self.settled).saturating_sub(self.lost)
    }
}
