//! One trace across processes: what a process hands to the next, and how that takes it up.
//!
//! [`TraceContext`] is what travels: W3C's `traceparent` and `tracestate`, and of W3C's `baggage` what is meant for all. It goes by
//! whatever carries names and texts: HTTP headers, environment variables for agents that start agents, `params._meta` of MCP.
//!
//! ```
//! use tracing_agents::propagation::TraceContext;
//! use tracing_agents::{SpanExt, agent_span, tool_span};
//! # use tracing_subscriber::prelude::*;
//! # let tracing = tracing_agents::AgentTracing::open("sqlite::memory:")?;
//! # let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
//!
//! // One process:
//! let call = tool_span!("ask_the_expert");
//! let context = TraceContext::of(&call);
//! let headers: Vec<(&str, String)> = context.headers().collect();
//!
//! // The other one:
//! let received = TraceContext::read(|name| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str()));
//! let run = agent_span!("Expert");
//! received.set_on(&run)?;
//! assert_eq!(run.trace_id(), call.trace_id());
//! # Ok::<(), tracing_agents::Error>(())
//! ```
//!
//! # Ids in baggage
//! A trace's spans find each other by their ids, but the session and the user of one process are not known to the next. Where both allow it
//! ([`Builder::baggage`](crate::Builder::baggage)), those ids travel as baggage: the sender adds the ids with the allowed keys that its span
//! has, the receiver gives those that it allows to its span, and so to all below. It is off by default: baggage goes to whomever is called,
//! and comes from whomever calls.

use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt as _};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use serde_json::{Map, Value as Json};
use tracing::Span;

use crate::error::Result;
use crate::layer::{self, SpanExt as _};
use crate::model::{SpanId, TraceId, Traceparent};
use crate::otel;

/// The names under which it travels: HTTP headers, fields of MCP's `_meta`, and in upper case environment variables.
const FIELDS: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// What one process tells the next about the trace that both work on.
///
/// What cannot be read counts as not sent, as W3C asks: a bad header must not make a request fail. An empty one adds nothing where it is
/// sent, and changes nothing where it is [set](Self::set_on).
#[derive(Debug, Clone)]
pub struct TraceContext {
    span: SpanContext,
    baggage: Arc<Baggage>,
}

impl Default for TraceContext {
    /// An empty one.
    fn default() -> Self {
        Self { span: SpanContext::NONE, baggage: Arc::default() }
    }
}

impl TraceContext {
    /// That of [`Span::current`].
    #[must_use]
    pub fn current() -> Self {
        Self::of(&Span::current())
    }

    /// What the work for `span` in another process is to continue: the span and, of its ids, those with keys that
    /// [`Builder::baggage`](crate::Builder::baggage) allows; beside them the baggage of the current OpenTelemetry context. Empty where no
    /// [`AgentLayer`](crate::AgentLayer) records the span and there is no such baggage.
    ///
    /// From now on the span's ids are fixed.
    #[must_use]
    pub fn of(span: &Span) -> Self {
        let mut baggage = Context::map_current(|context| copied(context.baggage()));
        let Some(outgoing) = layer::outgoing(span) else {
            return Self { span: SpanContext::NONE, baggage: baggage.into() };
        };
        for (key, value) in outgoing.ids {
            baggage.insert(key, value);
        }
        let Traceparent { trace_id, span_id, flags } = outgoing.traceparent;
        let span = otel::span_context(trace_id, span_id, flags.into(), true, &outgoing.trace_state);
        Self { span, baggage: baggage.into() }
    }

    /// Makes `span` continue the trace: its parent is the other process's span, and of the baggage it has the ids with keys that
    /// [`Builder::baggage`](crate::Builder::baggage) allows, unless it names them itself. Call it before the span is entered and before it has children.
    ///
    /// # Errors
    /// [`TooLate`](crate::ErrorKind::TooLate) when that is too late, as [`SpanExt::set_remote_parent`](crate::SpanExt::set_remote_parent) says.
    pub fn set_on(&self, span: &Span) -> Result<()> {
        layer::surround(span, |keys| otel::ids_in_baggage(&self.baggage, keys));
        if !self.span.is_valid() {
            return Ok(());
        }
        let traceparent = Traceparent {
            trace_id: TraceId::from_bytes(self.span.trace_id().to_bytes()),
            span_id: SpanId::from_bytes(self.span.span_id().to_bytes()),
            flags: self.span.trace_flags().to_u8(),
        };
        // The owned layer takes baggage from the current context.
        let context = Context::map_current(|context| context.with_baggage(copied(&self.baggage)));
        let _attached = (!self.baggage.is_empty()).then(|| context.attach());
        span.set_remote_parent(&traceparent.to_string(), Some(&self.span.trace_state().header()))
    }

