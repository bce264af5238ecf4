//! Rows ↔ model.

use super::column::{count, from_count, hash64, key_text, message_text};
use super::rows::{ContentRow, FacetRow, SessionRow, SpanRow, TraceRow};
use super::sender;
use crate::error::{Error, ErrorKind, Result};
use crate::model::canonical::{self, CanonicalContent};
use crate::model::{
    Cost, CostSource, Identity, IdentityField, InterpretedSpan, OtelKind, ProcessId, SYNTHETIC, Session, Span, SpanId,
    SpanRecord, SpanState, Status, StatusCode, Trace, TraceId, TraceStatus, Usage,
};
use crate::semconv::Call;

/// Bits of `version_hash` that tell who wrote a version; the others tell what it says.
const ORIGIN_BITS: u32 = 24;

/// The form of `span_contents` that this version writes.
pub(crate) const ENCODING: &str = "json";

pub(super) fn key(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(key_text)
}

/// One hash of what a version says and of who wrote it: equal contents stand next to each other, whoever wrote them.
const fn version_hash(content: i64, origin: i64) -> i64 {
    let of_origin = (1 << ORIGIN_BITS) - 1;
    (content & !of_origin) | (origin & of_origin)
}

/// Bits of `version_hash` below those that tell how much an open version has to say.
const EXTENT_SHIFT: u32 = 40;

/// The hash of a version that is not closed: a running span only ever says more, so of two such versions the one that says more is the
/// later, and must outrank the other.
fn by_extent(hash: i64, item: &InterpretedSpan) -> i64 {
    let InterpretedSpan { record, .. } = item;
    let recorded = record.attributes.len() + record.events.len() + record.links.len() + record.inherited.iter().count();
    let dropped = [record.dropped_attributes, record.dropped_events, record.dropped_links].map(i64::from);
    let has_status = i64::from(record.status.code != StatusCode::Unset);
    let extent = i64::try_from(recorded).unwrap_or(i64::MAX).saturating_add(dropped.iter().sum::<i64>() + has_status);
    let most = i64::MAX >> EXTENT_SHIFT;
    (extent.min(most) << EXTENT_SHIFT) | (hash & ((1 << EXTENT_SHIFT) - 1))
}

/// The six token columns of a row, as a usage without basis.
macro_rules! summed_usage {
    ($row:expr) => {
        Usage {
            input: $row.input_tokens.map(from_count),
            output: $row.output_tokens.map(from_count),
            total: $row.total_tokens.map(from_count),
            cache_read: $row.cache_read_tokens.map(from_count),
            cache_write: $row.cache_write_tokens.map(from_count),
            reasoning: $row.reasoning_tokens.map(from_count),
            basis: None,
        }
    };
}

