//! What an agent's code says about its span, beyond the fields that the span declares.

use std::error::Error;
use std::fmt;

use tracing::Span;

use super::buffers::List;
use super::shared::with_scratch;
use super::state::LayerState;
use super::tape::Kind;
use super::text::{self, write_error_chain};
use crate::error::{Error as AgentError, ErrorKind, Result};
use crate::model::{Key, Message, SpanId, TraceId, Traceparent, Usage, Value, trace_state};
use crate::semconv::field;

mod sealed {
    pub trait Sealed {}
    impl Sealed for tracing::Span {}
}

/// Records agent facts on a [`tracing::Span`], typically on [`Span::current()`].
///
/// `Span::record` silently drops a field that the span does not declare; these methods need no declaration. Their values go to the
/// agent trace alone: other layers do not see them. Where a span is disabled, or no [`AgentLayer`](super::AgentLayer) records it,
/// they do nothing. Where several do (two databases under one subscriber), each gets what is recorded; the ids are those of the layer
/// among them that was added last. Through a `tracing_subscriber::reload` layer no agent layer is found.
///
/// No method is called like one of `tracing_opentelemetry::OpenTelemetrySpanExt`, so both traits can be imported.
///
/// ```
/// use tracing::Span;
/// use tracing_agents::{SpanExt, model::Usage};
///
/// #[tracing::instrument]
/// fn complete(prompt: &str) -> String {
///     let answer = String::from("Paris");
///     Span::current().record_usage(Usage::new(812, 96)).record_output(answer.as_str());
///     answer
/// }
/// # complete("What is the capital of France?");
/// ```
pub trait SpanExt: sealed::Sealed {
    /// Appends an attribute, typed as its [`Value`] is. A key that is recorded again is kept again; readers take the last.
    fn record_attribute(&self, key: impl Into<Key>, value: impl Into<Value>) -> &Self;

    /// Records the token counts that are known, under OpenTelemetry's `gen_ai.usage.*` names. Counts that are `None` stay absent.
    ///
    /// Call it on the span of the model call, once, when the counts are final. The sums of agents and traces are computed from
    /// these; a count that is recorded again replaces the earlier one.
    fn record_usage(&self, usage: Usage) -> &Self;

    /// Records what went in: a prompt, a question, a tool's arguments; as text, JSON text or a structured value
    /// (`input.value`).
    ///
    /// ```
    /// use tracing_agents::SpanExt;
    ///
    /// let span = tracing::info_span!("plan");
    /// span.record_input("Find a hotel").record_output(serde_json::json!({"steps": ["search", "book"]}));
    /// ```
    fn record_input(&self, input: impl Into<Value>) -> &Self;

    /// Records what came out, in the same forms (`output.value`).
    fn record_output(&self, output: impl Into<Value>) -> &Self;

    /// Records the messages sent to a model and those it answered, as OpenTelemetry writes them. An empty list records nothing.
    ///
    /// They become JSON text (`gen_ai.input.messages`, `gen_ai.output.messages`) here, on the caller's thread.
    ///
    /// ```
    /// use tracing_agents::SpanExt;
    /// use tracing_agents::model::{Message, Role};
    ///
    /// let asked = [Message::text(Role::System, "Be brief."), Message::text(Role::User, "Capital of France?")];
    /// let answered = [Message::text(Role::Assistant, "Paris.")];
    /// tracing::Span::current().record_messages(&asked, &answered);
    /// ```
    fn record_messages(&self, input: &[Message], output: &[Message]) -> &Self;

    /// Records which tool is called, under which id of the model's request, and with what arguments (text, JSON text or a
    /// structured value). `Value::Null` stands for no arguments.
    ///
    /// ```
    /// use tracing_agents::{SpanExt, tool_span};
    ///
    /// let span = tool_span!("search");
    /// span.record_tool_call("search", Some("call_1"), r#"{"query":"rust"}"#).record_tool_result("3 documents");
    /// ```
    fn record_tool_call(&self, name: &str, call_id: Option<&str>, arguments: impl Into<Value>) -> &Self;

