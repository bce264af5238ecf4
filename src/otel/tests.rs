//! Spans of a real provider, and spans of every shape, both ways.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{
    Event as OtelEvent, Link as OtelLink, SpanBuilder, SpanContext, SpanId as OtelSpanId, SpanKind,
    Status as OtelStatus, TraceContextExt as _, TraceFlags, TraceId as OtelTraceId, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, Value as Otel};
use opentelemetry_sdk::Resource as OtelResource;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData, SpanEvents, SpanLinks};
use proptest::prelude::*;

use super::convert::{to_otel_resource, to_record, to_resource, to_span_data};
use crate::model::{
    Event, IdentityField, Link, OtelKind, Resource, SpanId, SpanRecord, SpanState, Status, StatusCode, TraceId, Value,
};
use crate::wire::strategy;

fn attributes(entries: &[(&'static str, Value)]) -> crate::model::Attributes {
    entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect()
}

fn context(trace: u8, span: u8, is_remote: bool, state: &str) -> SpanContext {
    SpanContext::new(
        OtelTraceId::from_bytes([trace; 16]),
        OtelSpanId::from_bytes([span; 8]),
        TraceFlags::SAMPLED,
        is_remote,
        state.parse().unwrap(),
    )
}

#[test]
fn a_providers_spans_become_faithful_records() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let scope = InstrumentationScope::builder("agents")
        .with_version("1.2")
        .with_schema_url("https://opentelemetry.io/schemas/1.37.0")
        .with_attributes([KeyValue::new("k", 1)])
        .build();
    let tracer = provider.tracer_with_scope(scope);

    let at = |ms: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + ms);
    let remote = Context::new().with_remote_span_context(context(5, 6, true, "vendor=1,other=2"));
    let mut builder: SpanBuilder = tracer.span_builder("chat gpt-5").with_kind(SpanKind::Client);
    builder.start_time = Some(at(0));
    builder.attributes = Some(vec![
        KeyValue::new("gen_ai.usage.input_tokens", 812),
        KeyValue::new("gen_ai.request.stop_sequences", Otel::Array(Array::String(vec!["a".into()]))),
    ]);
    builder.links = Some(vec![OtelLink::new(context(7, 8, true, "l=1"), vec![KeyValue::new("why", "handoff")], 0)]);
    let outer = tracer.build_with_context(builder, &remote);
    let outer = remote.with_span(outer);
    let mut child = tracer.span_builder("tool");
    child.start_time = Some(at(1));
    let child = outer.with_span(tracer.build_with_context(child, &outer));
    child.span().end_with_timestamp(at(2));
    outer.span().set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 813));
    outer.span().add_event_with_timestamp("gen_ai.choice", at(3), vec![KeyValue::new("index", 0)]);
    outer.span().set_status(OtelStatus::error("429"));
    outer.span().end_with_timestamp(at(4));

    let spans = exporter.get_finished_spans().unwrap();
    let resource =
        Arc::new(Resource { attributes: attributes(&[("service.name", "s".into())]), ..Resource::default() });
    let records: Vec<SpanRecord> = spans.iter().cloned().map(|span| to_record(span, &resource)).collect();
    let [child, outer] = records.as_slice() else { panic!("{records:?}") };

    let start_ns = 1_700_000_000_000_000_000;
    let mut expected = SpanRecord::new(TraceId::from_bytes([5; 16]), outer.span_id, "chat gpt-5", start_ns);
    assert!(!outer.span_id.is_invalid());
    expected.parent_span_id = Some(SpanId::from_bytes([6; 8]));
    expected.parent_is_remote = true;
    expected.trace_state = "vendor=1,other=2".to_owned();
    expected.flags = 0x301;
    expected.otel_kind = OtelKind::Client;
    expected.state = SpanState::Closed;
    expected.end_ns = Some(start_ns + 4_000_000);
    expected.status = Status { code: StatusCode::Error, message: "429".to_owned() };
    expected.attributes = attributes(&[
        ("gen_ai.usage.input_tokens", Value::I64(812)),
        ("gen_ai.request.stop_sequences", Value::Array(vec!["a".into()])),
        ("gen_ai.usage.input_tokens", Value::I64(813)),
    ]);
    expected.events = vec![Event {
        name: "gen_ai.choice".to_owned(),
        time_ns: start_ns + 3_000_000,
        attributes: attributes(&[("index", Value::I64(0))]),
        dropped_attributes: 0,
        callsite: None,
    }];
    expected.links = vec![Link {
        trace_id: TraceId::from_bytes([7; 16]),
        span_id: SpanId::from_bytes([8; 8]),
        trace_state: "l=1".to_owned(),
        flags: 0x301,
        attributes: attributes(&[("why", "handoff".into())]),
        dropped_attributes: 0,
    }];
    expected.scope = Arc::new(crate::model::Scope {
        name: "agents".to_owned(),
        version: "1.2".to_owned(),
        attributes: attributes(&[("k", Value::I64(1))]),
        schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
        ..crate::model::Scope::default()
    });
    expected.resource = resource;
    assert_eq!(*outer, expected);

    assert_eq!((child.trace_id, child.parent_span_id), (outer.trace_id, Some(outer.span_id)));
    assert_eq!((child.parent_is_remote, child.flags, child.otel_kind), (false, 0x101, OtelKind::Internal));

    for (span, record) in spans.iter().zip(&records) {
        assert_eq!(&to_span_data(record), span);
    }
}

