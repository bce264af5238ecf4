//! Turns recordings of Agno's OpenTelemetry spans into [`SpanData`], as an exporter gets it, and hands them to one.

mod recording;

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    SimpleSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks, SpanProcessor as _,
};

use recording::{Context, Pairs, Span};

pub(crate) use recording::{Case, read};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Hands the run's spans to an exporter, one by one, in the order in which they ended.
///
/// # Errors
/// When a span cannot be said in OpenTelemetry's terms.
pub(crate) fn replay(case: &Case, exporter: impl SpanExporter + 'static) -> Result<()> {
    let mut processor = SimpleSpanProcessor::new(exporter);
    processor.set_resource(&resource(case));
    for span in spans(case)? {
        processor.on_end(span);
    }
    processor.force_flush()?;
    Ok(())
}

/// The resource that all spans of the run share.
fn resource(case: &Case) -> Resource {
    let Some(span) = case.otel_spans.first() else { return Resource::builder_empty().build() };
    let attributes = attributes(&span.resource.attributes);
    let schema_url = span.resource.schema_url.clone().unwrap_or_default();
    Resource::builder_empty().with_schema_url(attributes, schema_url).build()
}

/// The run's spans in the order in which they ended.
///
/// # Errors
/// See [`replay`].
pub(crate) fn spans(case: &Case) -> Result<Vec<SpanData>> {
    let data = |span: &Span, end| -> Result<SpanData> {
        Ok(span_data(span, end).map_err(|error| format!("span {:?}: {error}", span.name))?)
    };
    // A span stamps its end before the processor sees it, so that spans of two threads can arrive against their times. The
    // recorded order has names only: of equal names, the earlier end comes first.
    let mut waiting: Vec<(u64, &Span)> =
        case.otel_spans.iter().filter_map(|span| Some((span.end_time_ns?, span))).collect();
    waiting.sort_by_key(|(end, _)| *end);
    let Some(end_order) = &case.end_order else {
        return waiting.into_iter().map(|(end, span)| data(span, end)).collect();
    };
    let mut spans = Vec::with_capacity(waiting.len());
    for name in end_order {
        let at = waiting.iter().position(|(_, span)| span.name == *name);
        let at = at.ok_or_else(|| format!("a span {name:?} ended that is not recorded"))?;
        let (end, span) = waiting.remove(at);
        spans.push(data(span, end)?);
    }
    match waiting.first() {
        Some((_, span)) => Err(format!("the span {:?} is not in `end_order`", span.name).into()),
        None => Ok(spans),
    }
}

fn span_data(span: &Span, end_time_ns: u64) -> Result<SpanData> {
    let mut events = SpanEvents::default();
    for event in &span.events {
        let time = parse_time(&event.timestamp).ok_or_else(|| format!("{:?} is no time", event.timestamp))?;
        events.events.push(Event::new(event.name.clone(), time, attributes(&event.attributes), 0));
    }
    let mut links = SpanLinks::default();
    for link in &span.links {
        links.links.push(Link::new(span_context(&link.context)?, attributes(&link.attributes), 0));
    }
    Ok(SpanData {
        span_context: span_context(&span.context)?,
        parent_span_id: match &span.parent_id {
            Some(id) => SpanId::from_hex(hex(id)?)?,
            None => SpanId::INVALID,
        },
        parent_span_is_remote: false,
        span_kind: match span.kind.as_deref().unwrap_or("SpanKind.INTERNAL") {
            "SpanKind.INTERNAL" => SpanKind::Internal,
            "SpanKind.CLIENT" => SpanKind::Client,
            "SpanKind.SERVER" => SpanKind::Server,
            "SpanKind.PRODUCER" => SpanKind::Producer,
            "SpanKind.CONSUMER" => SpanKind::Consumer,
            kind => return Err(format!("{kind:?} is no span kind").into()),
        },
        name: span.name.clone().into(),
        start_time: time(span.start_time_ns),
        end_time: time(end_time_ns),
        attributes: attributes(&span.attributes),
        dropped_attributes_count: 0,
        events,
        links,
        status: match span.status.status_code.as_deref().unwrap_or("UNSET") {
            "UNSET" => Status::Unset,
            "OK" => Status::Ok,
            "ERROR" => Status::error(span.status.description.clone().unwrap_or_default()),
            code => return Err(format!("{code:?} is no status code").into()),
        },
        instrumentation_scope: {
            let scope = InstrumentationScope::builder(span.scope.name.clone());
            match &span.scope.version {
                Some(version) => scope.with_version(version.clone()).build(),
                None => scope.build(),
            }
        },
    })
}

fn span_context(context: &Context) -> Result<SpanContext> {
    let recorded = context.trace_state.as_deref().unwrap_or("[]");
    let state = trace_state(recorded).ok_or_else(|| format!("{recorded:?} is no trace state"))?;
    let trace_id = TraceId::from_hex(hex(&context.trace_id)?)?;
    let span_id = SpanId::from_hex(hex(&context.span_id)?)?;
    Ok(SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, false, state))
}

/// `['{key=vendor, value=1}']`, which is how Python writes a trace state.
fn trace_state(text: &str) -> Option<TraceState> {
    let list = text.strip_prefix('[')?.strip_suffix(']')?;
    if list.is_empty() {
        return Some(TraceState::NONE);
    }
    let pair = |item: &str| {
        let (key, value) = item.strip_prefix("key=")?.split_once(", value=")?;
        Some((key.to_owned(), value.to_owned()))
    };
    let items: Vec<_> =
        list.strip_prefix("'{")?.strip_suffix("}'")?.split("}', '{").map(pair).collect::<Option<_>>()?;
    TraceState::from_key_value(items).ok()
}

fn hex(id: &str) -> Result<&str> {
    id.strip_prefix("0x").ok_or_else(|| format!("the id {id:?} does not begin with 0x").into())
}

fn attributes(pairs: &Pairs) -> Vec<KeyValue> {
    pairs.0.iter().filter_map(|(key, json)| Some(KeyValue::new(key.clone(), value(json)?))).collect()
}

/// The value in OpenTelemetry's terms. What an attribute of the SDK cannot be (a list of several types, an object) is told as its
/// JSON, which is how such values travel otherwise; null is none.
fn value(json: &serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match json {
        Json::Null => return None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number.as_i64().map(Value::I64).or_else(|| number.as_f64().map(Value::F64))?,
        Json::String(text) => Value::String(text.clone().into()),
        Json::Array(items) => array(items).map_or_else(|| Value::String(json.to_string().into()), Value::Array),
        Json::Object(_) => Value::String(json.to_string().into()),
    })
}

/// A list of one type.
fn array(items: &[serde_json::Value]) -> Option<Array> {
    use serde_json::Value as Json;
    let text = |item: &Json| item.as_str().map(|text| StringValue::from(text.to_owned()));
    let texts = || items.iter().map(text).collect::<Option<_>>().map(Array::String);
    let numbers = || items.iter().map(Json::as_i64).collect::<Option<_>>().map(Array::I64);
    let floats = || items.iter().map(Json::as_f64).collect::<Option<_>>().map(Array::F64);
    let flags = || items.iter().map(Json::as_bool).collect::<Option<_>>().map(Array::Bool);
    texts().or_else(numbers).or_else(floats).or_else(flags)
}

fn time(ns: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(ns)
}

/// `2026-11-22T12:30:12.557731Z`, from 1970 on.
fn parse_time(text: &str) -> Option<SystemTime> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(str::parse::<u64>);
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':').map(str::parse::<u64>);
    let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60
    {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let nanos = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos))
}
