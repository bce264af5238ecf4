//! Spans to write, as a producer records them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing_agents::field;
use tracing_agents::model::{
    Callsite, IdentityField, Kind, Resource, SpanId, SpanRecord, SpanState, Status, StatusCode, TraceId, Value,
};

pub(crate) const SECOND: i64 = 1_000_000_000;
/// 2026-03-14, a midnight in UTC: where the cases' time begins.
pub(crate) const DAWN: i64 = 1_773_446_400 * SECOND;
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// This many seconds after [`DAWN`], in nanoseconds since 1970.
pub(crate) fn at(seconds: i64) -> i64 {
    DAWN + seconds * SECOND
}

/// The same as a time.
pub(crate) fn moment(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(at(seconds).unsigned_abs())
}

pub(crate) fn trace_id(number: u64) -> TraceId {
    TraceId::from_bytes(u128::from(number + 1).to_be_bytes())
}

/// The number that [`trace_id`] made an id of.
pub(crate) fn trace_number(id: TraceId) -> u64 {
    u64::try_from(u128::from_be_bytes(id.to_bytes())).unwrap() - 1
}

pub(crate) fn span_id(number: u64) -> SpanId {
    SpanId::from_bytes((number + 1).to_be_bytes())
}

/// The number that [`span_id`] made an id of.
pub(crate) fn span_number(id: SpanId) -> u64 {
    u64::from_be_bytes(id.to_bytes()) - 1
}

/// Where a framework's span or event is written down.
pub(crate) fn callsite(name: &str, target: &str) -> Arc<Callsite> {
    Arc::new(Callsite {
        name: name.to_owned(),
        target: target.to_owned(),
        level: "INFO".to_owned(),
        file: None,
        line: None,
        fields: Vec::new(),
    })
}

/// A span that a case makes.
#[derive(Debug, Clone)]
pub(crate) struct Sketch(pub(crate) SpanRecord);

impl From<Sketch> for SpanRecord {
    fn from(sketch: Sketch) -> Self {
        sketch.0
    }
}

/// A closed span of one second. Span 0 of a trace is its root, the others are its children; a trace starts at its number's second.
pub(crate) fn span(trace: u64, number: u64) -> Sketch {
    let start_ns = at(i64::try_from(trace).unwrap()) + i64::try_from(number).unwrap();
    let mut record = SpanRecord::new(trace_id(trace), span_id(number), format!("span {number}"), start_ns);
    record.parent_span_id = (number > 0).then(|| span_id(0));
    (record.state, record.end_ns) = (SpanState::Closed, Some(start_ns + SECOND));
    Sketch(record)
}

impl Sketch {
    /// Moves the span, its end with it.
    pub(crate) fn starting(mut self, start_ns: i64) -> Self {
        self.0.end_ns = self.0.end_ns.map(|end| end - self.0.start_ns + start_ns);
        self.0.start_ns = start_ns;
        self
    }

    pub(crate) fn lasting(mut self, duration_ns: i64) -> Self {
        self.0.end_ns = Some(self.0.start_ns + duration_ns);
        self
    }

    pub(crate) fn running(mut self) -> Self {
        (self.0.state, self.0.end_ns) = (SpanState::Open, None);
        self
    }

    pub(crate) fn interrupted(mut self) -> Self {
        self.0.state = SpanState::Interrupted;
        self
    }

    pub(crate) fn failing(mut self, message: &str) -> Self {
        self.0.status = Status { code: StatusCode::Error, message: message.to_owned() };
        self
    }

    pub(crate) fn below(mut self, parent: u64) -> Self {
        self.0.parent_span_id = Some(span_id(parent));
        self
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.0.name);
        self
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.attributes.push(key.to_owned(), value);
        self
    }

    pub(crate) fn kind(self, kind: Kind) -> Self {
        self.with(field::KIND, kind.as_str())
    }

    pub(crate) fn agent(self, name: &str) -> Self {
        self.with(field::AGENT_NAME, name)
    }

    pub(crate) fn session(self, id: &str) -> Self {
        self.with(field::SESSION_ID, id)
    }

    pub(crate) fn user(self, id: &str) -> Self {
        self.with(field::USER_ID, id)
    }

    pub(crate) fn tool(self, name: &str) -> Self {
        self.kind(Kind::Tool).with(field::TOOL_NAME, name)
    }

    /// A model's call.
    pub(crate) fn model(self, request: &str) -> Self {
        self.kind(Kind::Model).with(field::REQUEST_MODEL, request)
    }

    pub(crate) fn tokens(self, input: u64, output: u64) -> Self {
        self.with(field::INPUT_TOKENS, input).with(field::OUTPUT_TOKENS, output)
    }

    pub(crate) fn costing(self, usd: f64) -> Self {
        self.with(field::COST_USD, usd)
    }

    /// From a service of this name.
    pub(crate) fn service(mut self, name: &str) -> Self {
        let mut resource = Resource::default();
        resource.attributes.push("service.name", name);
        self.0.resource = Arc::new(resource);
        self
    }

    /// An id or name from an ancestor: taken as it is, where an attribute's white space at the ends is not.
    pub(crate) fn of(mut self, field: IdentityField, value: &str) -> Self {
        self.0.inherited.set(field, value);
        self
    }
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // SplitMix64: every seed and every low bit is good enough for tests.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let place = usize::try_from(self.below(last as u64 + 1)).unwrap();
            items.swap(last, place);
        }
    }
}
