//! How attributes are read: every convention's names → the model. Pure functions of one span; they run on the worker.
//!
//! Conventions are tables. A file of a convention's name (OpenTelemetry's `gen_ai`, `openinference`, `langfuse`, `traceloop`, `vercel`,
//! `mcp`) holds its words, one under `profiles/` what is known of a framework; a file of a concept's name (kind, identity, provider,
//! model, tool, usage, cost, status, timing, content) holds the order in which the conventions are asked. A new convention is a new
//! table and its keys in those lists; a new framework is a profile. [`field`] has the names for users.
//!
//! | question | answered in | from |
//! |---|---|---|
//! | what is it? | `kind` | our own word, operation, span kinds of the conventions, target and name, shape |
//! | whose is it? | `identity` | `identity_of`, for the layer and the worker alike; then the ancestors |
//! | which provider and model? | `provider`, `model_name` | one spelling for each provider; requested and answering model apart |
//! | which tool? | `tool` | names and call ids; on a tool's span also the span's own name |
//! | how many tokens, what cost? | `usage`, `cost` | reported counts, brought to one meaning; reported cost only |
//! | what cost, where none is reported? | `price` | tokens and a table of prices; a step of its own, after all others |
//! | how did it go? | `status`, `tool_result` | the status, attributes, events; what a tool's result says |
//! | when did the answer begin? | `timing` | seconds, milliseconds or instants → nanoseconds |
//! | how is it called? | `display` | the operation and what it is about |
//! | what went in and out? | `content` | attributes and events, plain and as messages; read apart from the rest |
//! | how does it leave? | `outgoing` | what was understood → both conventions' names |
//!
//! What decides between conventions on one span: our own typed names, then OpenTelemetry's current names, then `OpenInference`, then
//! deprecated and other names. A text that stands for no value (empty, `null`, `Debug`'s `None`) is absent; 0 and `false` are values.
//! What needs other spans of the trace (sums, torn runs, agents without a span) is not decided here.

mod coerce;
mod content;
mod cost;
mod debug_text;
mod display;
pub mod field;
mod gen_ai;
mod identity;
mod kind;
mod langfuse;
mod lift;
mod mcp;
mod model_name;
mod openinference;
#[cfg(feature = "opentelemetry")]
mod outgoing;
mod price;
mod profiles;
mod provider;
mod reading;
mod status;
mod timing;
mod told;
mod tool;
mod tool_result;
mod traceloop;
mod usage;
mod vercel;

#[cfg(test)]
mod tests;

pub(crate) use coerce::{clean_text, json};
pub(crate) use content::{Content, Holds, Side, holds, is_about, is_argument, read_content, role_of_event};
pub(crate) use debug_text::parse as parse_debug;
pub(crate) use display::preview;
#[cfg(feature = "opentelemetry")]
pub(crate) use identity::attribute_of;
pub(crate) use identity::identity_of;
#[cfg(feature = "opentelemetry")]
pub(crate) use outgoing::outgoing;
pub(crate) use price::{Call, Prices};
pub use price::{Price, PriceTable};
pub(crate) use profiles::Profiles;
pub use profiles::profile;
pub(crate) use provider::canonical as canonical_provider;

use crate::model::{Attributes, Event, InterpretedSpan, Kind, Lift, OtelKind, Span, SpanRecord, Told, Value};
use lift::Lifted;
use reading::{Reading, Site};

/// Understands one span.
///
/// Never fails: what cannot be read is absent, and the record stays as it was. The work is linear in the record. Times are
/// nanoseconds, money is in billionths of a US dollar, token counts follow OpenTelemetry's meaning (input includes cached tokens,
/// output includes reasoning) whatever the producer's was.
#[must_use]
pub fn interpret(record: SpanRecord) -> InterpretedSpan {
    interpret_with(&Profiles::default(), record)
}

