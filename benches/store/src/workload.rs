//! What is written: agent traces as the layer records them, the same for the same number of spans.
//!
//! A trace is one run of an agent: the agent's span, and below it a model call, a tool call, a model call … 6 to 12 spans with 8 to 15
//! attributes each, and messages of some hundred bytes to 4 kB. Eight agents work at once, so most batches hold parts of
//! several traces; a session has about 20 spans. Spans come in the order in which they end.

mod text;

use std::sync::Arc;

use fastrand::Rng;
use serde_json::json;
use tracing_agents::field;
use tracing_agents::model::{
    Attributes, Callsite, Event, Identity, IdentityField, OtelKind, Resource, Scope, SpanId, SpanRecord, SpanState,
    Status, StatusCode, TraceId,
};

/// Agents that work at once.
const LANES: usize = 8;
/// A session ends with the trace in which it reaches this many spans.
const SPANS_A_SESSION: usize = 16;
/// 2026-11-22 08:00 UTC.
const START_NS: i64 = 1_795_334_400_000_000_000;
const MS: i64 = 1_000_000;

const AGENTS: [&str; 6] = ["Researcher", "Writer", "Planner", "Support", "Coder", "Reviewer"];
const MODELS: [(&str, &str, &str); 5] = [
    ("openai", "gpt-5", "gpt-5-2026-08-07"),
    ("openai", "gpt-5-mini", "gpt-5-mini-2026-08-07"),
    ("anthropic", "claude-sonnet-5", "claude-sonnet-5-20260929"),
    ("gcp.gemini", "gemini-3-pro", "gemini-3-pro"),
    ("mistral_ai", "mistral-large-latest", "mistral-large-2607"),
];
const TOOLS: [(&str, &str); 8] = [
    ("web_search", "Searches the web and gives the best pages with their first lines"),
    ("read_page", "Reads a page as text"),
    ("sql_query", "Runs a query on the warehouse, read only"),
    ("calculator", "Works out a formula"),
    ("send_mail", "Sends a mail to a customer, after approval"),
    ("calendar", "Finds free time in a calendar"),
    ("read_file", "Reads a file of the repository"),
    ("run_tests", "Runs the tests and gives what failed"),
];

/// The spans, and what they are made of.
pub(crate) struct Workload {
    pub(crate) records: Vec<SpanRecord>,
    pub(crate) traces: usize,
    /// Bytes of attributes, keys included, a span.
    pub(crate) mean_payload: usize,
}

/// At least `spans` spans: whole traces.
pub(crate) fn make(spans: usize) -> Workload {
    let mut maker = Maker {
        rng: Rng::with_seed(20_261_122),
        sites: Sites::new(),
        scope: Arc::new(Scope { name: "tracing".to_owned(), ..Scope::default() }),
        resource: resource(),
        records: Vec::with_capacity(spans + 12),
        sessions: 0,
    };
    let mut lanes: Vec<Lane> = (0..LANES).map(|lane| maker.lane(lane)).collect();
    let mut traces = 0;
    while maker.records.len() < spans {
        // Who is free first begins next, so that all agents stay at work until the end.
        let Some(lane) = lanes.iter_mut().min_by_key(|lane| lane.free_at) else { break };
        maker.trace(lane);
        traces += 1;
    }
    let mut records = maker.records;
    records.sort_by_key(|record| record.end_ns);
    let payload: usize = records.iter().map(|record| record.attributes.size()).sum();
    Workload { mean_payload: payload / records.len().max(1), records, traces }
}

/// One of the agents' seats: what it does follows one after the other.
struct Lane {
    free_at: i64,
    session: Arc<str>,
    user: Arc<str>,
    spans_in_session: usize,
}

struct Maker {
    rng: Rng,
    sites: Sites,
    scope: Arc<Scope>,
    resource: Arc<Resource>,
    records: Vec<SpanRecord>,
    sessions: usize,
}

impl Maker {
    fn lane(&mut self, lane: usize) -> Lane {
        let free_at = START_NS + i64::try_from(lane).unwrap_or_default() * 731 * MS;
        let (session, user) = self.session();
        Lane { free_at, session, user, spans_in_session: 0 }
    }

    fn session(&mut self) -> (Arc<str>, Arc<str>) {
        self.sessions += 1;
        let session = format!("session-{:05}-{:08x}", self.sessions, self.rng.u32(..));
        (session.into(), format!("user-{:04}", self.rng.u32(0..400)).into())
    }

