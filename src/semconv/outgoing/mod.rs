//! What leaves: a span as OpenTelemetry's GenAI conventions and `OpenInference` have it, from what was understood of it.
//!
//! A framework's span comes in with the framework's names, types and repetitions; backends understand the two conventions. So each span
//! leaves with both: what was recorded, each key once, and beside it what follows from it.
//!
//! - A recorded attribute stays, the last one of its key. A computed one stands only where nothing is recorded, or what stands for
//!   nothing. Only its type is mended: a count that came as text leaves as an integer.
//! - What is not known is absent.
//! - Ids and names from ancestors stand on each span, as the conventions want them.
//! - Values have the types that every reader knows; what tells how the span was recorded (callsite, `otel.*` fields) is taken off.

mod list;
mod messages;
mod tables;

use std::borrow::Cow;
use std::sync::Arc;

use super::coerce::json_text;
use super::content::{Content, read_content};
use super::{field, gen_ai, openinference};
use crate::model::{
    Event, Identity, IdentityField, InterpretedSpan, Kind, Link, OtelKind, Resource, Scope, Span, SpanRecord, SpanState,
};
use list::{OutgoingList, plain};
use tables::{CALLS_OUT, DOCUMENTS, IDENTITY, MODEL_NAME, OPENINFERENCE_KINDS, OPERATIONS, VENDORS, of};

/// The span as it leaves.
pub(crate) fn outgoing(item: &InterpretedSpan) -> SpanRecord {
    let InterpretedSpan { record, span, lifts, .. } = item;
    let content = read_content(&record.attributes, &record.events, lifts, span.kind);
    let mut list = OutgoingList::of(&record.attributes);
    kind(&mut list, span);
    identity(&mut list, span);
    model(&mut list, span);
    usage(&mut list, span);
    tool(&mut list, span, &content);
    in_and_out(&mut list, span, &content);
    messages::fill(&mut list, span, &content);
    documents(&mut list, span, &content);
    list.fill(field::ERROR_TYPE, span.error_type.as_deref());
    SpanRecord {
        name: name(item).into_owned(),
        otel_kind: otel_kind(item),
        state: SpanState::Closed,
        status: span.status.clone(),
        attributes: list.into_attributes(),
        events: record.events.iter().map(event).collect(),
        links: record.links.iter().map(link).collect(),
        truncated_bytes: 0,
        inherited: Identity::default(),
        callsite: None,
        scope: scope(&record.scope),
        resource: resource(&record.resource),
        origin: None,
        trace_state: record.trace_state.clone(),
        // It is no longer the message that came.
        verbatim: None,
        ..*record
    }
}

/// The name that the span was given, unless it says less than what is known: the name of a callsite is the same for each call (rig's
/// `chat`), and becomes the operation and what it is about (`chat gpt-4o`).
fn name(item: &InterpretedSpan) -> Cow<'_, str> {
    let (record, span) = (&item.record, &item.span);
    if span.kind == Kind::Span {
        return Cow::Borrowed(&span.name);
    }
    let is_callsites = record.callsite.is_some() && span.name == record.name;
    let says_less = span.display_name.strip_prefix(&span.name).is_some_and(|more| more.starts_with(' '));
    let chosen = if is_callsites || says_less { &span.display_name } else { &span.name };
    Cow::Borrowed(chosen)
}

/// Calls of models and searches are requests to other services, also where nobody said so.
fn otel_kind(item: &InterpretedSpan) -> OtelKind {
    let is_said = item.record.attributes.get(field::OTEL_KIND).is_some();
    match item.span.otel_kind {
        OtelKind::Internal if !is_said && CALLS_OUT.contains(&item.span.kind) => OtelKind::Client,
        kind => kind,
    }
}

fn kind(list: &mut OutgoingList, span: &Span) {
    if span.kind == Kind::Span {
        return;
    }
    list.fill(field::KIND, Some(span.kind.as_str()));
    list.fill(openinference::SPAN_KIND, of(OPENINFERENCE_KINDS, span.kind));
    let said = span.operation.as_deref().filter(|operation| gen_ai::kind_of(operation) == Some(span.kind));
    list.fill(field::OPERATION, said.or_else(|| of(OPERATIONS, span.kind)));
}

fn identity(list: &mut OutgoingList, span: &Span) {
    for (field, key) in IDENTITY {
        list.fill(key, span.identity.get(*field));
    }
    list.fill(field::SESSION_ID, span.identity.session());
    let named = match span.kind {
        Kind::Agent => span.identity.get(IdentityField::AgentName),
        Kind::Team => {
            span.identity.get(IdentityField::TeamName).or_else(|| span.identity.get(IdentityField::AgentName))
        }
        _ => None,
    };
    list.fill("agent.name", named);
}

