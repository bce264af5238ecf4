//! What the wire promises: nothing is lost, nothing panics, others' payloads are read, and others can read ours.

mod lossless;

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as OtlpResource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status as OtlpStatus, TracesData, span};
use proptest::prelude::*;

use super::*;
use crate::model::{
    Callsite, Event, IdentityField, Link, MAX_DEPTH, Origin, OtelKind, ProcessId, Resource, Scope, SpanId, SpanState,
    Status, StatusCode, TraceId, Value,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_records_survive(records in strategy::records(false)) {
        let bytes = encode(&records);
        let back = decode(&bytes).unwrap();
        prop_assert_eq!(&back, &records);
        prop_assert_eq!(encode(&back), bytes);
    }

    #[test]
    fn any_records_survive_to_the_bit(records in strategy::records(true)) {
        let bytes = encode(&records);
        prop_assert_eq!(encode(&decode(&bytes).unwrap()), bytes);
    }

    #[test]
    fn others_read_our_records_as_far_as_they_believe_them(records in strategy::records(false)) {
        let spans = decode_foreign(&encode(&records)).unwrap();
        prop_assert_eq!(spans.records.len() + spans.rejected.len(), records.len());
        for record in spans.records {
            let original = records.iter().find(|original| {
                (original.trace_id, original.span_id, &original.name) == (record.trace_id, record.span_id, &record.name)
            });
            let original = original.unwrap();
            prop_assert_eq!(&record.events, &original.events);
            prop_assert_eq!(&record.inherited, &original.inherited);
            prop_assert_eq!(record.state, original.state);
            prop_assert_eq!(record.origin, None);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
        let _ = decode(&bytes);
        let _ = decode_foreign(&bytes);
    }

    #[test]
    fn no_damage_panics(
        records in strategy::records(true),
        end in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode(&records);
        prop_assume!(!bytes.is_empty());
        let cut = &bytes[..end.index(bytes.len())];
        let _ = decode(cut);
        let _ = decode_foreign(cut);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let _ = decode(&bytes);
        if let Ok(spans) = decode_foreign(&bytes) {
            let again = encode(&spans.records);
            prop_assert_eq!(encode(&decode(&again).unwrap()), again);
        }
    }

    #[test]
    fn hostile_reserved_attributes_stay_readable(
        entries in prop::collection::vec(
            (
                prop::sample::select(&["types", "state", "process", "sequence", "callsite", "flags", "end_ns", "newer"][..]),
                strategy::value(false),
            ),
            0..4,
        ),
        types in "[0-9uindepx]{0,6}",
        count in 0..8i64,
    ) {
        let mut list: Vec<KeyValue> = vec![
            attribute("plain", Otlp::IntValue(-1)),
            attribute("text", Otlp::StringValue("t".to_owned())),
        ];
        let mut values = values::ValueWriter::default();
        let entries = entries.into_iter().map(|(name, value)| (format!("agent_traces.{name}").into(), value)).collect();
        list.extend(values.attributes(&entries));
        list.push(attribute("agent_traces.types", Otlp::StringValue(types)));
        list.push(attribute("agent_traces.reserved", Otlp::IntValue(count)));
        let payload = payload(vec![Span { attributes: list, ..valid_span("hostile") }]);
        let _ = decode(&payload);
        let record = decode_foreign(&payload).unwrap().records.remove(0);
        prop_assert!(record.attributes.get("plain").is_some());
        prop_assert_eq!(record.attributes.get("text").and_then(Value::as_str), Some("t"));
        prop_assert_eq!(record.origin, None);
        let bytes = encode(std::slice::from_ref(&record));
        prop_assert_eq!(decode(&bytes).unwrap(), vec![record]);
    }
}

fn attribute(key: &str, value: Otlp) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

fn text(text: &str) -> Otlp {
    Otlp::StringValue(text.to_owned())
}

fn valid_span(name: &str) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.to_owned(),
        start_time_unix_nano: 10,
        end_time_unix_nano: 30,
        ..Span::default()
    }
}

fn payload(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }.encode_to_vec()
}

fn record(name: &str) -> SpanRecord {
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), name, 10);
    record.end_ns = Some(30);
    record.state = SpanState::Closed;
    record
}

/// The only span of a payload, as a reader without this crate sees it.
fn only_span(bytes: &[u8]) -> Span {
    TracesData::decode(bytes).unwrap().resource_spans.remove(0).scope_spans.remove(0).spans.remove(0)
}

