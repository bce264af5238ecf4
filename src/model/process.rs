//! Processes that write spans.

use super::ProcessId;

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