/// [`interpret`], with profiles of the program's own.
pub(crate) fn interpret_with(profiles: &Profiles, record: SpanRecord) -> InterpretedSpan {
    let site = Site::new(&record, profiles);
    let lifts: Vec<Lift> = site.profile.map(|profile| profile.lifts(&record.events).collect()).unwrap_or_default();
    let lifted = lift::resolve(&lifts, &record.attributes, &record.events);
    let span = understand(&record, &site, &lifted);
    // Content is read again when the span is opened, and then without the profile.
    let mut kept: Vec<Lift> =
        lifted.iter().map(|lifted| lifted.lift).filter(|lift| content::reads(&lift.key)).cloned().collect();
    let is_torn = site.profile.is_some_and(|profile| profile.tears(site.target));
    let mut told = told::read(profiles, &site, &record, &span);
    // What is told of a run inside its own span is the span's.
    for told in told.iter_mut().filter(|told| told.kind == span.kind && told.is_of_run_around()) {
        kept.append(&mut told.lifts);
    }
    told.retain(Told::says_anything);
    InterpretedSpan::new(record, span).with_lifts(kept).with_told(told).torn(is_torn)
}

/// What a record's content is found by: its kind, and where its own profile and those of its events' targets find more than the
/// conventions do, also where they tell it of other spans.
pub(crate) fn survey(profiles: &Profiles, record: &SpanRecord) -> (Kind, Vec<Lift>) {
    let site = Site::new(record, profiles);
    let mut lifts: Vec<Lift> = site.profile.map(|profile| profile.lifts(&record.events).collect()).unwrap_or_default();
    let lifted = lift::resolve(&lifts, &record.attributes, &record.events);
    let reading = Reading::new(&record.attributes).with_lifted(&lifted);
    let name = reading.string(&[field::NAME]).unwrap_or_else(|| record.name.clone());
    let kind = kind::decide(&reading, &site, &name).kind;
    lifts.extend(told::lifts(profiles, &site, &record.events));
    (kind, lifts)
}

/// The values that lifts refer to, with the attributes that they stand for: what a span tells about another one.
pub(crate) fn resolve_lifts(lifts: &[Lift], attributes: &Attributes, events: &[Event]) -> Vec<(String, Value)> {
    let lifted = lift::resolve(lifts, attributes, events);
    lifted.into_iter().map(|lifted| (lifted.lift.key.to_string(), lifted.value.into_owned())).collect()
}

/// The facts of a record, in the order in which they depend on each other: the kind decides which names count as a tool's, an
/// agent's or a model's, and the display name needs them all.
fn understand(record: &SpanRecord, site: &Site<'_>, lifted: &[Lifted<'_>]) -> Span {
    let reading = Reading::new(&record.attributes).with_lifted(lifted);
    let name = reading.string(&[field::NAME]).unwrap_or_else(|| record.name.clone());
    let decision = kind::decide(&reading, site, &name);
    let kind = decision.kind;
    let own = identity::own(&record.attributes, lifted, &reading, kind, &name);
    let mut identity = own.clone();
    identity.inherit(&record.inherited);
    let provider = provider::read(&reading, site, kind);
    let (request_model, response_model) = model_name::read(&reading, kind);
    let (tool_name, tool_call_id) = tool::read(&reading, site, kind, &name);
    let (status, error_type) = status::read(record, &reading, site, kind);
    let mut span = Span {
        name,
        kind,
        kind_source: decision.source,
        operation: reading.string(&[field::OPERATION, mcp::METHOD, "ai.operationId"]),
        otel_kind: otel_kind(&reading).unwrap_or(record.otel_kind),
        status,
        error_type,
        identity,
        usage: usage::read(&reading, site, kind, provider.as_deref()),
        provider,
        request_model,
        response_model,
        tool_name,
        tool_call_id,
        cost: cost::read(&reading),
        time_to_first_token_ns: timing::to_first_token(&reading, record.start_ns),
        ..Span::as_recorded(record)
    };
    span.display_name = display::name(&span, &own, &reading);
    span
}

/// `otel.kind`, in either of its spellings (`client`, `SPAN_KIND_CLIENT`).
fn otel_kind(reading: &Reading<'_>) -> Option<OtelKind> {
    let word = reading.text(&[field::OTEL_KIND])?;
    word.to_ascii_lowercase().trim_start_matches("span_kind_").parse().ok()
}