fn model(list: &mut OutgoingList, span: &Span) {
    list.fill(field::REQUEST_MODEL, span.request_model.as_deref());
    list.fill(field::RESPONSE_MODEL, span.response_model.as_deref());
    list.fill(field::PROVIDER, span.provider.as_deref());
    list.fill(of(MODEL_NAME, span.kind).unwrap_or_default(), span.model());
    if span.kind.is_model_call()
        && let Some(provider) = span.provider.as_deref()
    {
        let (host, vendor) = VENDORS
            .iter()
            .find_map(|(name, host, vendor)| (*name == provider).then_some((*host, *vendor)))
            .unwrap_or((provider, None));
        list.fill("llm.provider", Some(host));
        list.fill("llm.system", vendor);
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds to the nanosecond, of which f64 holds a hundred days")]
    let seconds = span.time_to_first_token_ns.map(|ns| ns as f64 / 1e9);
    list.fill(field::TIME_TO_FIRST_CHUNK, seconds);
}

/// Tokens and cost. `OpenInference`'s go on calls alone: readers of them add up what they find.
fn usage(list: &mut OutgoingList, span: &Span) {
    if let Some(usage) = span.usage {
        list.fill(field::INPUT_TOKENS, usage.input);
        list.fill(field::OUTPUT_TOKENS, usage.output);
        list.fill(field::CACHE_READ_TOKENS, usage.cache_read);
        list.fill(field::CACHE_WRITE_TOKENS, usage.cache_write);
        // Its name before 2026, which most readers know alone.
        list.fill("gen_ai.usage.cache_creation.input_tokens", usage.cache_write);
        list.fill(field::REASONING_TOKENS, usage.reasoning);
    }
    if !span.kind.is_model_call() {
        return;
    }
    if let Some(usage) = span.usage {
        list.fill("llm.token_count.prompt", usage.input);
        list.fill("llm.token_count.completion", usage.output);
        list.fill("llm.token_count.total", usage.total());
        list.fill("llm.token_count.prompt_details.cache_read", usage.cache_read);
        list.fill("llm.token_count.prompt_details.cache_write", usage.cache_write);
        list.fill("llm.token_count.completion_details.reasoning", usage.reasoning);
    }
    if let Some(cost) = &span.cost {
        list.fill("llm.cost.total", Some(cost.usd()));
        list.fill("agent_traces.cost.source", Some(cost.source.as_str()));
        list.fill("agent_traces.cost.price_version", cost.price_version.as_deref());
    }
}

fn tool(list: &mut OutgoingList, span: &Span, content: &Content) {
    list.fill(field::TOOL_NAME, span.tool_name.as_deref());
    list.fill(field::TOOL_CALL_ID, span.tool_call_id.as_deref());
    if span.kind == Kind::Tool {
        list.fill("tool.name", span.tool_name.as_deref());
        list.fill("tool.id", span.tool_call_id.as_deref());
        list.fill(field::TOOL_ARGUMENTS, content.input.as_deref());
        list.fill("tool.parameters", content.input.as_deref().filter(|input| is_json(input)));
        // The result of a call that went well: what came of another is its error.
        list.fill(field::TOOL_RESULT, content.output.as_deref().filter(|_| !span.is_error()));
    }
}

fn in_and_out(list: &mut OutgoingList, span: &Span, content: &Content) {
    for (key, mime, text) in
        [(field::INPUT, "input.mime_type", &content.input), (field::OUTPUT, "output.mime_type", &content.output)]
    {
        list.fill(key, text.as_deref());
        let mime_type = list.text(key).map(|text| if is_json(text) { "application/json" } else { "text/plain" });
        list.fill(mime, mime_type);
    }
    if span.kind == Kind::Retriever {
        list.fill(field::RETRIEVAL_QUERY, content.input.as_deref().filter(|input| !is_json(input)));
    }
}

/// The documents of a search or ranking, in one attribute and in one for each leaf.
fn documents(list: &mut OutgoingList, span: &Span, content: &Content) {
    let Some(prefix) = of(DOCUMENTS, span.kind) else { return };
    let Some(serde_json::Value::Array(documents)) = content.output.as_deref().and_then(json_text) else { return };
    if span.kind == Kind::Retriever {
        list.fill(field::RETRIEVAL_DOCUMENTS, content.output.as_deref());
    }
    if list.has_prefix(prefix) {
        return;
    }
    for (index, document) in documents.into_iter().take(messages::MAX).enumerate() {
        let serde_json::Value::Object(leaves) = document else { continue };
        for (leaf, value) in leaves.into_iter().filter(|(leaf, _)| tables::DOCUMENT_LEAVES.contains(&leaf.as_str())) {
            // A structure is the text of its JSON; numbers and texts stay what they are.
            let value = match value {
                structure @ (serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                    structure.to_string().into()
                }
                other => other,
            };
            list.fill(&format!("{prefix}{index}.document.{leaf}"), Some(value));
        }
    }
}

fn is_json(text: &str) -> bool {
    json_text(text).is_some()
}

fn event(event: &Event) -> Event {
    let attributes = plain(&event.attributes).unwrap_or_else(|| event.attributes.clone());
    Event { name: event.name.clone(), attributes, callsite: None, ..*event }
}

fn link(link: &Link) -> Link {
    let attributes = plain(&link.attributes).unwrap_or_else(|| link.attributes.clone());
    Link { trace_state: link.trace_state.clone(), attributes, ..*link }
}

fn scope(scope: &Arc<Scope>) -> Arc<Scope> {
    match plain(&scope.attributes) {
        Some(attributes) => Arc::new(Scope { attributes, verbatim: None, ..Scope::clone(scope) }),
        None => Arc::clone(scope),
    }
}

fn resource(resource: &Arc<Resource>) -> Arc<Resource> {
    match plain(&resource.attributes) {
        Some(attributes) => Arc::new(Resource { attributes, verbatim: None, ..Resource::clone(resource) }),
        None => Arc::clone(resource),
    }
}
