//! One trace: an agent's run, a team's, a workflow's, or a single call of a model.

use std::sync::Arc;

use fastrand::Rng;
use serde_json::json;
use tracing_agents::field;
use tracing_agents::model::{Callsite, Identity, IdentityField, SpanId, SpanRecord, Status, StatusCode, TraceId};

use crate::cast::{self, AGENTS, MODELS, TEAMS, TOOLS, WORKFLOWS, id_of};
use crate::record::{Sender, event};
use crate::text::Text;
use crate::{MS, Session};

/// What a trace is of: the place of an agent, a team or a workflow in its list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plan {
    Agent(usize),
    Team(usize),
    Workflow(usize),
    /// A call of a model outside of any run.
    Call,
}

/// A trace while it is made.
pub(crate) struct Run<'a> {
    rng: &'a mut Rng,
    text: &'a Text,
    sender: &'a Sender,
    trace_id: TraceId,
    /// What spans have from those around them.
    ids: Identity,
    spans: Vec<SpanRecord>,
    now: i64,
}

impl<'a> Run<'a> {
    pub(crate) fn new(rng: &'a mut Rng, text: &'a Text, sender: &'a Sender, session: &Session, start_ns: i64) -> Self {
        let mut ids = Identity::default();
        ids.set(IdentityField::RunId, format!("run-{:016x}", rng.u64(..)));
        ids.set(IdentityField::SessionId, session.id.clone());
        ids.set(IdentityField::UserId, session.user.clone());
        let trace_id = crate::trace_id(rng, start_ns);
        Self { rng, text, sender, trace_id, ids, spans: Vec::new(), now: start_ns }
    }

    /// Makes the spans.
    pub(crate) fn act(&mut self, plan: Plan) {
        match plan {
            Plan::Agent(agent) => {
                let turns = 1 + match self.rng.u8(..100) {
                    0..85 => self.rng.usize(1..6),
                    85..98 => self.rng.usize(4..16),
                    _ => self.rng.usize(16..40),
                };
                self.agent(None, agent, turns);
            }
            Plan::Team(team) => self.team(team),
            Plan::Workflow(workflow) => self.workflow(workflow),
            Plan::Call => {
                let model = cast::skewed(self.rng, MODELS.len());
                self.model_call(None, model, 0, 0);
            }
        }
    }

    /// The spans, in the order of their ends.
    pub(crate) fn into_spans(mut self) -> Vec<SpanRecord> {
        self.spans.sort_by_key(|span| span.end_ns);
        self.spans
    }

    fn team(&mut self, team: usize) {
        let Some((name, members)) = TEAMS.get(team) else { return };
        let (id, start) = (self.span_id(), self.now);
        self.now += self.rng.i64(1..20) * MS;
        let outside = self.ids.clone();
        self.ids.set(IdentityField::TeamId, id_of(name));
        self.ids.set(IdentityField::TeamName, *name);
        for &member in *members {
            let turns = self.rng.usize(1..4);
            self.agent(Some(id), member, turns);
        }
        self.ids = outside;
        let mut span = self.group(id, start, "team");
        span.attributes.push(field::TEAM_ID, id_of(name));
        span.attributes.push(field::TEAM_NAME, *name);
        self.spans.push(span);
    }

    fn workflow(&mut self, workflow: usize) {
        let Some((name, steps)) = WORKFLOWS.get(workflow) else { return };
        let (id, start) = (self.span_id(), self.now);
        self.now += self.rng.i64(1..20) * MS;
        let outside = self.ids.clone();
        self.ids.set(IdentityField::WorkflowId, id_of(name));
        self.ids.set(IdentityField::WorkflowName, *name);
        for step in *steps {
            let (step_id, begun) = (self.span_id(), self.now);
            let around = self.ids.clone();
            self.ids.set(IdentityField::StepName, *step);
            let agent = cast::skewed(self.rng, AGENTS.len());
            self.agent(Some(step_id), agent, 1);
            self.ids = around;
            let mut span = self.sender.record(&self.sender.group, (self.trace_id, step_id), (begun, self.now));
            span.parent_span_id = Some(id);
            span.inherited = self.ids.clone();
            span.attributes.push(field::KIND, "step");
            span.attributes.push(field::STEP_NAME, *step);
            self.spans.push(span);
        }
        self.ids = outside;
        let mut span = self.group(id, start, "workflow");
        span.attributes.push(field::WORKFLOW_ID, id_of(name));
        span.attributes.push(field::WORKFLOW_NAME, *name);
        self.spans.push(span);
    }

