//! Small histories that nobody would record on purpose: all that the writer reacts to, in a few traces that belong together.
//!
//! A history has ids, sessions and processes of its own, so that any number of them fit into one database. It is a function of its seed
//! and its number.

use std::fmt;

use serde_json::json;
use tracing_agents::model::{
    Attributes, Cost, CostSource, Event, IdentityField, InterpretedSpan, Kind, Lift, Link, LoggedEvent, Origin,
    ProcessId, SpanId, SpanRecord, SpanState, Told,
};
use tracing_agents::{field, semconv};

use crate::sketch::{DAWN, DAY, Dice, SECOND, Sketch, callsite, span, span_id, trace_id};

/// Traces of a history, at most.
const TRACES: u64 = 12;
/// Spans of a trace, at most.
const SPANS: u64 = 8;
/// From one history's beginning to the next one's: its spans lie closer together, so that torn runs of two histories never meet.
const APART: i64 = 3_600 * SECOND;
/// Processes that a history's spans are of.
const PROCESSES: u64 = 2;

/// What a writer hears at once: a version of a span, or an event that came as a log record.
#[derive(Clone)]
pub(crate) enum News {
    Version(Box<InterpretedSpan>),
    Logged(LoggedEvent),
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Logged(LoggedEvent { trace_id, span_id, event, .. }) => {
                write!(f, "{trace_id} {span_id} logs {event:?}")
            }
            Self::Version(item) => {
                let InterpretedSpan { record, told, .. } = &**item;
                let SpanRecord { trace_id, span_id, state, start_ns, end_ns, origin, attributes, .. } = record;
                write!(f, "{trace_id} {span_id} {state:?} {} {:?}", start_ns - DAWN, end_ns.map(|end| end - start_ns))?;
                write!(f, " below {:?}, {origin:?}, at {:?}", record.parent_span_id, record.callsite)?;
                write!(f, ", {attributes:?}, inherits {:?}, links {:?}, tells {told:?}", record.inherited, record.links)
            }
        }
    }
}

/// Makes a history.
struct Author {
    dice: Dice,
    number: u64,
    /// Whether it has torn runs. Then it has nothing else, and nothing is told in it: what has been found to be a fragment is not looked at
    /// when the rest of its trace makes something else of it.
    is_torn: bool,
    /// The next number of each process.
    sequences: [u64; 2],
    news: Vec<News>,
}

/// What is told in a history, each thing once.
pub(crate) fn history(seed: u64, number: u64) -> Vec<News> {
    let mut dice = Dice::new(seed ^ (number << 32));
    let is_torn = dice.below(3) == 0;
    let mut author = Author { dice, number, is_torn, sequences: [0; 2], news: Vec::new() };
    if is_torn {
        author.torn_runs();
    } else {
        let traces = 1 + author.dice.below(3);
        (0..traces).for_each(|trace| author.free_trace(trace));
    }
    author.news
}