    /// One run: an agent with its model and tool calls, which answer one after the other.
    fn trace(&mut self, lane: &mut Lane) {
        if lane.spans_in_session >= SPANS_A_SESSION {
            (lane.session, lane.user) = self.session();
            lane.spans_in_session = 0;
        }
        let start = lane.free_at + self.rng.i64(200..9_000) * MS;
        let agent = AGENTS[self.rng.usize(..AGENTS.len())];
        let model = MODELS[self.rng.usize(..MODELS.len())];
        let run = format!("run-{:016x}", self.rng.u64(..));
        let trace_id = self.trace_id(start);
        let root_id = self.span_id();

        let mut ids = Identity::default();
        ids.set(IdentityField::RunId, run.as_str());
        ids.set(IdentityField::SessionId, Arc::clone(&lane.session));
        ids.set(IdentityField::UserId, Arc::clone(&lane.user));
        ids.set(IdentityField::AgentId, agent_id(agent));
        ids.set(IdentityField::AgentName, agent);

        let question = text::of(&mut self.rng, 100..500);
        let children = self.rng.usize(5..=11);
        let mut now = start + self.rng.i64(1..20) * MS;
        for child in 0..children {
            let ended = if child % 2 == 0 {
                let call = Call { trace_id, parent: root_id, ids: &ids, start: now };
                self.model_call(&call, model, &question, child)
            } else {
                let call = Call { trace_id, parent: root_id, ids: &ids, start: now };
                self.tool_call(&call)
            };
            now = ended + self.rng.i64(1..15) * MS;
        }

        let mut root = self.record(trace_id, root_id, &Arc::clone(&self.sites.agent), start, now);
        let answer = text::of(&mut self.rng, 300..1_400);
        let attributes = &mut root.attributes;
        attributes.push(field::OPERATION, "invoke_agent");
        attributes.push(field::AGENT_NAME, agent);
        attributes.push(field::AGENT_ID, agent_id(agent));
        attributes.push(field::RUN_ID, run);
        attributes.push(field::SESSION_ID, &*lane.session);
        attributes.push(field::USER_ID, &*lane.user);
        attributes.push(field::REQUEST_MODEL, model.1);
        attributes.push("deployment.environment.name", "production");
        attributes.push("app.plan", if self.rng.bool() { "team" } else { "enterprise" });
        attributes.push(field::INPUT, question);
        attributes.push(field::OUTPUT, answer);
        self.records.push(root);

        lane.spans_in_session += children + 1;
        lane.free_at = now;
    }

    /// One call of a model; when it ends. The later in a run, the longer the conversation that is sent.
    fn model_call(&mut self, call: &Call<'_>, model: (&str, &str, &str), question: &str, turn: usize) -> i64 {
        let end = call.start + self.rng.i64(350..4_500) * MS;
        let span_id = self.span_id();
        let mut span = call.record(self, span_id, &Arc::clone(&self.sites.model), end);
        let (rng, attributes) = (&mut self.rng, &mut span.attributes);
        attributes.push(field::OPERATION, "chat");
        attributes.push(field::OTEL_KIND, "client");
        attributes.push(field::PROVIDER, model.0);
        attributes.push(field::REQUEST_MODEL, model.1);
        attributes.push(field::RESPONSE_MODEL, model.2);
        attributes.push(field::TEMPERATURE, 0.2);
        attributes.push(field::MAX_TOKENS, 4096_i64);
        attributes.push(field::RESPONSE_ID, format!("chatcmpl-{:016x}{:08x}", rng.u64(..), rng.u32(..)));
        if rng.u8(..) < 100 {
            attributes.push(field::TIME_TO_FIRST_CHUNK, f64::from(rng.u32(80..900)) / 1000.0);
        }
        attributes.push(field::INPUT_MESSAGES, input_messages(rng, question, turn));
        attributes.push(field::OUTPUT_MESSAGES, output_messages(rng));
        let input = rng.u64(300..9_000);
        attributes.push(field::INPUT_TOKENS, input);
        attributes.push(field::OUTPUT_TOKENS, rng.u64(20..1_500));
        if rng.bool() {
            attributes.push(field::CACHE_READ_TOKENS, input / 2);
        }
        attributes.push(field::FINISH_REASONS, r#"["stop"]"#);
        if rng.u8(..) < 25 {
            let mut what = Attributes::new();
            what.push("attempt", 2_i64);
            what.push("reason", "429 Too Many Requests");
            span.events.push(event("retry", call.start + 200 * MS, what));
        }
        self.records.push(span);
        end
    }

    /// One call of a tool; when it ends. One in 30 fails.
    fn tool_call(&mut self, call: &Call<'_>) -> i64 {
        let end = call.start + self.rng.i64(15..900) * MS;
        let span_id = self.span_id();
        let (name, description) = TOOLS[self.rng.usize(..TOOLS.len())];
        let mut span = call.record(self, span_id, &Arc::clone(&self.sites.tool), end);
        let (rng, attributes) = (&mut self.rng, &mut span.attributes);
        let arguments = json!({"query": text::of(rng, 20..120), "limit": rng.u8(1..50), "language": "en"});
        attributes.push(field::OPERATION, "execute_tool");
        attributes.push(field::TOOL_NAME, name);
        attributes.push(field::TOOL_TYPE, "function");
        attributes.push(field::TOOL_DESCRIPTION, description);
        attributes.push(field::TOOL_CALL_ID, format!("call_{:012x}", rng.u64(..1 << 48)));
        attributes.push(field::TOOL_ARGUMENTS, arguments.to_string());
        attributes.push("app.cache_hit", rng.bool());
        attributes.push("app.rows", rng.i64(0..500));
        if rng.u8(..30) == 0 {
            let message = "the upstream server closed the connection before it answered";
            attributes.push(field::ERROR_TYPE, "ConnectionReset");
            let mut what = Attributes::new();
            what.push("exception.type", "ConnectionReset");
            what.push("exception.message", message);
            span.events.push(event("exception", end, what));
            span.status = Status { code: StatusCode::Error, message: message.to_owned() };
        } else {
            attributes.push(field::TOOL_RESULT, text::of(rng, 100..1_000));
        }
        self.records.push(span);
        end
    }

    fn record(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
        site: &Arc<Callsite>,
        start_ns: i64,
        end_ns: i64,
    ) -> SpanRecord {
        let mut record = SpanRecord::new(trace_id, span_id, site.name.as_str(), start_ns);
        record.state = SpanState::Closed;
        record.end_ns = Some(end_ns);
        record.otel_kind = OtelKind::Internal;
        record.attributes = Attributes::with_capacity(16);
        record.callsite = Some(Arc::clone(site));
        record.scope = Arc::clone(&self.scope);
        record.resource = Arc::clone(&self.resource);
        record
    }

    /// As [`TraceId::generate`] makes them: the time, then chance.
    fn trace_id(&mut self, start_ns: i64) -> TraceId {
        let time = u128::from((start_ns / MS).unsigned_abs()) << 80;
        TraceId::from_bytes((time | (self.rng.u128(..) >> 48)).to_be_bytes())
    }

    fn span_id(&mut self) -> SpanId {
        SpanId::from_bytes(self.rng.u64(1..).to_be_bytes())
    }
}

/// A call below an agent.
struct Call<'a> {
    trace_id: TraceId,
    parent: SpanId,
    ids: &'a Identity,
    start: i64,
}