impl SpanRow {
    /// The row of a span; its place among the trace's token totals is found by the writer.
    pub(crate) fn new(
        item: &InterpretedSpan,
        content: &CanonicalContent,
        scope_id: &[u8],
        resource_id: &[u8],
        now_ns: i64,
    ) -> Self {
        let span = &item.span;
        let identity = |field| key(span.identity.get(field));
        let parent = span.parent_span_id.filter(|parent| *parent != span.span_id).map(|id| id.as_bytes().to_vec());
        // All that two versions of a span can differ in: of two that end alike the same one must win, whichever comes first. Costs are no
        // part of it: what is reported stands in the attributes, and what is computed depends on who computes it.
        let parts: [&[u8]; 10] = [
            &content.attributes,
            &content.events,
            &content.links,
            &content.extra,
            span.status.message.as_bytes(),
            span.kind_source.as_bytes(),
            &span.start_ns.to_le_bytes(),
            parent.as_deref().unwrap_or_default(),
            scope_id,
            resource_id,
        ];
        // Hashes that databases hold stay what they are.
        let parts: Vec<&[u8]> = parts.into_iter().chain(content.verbatim.as_deref()).collect();
        let origin: [&[u8]; 2] = [
            span.process_id.as_ref().map_or(&[], |process| process.as_bytes()),
            &span.sequence.unwrap_or_default().to_le_bytes(),
        ];
        let mut row = Self {
            trace_id: span.trace_id.as_bytes().to_vec(),
            span_id: span.span_id.as_bytes().to_vec(),
            start_day: span.start_day(),
            parent_span_id: parent.clone(),
            parent_is_remote: span.parent_is_remote,
            name: key_text(&span.name),
            display_name: key_text(&span.display_name),
            kind: span.kind.as_str().to_owned(),
            kind_source: key_text(&span.kind_source),
            operation: key(span.operation.as_deref()),
            otel_kind: i16::try_from(span.otel_kind.otlp()).unwrap_or(1),
            state: span.state.rank(),
            status_code: span.status.code.otlp(),
            status_message: message_text(&span.status.message),
            error_type: key(span.error_type.as_deref()),
            start_ns: span.start_ns,
            end_ns: span.end_ns,
            run_id: identity(IdentityField::RunId),
            session_id: identity(IdentityField::SessionId),
            conversation_id: identity(IdentityField::ConversationId),
            user_id: identity(IdentityField::UserId),
            agent_id: identity(IdentityField::AgentId),
            agent_name: identity(IdentityField::AgentName),
            team_id: identity(IdentityField::TeamId),
            team_name: identity(IdentityField::TeamName),
            workflow_id: identity(IdentityField::WorkflowId),
            workflow_name: identity(IdentityField::WorkflowName),
            provider: key(span.provider.as_deref()),
            request_model: key(span.request_model.as_deref()),
            response_model: key(span.response_model.as_deref()),
            tool_name: key(span.tool_name.as_deref()),
            tool_call_id: key(span.tool_call_id.as_deref()),
            input_tokens: None,
            output_tokens: None,
            total_tokens: None,
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            usage_basis: None,
            usage_counted: false,
            usage_below: 0,
            calls_below: 0,
            cost_nano_usd: None,
            cost_source: None,
            price_version: None,
            time_to_first_token_ns: span.time_to_first_token_ns,
            truncated_bytes: count(span.truncated_bytes),
            dropped_count: i64::from(span.dropped_count),
            scope_id: scope_id.to_vec(),
            resource_id: resource_id.to_vec(),
            process_id: span.process_id.map(|process| process.as_bytes().to_vec()),
            sequence: span.sequence.map(count),
            service_name: sender::service_name(&item.record.resource),
            inherited_ids: 0,
            version_hash: version_hash(
                if span.state == SpanState::Closed { hash64(&parts) } else { by_extent(hash64(&parts), item) },
                hash64(&origin),
            ),
            created_ns: now_ns,
            adopted_by: None,
            cost_counted: false,
            costs_below: 0,
            cost_calls_below: 0,
            step_name: identity(IdentityField::StepName),
        };
        row.set_usage(span.usage.unwrap_or_default());
        row.set_cost(span.cost.as_ref());
        row
    }

    /// The tokens that the span reports.
    pub(crate) fn usage(&self) -> Usage {
        summed_usage!(self)
    }

    /// Makes this the usage that the span reports; the default one is none.
    pub(crate) fn set_usage(&mut self, usage: Usage) {
        self.input_tokens = usage.input.map(count);
        self.output_tokens = usage.output.map(count);
        self.total_tokens = usage.total().map(count);
        self.cache_read_tokens = usage.cache_read.map(count);
        self.cache_write_tokens = usage.cache_write.map(count);
        self.reasoning_tokens = usage.reasoning.map(count);
        self.usage_basis = usage.basis.map(|basis| basis.as_str().to_owned());
    }

    pub(crate) fn set_cost(&mut self, cost: Option<&Cost>) {
        self.cost_nano_usd = cost.map(|cost| cost.nano_usd);
        self.cost_source = cost.map(|cost| cost.source.as_str().to_owned());
        self.price_version = key(cost.and_then(|cost| cost.price_version.as_deref()));
    }

    /// Takes over the cost of the version that is stored, where that says the same and this one reports no cost: who writes a span once
    /// more may know other prices, and must not undo what was priced anew since.
    pub(crate) fn keep_cost_of(&mut self, stored: &Self) {
        let says = |row: &Self| (row.state, row.end_ns, row.version_hash >> ORIGIN_BITS);
        if says(self) == says(stored) && (self.cost_source.is_none() || self.has_computed_cost()) {
            self.take_cost(stored);
        }
    }