#[test]
fn other_readers_see_an_ordinary_span() {
    let mut record = record("chat gpt-5");
    record.parent_span_id = Some(SpanId::from_bytes([3; 8]));
    record.parent_is_remote = true;
    record.otel_kind = OtelKind::Client;
    record.status = Status { code: StatusCode::Error, message: "429".to_owned() };
    record.attributes.push("gen_ai.usage.input_tokens", 812u64);
    record.attributes.push("big", u64::MAX);
    record.attributes.push("question", Value::Debug("why?".to_owned()));
    record.events.push(Event {
        name: "retry".to_owned(),
        time_ns: 20,
        attributes: [("attempt".into(), Value::I64(2))].into_iter().collect(),
        dropped_attributes: 0,
        callsite: None,
    });
    record.inherited.set(IdentityField::SessionId, "s-1");

    let span = only_span(&encode(&[record]));
    assert_eq!((span.trace_id, span.span_id, span.parent_span_id), (vec![1; 16], vec![2; 8], vec![3; 8]));
    assert_eq!((span.name.as_str(), span.kind, span.flags), ("chat gpt-5", 3, 0x301));
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (10, 30));
    assert_eq!(span.status, Some(OtlpStatus { message: "429".to_owned(), code: 2 }));
    assert_eq!(
        span.attributes,
        [
            attribute("gen_ai.usage.input_tokens", Otlp::IntValue(812)),
            attribute("big", text("18446744073709551615")),
            attribute("question", text("why?")),
            attribute("agent_traces.inherited.session_id", text("s-1")),
            attribute("agent_traces.flags", Otlp::IntValue(1)),
            attribute("agent_traces.types", text("uud")),
            attribute("agent_traces.reserved", Otlp::IntValue(3)),
        ]
    );
    assert_eq!(span.events[0].time_unix_nano, 20);
    assert_eq!(span.events[0].attributes, [attribute("attempt", Otlp::IntValue(2))]);
}

#[test]
fn a_plain_span_carries_no_reserved_attributes() {
    let mut record = record("plain");
    record.attributes.push("n", 1i64);
    assert_eq!(only_span(&encode(&[record])).attributes, [attribute("n", Otlp::IntValue(1))]);
}

#[test]
fn nan_keeps_its_bits() {
    let bits = 0x7ff8_dead_beef_0001;
    let mut record = record("nan");
    record.attributes.push("nan", f64::from_bits(bits));
    let back = decode(&encode(&[record])).unwrap().remove(0);
    let Some(Value::F64(float)) = back.attributes.get("nan") else { panic!("{:?}", back.attributes) };
    assert_eq!(float.to_bits(), bits);
}

#[test]
fn groups_share_resources_and_scopes_and_keep_the_order() {
    let resource = |name: &str| {
        let attributes = [("service.name".into(), name.into())].into_iter().collect();
        Arc::new(Resource { attributes, ..Resource::default() })
    };
    let scope = |name: &str| Arc::new(Scope { name: name.to_owned(), ..Scope::default() });
    let records: Vec<SpanRecord> = [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x"), ("b", "x")]
        .into_iter()
        .enumerate()
        .map(|(index, (service, library))| SpanRecord {
            resource: resource(service),
            scope: scope(library),
            ..record(&index.to_string())
        })
        .collect();
    let bytes = encode(&records);
    let groups = TracesData::decode(bytes.as_slice()).unwrap().resource_spans;
    let sizes: Vec<Vec<usize>> =
        groups.iter().map(|group| group.scope_spans.iter().map(|scope| scope.spans.len()).collect()).collect();
    assert_eq!(sizes, [vec![2, 1], vec![2]]);
    let back = decode(&bytes).unwrap();
    assert_eq!(back, records);
    assert!(Arc::ptr_eq(&back[0].resource, &back[3].resource) && Arc::ptr_eq(&back[0].scope, &back[3].scope));
}

#[test]
fn deep_values_survive_to_the_models_limit_and_are_cut_beyond_it() {
    // Maps, which nest protobuf faster than arrays do.
    let nested = |levels: usize| {
        (0..levels).fold(Value::U64(7), |inner, _| {
            Value::Map(vec![("k".to_owned(), inner), ("n".to_owned(), Value::U128(u128::MAX))])
        })
    };
    // In an event, where protobuf is nested deepest.
    let with_event = |value: Value| {
        let mut record = record("deep");
        record.events.push(Event {
            name: "e".to_owned(),
            time_ns: 1,
            attributes: [("deep".into(), value)].into_iter().collect(),
            dropped_attributes: 0,
            callsite: None,
        });
        record
    };
    let fits = with_event(nested(MAX_DEPTH));
    assert_eq!(decode(&encode(std::slice::from_ref(&fits))).unwrap(), [fits]);

    let mut too_deep = with_event(nested(MAX_DEPTH + 2));
    too_deep.truncated_bytes = 5;
    let back = decode(&encode(std::slice::from_ref(&too_deep))).unwrap().remove(0);
    assert!(format!("{:?}", back.events).contains(crate::model::canonical::TOO_DEEP));
    let cut = u64::try_from(nested(2).size()).unwrap();
    assert_eq!(back.truncated_bytes, 5 + cut);
    assert_eq!(decode(&encode(std::slice::from_ref(&back))).unwrap(), [back]);
}

#[test]
fn packets_within_packets_end() {
    let mut value = Otlp::ArrayValue(ArrayValue::default());
    for _ in 0..500 {
        let packet = Otlp::BytesValue(AnyValue { value: Some(value) }.encode_to_vec());
        value = Otlp::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(packet) }] });
    }
    let list = vec![
        attribute("bomb", value),
        attribute("agent_traces.types", text(&format!("1{}", "p".repeat(500)))),
        attribute("agent_traces.reserved", Otlp::IntValue(1)),
    ];
    let payload = payload(vec![Span { attributes: list, ..valid_span("bomb") }]);
    assert!(decode(&payload).is_err());
    assert_eq!(decode_foreign(&payload).unwrap().records.len(), 1);
}