    /// The span of a team or of a workflow, which is the trace's root.
    fn group(&mut self, id: SpanId, start: i64, kind: &str) -> SpanRecord {
        let mut span = self.sender.record(&self.sender.group, (self.trace_id, id), (start, self.now));
        span.attributes.push(field::KIND, kind);
        self.name_ids(&mut span);
        span.attributes.push(field::INPUT, self.text.some(self.rng, 300));
        span.attributes.push(field::OUTPUT, self.text.some(self.rng, 900));
        span
    }

    /// An agent's run: calls of its model and of tools, one after the other.
    pub(crate) fn agent(&mut self, parent: Option<SpanId>, agent: usize, turns: usize) {
        let name = AGENTS.get(agent).copied().unwrap_or_default();
        let (id, start) = (self.span_id(), self.now);
        // An agent has its model, but for one run in eight.
        let model = if self.rng.u8(..8) == 0 { cast::skewed(self.rng, MODELS.len()) } else { agent * 5 % MODELS.len() };
        let outside = self.ids.clone();
        self.ids.set(IdentityField::AgentId, id_of(name));
        self.ids.set(IdentityField::AgentName, name);
        let mut has_failed = false;
        for turn in 0..turns {
            self.now += self.rng.i64(1..15) * MS;
            has_failed = self.model_call(Some(id), model, agent, turn);
            if has_failed {
                break;
            }
            if turn + 1 < turns {
                for _ in 0..if self.rng.u8(..6) == 0 { 2 } else { 1 } {
                    self.now += self.rng.i64(1..15) * MS;
                    self.tool_call(id);
                }
            }
        }
        self.now += self.rng.i64(1..15) * MS;
        self.ids = outside;

        let mut span = self.sender.record(&self.sender.agent, (self.trace_id, id), (start, self.now));
        span.parent_span_id = parent;
        span.inherited = self.ids.clone();
        span.attributes.push(field::OPERATION, "invoke_agent");
        span.attributes.push(field::AGENT_NAME, name);
        span.attributes.push(field::AGENT_ID, id_of(name));
        span.attributes.push(field::REQUEST_MODEL, MODELS.get(model).map_or("", |model| model.1));
        span.attributes.push("deployment.environment.name", "production");
        if parent.is_none() {
            self.name_ids(&mut span);
        }
        span.attributes.push(field::INPUT, self.text.some(self.rng, 300));
        if has_failed {
            fail(&mut span, self.now, "RunError", "the model could not be reached");
        } else {
            span.attributes.push(field::OUTPUT, self.text.some(self.rng, 900));
        }
        self.spans.push(span);
    }