    /// Makes the cost of another row this one's.
    pub(crate) fn take_cost(&mut self, other: &Self) {
        self.cost_nano_usd = other.cost_nano_usd;
        self.cost_source.clone_from(&other.cost_source);
        self.price_version.clone_from(&other.price_version);
    }

    /// What a price is looked up by.
    pub(crate) fn call(&self) -> Call<'_> {
        Call {
            provider: self.provider.as_deref(),
            request_model: self.request_model.as_deref(),
            response_model: self.response_model.as_deref(),
            usage: self.usage(),
            start_ns: self.start_ns,
        }
    }

    pub(crate) fn has_computed_cost(&self) -> bool {
        self.cost_source.as_deref() == Some(CostSource::Computed.as_str())
    }

    /// The span that it stands under: the synthetic run that it belongs to, else its parent.
    pub(crate) fn stands_under(&self) -> Option<&Vec<u8>> {
        match &self.adopted_by {
            Some(host) => Some(host).filter(|host| **host != self.span_id),
            None => self.parent_span_id.as_ref(),
        }
    }

    /// Whether it stands for a run that no span was recorded of.
    pub(crate) fn is_synthetic(&self) -> bool {
        self.kind_source == SYNTHETIC
    }

    /// What a version is, told from others.
    pub(crate) fn version(&self) -> (i16, Option<i64>, i64) {
        (self.state, self.end_ns, self.version_hash)
    }

    /// Whether of two versions of one span this is the one that stays: a closed one before others, then the later end, then the hash.
    ///
    /// That a span was interrupted says nothing new of what it recorded, and may be found before its last open version has come: so that is
    /// no version of its own, and [stays](Self::stay_interrupted) whichever open one does.
    pub(crate) fn outranks(&self, other: &Self) -> bool {
        let rank = |row: &Self| (row.state == SpanState::Closed.rank(), row.end_ns, row.version_hash);
        rank(self) > rank(other)
    }

    /// Makes this an interrupted span, if it is not closed and the other version, of whatever rank, is one.
    pub(crate) const fn stay_interrupted(&mut self, other: &Self) {
        if self.state == SpanState::Open.rank() && other.state == SpanState::Interrupted.rank() {
            self.state = other.state;
        }
    }
}

impl ContentRow {
    pub(crate) fn new(row: &SpanRow, content: CanonicalContent, told: Option<Vec<u8>>) -> Self {
        Self {
            trace_id: row.trace_id.clone(),
            span_id: row.span_id.clone(),
            start_day: row.start_day,
            encoding: ENCODING.to_owned(),
            attributes: content.attributes,
            events: content.events,
            links: content.links,
            extra: content.extra,
            told,
            derived: None,
            verbatim: content.verbatim,
        }
    }
}

impl ContentRow {
    /// The content of a run that no span was recorded of.
    pub(crate) fn of_synthetic(row: &SpanRow, derived: Option<Vec<u8>>) -> Result<Self> {
        let record = SpanRecord::new(trace_id(&row.trace_id)?, span_id(&row.span_id)?, row.name.as_str(), row.start_ns);
        Ok(Self { derived, ..Self::new(row, canonical::encode(&record, &[])?, None) })
    }
}

impl TraceRow {
    /// A summary of no spans, which any span's name replaces. As a row, it only takes the trace's place, so that it can be locked.
    pub(crate) fn placeholder(trace_id: &[u8]) -> Self {
        Self {
            trace_id: trace_id.to_vec(),
            name: String::new(),
            root_span_id: vec![0; 8],
            root_class: i16::MAX,
            root_start_ns: i64::MAX,
            start_ns: i64::MAX,
            end_ns: None,
            duration_ns: None,
            status: String::new(),
            span_count: 0,
            error_count: 0,
            open_count: 0,
            interrupted_count: 0,
            input_tokens: None,
            output_tokens: None,
            total_tokens: None,
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            cost_nano_usd: None,
            run_id: None,
            run_first_ns: None,
            session_id: None,
            session_first_ns: None,
            user_id: None,
            user_first_ns: None,
            agent_id: None,
            agent_name: None,
            team_id: None,
            team_name: None,
            workflow_id: None,
            workflow_name: None,
            joined_to: None,
            structured_count: None,
            unpriced_count: 0,
            input_preview: None,
            output_preview: None,
        }
    }
}

