//! What the traced program does.

use std::hint::black_box;

use anyhow::{Result, bail};
use fastrace::Event;
use fastrace::local::LocalSpan;
use fastrace::prelude::{Span as FastSpan, SpanContext};
use tracing::field::Empty;
use tracing::{Span, info, info_span, instrument};

use crate::way::Way;

/// Spans of one trace: a root and its children.
pub const SPANS_A_TRACE: u32 = 10;

/// A kind of work. Each is counted in units: a span, or an enter with its exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Traces of ten spans with eight fields, three recorded later, and an event.
    Agent,
    /// The same by `#[instrument]`, without the later fields and the event.
    Instrument,
    /// Spans with 10 kB of messages in, and 10 kB recorded later.
    Big,
    /// Enters and exits of one open span.
    Poll,
    /// Spans below the level that anybody wants.
    Disabled,
}

impl Workload {
    /// All, in the order of the report.
    pub const ALL: [Self; 5] = [Self::Agent, Self::Instrument, Self::Big, Self::Poll, Self::Disabled];

    /// The name on the command line and in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Instrument => "instrument",
            Self::Big => "big",
            Self::Poll => "poll",
            Self::Disabled => "disabled",
        }
    }

    /// The workload of that name.
    ///
    /// # Errors
    /// Of an unknown name.
    pub fn named(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|workload| workload.name() == name) {
            Some(workload) => Ok(workload),
            None => bail!("there is no workload {name}"),
        }
    }

    /// Units that are done at once, between two looks at the clock or two flushes: few enough for any queue.
    #[must_use]
    pub const fn chunk(self) -> u32 {
        match self {
            Self::Agent | Self::Instrument => 400,
            Self::Big => 100,
            Self::Poll | Self::Disabled => 4000,
        }
    }

    /// Whether `way` can do it.
    #[must_use]
    pub const fn fits(self, way: Way) -> bool {
        // Its spans are not entered again, and not disabled one by one.
        !matches!((way, self), (Way::Fastrace, Self::Poll | Self::Disabled | Self::Instrument))
    }

    /// Does `units` of it, by way of `run`, which is to do what it is given, once.
    pub fn run(self, way: Way, units: u32, run: impl FnOnce(&dyn Fn())) {
        let span = if self == Self::Poll { info_span!("poll", task = 1_i64) } else { Span::none() };
        match way {
            Way::Fastrace => run(&|| self.by_fastrace(units)),
            _ => run(&|| self.by_tracing(units, &span)),
        }
    }

    fn by_tracing(self, units: u32, span: &Span) {
        match self {
            Self::Agent => (0..units / SPANS_A_TRACE).for_each(|_| agent_trace()),
            Self::Instrument => (0..units / SPANS_A_TRACE).for_each(|_| instrumented_root("chat", "gpt-4o-mini")),
            Self::Big => (0..units).for_each(|_| big()),
            Self::Poll => {
                for _ in 0..units {
                    let _entered = span.enter();
                    black_box(());
                }
            }
            Self::Disabled => {
                for _ in 0..units {
                    let span = tracing::debug_span!("disabled", session.id = black_box(SESSION), steps = 3_i64);
                    let _entered = span.enter();
                }
            }
        }
    }

    fn by_fastrace(self, units: u32) {
        match self {
            Self::Agent => (0..units / SPANS_A_TRACE).for_each(|_| agent_trace_fastrace()),
            Self::Big => (0..units).for_each(|_| big_fastrace()),
            Self::Instrument | Self::Poll | Self::Disabled => {}
        }
    }
}

/// Instructions are counted within this function.
#[inline(never)]
pub fn measured(work: &dyn Fn()) {
    work();
    // Not the end of the function, so that it is not left before the work is done.
    black_box(());
}

const SESSION: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