#[test]
fn a_newer_versions_attributes_stay() {
    let mut list = vec![attribute("a", Otlp::BoolValue(true))];
    let mut tail = reserved::Tail::default();
    tail.push("from_the_future", text("x"));
    tail.push(reserved::STATE, text("interrupted"));
    tail.finish(&mut list);
    let back = decode(&payload(vec![Span { attributes: list, ..valid_span("newer") }])).unwrap().remove(0);
    assert_eq!(back.state, SpanState::Interrupted);
    let keys: Vec<&str> = back.attributes.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "agent_traces.from_the_future"]);
}

#[test]
fn our_own_payload_with_a_wrong_part_is_an_error_that_names_it() {
    let wrong = |name: &str, value: Otlp| {
        let mut list = vec![];
        let mut tail = reserved::Tail::default();
        tail.push(name, value);
        tail.finish(&mut list);
        let error = decode(&payload(vec![Span { attributes: list, ..valid_span("wrong") }])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        error.to_string()
    };
    assert!(wrong("state", text("asleep")).contains("agent_traces.state"));
    assert!(wrong("callsite", Otlp::BoolValue(true)).contains("agent_traces.callsite"));
    assert!(wrong("flags", Otlp::IntValue(-1)).contains("agent_traces.flags"));
    assert!(wrong("types", text("u")).contains("types"));
    let short = payload(vec![Span { trace_id: vec![1; 3], ..valid_span("short") }]);
    assert!(decode(&short).unwrap_err().to_string().contains("span 0 (\"short\"): the trace id has 3 bytes, not 16"));
}

#[test]
fn a_foreign_payload_becomes_records() {
    let chat = Span {
        trace_state: "vendor=1".to_owned(),
        parent_span_id: vec![0; 8],
        flags: 0x0101,
        kind: 99,
        attributes: vec![
            attribute("gen_ai.request.model", text("m")),
            KeyValue { key: "empty".to_owned(), value: None, key_strindex: 0 },
            attribute("reference", Otlp::StringValueStrindex(4)),
            attribute("list", Otlp::ArrayValue(ArrayValue { values: vec![AnyValue { value: None }] })),
            attribute("agent_traces.state", text("open")),
        ],
        dropped_attributes_count: 1,
        events: vec![span::Event {
            time_unix_nano: u64::MAX,
            name: "gen_ai.choice".to_owned(),
            attributes: vec![attribute("index", Otlp::IntValue(0))],
            dropped_attributes_count: 2,
        }],
        dropped_events_count: 3,
        links: vec![
            span::Link { trace_id: vec![7; 16], span_id: vec![8; 8], flags: 0x300, ..span::Link::default() },
            span::Link { trace_id: vec![7; 16], span_id: vec![0; 8], ..span::Link::default() },
            span::Link { trace_id: vec![7; 2], span_id: vec![8; 8], ..span::Link::default() },
        ],
        dropped_links_count: 4,
        status: Some(OtlpStatus { message: "odd".to_owned(), code: 77 }),
        ..valid_span("chat")
    };
    let running = Span { end_time_unix_nano: 0, flags: 0x301, parent_span_id: vec![2; 8], ..valid_span("running") };
    let spans = vec![
        Span { trace_id: vec![0; 16], ..valid_span("no trace") },
        chat,
        Span { span_id: vec![0; 8], ..valid_span("no id") },
        Span { span_id: vec![], ..valid_span("nothing") },
        Span { parent_span_id: vec![1], ..valid_span("odd parent") },
        running,
    ];
    let data = TracesData {
        resource_spans: vec![
            ResourceSpans::default(),
            ResourceSpans {
                resource: Some(OtlpResource {
                    attributes: vec![attribute("service.name", text("foreign"))],
                    dropped_attributes_count: 1,
                    entity_refs: vec![EntityRef::default()],
                }),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope { name: "sdk".to_owned(), ..InstrumentationScope::default() }),
                    spans,
                    schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
                }],
                schema_url: String::new(),
            },
        ],
    };
    let ForeignSpans { records, rejected } = decode_foreign(&data.encode_to_vec()).unwrap();

    let reasons: Vec<String> = rejected.iter().map(ToString::to_string).collect();
    assert_eq!(
        reasons,
        [
            "span 0 (\"no trace\"): the trace id is all zeros",
            "span 2 (\"no id\"): the span id is all zeros",
            "span 3 (\"nothing\"): the span id has 0 bytes, not 8",
        ]
    );
    let [chat, odd_parent, running] = records.as_slice() else { panic!("{records:?}") };
    let mut expected = record("chat");
    expected.trace_state = "vendor=1".to_owned();
    expected.flags = 0x101;
    expected.otel_kind = OtelKind::Internal;
    expected.status = Status { code: StatusCode::Unset, message: "odd".to_owned() };
    expected.attributes = [
        ("gen_ai.request.model".into(), Value::Str("m".to_owned())),
        ("empty".into(), Value::Null),
        ("reference".into(), Value::Null),
        ("list".into(), Value::Array(vec![Value::Null])),
        ("agent_traces.state".into(), Value::Str("open".to_owned())),
    ]
    .into_iter()
    .collect();
    expected.events = vec![Event {
        name: "gen_ai.choice".to_owned(),
        time_ns: i64::MAX,
        attributes: [("index".into(), Value::I64(0))].into_iter().collect(),
        dropped_attributes: 2,
        callsite: None,
    }];
    expected.links = vec![
        Link { flags: 0x300, ..Link::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8])) },
        Link::new(TraceId::from_bytes([7; 16]), SpanId::from_bytes([0; 8])),
    ];
    (expected.dropped_attributes, expected.dropped_events, expected.dropped_links) = (1, 3, 5);

    expected.scope = Arc::new(Scope {
        name: "sdk".to_owned(),
        schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(),
        ..Scope::default()
    });
    expected.resource = Arc::new(Resource {
        attributes: [("service.name".into(), "foreign".into())].into_iter().collect(),
        dropped_attributes: 1,
        entity_refs: vec![crate::model::EntityRef::default()],
        ..Resource::default()
    });
    expected.verbatim.clone_from(&chat.verbatim);
    assert_eq!(*chat, expected);
    assert!(chat.verbatim.is_some());
    assert_eq!((odd_parent.parent_span_id, odd_parent.verbatim.is_some()), (None, true));
    assert_eq!((running.state, running.end_ns), (SpanState::Open, None));
    assert!(running.parent_is_remote);
    assert_eq!(decode(&encode(&records)).unwrap(), records);
}

