//! OTLP payloads of every shape, as other programs may send them, for property tests. Tests of the whole crate use this file too, so it
//! knows nothing of the crate.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

/// As many cases as `PROPTEST_CASES` says, else so many.
pub(crate) fn cases(default: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(asked.unwrap_or(default))
}

/// Each span of a payload with its resource, its scope and their schema URLs, as bytes, in an order that grouping does not change: what
/// must be the same when a payload went through this crate.
pub(crate) fn flattened(request: &ExportTraceServiceRequest) -> Vec<[Vec<u8>; 3]> {
    let mut all = Vec::new();
    for group in &request.resource_spans {
        let resource = ResourceSpans { scope_spans: Vec::new(), ..group.clone() }.encode_to_vec();
        for group in &group.scope_spans {
            let scope = ScopeSpans { spans: Vec::new(), ..group.clone() }.encode_to_vec();
            all.extend(group.spans.iter().map(|span| [resource.clone(), scope.clone(), span.encode_to_vec()]));
        }
    }
    all.sort_unstable();
    all
}

/// The same of an encoded payload.
pub(crate) fn flattened_bytes(payload: &[u8]) -> Vec<[Vec<u8>; 3]> {
    flattened(&ExportTraceServiceRequest::decode(payload).unwrap())
}

pub(crate) fn pair(key: &str, value: Otlp) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

pub(crate) fn string(text: &str) -> Otlp {
    Otlp::StringValue(text.to_owned())
}

/// A value inside so many arrays or maps.
pub(crate) fn nested(levels: usize, maps: bool, innermost: Otlp) -> Otlp {
    (0..levels).fold(innermost, |inner, _| {
        if maps {
            Otlp::KvlistValue(KeyValueList { values: vec![pair("k", inner)] })
        } else {
            Otlp::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(inner) }] })
        }
    })
}

/// Levels of arrays and of maps that fit into the hundred messages that protobuf readers take, inside an event's attribute.
pub(crate) const MAX_ARRAYS: usize = 47;
pub(crate) const MAX_MAPS: usize = 31;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z.]{0,8}",
        2 => any::<String>(),
        1 => Just("a\0b\u{fffd}🦀".to_owned()),
        1 => "x{250,300}",
    ]
}

/// Keys that are often the same, that the crate reserves, or that say what a span is.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![4 => text(), 6 => prop::sample::select(KEYS).prop_map(str::to_owned)]
}

const KEYS: &[&str] = &[
    "k",
    "gen_ai.operation.name",
    "gen_ai.agent.name",
    "gen_ai.request.model",
    "gen_ai.usage.input_tokens",
    "session.id",
    "otel.name",
    "otel.kind",
    "agent_traces.kind",
    "agent_traces.reserved",
    "agent_traces.types",
    "agent_traces.state",
    "agent_traces.process",
    "agent_traces.sequence",
    "agent_traces.verbatim",
    "agent_traces.truncated_bytes",
    "agent_traces.inherited.session_id",
];

const WORDS: &[&str] = &["invoke_agent", "chat", "execute_tool", "Researcher", "s-1", "open", "CLIENT", "1u", "p"];

fn leaf() -> impl Strategy<Value = Option<Otlp>> {
    prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Otlp::StringValue(text))),
        prop::sample::select(WORDS).prop_map(|word| Some(string(word))),
        any::<bool>().prop_map(|value| Some(Otlp::BoolValue(value))),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), 0..4_i64].prop_map(|n| Some(Otlp::IntValue(n))),
        prop_oneof![any::<u64>().prop_map(f64::from_bits), Just(-0.0), Just(1e300), nan()]
            .prop_map(|number| Some(Otlp::DoubleValue(number))),
        any::<Vec<u8>>().prop_map(|bytes| Some(Otlp::BytesValue(bytes))),
    ]
}

/// NaNs of both signs, quiet and signalling, with any payload.
fn nan() -> impl Strategy<Value = f64> {
    (any::<bool>(), 1..1_u64 << 52)
        .prop_map(|(negative, payload)| f64::from_bits((u64::from(negative) << 63) | (0x7ff << 52) | payload))
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let shallow = leaf().prop_map(|value| AnyValue { value }).prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3)
                .prop_map(|values| AnyValue { value: Some(Otlp::ArrayValue(ArrayValue { values })) }),
            vec((key(), option::weighted(0.95, inner)), 0..3).prop_map(|entries| {
                let values = entries.into_iter().map(|(key, value)| KeyValue { key, value, key_strindex: 0 }).collect();
                AnyValue { value: Some(Otlp::KvlistValue(KeyValueList { values })) }
            }),
        ]
    });
    let deep = prop_oneof![
        (1..=MAX_ARRAYS).prop_map(|levels| nested(levels, false, Otlp::IntValue(7))),
        (1..=MAX_MAPS).prop_map(|levels| nested(levels, true, Otlp::BoolValue(true))),
    ];
    prop_oneof![
        30 => shallow,
        1 => deep.prop_map(|value| AnyValue { value: Some(value) }),
        1 => any::<i32>().prop_map(|index| AnyValue { value: Some(Otlp::StringValueStrindex(index)) }),
    ]
}