    /// Whether there is a span in it, so that a trace can go on.
    #[must_use]
    pub fn has_span(&self) -> bool {
        self.span.is_valid()
    }

    /// Reads it from whatever finds a text by its name: `traceparent`, `tracestate` and `baggage`.
    ///
    /// With the `HeaderMap` of the crate `http`, as hyper, axum, tower and reqwest have it, that is `headers.get(name)?.to_str().ok()`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use tracing_agents::propagation::TraceContext;
    ///
    /// let headers = HashMap::from([("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]);
    /// let context = TraceContext::read(|name| headers.get(name).copied());
    /// assert!(context.has_span());
    /// ```
    #[must_use]
    pub fn read<'a>(mut get: impl FnMut(&'static str) -> Option<&'a str>) -> Self {
        let found = FIELDS.into_iter().filter_map(|name| Some((name.to_owned(), get(name)?.to_owned())));
        Self::extract(&found.collect::<HashMap<String, String>>())
    }

    /// Reads it from one of OpenTelemetry's carriers, such as the `HeaderExtractor` of the crate `opentelemetry-http`.
    #[must_use]
    pub fn extract(carrier: &dyn Extractor) -> Self {
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), carrier);
        Self::from(&BaggagePropagator::new().extract_with_context(&context, carrier))
    }

    /// Writes it into one of OpenTelemetry's carriers, such as the `HeaderInjector` of the crate `opentelemetry-http`.
    pub fn inject(&self, carrier: &mut dyn Injector) {
        for (name, value) in self.headers() {
            carrier.set(name, value);
        }
    }

    /// The names and texts to send, as the headers of an HTTP request: `traceparent`, and `tracestate` and `baggage` where there are any.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use tracing_agents::propagation::TraceContext;
    ///
    /// let mut headers: HashMap<&str, String> = HashMap::new();
    /// for (name, value) in TraceContext::current().headers() {
    ///     headers.insert(name, value); // or: request = request.header(name, value);
    /// }
    /// ```
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let mut carrier: HashMap<String, String> = HashMap::new();
        let context = Context::from(self);
        TraceContextPropagator::new().inject_context(&context, &mut carrier);
        BaggagePropagator::new().inject_context(&context, &mut carrier);
        let take = move |name: &'static str| Some((name, carrier.remove(name).filter(|value| !value.is_empty())?));
        FIELDS.into_iter().filter_map(take)
    }

    /// Reads it from the environment variables `TRACEPARENT`, `TRACESTATE` and `BAGGAGE`: that of a program that was started by another one's
    /// agent.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(mut get: impl FnMut(&str) -> Option<String>) -> Self {
        let found = FIELDS.into_iter().filter_map(|name| Some((name.to_owned(), get(&name.to_uppercase())?)));
        Self::extract(&found.collect::<HashMap<String, String>>())
    }

    /// The environment variables for a process that is started to work for this trace.
    ///
    /// ```
    /// use std::process::Command;
    /// use tracing_agents::propagation::TraceContext;
    ///
    /// let mut agent = Command::new("my-agent");
    /// agent.envs(TraceContext::current().env());
    /// ```
    pub fn env(&self) -> impl Iterator<Item = (String, String)> + use<> {
        self.headers().map(|(name, value)| (name.to_uppercase(), value))
    }

    /// Reads it from the `_meta` of an MCP request's or notification's `params`.
    #[must_use]
    pub fn from_meta(meta: &Map<String, Json>) -> Self {
        Self::read(|name| meta.get(name)?.as_str())
    }

    /// Writes it into the `_meta` of an MCP request's or notification's `params`, beside what is there.
    ///
    /// ```
    /// use tracing_agents::propagation::TraceContext;
    ///
    /// let mut params = serde_json::json!({"name": "search", "_meta": {"progressToken": 7}});
    /// if let Some(meta) = params["_meta"].as_object_mut() {
    ///     TraceContext::current().write_meta(meta);
    /// }
    /// ```
    pub fn write_meta(&self, meta: &mut Map<String, Json>) {
        meta.extend(self.headers().map(|(name, value)| (name.to_owned(), value.into())));
    }
}

/// The remote span and the baggage of an OpenTelemetry context, as any propagator extracts it.
impl From<&Context> for TraceContext {
    fn from(context: &Context) -> Self {
        Self { span: context.span().span_context().clone(), baggage: copied(context.baggage()).into() }
    }
}

/// A context for any OpenTelemetry propagator to inject.
impl From<&TraceContext> for Context {
    fn from(context: &TraceContext) -> Self {
        let with_baggage = Self::new().with_baggage(copied(&context.baggage));
        if context.span.is_valid() { with_baggage.with_remote_span_context(context.span.clone()) } else { with_baggage }
    }
}

/// [`Baggage`] cannot be cloned.
fn copied(baggage: &Baggage) -> Baggage {
    baggage.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