macro_rules! agent_like {
    ($name:literal) => {
        info_span!(
            $name,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = black_box("gpt-4o-mini"),
            gen_ai.agent.name = "Researcher",
            session.id = black_box(SESSION),
            server.address = "api.openai.com",
            gen_ai.request.max_tokens = 1024_i64,
            gen_ai.request.seed = 7_i64,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.response.id = Empty,
        )
    };
}

fn finish(span: &Span) {
    span.record("gen_ai.usage.input_tokens", 812_i64);
    span.record("gen_ai.usage.output_tokens", 96_i64);
    span.record("gen_ai.response.id", black_box("chatcmpl-9f8e7d6c5b4a"));
}

fn agent_trace() {
    let root = agent_like!("invoke_agent");
    let _entered = root.enter();
    for _ in 1..SPANS_A_TRACE {
        let span = agent_like!("chat");
        {
            let _entered = span.enter();
            info!(index = 0_i64, finish_reason = "stop", "the model answered");
        }
        finish(&span);
    }
    info!(index = 0_i64, finish_reason = "stop", "the agent answered");
    finish(&root);
}

#[instrument(name = "invoke_agent")]
fn instrumented_root(operation: &str, model: &str) {
    for step in 1..SPANS_A_TRACE {
        instrumented(operation, model, step);
    }
}

#[instrument(name = "chat", fields(gen_ai.provider.name = "openai", gen_ai.agent.name = "Researcher"))]
fn instrumented(operation: &str, model: &str, step: u32) {
    black_box((operation, model, step));
}

fn big() {
    let messages = messages();
    let span = info_span!("chat", gen_ai.input.messages = messages, gen_ai.output.messages = Empty);
    let _entered = span.enter();
    span.record("gen_ai.output.messages", messages);
}

/// Some 10 kB.
fn messages() -> &'static str {
    static MESSAGES: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let turn = r#"{"role":"user","parts":[{"type":"text","content":"What changed in the plan since Monday?"}]},"#;
        format!("[{}]", turn.repeat(10_240 / turn.len()).trim_end_matches(','))
    });
    black_box(&MESSAGES)
}

fn agent_trace_fastrace() {
    fn first() -> [(&'static str, String); 8] {
        [
            ("gen_ai.operation.name", "chat".to_owned()),
            ("gen_ai.provider.name", "openai".to_owned()),
            ("gen_ai.request.model", black_box("gpt-4o-mini").to_owned()),
            ("gen_ai.agent.name", "Researcher".to_owned()),
            ("session.id", black_box(SESSION).to_owned()),
            ("server.address", "api.openai.com".to_owned()),
            ("gen_ai.request.max_tokens", 1024.to_string()),
            ("gen_ai.request.seed", 7.to_string()),
        ]
    }
    fn event(name: &'static str) {
        LocalSpan::add_event(
            Event::new(name).with_properties(|| [("index", 0.to_string()), ("finish_reason", "stop".to_owned())]),
        );
    }
    fn finish() {
        LocalSpan::add_properties(|| [("gen_ai.usage.input_tokens", 812.to_string())]);
        LocalSpan::add_properties(|| [("gen_ai.usage.output_tokens", 96.to_string())]);
        LocalSpan::add_properties(|| [("gen_ai.response.id", black_box("chatcmpl-9f8e7d6c5b4a").to_owned())]);
    }
    let root = FastSpan::root("invoke_agent", SpanContext::random()).with_properties(first);
    let _parent = root.set_local_parent();
    for _ in 1..SPANS_A_TRACE {
        let _span = LocalSpan::enter_with_local_parent("chat").with_properties(first);
        event("the model answered");
        finish();
    }
    event("the agent answered");
    finish();
}

fn big_fastrace() {
    let root = FastSpan::root("chat", SpanContext::random());
    let _parent = root.set_local_parent();
    let _span =
        LocalSpan::enter_with_local_parent("chat").with_property(|| ("gen_ai.input.messages", messages().to_owned()));
    LocalSpan::add_property(|| ("gen_ai.output.messages", messages().to_owned()));
}