fn attribute() -> impl Strategy<Value = KeyValue> {
    let index = prop_oneof![20 => Just(0), 1 => any::<i32>()];
    (key(), option::weighted(0.97, any_value()), index).prop_map(|(key, value, key_strindex)| KeyValue {
        key,
        value,
        key_strindex,
    })
}

/// Lists, some of which end as those of this crate do.
fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let tail = option::weighted(0.1, 0..4_i64);
    (vec(attribute(), 0..5), tail).prop_map(|(mut list, tail)| {
        list.extend(tail.map(|count| pair("agent_traces.reserved", Otlp::IntValue(count))));
        list
    })
}

/// Times as they are, with some that are odd.
fn time() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => 1_780_000_000_000_000_000..1_780_000_100_000_000_000_u64,
        1 => Just(0),
        1 => Just(1),
        1 => any::<u64>(),
    ]
}

fn flags() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(1), Just(0x100), Just(0x301), any::<u32>()]
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0), 1 => any::<u32>()]
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => vec(any::<u8>(), length),
        1 => Just(vec![0; length]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn event() -> impl Strategy<Value = span::Event> {
    (time(), text(), attributes(), count()).prop_map(|(time_unix_nano, name, attributes, dropped_attributes_count)| {
        span::Event { time_unix_nano, name, attributes, dropped_attributes_count }
    })
}

fn link() -> impl Strategy<Value = span::Link> {
    (id(16), id(8), text(), attributes(), count(), flags()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| span::Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn status() -> impl Strategy<Value = Option<Status>> {
    let code = prop_oneof![10 => 0..3_i32, 1 => any::<i32>()];
    option::weighted(0.9, (text(), code).prop_map(|(message, code)| Status { message, code }))
}

prop_compose! {
    /// A span with ids, some of which make it one that is rejected.
    fn any_span()(
        ids in (id(16), id(8), prop_oneof![Just(Vec::new()), id(8)]),
        context in (text(), flags()),
        name in text(),
        kind in prop_oneof![12 => 1..6_i32, 1 => Just(0), 1 => any::<i32>()],
        times in (time(), time()),
        attributes in attributes(),
        events in vec(event(), 0..3),
        links in vec(link(), 0..3),
        counts in (count(), count(), count()),
        status in status(),
    ) -> Span {
        let (trace_id, span_id, parent_span_id) = ids;
        let (trace_state, flags) = context;
        Span {
            trace_id,
            span_id,
            trace_state,
            parent_span_id,
            flags,
            name,
            kind,
            start_time_unix_nano: times.0,
            end_time_unix_nano: times.1,
            attributes,
            dropped_attributes_count: counts.0,
            events,
            dropped_events_count: counts.1,
            links,
            dropped_links_count: counts.2,
            status,
        }
    }
}

fn scope() -> impl Strategy<Value = Option<InstrumentationScope>> {
    option::weighted(
        0.9,
        (text(), text(), attributes(), count()).prop_map(|(name, version, attributes, dropped_attributes_count)| {
            InstrumentationScope { name, version, attributes, dropped_attributes_count }
        }),
    )
}

fn resource() -> impl Strategy<Value = Option<Resource>> {
    let entity = (text(), text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(schema_url, kind, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type: kind,
            id_keys,
            description_keys,
        },
    );
    option::weighted(
        0.9,
        (attributes(), count(), vec(entity, 0..2)).prop_map(|(attributes, dropped_attributes_count, entity_refs)| {
            Resource { attributes, dropped_attributes_count, entity_refs }
        }),
    )
}

/// Payloads of a few groups.
pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (scope(), vec(any_span(), 0..4), text()).prop_map(|(scope, spans, schema_url)| ScopeSpans {
        scope,
        spans,
        schema_url,
    });
    let resource_spans = (resource(), vec(scope_spans, 0..3), text())
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..3).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// The same as one trace or two, in which every span has an id of its own, most have a parent there, and some are their own parents.
pub(crate) fn traces() -> impl Strategy<Value = ExportTraceServiceRequest> {
    request().prop_map(|mut request| {
        let mut number = 0_u8;
        for span in spans_mut(&mut request) {
            number += 1;
            span.trace_id = vec![1 + number % 2; 16];
            span.span_id = vec![number; 8];
            if span.parent_span_id.len() == 8 && span.parent_span_id != [0; 8] {
                span.parent_span_id = vec![number / 2 + 1; 8];
            }
        }
        request
    })
}

/// The payload without the spans that no door takes.
pub(crate) fn acceptable(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    let is_id = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    for group in request.resource_spans.iter_mut().flat_map(|group| &mut group.scope_spans) {
        group.spans.retain(|span| is_id(&span.trace_id, 16) && is_id(&span.span_id, 8));
    }
    request
}

fn spans_mut(request: &mut ExportTraceServiceRequest) -> impl Iterator<Item = &mut Span> {
    request.resource_spans.iter_mut().flat_map(|group| &mut group.scope_spans).flat_map(|group| &mut group.spans)
}

/// One span with every field of OTLP, each with a value that is none of its defaults, and with every type of value.
pub(crate) fn every_field() -> ExportTraceServiceRequest {
    let values = vec![
        ("string", string("Zoë\0🦀")),
        ("yes", Otlp::BoolValue(true)),
        ("no", Otlp::BoolValue(false)),
        ("smallest", Otlp::IntValue(i64::MIN)),
        ("largest", Otlp::IntValue(i64::MAX)),
        ("float", Otlp::DoubleValue(0.1)),
        ("minus zero", Otlp::DoubleValue(-0.0)),
        ("infinite", Otlp::DoubleValue(f64::NEG_INFINITY)),
        ("nan", Otlp::DoubleValue(f64::from_bits(0xfff4_dead_beef_0001))),
        ("bytes", Otlp::BytesValue((0..=255).collect())),
        ("arrays", nested(MAX_ARRAYS, false, Otlp::IntValue(1))),
        ("maps", nested(MAX_MAPS, true, Otlp::IntValue(1))),
        ("reference", Otlp::StringValueStrindex(4)),
        ("same", Otlp::IntValue(1)),
        ("same", string("1")),
        ("agent_traces.state", string("open")),
    ];
    let mut attributes: Vec<KeyValue> = values.into_iter().map(|(key, value)| pair(key, value)).collect();
    attributes.push(KeyValue { key: "empty".to_owned(), value: Some(AnyValue { value: None }), key_strindex: 0 });
    attributes.push(KeyValue { key: "absent".to_owned(), value: None, key_strindex: 3 });
    let span = Span {
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        trace_state: "vendor=1,other=2".to_owned(),
        parent_span_id: (2..=9).collect(),
        flags: 0x8000_0301,
        name: "every field".to_owned(),
        kind: 77,
        start_time_unix_nano: 1_780_000_000_000_000_001,
        end_time_unix_nano: u64::MAX,
        attributes: attributes.clone(),
        dropped_attributes_count: 1,
        events: vec![span::Event {
            time_unix_nano: 1_780_000_000_000_000_002,
            name: "an event".to_owned(),
            attributes: attributes.clone(),
            dropped_attributes_count: 2,
        }],
        dropped_events_count: 3,
        links: vec![
            span::Link {
                trace_id: (3..=18).collect(),
                span_id: (3..=10).collect(),
                trace_state: "link=1".to_owned(),
                attributes: attributes.clone(),
                dropped_attributes_count: 4,
                flags: 0x300,
            },
            span::Link { trace_id: vec![7; 2], ..span::Link::default() },
        ],
        dropped_links_count: 5,
        status: Some(Status { message: "odd".to_owned(), code: 3 }),
    };
    let scope = InstrumentationScope {
        name: "a scope".to_owned(),
        version: "1.2.3".to_owned(),
        attributes: attributes.clone(),
        dropped_attributes_count: 6,
    };
    let entity = EntityRef {
        schema_url: "https://example.org/entity".to_owned(),
        r#type: "service".to_owned(),
        id_keys: vec!["string".to_owned()],
        description_keys: vec!["same".to_owned()],
    };
    let resource = Resource { attributes, dropped_attributes_count: 7, entity_refs: vec![entity] };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans: vec![span],
                schema_url: "https://example.org/scope".to_owned(),
            }],
            schema_url: "https://example.org/resource".to_owned(),
        }],
    }
}