impl SessionRow {
    /// A session without traces.
    pub(crate) fn placeholder(session_id: &str) -> Self {
        Self {
            session_id: session_id.to_owned(),
            user_id: None,
            user_first_ns: None,
            start_ns: i64::MAX,
            last_ns: i64::MIN,
            trace_count: 0,
            error_trace_count: 0,
            span_count: 0,
            input_tokens: None,
            output_tokens: None,
            total_tokens: None,
            cache_read_tokens: None,
            cache_write_tokens: None,
            reasoning_tokens: None,
            cost_nano_usd: None,
            unpriced_count: 0,
        }
    }
}

/// A stored id or word that this program cannot read: another program wrote into the tables.
pub(super) fn unreadable(what: &str, value: impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Decode, format!("the database holds {value:?} as {what}; was it written by a newer version?"))
}

pub(super) fn trace_id(bytes: &[u8]) -> Result<TraceId> {
    TraceId::from_slice(bytes).ok_or_else(|| unreadable("a trace id", bytes))
}

pub(super) fn span_id(bytes: &[u8]) -> Result<SpanId> {
    SpanId::from_slice(bytes).ok_or_else(|| unreadable("a span id", bytes))
}

pub(super) fn word<T: std::str::FromStr>(what: &str, word: &str) -> Result<T> {
    word.parse().map_err(|_| unreadable(what, word))
}

fn identity<const N: usize>(fields: [(IdentityField, Option<String>); N]) -> Identity {
    let mut identity = Identity::default();
    for (field, value) in fields {
        if let Some(value) = value {
            identity.set(field, value);
        }
    }
    identity
}

impl TryFrom<SpanRow> for Span {
    type Error = Error;

    fn try_from(row: SpanRow) -> Result<Self> {
        let usage = Usage {
            input: row.input_tokens.map(from_count),
            output: row.output_tokens.map(from_count),
            total: row.total_tokens.map(from_count),
            cache_read: row.cache_read_tokens.map(from_count),
            cache_write: row.cache_write_tokens.map(from_count),
            reasoning: row.reasoning_tokens.map(from_count),
            basis: row.usage_basis.as_deref().map(|basis| word("a usage basis", basis)).transpose()?,
        };
        let cost = match (row.cost_nano_usd, row.cost_source.as_deref()) {
            (Some(nano_usd), Some(source)) => {
                Some(Cost { nano_usd, source: word("a cost source", source)?, price_version: row.price_version })
            }
            _ => None,
        };
        Ok(Self {
            trace_id: trace_id(&row.trace_id)?,
            span_id: span_id(&row.span_id)?,
            parent_span_id: row.parent_span_id.as_deref().map(span_id).transpose()?,
            parent_is_remote: row.parent_is_remote,
            name: row.name,
            display_name: row.display_name,
            kind: word("a span kind", &row.kind)?,
            kind_source: row.kind_source,
            operation: row.operation,
            otel_kind: OtelKind::from_otlp(i32::from(row.otel_kind)),
            state: SpanState::from_rank(row.state),
            status: Status { code: StatusCode::from_otlp(i32::from(row.status_code)), message: row.status_message },
            error_type: row.error_type,
            start_ns: row.start_ns,
            end_ns: row.end_ns,
            identity: identity([
                (IdentityField::RunId, row.run_id),
                (IdentityField::SessionId, row.session_id),
                (IdentityField::ConversationId, row.conversation_id),
                (IdentityField::UserId, row.user_id),
                (IdentityField::AgentId, row.agent_id),
                (IdentityField::AgentName, row.agent_name),
                (IdentityField::TeamId, row.team_id),
                (IdentityField::TeamName, row.team_name),
                (IdentityField::WorkflowId, row.workflow_id),
                (IdentityField::WorkflowName, row.workflow_name),
                (IdentityField::StepName, row.step_name),
            ]),
            provider: row.provider,
            request_model: row.request_model,
            response_model: row.response_model,
            tool_name: row.tool_name,
            tool_call_id: row.tool_call_id,
            usage: usage.is_reported().then_some(usage),
            cost,
            time_to_first_token_ns: row.time_to_first_token_ns,
            truncated_bytes: from_count(row.truncated_bytes),
            dropped_count: u32::try_from(row.dropped_count).unwrap_or(u32::MAX),
            process_id: row.process_id.as_deref().and_then(ProcessId::from_slice),
            sequence: row.sequence.map(from_count),
            adopted_by: row.adopted_by.as_deref().map(span_id).transpose()?,
        })
    }
}

