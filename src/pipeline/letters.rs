//! Dead letters: spans that could not be stored although others could.

use super::isolation::isolated;
use super::worker::now_ns;
use crate::error::Error;
use crate::model::{DeadLetter, DeadLetterReason, Origin, SpanRecord};
use crate::wire;

/// So many wait at most for a store that does not even keep them apart.
pub(super) const MAX_WAITING: usize = 1000;

/// A span that the store refuses. None without an origin, which every accepted span has.
pub(super) fn poisoned(record: &SpanRecord, error: &Error) -> Option<DeadLetter> {
    let Origin { process, sequence } = record.origin?;
    Some(DeadLetter {
        process,
        sequence,
        trace_id: Some(record.trace_id),
        span_id: Some(record.span_id),
        name: record.name.clone(),
        reason: DeadLetterReason::Poison,
        error: error.to_string(),
        time_ns: now_ns(),
        payload: isolated(|| wire::encode(std::slice::from_ref(record))).unwrap_or_default(),
    })
}

/// A span that could not be read.
pub(super) fn unread(origin: Origin, reason: &str) -> DeadLetter {
    DeadLetter {
        process: origin.process,
        sequence: origin.sequence,
        trace_id: None,
        span_id: None,
        name: String::new(),
        reason: DeadLetterReason::Panic,
        error: reason.to_owned(),
        time_ns: now_ns(),
        payload: Vec::new(),
    }
}
