//! A database in memory, and spans to put into it.

use crate::model::{
    IdentityField, InterpretedSpan, Kind, ProcessId, Span, SpanId, SpanRecord, SpanState, Status, StatusCode, TraceId,
};
use crate::pipeline::Sink as _;
use crate::repository::TraceRepository;
use crate::store::{Store, StoreSink};

pub(crate) const SECOND: i64 = 1_000_000_000;

pub(crate) struct World {
    pub(crate) repository: TraceRepository,
    sink: StoreSink,
}

impl World {
    pub(crate) fn new() -> Self {
        let store = Store::open("sqlite::memory:").unwrap();
        let sink = StoreSink::new(store.clone(), ProcessId::from_bytes([7; 16]), "host".into());
        Self { repository: TraceRepository::new(store), sink }
    }

    pub(crate) fn with(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut world = Self::new();
        world.write(spans);
        world
    }

    pub(crate) fn write(&mut self, spans: impl IntoIterator<Item = Span>) {
        let items: Vec<InterpretedSpan> = spans.into_iter().map(item).collect();
        self.sink.write(&items).unwrap();
    }

    /// Writes spans as the pipeline does.
    pub(crate) fn record(&mut self, records: &[SpanRecord]) {
        let items: Vec<InterpretedSpan> = records.iter().cloned().map(crate::semconv::interpret).collect();
        self.sink.write(&items).unwrap();
    }
}

pub(crate) fn trace_id(number: u64) -> TraceId {
    TraceId::from_bytes(u128::from(number + 1).to_be_bytes())
}

pub(crate) fn span_id(number: u64) -> SpanId {
    SpanId::from_bytes((number + 1).to_be_bytes())
}

/// A closed span of one second. Span 0 of a trace is its root, the others are its children; a trace starts at its number's second.
pub(crate) fn span(trace: u64, number: u64) -> Span {
    let start_ns = i64::try_from(trace).unwrap() * SECOND + i64::try_from(number).unwrap();
    let mut record = SpanRecord::new(trace_id(trace), span_id(number), format!("span {number}"), start_ns);
    record.parent_span_id = (number > 0).then(|| span_id(0));
    (record.state, record.end_ns) = (SpanState::Closed, Some(start_ns + SECOND));
    Span::as_recorded(&record)
}

impl Span {
    pub(crate) fn starting(mut self, start_ns: i64) -> Self {
        let duration = self.duration_ns();
        self.start_ns = start_ns;
        self.end_ns = duration.map(|duration| start_ns + duration);
        self
    }

    pub(crate) fn lasting(mut self, duration_ns: i64) -> Self {
        self.end_ns = Some(self.start_ns + duration_ns);
        self
    }

    pub(crate) fn running(mut self) -> Self {
        self.end_ns = None;
        self.state = SpanState::Open;
        self
    }

    pub(crate) fn failing(mut self) -> Self {
        self.status = Status { code: StatusCode::Error, message: "no".into() };
        self
    }

    pub(crate) fn being(mut self, field: IdentityField, value: &str) -> Self {
        self.identity.set(field, value);
        self
    }

    pub(crate) fn agent(self, name: &str) -> Self {
        self.being(IdentityField::AgentName, name)
    }

    pub(crate) fn session(self, id: &str) -> Self {
        self.being(IdentityField::SessionId, id)
    }

    pub(crate) fn tool(mut self, name: &str) -> Self {
        self.kind = Kind::Tool;
        self.tool_name = Some(name.into());
        self
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self.display_name = name.into();
        self
    }
}

fn item(span: Span) -> InterpretedSpan {
    let mut record = SpanRecord::new(span.trace_id, span.span_id, span.name.clone(), span.start_ns);
    record.end_ns = span.end_ns;
    record.state = span.state;
    InterpretedSpan::new(record, span)
}