impl Call<'_> {
    fn record(&self, maker: &Maker, span_id: SpanId, site: &Arc<Callsite>, end_ns: i64) -> SpanRecord {
        let mut record = maker.record(self.trace_id, span_id, site, self.start, end_ns);
        record.parent_span_id = Some(self.parent);
        record.inherited = self.ids.clone();
        record
    }
}

/// Where the spans are written down in the program.
struct Sites {
    agent: Arc<Callsite>,
    model: Arc<Callsite>,
    tool: Arc<Callsite>,
}

impl Sites {
    fn new() -> Self {
        Self {
            agent: site("invoke_agent", 40, &[field::OPERATION, field::AGENT_NAME, field::SESSION_ID, field::USER_ID]),
            model: site("chat", 96, &[field::OPERATION, field::PROVIDER, field::REQUEST_MODEL]),
            tool: site("execute_tool", 153, &[field::OPERATION, field::TOOL_NAME]),
        }
    }
}

fn site(name: &str, line: u32, fields: &[&str]) -> Arc<Callsite> {
    Arc::new(Callsite {
        name: name.to_owned(),
        target: "assistant::runtime".to_owned(),
        level: "INFO".to_owned(),
        file: Some("src/runtime.rs".to_owned()),
        line: Some(line),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
    })
}

fn resource() -> Arc<Resource> {
    let mut attributes = Attributes::new();
    attributes.push("service.name", "assistant");
    attributes.push("service.version", "2.4.1");
    attributes.push("host.name", "node-7");
    Arc::new(Resource { attributes, ..Resource::default() })
}

fn event(name: &str, time_ns: i64, attributes: Attributes) -> Event {
    Event { name: name.to_owned(), time_ns, attributes, dropped_attributes: 0, callsite: None }
}

fn agent_id(name: &str) -> String {
    format!("agent-{}", name.to_lowercase())
}

/// System prompt, question, and what was said since, as JSON text of OpenTelemetry's schema: at most 4 kB.
fn input_messages(rng: &mut Rng, question: &str, turn: usize) -> String {
    let message = |role: &str, text: &str| json!({"role": role, "parts": [{"type": "text", "content": text}]});
    let mut messages = vec![
        message("system", "You are a careful assistant. Answer briefly, and name your sources."),
        message("user", question),
    ];
    for past in 0..turn.min(5) {
        let role = if past % 2 == 0 { "assistant" } else { "tool" };
        messages.push(message(role, &text::of(rng, 60..330)));
    }
    serde_json::Value::Array(messages).to_string()
}

fn output_messages(rng: &mut Rng) -> String {
    let answer = text::of(rng, 100..600);
    json!([{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]).to_string()
}