#[test]
fn an_unknown_remoteness_is_not_invented() {
    let unknown = Span { parent_span_id: vec![3; 8], flags: 0x201, ..valid_span("unknown") };
    let record = decode_foreign(&payload(vec![unknown])).unwrap().records.remove(0);
    assert!(!record.parent_is_remote);
    assert_eq!(only_span(&encode(&[record])).flags, 0x201);
}

#[test]
fn a_forged_origin_is_data() {
    let mut forged = record("forged");
    forged.origin = Some(Origin { process: ProcessId::from_bytes([9; 16]), sequence: 3 });
    forged.callsite = Some(Arc::new(Callsite {
        name: "n".to_owned(),
        target: "t".to_owned(),
        level: "INFO".to_owned(),
        file: None,
        line: Some(4),
        fields: vec!["a".to_owned()],
    }));
    let bytes = encode(std::slice::from_ref(&forged));
    assert_eq!(decode(&bytes).unwrap(), [forged.clone()]);
    let foreign = decode_foreign(&bytes).unwrap().records.remove(0);
    assert_eq!((foreign.origin, &foreign.callsite), (None, &forged.callsite));
    assert_eq!(foreign.attributes.get("agent_traces.sequence"), Some(&Value::I64(3)));
}

#[test]
fn other_bytes_are_an_error() {
    let error = decode(b"{\"resourceSpans\":[]}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(error.to_string().starts_with("this is no OTLP trace payload: "), "{error}");
    assert!(decode_foreign(b"\xff").is_err());
    assert_eq!(decode(b"").unwrap(), []);
}
