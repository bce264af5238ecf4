//! Traces and spans as JSON, with the names that the tables' columns have. Every field is always there; what is not known is `null`.
//! Times stand twice: in nanoseconds since 1970, exact, and as text for people.

use std::fmt::Display;

use serde_json::{Map, Value, json};
use tracing_agents::model::{Cost, Identity, IdentityField, Span, Trace, TraceTree, Usage};

/// A trace's summary.
pub(super) fn trace(trace: &Trace) -> Value {
    let mut object = object(json!({
        "trace_id": trace.trace_id.to_string(),
        "name": trace.name,
        "root_span_id": trace.root_span_id.to_string(),
        "status": trace.status.as_str(),
        "start": time(trace.start_ns),
        "start_ns": trace.start_ns,
        "end": trace.end_ns.map(time),
        "end_ns": trace.end_ns,
        "duration_ns": trace.end_ns.map(|_| trace.duration_ns()),
        "span_count": trace.span_count,
        "error_count": trace.error_count,
        "open_count": trace.open_count,
        "interrupted_count": trace.interrupted_count,
        "cost_nano_usd": trace.cost_nano_usd,
        "unpriced_count": trace.unpriced_count,
        "joined_to": text(trace.joined_to),
        "input_preview": trace.input_preview,
        "output_preview": trace.output_preview,
    }));
    add_usage(&mut object, &trace.usage);
    add_identity(&mut object, &trace.identity);
    Value::Object(object)
}

/// A trace's summary and all its spans in `spans`, a flat list in the order of their start. `stands_under` is the span under which the
/// tree shows one, `parent_span_id` the one that it was recorded with.
pub(super) fn tree(tree: &TraceTree) -> Value {
    let mut object = object(trace(&tree.trace));
    object.insert("spans".to_owned(), tree.spans.iter().map(span).collect());
    Value::Object(object)
}

fn span(span: &Span) -> Value {
    let mut object = object(json!({
        "trace_id": span.trace_id.to_string(),
        "span_id": span.span_id.to_string(),
        "parent_span_id": text(span.parent_span_id),
        "parent_is_remote": span.parent_is_remote,
        "stands_under": text(span.stands_under()),
        "is_synthetic": span.is_synthetic(),
        "name": span.name,
        "display_name": span.display_name,
        "kind": span.kind.as_str(),
        "kind_source": span.kind_source,
        "operation": span.operation,
        "otel_kind": span.otel_kind.as_str(),
        "state": span.state.as_str(),
        "status": span.status.code.as_str(),
        "status_message": Some(&span.status.message).filter(|message| !message.is_empty()),
        "error_type": span.error_type,
        "start": time(span.start_ns),
        "start_ns": span.start_ns,
        "end": span.end_ns.map(time),
        "end_ns": span.end_ns,
        "duration_ns": span.duration_ns(),
        "time_to_first_token_ns": span.time_to_first_token_ns,
        "provider": span.provider,
        "request_model": span.request_model,
        "response_model": span.response_model,
        "tool_name": span.tool_name,
        "tool_call_id": span.tool_call_id,
        "truncated_bytes": span.truncated_bytes,
        "dropped_count": span.dropped_count,
        "process_id": text(span.process_id),
        "sequence": span.sequence,
    }));
    add_usage(&mut object, &span.usage.unwrap_or_default());
    add_cost(&mut object, span.cost.as_ref());
    add_identity(&mut object, &span.identity);
    Value::Object(object)
}

fn add_usage(object: &mut Map<String, Value>, usage: &Usage) {
    let counts = [
        ("input_tokens", usage.input),
        ("output_tokens", usage.output),
        ("total_tokens", usage.total()),
        ("cache_read_tokens", usage.cache_read),
        ("cache_write_tokens", usage.cache_write),
        ("reasoning_tokens", usage.reasoning),
    ];
    object.extend(counts.map(|(name, count)| (name.to_owned(), json!(count))));
    object.insert("usage_basis".to_owned(), json!(usage.basis.map(|basis| basis.as_str())));
}

fn add_cost(object: &mut Map<String, Value>, cost: Option<&Cost>) {
    object.insert("cost_nano_usd".to_owned(), json!(cost.map(|cost| cost.nano_usd)));
    object.insert("cost_source".to_owned(), json!(cost.map(|cost| cost.source.as_str())));
    object.insert("price_version".to_owned(), json!(cost.and_then(|cost| cost.price_version.as_deref())));
}

fn add_identity(object: &mut Map<String, Value>, identity: &Identity) {
    let ids = IdentityField::ALL.map(|field| (field.as_str().to_owned(), json!(identity.get(field))));
    object.extend(ids);
}

/// A time as RFC 3339 has it, in UTC.
pub(super) fn time(ns: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(ns)).map(|time| time.to_string()).unwrap_or_default()
}

fn text(id: Option<impl Display>) -> Option<String> {
    id.map(|id| id.to_string())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
