//! What comes of a payload that others made.

use std::fmt;

use crate::model::SpanRecord;

/// The spans of a payload that came from anywhere.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ForeignSpans {
    /// The spans, in the payload's order.
    pub records: Vec<SpanRecord>,
    /// The spans that cannot be kept, in the payload's order.
    pub rejected: Vec<Rejected>,
}

/// A span that cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// The span's place in the payload, from 0, over all its resources and scopes.
    pub index: usize,
    /// The span's name, its first 80 characters.
    pub name: String,
    /// Why.
    pub reason: RejectReason,
}

/// Why a span cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RejectReason {
    /// The trace id has this many bytes instead of 16.
    TraceIdLength(usize),
    /// The trace id is all zeros.
    TraceIdZero,
    /// The span id has this many bytes instead of 8.
    SpanIdLength(usize),
    /// The span id is all zeros.
    SpanIdZero,
    /// The parent's id has this many bytes instead of 8, or 0 for a root.
    ParentIdLength(usize),
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "span {} ({:?}): {}", self.index, self.name, self.reason)
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TraceIdLength(length) => write!(f, "the trace id has {length} bytes, not 16"),
            Self::TraceIdZero => f.write_str("the trace id is all zeros"),
            Self::SpanIdLength(length) => write!(f, "the span id has {length} bytes, not 8"),
            Self::SpanIdZero => f.write_str("the span id is all zeros"),
            Self::ParentIdLength(length) => write!(f, "the parent's id has {length} bytes, not 8"),
        }
    }
}
