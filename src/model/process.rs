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
}
