//! What did not become a stored span, and why.

use super::{ProcessId, SpanId, TraceId, text_enum};

text_enum! {
    /// Why spans were refused, or lost after they had been accepted.
    pub enum LossReason, "reason of a loss" {
        /// Refused: the queue held as many spans or bytes as it may.
        QueueFull = "queue_full",
        /// Refused: the spool's disk was full or failed, and memory was full too.
        DiskFull = "disk_full",
        /// Refused: the pipeline was shut down.
        AfterShutdown = "after_shutdown",
        /// Refused: larger than a span may be.
        TooLarge = "too_large",
        /// Refused: made by code that the layer itself had called.
        Reentrant = "reentrant",
        /// Lost: the spool held as many bytes as it may.
        SpoolFull = "spool_full",
        /// Lost: the spool's disk failed, or gave back something else than was written.
        DiskError = "disk_error",
        /// Lost: still only in memory when the shutdown's deadline passed.
        ShutdownTimeout = "shutdown_timeout",
        /// Lost: its redaction failed, and nothing leaves the process without.
        RedactionFailed = "redaction_failed",
    }
}

/// Spans of a process that were refused or lost for one reason, in some time. One row of the `losses` table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// Whose spans they were.
    pub process: ProcessId,
    /// Counts what the process tells of its losses, from 0: what is told twice is one row.
    pub number: u64,
    /// Why.
    pub reason: LossReason,
    /// How many.
    pub count: u64,
    /// The time since which they were lost, nanoseconds since 1970.
    pub from_ns: i64,
    /// The time until which they were lost, nanoseconds since 1970.
    pub to_ns: i64,
}

text_enum! {
    /// Why a span is kept as a dead letter.
    pub enum DeadLetterReason, "reason of a dead letter" {
        /// The store refused it, alone, while it took others.
        Poison = "poison",
        /// Reading it panicked.
        Panic = "panic",
    }
}

/// A span that could not be stored although others could. One row of the `dead_letters` table, and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The process that accepted it.
    pub process: ProcessId,
    /// Its number in that process.
    pub sequence: u64,
    /// Its trace, where that could be read.
    pub trace_id: Option<TraceId>,
    /// Its id, where that could be read.
    pub span_id: Option<SpanId>,
    /// Its name; may be empty.
    pub name: String,
    /// Why it is here.
    pub reason: DeadLetterReason,
    /// What the database or the panic said.
    pub error: String,
    /// When it was given up, nanoseconds since 1970.
    pub time_ns: i64,
    /// The span, as [`wire::encode`](crate::wire::encode) writes it; empty where it could not be read.
    pub payload: Vec<u8>,
}