fn span_data() -> SpanData {
    SpanData {
        span_context: context(1, 2, false, ""),
        parent_span_id: OtelSpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "span".into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: vec![],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: OtelStatus::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn otel_value() -> impl Strategy<Value = Otel> {
    fn array<T: std::fmt::Debug>(
        item: impl Strategy<Value = T>,
        make: impl Fn(Vec<T>) -> Array,
    ) -> impl Strategy<Value = Otel> {
        prop::collection::vec(item, 1..4).prop_map(move |items| Otel::Array(make(items)))
    }
    prop_oneof![
        any::<bool>().prop_map(Otel::Bool),
        any::<i64>().prop_map(Otel::I64),
        any::<f64>().prop_filter("equal to nothing", |float| !float.is_nan()).prop_map(Otel::F64),
        strategy::text().prop_map(Otel::from),
        array(any::<bool>(), Array::Bool),
        array(any::<i64>(), Array::I64),
        array(strategy::text().prop_map(Into::into), Array::String),
    ]
}

fn key_values() -> impl Strategy<Value = Vec<KeyValue>> {
    prop::collection::vec((strategy::text(), otel_value()), 0..4)
        .prop_map(|entries| entries.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect())
}

fn time() -> impl Strategy<Value = SystemTime> {
    any::<i64>().prop_map(|ns| {
        let distance = Duration::from_nanos(ns.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        if ns < 0 { epoch - distance } else { epoch + distance }
    })
}

prop_compose! {
    fn any_span_data()(
        ids in (1..=u128::MAX, 1..=u64::MAX, any::<u64>()),
        flags in any::<(u8, bool)>(),
        trace_state in prop::sample::select(&["", "a=1", "a=1,b=x/y"][..]),
        kind in prop::sample::select(&[SpanKind::Client, SpanKind::Server, SpanKind::Producer, SpanKind::Consumer][..]),
        name in strategy::text(),
        times in (time(), time()),
        attributes in key_values(),
        events in prop::collection::vec((strategy::text(), time(), key_values(), any::<u32>()), 0..3),
        links in prop::collection::vec((1..=u128::MAX, 1..=u64::MAX, any::<(u8, bool)>(), key_values(), any::<u32>()), 0..3),
        counts in any::<(u32, u32, u32)>(),
        status in prop_oneof![
            Just(OtelStatus::Unset),
            Just(OtelStatus::Ok),
            strategy::text().prop_map(OtelStatus::error),
        ],
        scope in (strategy::text(), key_values()),
    ) -> SpanData {
        let mut span = span_data();
        span.span_context = SpanContext::new(
            OtelTraceId::from_bytes(ids.0.to_be_bytes()),
            OtelSpanId::from_bytes(ids.1.to_be_bytes()),
            TraceFlags::new(flags.0),
            false,
            trace_state.parse::<TraceState>().unwrap(),
        );
        span.parent_span_id = OtelSpanId::from_bytes(ids.2.to_be_bytes());
        span.parent_span_is_remote = flags.1;
        span.span_kind = kind;
        span.name = name.into();
        (span.start_time, span.end_time) = times;
        span.attributes = attributes;
        span.events.events = events
            .into_iter()
            .map(|(name, time, attributes, dropped)| OtelEvent::new(name, time, attributes, dropped))
            .collect();
        span.links.links = links
            .into_iter()
            .map(|(trace, id, (flags, is_remote), attributes, dropped)| {
                let (trace, id) = (OtelTraceId::from_bytes(trace.to_be_bytes()), OtelSpanId::from_bytes(id.to_be_bytes()));
                let context = SpanContext::new(trace, id, TraceFlags::new(flags), is_remote, TraceState::default());
                OtelLink::new(context, attributes, dropped)
            })
            .collect();
        (span.dropped_attributes_count, span.events.dropped_count, span.links.dropped_count) = counts;
        span.status = status;
        span.instrumentation_scope = InstrumentationScope::builder(scope.0).with_attributes(scope.1).build();
        span
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_span_of_the_sdk_comes_back_the_same(span in any_span_data()) {
        let record = to_record(span.clone(), &Arc::default());
        prop_assert_eq!(to_span_data(&record), span);
    }

    #[test]
    fn any_record_keeps_its_keys(records in strategy::records(true)) {
        for record in records {
            let span = to_span_data(&record);
            let recorded: Vec<&str> = record.attributes.iter().map(|(key, _)| key).collect();
            let exported: Vec<&str> = span.attributes.iter().map(|entry| entry.key.as_str()).collect();
            prop_assert_eq!(&exported[..recorded.len()], &recorded[..]);
            prop_assert_eq!(span.events.len(), record.events.len());
            prop_assert_eq!(span.links.len(), record.links.len());
        }
    }
}

#[test]
fn times_before_1970_are_negative() {
    let mut span = span_data();
    span.start_time = SystemTime::UNIX_EPOCH - Duration::from_nanos(1_500_000_001);
    let record = to_record(span, &Arc::default());
    assert_eq!((record.start_ns, record.end_ns), (-1_500_000_001, Some(0)));
}

#[test]
fn times_out_of_range_are_the_nearest() {
    let mut span = span_data();
    let centuries = Duration::from_secs(60 * 60 * 24 * 365 * 400);
    (span.start_time, span.end_time) = (SystemTime::UNIX_EPOCH - centuries, SystemTime::UNIX_EPOCH + centuries);
    let record = to_record(span, &Arc::default());
    assert_eq!((record.start_ns, record.end_ns), (i64::MIN, Some(i64::MAX)));
}

#[test]
fn links_that_lead_nowhere_are_counted() {
    let mut span = span_data();
    span.links.links =
        vec![OtelLink::with_context(SpanContext::NONE), OtelLink::with_context(context(3, 4, false, ""))];
    span.links.dropped_count = 1;
    let record = to_record(span, &Arc::default());
    assert_eq!((record.links.len(), record.dropped_links), (1, 2));
}

#[test]
fn a_running_spans_data_says_so_and_names_its_session() {
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), "agent", 5);
    record.inherited.set(IdentityField::SessionId, "s-1");
    let span = to_span_data(&record);
    assert_eq!(span.end_time, span.start_time);
    assert_eq!(
        span.attributes,
        [KeyValue::new("agent_traces.inherited.session_id", "s-1"), KeyValue::new("agent_traces.state", "open"),]
    );
}

#[test]
fn resources_go_both_ways() {
    let otel = OtelResource::builder_empty()
        .with_schema_url([KeyValue::new("z", 1), KeyValue::new("a", "b")], "https://opentelemetry.io/schemas/1.37.0")
        .build();
    let resource = to_resource(&otel);
    assert_eq!(resource.attributes, attributes(&[("a", "b".into()), ("z", Value::I64(1))]));
    assert_eq!(to_otel_resource(&resource), otel);
    let plain = OtelResource::builder_empty().with_attributes([KeyValue::new("a", true)]).build();
    assert_eq!(to_otel_resource(&to_resource(&plain)), plain);
}
