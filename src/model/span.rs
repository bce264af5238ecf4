//! A span as it was understood: the narrow row that lists and statistics read.

use std::sync::OnceLock;

use super::canonical::{self, CanonicalContent};
use super::{
    Cost, Identity, Kind, Lift, OtelKind, ProcessId, SpanId, SpanRecord, SpanState, Status, StatusCode, Told, TraceId,
    Usage,
};
use crate::error::Result;

/// How the kind of a span was found that was not recorded.
pub(crate) const SYNTHETIC: &str = "synthetic";

/// Nanoseconds in a day: `start_day` is `start_ns` divided by this, rounded down.
pub(crate) const DAY_NS: i64 = 86_400_000_000_000;

/// A span's facts, without its payload. One row of the `spans` table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The parent; `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// Whether the parent belongs to another process.
    pub parent_is_remote: bool,
    /// The name as recorded (`otel.name` over the callsite's).
    pub name: String,
    /// A name for people: the operation and the agent, model or tool, such as `chat gpt-4o-mini`.
    pub display_name: String,
    /// What the span stands for.
    pub kind: Kind,
    /// How the kind was found: the attribute or rule that decided, such as `gen_ai.operation.name=chat`.
    pub kind_source: String,
    /// The operation as the producer named it.
    pub operation: Option<String>,
    /// OpenTelemetry's span kind.
    pub otel_kind: OtelKind,
    /// How far the span has come.
    pub state: SpanState,
    /// The status, from the status itself, attributes and events.
    pub status: Status,
    /// `error.type`, or what stands for it.
    pub error_type: Option<String>,
    /// Nanoseconds since 1970.
    pub start_ns: i64,
    /// Nanoseconds since 1970; `None` while the span runs.
    pub end_ns: Option<i64>,
    /// Own and inherited ids and names.
    pub identity: Identity,
    /// The model provider, in OpenTelemetry's spelling.
    pub provider: Option<String>,
    /// The model that was asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// The tool.
    pub tool_name: Option<String>,
    /// The id of the tool call, which links it to the model's request.
    pub tool_call_id: Option<String>,
    /// Tokens as reported on this span.
    pub usage: Option<Usage>,
    /// Cost of this span, when known.
    pub cost: Option<Cost>,
    /// Nanoseconds from the start to the first token or chunk.
    pub time_to_first_token_ns: Option<i64>,
    /// Bytes that limits cut from the payload.
    pub truncated_bytes: u64,
    /// Attributes, events and links that limits dropped.
    pub dropped_count: u32,
    /// The process that wrote the span.
    pub process_id: Option<ProcessId>,
    /// The span's number in that process.
    pub sequence: Option<u64>,
    /// What the span stands under in place of its parent: the [synthetic](Self::is_synthetic) run that it belongs to, or where its
    /// framework lost the context, the run that made it. Itself, if it is none of its parent's and of nobody else.
    pub adopted_by: Option<SpanId>,
}

impl Span {
    /// What a record says without being interpreted: names, times and status as given, the ancestors' ids, kind
    /// [`Span`](Kind::Span), and nothing else.
    #[must_use]
    pub fn as_recorded(record: &SpanRecord) -> Self {
        Self {
            trace_id: record.trace_id,
            span_id: record.span_id,
            parent_span_id: record.parent_span_id,
            parent_is_remote: record.parent_is_remote,
            name: record.name.clone(),
            display_name: record.name.clone(),
            kind: Kind::Span,
            kind_source: "no evidence".to_owned(),
            operation: None,
            otel_kind: record.otel_kind,
            state: record.state,
            status: record.status.clone(),
            error_type: None,
            start_ns: record.start_ns,
            end_ns: record.end_ns,
            identity: record.inherited.clone(),
            provider: None,
            request_model: None,
            response_model: None,
            tool_name: None,
            tool_call_id: None,
            usage: None,
            cost: None,
            time_to_first_token_ns: None,
            truncated_bytes: record.truncated_bytes,
            dropped_count: record
                .dropped_attributes
                .saturating_add(record.dropped_events)
                .saturating_add(record.dropped_links),
            process_id: record.origin.map(|origin| origin.process),
            sequence: record.origin.map(|origin| origin.sequence),
            adopted_by: None,
        }
    }