    /// One call of a model; whether it failed. The later in a run, the longer the conversation that is sent.
    fn model_call(&mut self, parent: Option<SpanId>, model: usize, agent: usize, turn: usize) -> bool {
        let Some((provider, asked, answering)) = MODELS.get(model).copied() else { return false };
        let mut span = self.child(parent, &self.sender.model, (250, 5_000));
        let (rng, end) = (&mut *self.rng, self.now);
        let attributes = &mut span.attributes;
        attributes.push(field::OPERATION, "chat");
        attributes.push(field::OTEL_KIND, "client");
        attributes.push(field::PROVIDER, provider);
        attributes.push(field::REQUEST_MODEL, asked);
        attributes.push(field::TEMPERATURE, 0.2);
        attributes.push(field::MAX_TOKENS, 4096_i64);
        attributes.push(field::INPUT_MESSAGES, input_messages(rng, self.text, agent, turn));
        if rng.u8(..150) == 0 {
            fail(&mut span, end, "RateLimited", "429 Too Many Requests: the quota of this minute is used up");
            self.spans.push(span);
            return true;
        }
        attributes.push(field::RESPONSE_MODEL, answering);
        attributes.push(field::RESPONSE_ID, format!("chatcmpl-{:016x}{:08x}", rng.u64(..), rng.u32(..)));
        if rng.u8(..) < 100 {
            attributes.push(field::TIME_TO_FIRST_CHUNK, f64::from(rng.u32(80..900)) / 1000.0);
        }
        attributes.push(field::OUTPUT_MESSAGES, output_messages(rng, self.text));
        let (input, output) = (rng.u64(300..9_000), rng.u64(20..1_500));
        attributes.push(field::INPUT_TOKENS, input);
        attributes.push(field::OUTPUT_TOKENS, output);
        if rng.bool() {
            attributes.push(field::CACHE_READ_TOKENS, input / 2);
        }
        // Some gateways tell what a call costs.
        if model.is_multiple_of(2) {
            attributes
                .push(field::COST_USD, f64::from(u32::try_from(input + 4 * output).unwrap_or_default()) * 1.25e-6);
        }
        attributes.push(field::FINISH_REASONS, r#"["stop"]"#);
        self.spans.push(span);
        false
    }

    /// One call of a tool. One in 25 fails.
    fn tool_call(&mut self, parent: SpanId) {
        let mut span = self.child(Some(parent), &self.sender.tool, (10, 1_500));
        let (rng, end) = (&mut *self.rng, self.now);
        let attributes = &mut span.attributes;
        let name = TOOLS.get(cast::skewed(rng, TOOLS.len())).copied().unwrap_or_default();
        let arguments = json!({"query": self.text.some(rng, 90), "limit": rng.u8(1..50), "language": "en"});
        attributes.push(field::OPERATION, "execute_tool");
        attributes.push(field::TOOL_NAME, name);
        attributes.push(field::TOOL_TYPE, "function");
        attributes.push(field::TOOL_CALL_ID, format!("call_{:012x}", rng.u64(..1 << 48)));
        attributes.push(field::TOOL_ARGUMENTS, arguments.to_string());
        attributes.push("app.rows", rng.i64(0..500));
        if rng.u8(..25) == 0 {
            fail(&mut span, end, "ConnectionReset", "the upstream server closed the connection before it answered");
        } else {
            attributes.push(field::TOOL_RESULT, self.text.some(rng, 900));
        }
        self.spans.push(span);
    }

    /// A span of some milliseconds from now on, most of them short; it is over now.
    fn child(&mut self, parent: Option<SpanId>, site: &Arc<Callsite>, (least, most): (i64, i64)) -> SpanRecord {
        let (start, id) = (self.now, self.span_id());
        let longest = self.rng.i64(least + 1..=most);
        self.now += self.rng.i64(least..longest) * MS + self.rng.i64(0..MS);
        let mut span = self.sender.record(site, (self.trace_id, id), (start, self.now));
        span.parent_span_id = parent;
        if parent.is_some() {
            span.inherited = self.ids.clone();
        } else {
            self.name_ids(&mut span);
        }
        span
    }

    /// A root names the ids that hold for all of its trace.
    fn name_ids(&self, span: &mut SpanRecord) {
        for (key, id) in [
            (field::RUN_ID, IdentityField::RunId),
            (field::SESSION_ID, IdentityField::SessionId),
            (field::USER_ID, IdentityField::UserId),
        ] {
            if let Some(value) = self.ids.get(id) {
                span.attributes.push(key, value);
            }
        }
    }

    fn span_id(&mut self) -> SpanId {
        SpanId::from_bytes(self.rng.u64(1..).to_be_bytes())
    }
}

fn fail(span: &mut SpanRecord, time_ns: i64, kind: &str, message: &str) {
    span.attributes.push(field::ERROR_TYPE, kind);
    span.events.push(event("exception", time_ns, [("exception.type", kind), ("exception.message", message)]));
    span.status = Status { code: StatusCode::Error, message: message.to_owned() };
}

/// Instructions, question, and what was said since, as JSON text of OpenTelemetry's schema.
fn input_messages(rng: &mut Rng, text: &Text, agent: usize, turn: usize) -> String {
    let message = |role: &str, text: &str| json!({"role": role, "parts": [{"type": "text", "content": text}]});
    let instructions = if text.is_repeating() {
        text.at(agent * 9_973, 6_000)
    } else {
        "You are a careful assistant. Answer briefly, and name your sources."
    };
    let mut messages = vec![message("system", instructions), message("user", text.some(rng, 300))];
    for past in 0..turn.min(5) {
        let role = if past % 2 == 0 { "assistant" } else { "tool" };
        messages.push(message(role, text.some(rng, 240)));
    }
    serde_json::Value::Array(messages).to_string()
}

fn output_messages(rng: &mut Rng, text: &Text) -> String {
    let answer = text.some(rng, 500);
    json!([{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]).to_string()
}