impl Author {
    fn one_in(&mut self, number: u64) -> bool {
        self.dice.below(number) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.dice.below(list.len() as u64)).unwrap()]
    }

    /// A moment of the history; few, so that spans begin and end together.
    fn moment(&mut self) -> i64 {
        DAWN + i64::try_from(self.number).unwrap() * APART + self.dice.below(10).cast_signed() * SECOND
    }

    /// A span without anything, with ids that no other history has.
    fn blank(&self, trace: u64, place: u64) -> Sketch {
        let trace = self.number * TRACES + trace;
        let mut blank = span(0, 0).named("");
        (blank.0.trace_id, blank.0.span_id) = (trace_id(trace), span_id(trace * SPANS + place));
        blank
    }

    /// A name of this history's own.
    fn own(&self, name: &str) -> String {
        format!("{name} of {}", self.number)
    }

    /// Spans of any kind, each below any other, some below none or one that never comes, in several versions.
    fn free_trace(&mut self, trace: u64) {
        let spans = 1 + self.dice.below(SPANS - 1);
        for place in 0..spans {
            let kind = self.pick(&[0, 1, 2, 3, 3, 4, 4, 5, 6, 7, 8, 9]);
            let process = self.dice.below(PROCESSES);
            for _ in 0..1 + self.dice.below(3) {
                let start = self.moment();
                let mut sketch = self.blank(trace, place).starting(start);
                sketch.0.parent_span_id = self.parent(trace);
                let sketch = self.of_kind(sketch, kind);
                let sketch = self.with_ids(sketch);
                let sketch = self.with_state(sketch);
                self.tell(sketch, process);
            }
            if self.one_in(6) {
                self.log(trace, place);
            }
        }
    }

    fn parent(&mut self, trace: u64) -> Option<SpanId> {
        let place = self.dice.below(SPANS);
        (!self.one_in(4)).then(|| self.blank(trace, place).0.span_id)
    }

    /// What a span is, and what its framework tells in that case.
    fn of_kind(&mut self, sketch: Sketch, kind: u64) -> Sketch {
        let tokens = self.dice.below(4);
        match kind {
            0 => sketch.kind(Kind::Agent).named("run"),
            1 => sketch.kind(Kind::Team).named("team"),
            2 => sketch.kind(Kind::Step).with(field::STEP_NAME, self.own("step")),
            // A call that names its agent asks for a run.
            3 => sketch.model("m").tokens(tokens, 1).agent(self.pick(&["a", "b"])),
            4 if self.one_in(2) => sketch.model("own").tokens(tokens, 1),
            4 => sketch.model("m").costing(0.25),
            5 => {
                let call = self.pick(&["c0", "c1"]);
                sketch.tool(self.pick(&["add", "search"])).with(field::TOOL_CALL_ID, call)
            }
            6 => sketch.named("plain"),
            7 => self.adk(sketch),
            8 => self.codex(sketch),
            _ => {
                // Agno's run, which may have lost what it did.
                let sketch = sketch.kind(Kind::Agent).named("Agent.run").with("graph.node.id", "n");
                let sketch = sketch.with("graph.node.parent_id", "p");
                Self::at(sketch, "Agent.run", "openinference.instrumentation.agno")
            }
        }
    }

    fn at(mut sketch: Sketch, name: &str, target: &str) -> Sketch {
        sketch.0.callsite = Some(callsite(name, target));
        sketch.named(name)
    }

    fn event(&mut self, name: &str, target: &str, fields: &[(&'static str, &str)]) -> Event {
        let attributes: Attributes = fields.iter().map(|(key, text)| ((*key).into(), (*text).into())).collect();
        let callsite = Some(callsite("event", target));
        Event { name: name.to_owned(), time_ns: self.moment(), attributes, dropped_attributes: 0, callsite }
    }

    /// Tools are told on the agent's span, and agents by markers.
    fn adk(&mut self, sketch: Sketch) -> Sketch {
        const AGENT: &str = "adk_agent::llm_agent";
        let tool = self.pick(&["add", "search"]);
        let agent = self.pick(&["a", "b"]);
        if self.one_in(2) {
            let mut marker = Self::at(sketch, "run", AGENT).with("agent.name", agent).lasting(1_000);
            marker.0.events.push(self.event("Starting agent execution", AGENT, &[]));
            return marker;
        }
        let mut run = Self::at(sketch, "agent.execute", "adk_runner::runner").agent("pipeline");
        run.0.events.push(self.event("tool_result", AGENT, &[("tool.name", tool), ("tool.result", "4")]));
        run.0.events.push(self.event("tool_error", AGENT, &[("tool.name", tool), ("error", "no")]));
        run.0.events.push(self.event("Agent execution complete", AGENT, &[("agent.name", agent)]));
        run
    }

    /// Calls are told by events alone, some of them twice.
    fn codex(&mut self, sketch: Sketch) -> Sketch {
        const CONTENT: &str = "codex_otel.log_only";
        let mut turn = Self::at(sketch, "turn", "codex_core::tasks");
        let (call, success) = (self.pick(&["c0", "c1", "c2"]), self.pick(&["true", "false"]));
        let tool = [("event.name", "codex.tool_result"), ("tool_name", "add"), ("call_id", call), ("success", success)];
        let tool = [tool.as_slice(), &[("duration_ms", "2000"), ("output", "so")]].concat();
        let answer = [("event.name", "codex.sse_event"), ("event.kind", "response.completed"), ("model", "m")];
        let answer = [answer.as_slice(), &[("input_token_count", "3"), ("output_token_count", "1")]].concat();
        for (target, fields) in [(CONTENT, &tool), ("codex_otel.trace_safe", &tool), (CONTENT, &answer)] {
            turn.0.events.push(self.event("event", target, fields));
        }
        turn
    }

    /// Whose it is; sessions are shared by the history's traces.
    fn with_ids(&mut self, sketch: Sketch) -> Sketch {
        let mut sketch = sketch;
        if self.one_in(3) {
            let session = self.pick(&["session 1", "session 2"]);
            sketch = sketch.session(&self.own(session));
        }
        if self.one_in(3) {
            sketch = sketch.with(field::CONVERSATION_ID, self.own("session 1"));
        }
        if self.one_in(3) {
            sketch = sketch.user(self.pick(&["u1", "u2"]));
        }
        if self.one_in(6) {
            sketch = sketch.of(IdentityField::AgentName, self.pick(&["a", "b"]));
        }
        if self.one_in(6) {
            sketch = sketch.failing("no");
        }
        if self.one_in(4) {
            sketch = sketch.with(field::INPUT, self.pick(&["why?", "{}"]));
        }
        if self.one_in(6) {
            sketch = sketch.service(self.pick(&["shop", "desk"]));
        }
        sketch
    }

    fn with_state(&mut self, sketch: Sketch) -> Sketch {
        // Some begin on another day.
        let days = if self.one_in(12) { 2 } else { 0 };
        let start = sketch.0.start_ns - days * DAY;
        let sketch = sketch.starting(start).lasting(self.dice.below(8).cast_signed() * SECOND);
        match self.dice.below(5) {
            0 => sketch.running(),
            1 => sketch.interrupted(),
            _ => sketch,
        }
    }

    /// Runs of an agent at about the same time that their framework tears into traces of one span each. As in life, what a span follows from is
    /// of the same run, and that run is told: of a lost run nobody can know what else was its own.
    fn torn_runs(&mut self) {
        const RIG: &str = "rig::agent::prompt_request";
        let mut trace = 0;
        for _ in 0..1 + self.dice.below(2) {
            let (agent, process) = (self.pick(&["a", "b"]), self.dice.below(PROCESSES));
            let (begin, seconds) = (self.moment(), 1 + self.dice.below(12));
            let run = self.blank(trace, 0).starting(begin).lasting(seconds.cast_signed() * SECOND);
            let session = self.own("session 1");
            let run = Self::at(run.kind(Kind::Agent).agent(agent).tokens(3, 1).session(&session), "invoke_agent", RIG);
            self.tell_alone(run, process);
            let mut before: Option<Sketch> = None;
            for _ in 0..self.dice.below(3) {
                trace += 1;
                let after = self.dice.below(seconds);
                let length = self.dice.below(seconds - after + 1);
                let blank = self.blank(trace, 0).starting(begin + after.cast_signed() * SECOND);
                let blank = blank.lasting(length.cast_signed() * SECOND);
                let mut sketch = match self.dice.below(3) {
                    0 => Self::at(blank.model("m").agent(agent).tokens(3, 1), "chat", "rig::agent_chat"),
                    1 => Self::at(blank.tool("add"), "execute_tool", RIG),
                    _ => {
                        self.tell_alone(Self::at(blank, "in_task", "app"), process);
                        continue;
                    }
                };
                if let Some(before) = before.take().filter(|_| self.one_in(2)) {
                    sketch.0.links.push(Link::new(before.0.trace_id, before.0.span_id));
                }
                before = Some(sketch.clone());
                self.tell_alone(sketch, process);
            }
            trace += 1;
        }
    }

    /// Has a process tell a span that is a trace of its own, and sometimes that it runs.
    fn tell_alone(&mut self, sketch: Sketch, process: u64) {
        if self.one_in(3) {
            self.tell(sketch.clone().running(), process);
        }
        self.tell(sketch, process);
    }

    /// Has a process tell a version of a span: one that runs has no number yet, and some are nobody's.
    fn tell(&mut self, mut sketch: Sketch, process: u64) {
        let told = if self.one_in(5) && !self.is_torn { Some(self.told()) } else { None };
        if let Some(told) = &told {
            // What a version says decides between versions, so what it tells must stand in the record.
            sketch = sketch.with("told", format!("{told:?}"));
        }
        let place = usize::try_from(process).unwrap();
        let process = ProcessId::from_bytes(u128::from(1 + self.number * PROCESSES + process).to_be_bytes());
        let is_running = sketch.0.state == SpanState::Open;
        if !is_running && (self.is_torn || !self.one_in(8)) {
            sketch.0.origin = Some(Origin { process, sequence: self.sequences[place] });
            self.sequences[place] += 1;
        }
        let mut item = semconv::interpret(sketch.0);
        if is_running {
            item.span.process_id = Some(process);
        }
        // As a table of prices does it: by what the version says, and only where nothing is reported.
        if let (Some("own"), Some(usage), None) = (item.span.request_model.as_deref(), item.span.usage, &item.span.cost)
        {
            let nano_usd = i64::try_from(usage.input.unwrap_or_default() * 1_000).unwrap();
            item.span.cost = Some(Cost { nano_usd, source: CostSource::Computed, price_version: Some("table".into()) });
        }
        item.told.extend(told);
        self.news.push(News::Version(Box::new(item)));
    }

    /// What a span tells of another one, beyond what the frameworks above do.
    fn told(&mut self) -> Told {
        let time_ns = self.moment();
        let call = self.pick(&[None, Some("c0"), Some("c1"), Some("c2")]);
        let duration_ns = self.pick(&[None, Some(0), Some(2 * SECOND), Some(DAY)]);
        let agent = self.pick(&["a", "b"]);
        let input = Lift::new(field::INPUT, None, field::INPUT);
        let told = match self.dice.below(8) {
            0 => json!({ "kind": "tool", "error": "no", "tool_call_id": call }),
            1 => json!({ "kind": "model", "usage": { "input": 3, "output": 1 } }),
            2 => json!({ "kind": "agent", "phase": "began" }),
            3 => json!({ "kind": "agent", "phase": "ended", "agent_name": agent }),
            4 => json!({ "kind": "agent", "phase": self.pick(&["adrift", "unanswered"]) }),
            5 => json!({ "kind": "agent", "lifts": [input] }),
            6 => json!({
                "kind": "tool", "tool_call_id": call, "error": self.pick(&[None, Some("")]), "lifts": [input],
                "unrecorded": { "name": "execute_tool add", "duration_ns": duration_ns },
            }),
            _ => json!({
                "kind": "model", "usage": { "input": self.dice.below(3), "output": 1 },
                "unrecorded": { "name": "chat m", "duration_ns": duration_ns, "request_model": "m" },
            }),
        };
        let mut told = told;
        told["time_ns"] = time_ns.into();
        serde_json::from_value(told).unwrap()
    }

    /// An event of a span that comes as a log record.
    fn log(&mut self, trace: u64, place: u64) {
        let (name, words) = self.pick(&[("gen_ai.user.message", "why?"), ("gen_ai.assistant.message", "because")]);
        let mut event = self.event(name, "", &[("gen_ai.system", "openai"), ("content", words)]);
        event.callsite = None;
        let SpanRecord { trace_id, span_id, .. } = self.blank(trace, place).0;
        self.news.push(News::Logged(LoggedEvent::new(trace_id, span_id, event)));
    }
}