    /// Records what a tool answered.
    fn record_tool_result(&self, result: impl Into<Value>) -> &Self;

    /// Sets the status to error, with the error's text and its sources', and adds OpenTelemetry's `exception` event.
    ///
    /// Later calls add events; the last one's text is the status. For a stable kind of error to group by, record
    /// [`field::ERROR_TYPE`] too.
    fn record_error(&self, error: &(dyn Error + 'static)) -> &Self;

    /// As [`record_error`](Self::record_error), for what went wrong without an error value.
    fn record_failure(&self, message: &str) -> &Self;

    /// Names the session. It reaches all spans below that have not ended, as do the user and the run.
    fn record_session(&self, id: &str) -> &Self;

    /// Names the end user.
    fn record_user(&self, id: &str) -> &Self;

    /// Names the run: one invocation of an agent.
    fn record_run(&self, id: &str) -> &Self;

    /// Makes the span continue the trace of another process, from its W3C `traceparent` and `tracestate`: that process's span is the
    /// parent, also where `tracing` knows another. A `tracestate` that breaks W3C's rules counts as not sent.
    ///
    /// It has to come first: before the span is entered, has a child, or tells its ids, which a [live](crate::Builder::live) view does when it
    /// has been open for a second. Where no layer records the span, it does nothing.
    /// With a [tracer provider](crate::Builder::tracer_provider) this is `OpenTelemetrySpanExt::set_parent`, and the sampler may leave the
    /// span out.
    ///
    /// ```
    /// use tracing_agents::SpanExt;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// # let header = |_| Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// let request = tracing::info_span!("request");
    /// if let Some(traceparent) = header("traceparent") {
    ///     request.set_remote_parent(traceparent, header("tracestate"))?;
    /// }
    /// let _entered = request.enter();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when `traceparent` is none, saying what is wrong with it, and
    /// [`TooLate`](ErrorKind::TooLate) when the span has begun. The span then stays what it is.
    fn set_remote_parent(&self, traceparent: &str, tracestate: Option<&str>) -> Result<()>;

    /// The id of the span's trace, as it is stored. `None` where telemetry is suppressed, and while a tracer provider makes the span.
    #[must_use]
    fn trace_id(&self) -> Option<TraceId>;

    /// The id of the span, as it is stored.
    #[must_use]
    fn span_id(&self) -> Option<SpanId>;

    /// The W3C `traceparent` header that makes another process continue this trace below this span:
    /// `00-{trace id}-{span id}-{flags}`, in lower-case hexadecimal digits. The flags are `01`, "sampled", unless the provider's sampler
    /// leaves the span out or the trace came from another process with others.
    #[must_use]
    fn traceparent(&self) -> Option<String>;
}

impl SpanExt for Span {
    fn record_attribute(&self, key: impl Into<Key>, value: impl Into<Value>) -> &Self {
        // The conversions are the caller's code and so stay outside of the span's lock.
        let (key, value) = (key.into(), value.into());
        LayerState::each(self, (key, value), |state, slot, (key, value)| {
            slot.write_beside(|buffers| buffers.push_value(List::Span, &state.shared.limits, key, value));
        });
        self
    }

    fn record_usage(&self, usage: Usage) -> &Self {
        let counts = [
            (field::INPUT_TOKENS, usage.input),
            (field::OUTPUT_TOKENS, usage.output),
            (field::TOTAL_TOKENS, usage.total),
            (field::CACHE_READ_TOKENS, usage.cache_read),
            (field::CACHE_WRITE_TOKENS, usage.cache_write),
            (field::REASONING_TOKENS, usage.reasoning),
        ];
        LayerState::each(self, (), |state, slot, ()| {
            slot.write_beside(|buffers| {
                for (key, count) in counts {
                    if let Some(count) = count {
                        buffers.push_value(List::Span, &state.shared.limits, key.into(), Value::U64(count));
                    }
                }
            });
        });
        self
    }

    fn record_input(&self, input: impl Into<Value>) -> &Self {
        self.record_attribute(field::INPUT, input)
    }

    fn record_output(&self, output: impl Into<Value>) -> &Self {
        self.record_attribute(field::OUTPUT, output)
    }

    fn record_messages(&self, input: &[Message], output: &[Message]) -> &Self {
        if LayerState::slot_of(self).is_none() {
            return self;
        }
        for (key, messages) in [(field::INPUT_MESSAGES, input), (field::OUTPUT_MESSAGES, output)] {
            // Serialising these types to memory has no way to fail.
            if let (false, Ok(json)) = (messages.is_empty(), serde_json::to_string(messages)) {
                self.record_attribute(key, json);
            }
        }
        self
    }

    fn record_tool_call(&self, name: &str, call_id: Option<&str>, arguments: impl Into<Value>) -> &Self {
        self.record_attribute(field::TOOL_NAME, name);
        if let Some(id) = call_id {
            self.record_attribute(field::TOOL_CALL_ID, id);
        }
        self.record_attribute(field::TOOL_ARGUMENTS, arguments)
    }

    fn record_tool_result(&self, result: impl Into<Value>) -> &Self {
        self.record_attribute(field::TOOL_RESULT, result)
    }

    fn record_error(&self, error: &(dyn Error + 'static)) -> &Self {
        record_exception(self, |out| write_error_chain(out, error));
        self
    }

    fn record_failure(&self, message: &str) -> &Self {
        record_exception(self, |out| out.write_str(message));
        self
    }

    fn record_session(&self, id: &str) -> &Self {
        self.record_attribute(field::SESSION_ID, id)
    }

    fn record_user(&self, id: &str) -> &Self {
        self.record_attribute(field::USER_ID, id)
    }

    fn record_run(&self, id: &str) -> &Self {
        self.record_attribute(field::RUN_ID, id)
    }

    fn set_remote_parent(&self, traceparent: &str, tracestate: Option<&str>) -> Result<()> {
        let parent: Traceparent = traceparent.parse().map_err(|error| {
            AgentError::with_source(ErrorKind::InvalidInput, "the span has no remote parent", error)
        })?;
        let state = tracestate.and_then(trace_state).unwrap_or_default();
        if LayerState::continue_trace(self, &parent, state) {
            return Ok(());
        }
        Err(AgentError::new(
            ErrorKind::TooLate,
            "the span has begun and keeps its parent; name a remote parent before the span is entered, has a child or tells its ids",
        ))
    }

    fn trace_id(&self) -> Option<TraceId> {
        LayerState::ids_of(self).map(|(trace_id, ..)| trace_id)
    }

    fn span_id(&self) -> Option<SpanId> {
        LayerState::ids_of(self).map(|(_, span_id, _)| span_id)
    }

    fn traceparent(&self) -> Option<String> {
        let (trace_id, span_id, flags) = LayerState::ids_of(self)?;
        Some(Traceparent { trace_id, span_id, flags }.to_string())
    }
}

/// Records an error status and the event that OpenTelemetry's convention for exceptions asks for.
fn record_exception(span: &Span, message: impl Fn(&mut dyn fmt::Write) -> fmt::Result) {
    LayerState::each(span, (), |state, slot, ()| {
        let limits = &state.shared.limits;
        with_scratch(|scratch| {
            let mut text = Vec::new();
            scratch.truncated_bytes += text::format(&mut text, limits.value_bytes, &message);
            let text = String::from_utf8_lossy(&text).into_owned();
            scratch.push_message(limits, "exception");
            let name = scratch.tell(List::Event, "exception.message".into());
            scratch.push(List::Event, limits, name, Kind::Str, text.as_bytes());
            scratch.failure = Some(text);
            scratch.push_event(None, slot.trace.now_signed());
            slot.write_beside(|buffers| buffers.append(limits, scratch));
        });
    });
}
