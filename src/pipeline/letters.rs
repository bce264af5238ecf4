//! Dead letters: spans that could not be stored although others could.

use super::isolation::isolated;
use crate::error::Error;
use crate::model::time::now_ns;
use crate::model::{DeadLetter, DeadLetterReason, Origin, SpanRecord};
use crate::wire;

/// So many wait at most for a store that does not even keep them apart.
pub(super) const MAX_WAITING: usize = 1000;

/// A span that the store refuses. None without an origin, which every accepted span has.
pub(super) fn poisoned(record: &SpanRecord, error: &Error) -> Option<DeadLetter> {
    let Origin { process, sequence } = record.origin?;
    let mut letter = DeadLetter::new(process, sequence, DeadLetterReason::Poison, error.to_string());
    (letter.trace_id, letter.span_id) = (Some(record.trace_id), Some(record.span_id));
    letter.name.clone_from(&record.name);
    letter.time_ns = now_ns();
    letter.payload = isolated(|| wire::encode(std::slice::from_ref(record))).unwrap_or_default();
    Some(letter)
}

/// A span that could not be read.
pub(super) fn unread(origin: Origin, reason: &str) -> DeadLetter {
    let mut letter = DeadLetter::new(origin.process, origin.sequence, DeadLetterReason::Panic, reason);
    letter.time_ns = now_ns();
    letter
}
