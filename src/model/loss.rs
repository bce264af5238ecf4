//! What did not become a stored span, and why.

use super::{ProcessId, SpanId, TraceId, text_enum};

text_enum! {
    /// Why spans were refused, or lost after they had been accepted.
    pub enum LossReason, "reason of a loss" {
        /// Refused: the queue held as many spans or bytes as it may.
        QueueFull = "queue_full",
        /// Refused: the spool had as many bytes as it may, or its disk failed, and memory was full too.
        DiskFull = "disk_full",
        /// Refused: the pipeline was shut down.
        AfterShutdown = "after_shutdown",
        /// Refused: larger than a span may be.
        TooLarge = "too_large",
        /// Lost: the spool held as many bytes as it may.
        SpoolFull = "spool_full",
        /// Lost: the spool's disk failed, or gave back something else than was written.
        DiskError = "disk_error",
        /// Lost: still only in memory when the shutdown's deadline passed.
        ShutdownTimeout = "shutdown_timeout",
        /// Lost: its redaction failed, and nothing leaves the process without.
        RedactionFailed = "redaction_failed",
        /// Left out after it was accepted, as the program asked: its kind, or its trace when that was over.
        Discarded = "discarded",
    }
}

impl LossReason {
    /// Whether the spans had been accepted: then each had a number in its process, which is stored nowhere.
    #[must_use]
    pub const fn is_after_acceptance(self) -> bool {
        match self {
            Self::QueueFull | Self::DiskFull | Self::AfterShutdown | Self::TooLarge => false,
            Self::SpoolFull | Self::DiskError | Self::ShutdownTimeout | Self::RedactionFailed | Self::Discarded => true,
        }
    }

    /// Whether the program asked for it, so that nobody need look into it.
    #[must_use]
    pub const fn is_wanted(self) -> bool {
        matches!(self, Self::Discarded)
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
    /// How many spans the process had accepted by then: what it lost after acceptance is among these.
    pub accepted: u64,
    /// The time since which they were lost, nanoseconds since 1970.
    pub from_ns: i64,
    /// The time until which they were lost, nanoseconds since 1970.
    pub to_ns: i64,
}

impl Loss {
    /// A loss of which only this is known; the rest is to be set.
    #[must_use]
    pub const fn new(process: ProcessId, number: u64, reason: LossReason, count: u64) -> Self {
        Self { process, number, reason, count, accepted: 0, from_ns: 0, to_ns: 0 }
    }
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

impl DeadLetter {
    /// A dead letter of which only this is known; the rest is to be set.
    #[must_use]
    pub fn new(process: ProcessId, sequence: u64, reason: DeadLetterReason, error: impl Into<String>) -> Self {
        Self {
            process,
            sequence,
            trace_id: None,
            span_id: None,
            name: String::new(),
            reason,
            error: error.into(),
            time_ns: 0,
            payload: Vec::new(),
        }
    }
}

/// A dead letter as lists have it: all but the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetterEntry {
    /// The process that accepted the span.
    pub process: ProcessId,
    /// The span's number in that process.
    pub sequence: u64,
    /// Its trace, where that could be read.
    pub trace_id: Option<TraceId>,
    /// Its id, where that could be read.
    pub span_id: Option<SpanId>,
    /// Its name; may be empty.
    pub name: String,
    /// Why it is here.
    pub reason: DeadLetterReason,
    /// What the database or the panic said, at most 4,096 characters.
    pub error: String,
    /// When it was given up, nanoseconds since 1970.
    pub time_ns: i64,
    /// Bytes of its payload; 0 where the span could not be read, and nothing of it is kept.
    pub payload_bytes: u64,
}