    /// The UTC day of the start, counted from 1970-01-01: a part of the key.
    #[must_use]
    pub const fn start_day(&self) -> i32 {
        start_day(self.start_ns)
    }

    /// The duration in nanoseconds; `None` while the span runs.
    #[must_use]
    pub fn duration_ns(&self) -> Option<i64> {
        self.end_ns.map(|end| end.saturating_sub(self.start_ns).max(0))
    }

    /// The duration in whole milliseconds; `None` while the span runs.
    #[must_use]
    pub fn duration_ms(&self) -> Option<i64> {
        self.duration_ns().map(|ns| ns / 1_000_000)
    }

    /// The model that answered, else the one that was asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.response_model.as_deref().or(self.request_model.as_deref())
    }

    /// Whether the span was not recorded. It stands for a run of an agent: its model calls name the agent, and the run is what they and
    /// their tools are together. Or for a call that [an event alone](crate::profile::EventRule::stands_for) tells. Its id is derived, and it
    /// counts in no number of spans or errors; a call's tokens and cost count as any other's.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        self.kind_source == SYNTHETIC
    }

    /// The span that this one stands under: what [adopted](Self::adopted_by) it, else its parent.
    #[must_use]
    pub fn stands_under(&self) -> Option<SpanId> {
        match self.adopted_by {
            Some(host) => Some(host).filter(|host| *host != self.span_id),
            None => self.parent_span_id,
        }
    }

    /// Whether the span failed.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.status.code == StatusCode::Error
    }
}

/// The UTC day of a time in nanoseconds, counted from 1970-01-01.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "i64::MAX nanoseconds are 106,751 days")]
pub const fn start_day(start_ns: i64) -> i32 {
    start_ns.div_euclid(DAY_NS) as i32
}

/// A span with both sides: as it was recorded and as it was understood. What sinks get.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InterpretedSpan {
    /// As recorded, lossless.
    pub record: SpanRecord,
    /// As understood.
    pub span: Span,
    /// What stands for attributes of content that the record does not have itself.
    pub lifts: Vec<Lift>,
    /// What it tells about spans below it.
    pub told: Vec<Told>,
    /// Whether its framework loses parents, so that it may belong to a run in another trace.
    pub is_torn: bool,
    content: OnceLock<CanonicalContent>,
}

impl InterpretedSpan {
    /// A record and what it means.
    #[must_use]
    pub const fn new(record: SpanRecord, span: Span) -> Self {
        Self { record, span, lifts: Vec::new(), told: Vec::new(), is_torn: false, content: OnceLock::new() }
    }

    /// The same with what stands for attributes of content.
    #[must_use]
    pub fn with_lifts(mut self, lifts: Vec<Lift>) -> Self {
        self.lifts = lifts;
        self
    }

    /// The same with what it tells about spans below it.
    #[must_use]
    pub fn with_told(mut self, told: Vec<Told>) -> Self {
        self.told = told;
        self
    }

    /// The same of a framework that loses parents.
    #[must_use]
    pub const fn torn(mut self, is_torn: bool) -> Self {
        self.is_torn = is_torn;
        self
    }

    /// The record's payload in its canonical form. It is encoded once, however many ask: do not change the record after the first.
    ///
    /// # Errors
    /// As for [`canonical::encode`].
    pub fn content(&self) -> Result<&CanonicalContent> {
        if let Some(content) = self.content.get() {
            return Ok(content);
        }
        let content = canonical::encode(&self.record, &self.lifts)?;
        Ok(self.content.get_or_init(|| content))
    }
}

impl PartialEq for InterpretedSpan {
    /// Whether both say the same, be it encoded already or not.
    fn eq(&self, other: &Self) -> bool {
        (&self.record, &self.span, &self.lifts, &self.told) == (&other.record, &other.span, &other.lifts, &other.told)
    }
}
