//! Events that come apart from their spans.

use super::{Event, SpanId, TraceId};

/// An event of a span that was sent as a log record, on a way of its own: before the span or after it, and maybe more than once.
///
/// Instrumentations send prompts and answers so, which OpenTelemetry's conventions for generative AI allow.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LoggedEvent {
    /// The trace of the span.
    pub trace_id: TraceId,
    /// The span that the event belongs to.
    pub span_id: SpanId,
    /// The event; its time is 0 when the record tells none.
    pub event: Event,
}

impl LoggedEvent {
    /// An event of this span.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId, event: Event) -> Self {
        Self { trace_id, span_id, event }
    }
}
