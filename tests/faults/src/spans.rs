//! Spans with a number, which can be counted.

use std::time::{SystemTime, UNIX_EPOCH};

use tracing_agents::model::{SpanId, SpanRecord, SpanState, TraceId};

/// Spans of a trace.
const SPANS_OF_TRACE: u64 = 16;

/// Tells the spans of one run from those of the others in the same database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run(pub(crate) u64);

impl Run {
    pub(crate) fn new() -> Self {
        Self(fastrand::u64(1..=u64::from(u32::MAX)))
    }

    /// What the names of all of its spans begin with.
    pub(crate) fn prefix(self) -> String {
        format!("run{:08x}-", self.0)
    }

    /// Its span of this number: some 600 bytes.
    pub(crate) fn span(self, number: u64) -> SpanRecord {
        let trace = (u128::from(self.0) << 64) | u128::from(number / SPANS_OF_TRACE + 1);
        let start = i64::try_from(now_ns()).unwrap_or(i64::MAX);
        let name = format!("{}{number}", self.prefix());
        let mut record =
            SpanRecord::new(TraceId::from_bytes(trace.to_be_bytes()), span_id(number), name, start - 1_000_000);
        if !number.is_multiple_of(SPANS_OF_TRACE) {
            record.parent_span_id = Some(span_id(number - number % SPANS_OF_TRACE));
        }
        record.state = SpanState::Closed;
        record.end_ns = Some(start);
        record.attributes.push("gen_ai.operation.name", "chat");
        record.attributes.push("gen_ai.request.model", "gpt-4o-mini");
        record.attributes.push("gen_ai.usage.input_tokens", 812_i64);
        record.attributes.push("text", "an answer that is neither long nor short. ".repeat(8));
        record
    }
}

fn span_id(number: u64) -> SpanId {
    SpanId::from_bytes((number + 1).to_be_bytes())
}

/// Nanoseconds since 1970.
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