impl TryFrom<TraceRow> for Trace {
    type Error = Error;

    fn try_from(row: TraceRow) -> Result<Self> {
        Ok(Self {
            trace_id: trace_id(&row.trace_id)?,
            root_span_id: span_id(&row.root_span_id)?,
            start_ns: row.start_ns,
            end_ns: row.end_ns,
            status: word::<TraceStatus>("a trace status", &row.status)?,
            span_count: from_count(row.span_count),
            error_count: from_count(row.error_count),
            open_count: from_count(row.open_count),
            interrupted_count: from_count(row.interrupted_count),
            usage: summed_usage!(row),
            cost_nano_usd: row.cost_nano_usd,
            unpriced_count: from_count(row.unpriced_count),
            identity: identity([
                (IdentityField::RunId, row.run_id),
                (IdentityField::SessionId, row.session_id),
                (IdentityField::UserId, row.user_id),
                (IdentityField::AgentId, row.agent_id),
                (IdentityField::AgentName, row.agent_name),
                (IdentityField::TeamId, row.team_id),
                (IdentityField::TeamName, row.team_name),
                (IdentityField::WorkflowId, row.workflow_id),
                (IdentityField::WorkflowName, row.workflow_name),
            ]),
            joined_to: row.joined_to.as_deref().map(trace_id).transpose()?,
            input_preview: row.input_preview,
            output_preview: row.output_preview,
            name: row.name,
        })
    }
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            usage: summed_usage!(row),
            session_id: row.session_id,
            user_id: row.user_id,
            start_ns: row.start_ns,
            last_ns: row.last_ns,
            trace_count: from_count(row.trace_count),
            error_trace_count: from_count(row.error_trace_count),
            span_count: from_count(row.span_count),
            cost_nano_usd: row.cost_nano_usd,
            unpriced_count: from_count(row.unpriced_count),
        }
    }
}

/// A field by which traces are found: what `trace_facets.field` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Facet {
    Agent,
    Conversation,
    Fragment,
    Kind,
    Model,
    Name,
    Provider,
    Run,
    Service,
    Session,
    Status,
    Step,
    Team,
    Tool,
    User,
    Workflow,
}

impl Facet {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Conversation => "conversation",
            Self::Fragment => "fragment",
            Self::Kind => "kind",
            Self::Model => "model",
            Self::Name => "name",
            Self::Provider => "provider",
            Self::Run => "run",
            Self::Service => "service",
            Self::Session => "session",
            Self::Status => "status",
            Self::Step => "step",
            Self::Team => "team",
            Self::Tool => "tool",
            Self::User => "user",
            Self::Workflow => "workflow",
        }
    }
}

/// A fragment's trace, as a facet has it.
pub(crate) fn fragment_word(trace_id: &[u8]) -> String {
    TraceId::from_slice(trace_id).map(|id| id.to_string()).unwrap_or_default()
}

/// The id that [`fragment_word`] made a word of.
pub(crate) fn fragment_id(word: &str) -> Option<Vec<u8>> {
    Some(word.parse::<TraceId>().ok()?.as_bytes().to_vec())
}

impl FacetRow {
    pub(crate) fn new(trace_id: &[u8], facet: Facet, value: &str, start_ns: i64, span_count: i64) -> Self {
        Self {
            trace_id: trace_id.to_vec(),
            field: facet.as_str().to_owned(),
            value: value.to_owned(),
            start_ns,
            span_count,
        }
    }
}
