//! What others sent goes out as it came.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;

use super::super::payloads::{self, acceptable, every_field, flattened, flattened_bytes, nested, pair, string};
use super::super::{decode, decode_foreign, decode_json, encode, encode_export, encode_json, plain, strategy};
use super::{Otlp, Span, only_span, payload, valid_span};
use crate::model::{SpanRecord, Value};

proptest! {
    #![proptest_config(payloads::cases(256))]

    #[test]
    fn any_payload_goes_out_as_it_came(request in payloads::request()) {
        let spans = decode_foreign(&request.encode_to_vec()).unwrap();
        let sent = flattened(&acceptable(request));
        prop_assert_eq!(&flattened_bytes(&encode_export(&spans.records)), &sent);
        // Also when it waited in between.
        let waited = decode(&encode(&spans.records)).unwrap();
        prop_assert_eq!(&flattened_bytes(&encode_export(&waited)), &sent);
        // And by JSON.
        let read = decode_json(&encode_json(&spans.records).unwrap()).unwrap();
        prop_assert_eq!(&flattened_bytes(&encode_export(&read.records)), &sent);
        prop_assert_eq!(read.rejected, []);
    }

    #[test]
    fn no_span_with_ids_is_rejected(request in payloads::traces()) {
        let spans = decode_foreign(&request.encode_to_vec()).unwrap();
        prop_assert_eq!(spans.rejected, []);
        prop_assert_eq!(spans.records.len(), flattened(&request).len());
    }

    #[test]
    fn what_goes_out_comes_in_as_the_same_records(records in strategy::records(false)) {
        let expected: Vec<SpanRecord> = records
            .into_iter()
            .filter(|record| !record.trace_id.is_invalid() && !record.span_id.is_invalid())
            .map(|record| SpanRecord { origin: None, ..record })
            .map(|mut record| {
                record.parent_span_id = record.parent_span_id.filter(|id| !id.is_invalid());
                record
            })
            .collect();
        let mut read = decode_foreign(&encode_export(&expected)).unwrap().records;
        prop_assert!(read.iter().all(|record| record.verbatim.is_none()));
        let mut expected = expected;
        // Groups are written one after the other.
        expected.sort_by_key(|record| format!("{record:?}"));
        read.sort_by_key(|record| format!("{record:?}"));
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn every_field_goes_out_as_it_came() {
    let request = every_field();
    let spans = decode_foreign(&request.encode_to_vec()).unwrap();
    assert_eq!(flattened_bytes(&encode_export(&spans.records)), flattened(&request));
    let json = encode_json(&spans.records).unwrap();
    assert_eq!(flattened_bytes(&encode_export(&decode_json(&json).unwrap().records)), flattened(&request));
}

#[test]
fn ordinary_spans_keep_nothing_beside_the_record() {
    let span = Span {
        kind: 3,
        status: Some(Default::default()),
        attributes: vec![pair("list", nested(8, false, string("x"))), pair("agent_traces.state", string("open"))],
        ..valid_span("ordinary")
    };
    assert!(plain::span(&span));
    assert_eq!(decode_foreign(&payload(vec![span])).unwrap().records[0].verbatim, None);
}

#[test]
fn only_the_list_that_is_odd_is_kept_twice() {
    let large = vec![pair("large", string(&"x".repeat(10_000)))];
    let odd = Span { kind: 99, attributes: large.clone(), ..valid_span("odd kind") };
    let kept = |span| decode_foreign(&payload(vec![span])).unwrap().records[0].verbatim.clone().unwrap().len();
    assert!(kept(odd.clone()) < 100, "{}", kept(odd.clone()));
    let absent = opentelemetry_proto::tonic::common::v1::KeyValue { key: "k".to_owned(), ..Default::default() };
    let event = opentelemetry_proto::tonic::trace::v1::span::Event { attributes: vec![absent], ..Default::default() };
    assert!(kept(Span { events: vec![event], ..odd }) < 200);
}

#[test]
fn what_was_changed_since_is_not_undone() {
    let mut odd = Span { kind: 99, parent_span_id: vec![0; 8], ..valid_span("odd") };
    odd.attributes = vec![pair("secret", string("s3cr3t"))];
    odd.attributes.push(opentelemetry_proto::tonic::common::v1::KeyValue { key: "k".to_owned(), ..Default::default() });
    let record = decode_foreign(&payload(vec![odd.clone()])).unwrap().records.remove(0);
    assert_eq!(only_span(&encode_export(std::slice::from_ref(&record))), odd);

    let mut redacted = record;
    redacted.attributes = [("secret".into(), Value::from("[redacted]"))].into_iter().collect();
    let sent = encode_export(std::slice::from_ref(&redacted));
    assert!(!String::from_utf8_lossy(&sent).contains("s3cr3t"));
    let span = only_span(&sent);
    assert_eq!((span.kind, span.attributes), (1, vec![pair("secret", string("[redacted]"))]));
}

#[test]
fn what_is_nested_deeper_than_the_store_keeps_goes_out_whole() {
    for (levels, maps) in [(payloads::MAX_ARRAYS, false), (payloads::MAX_MAPS, true), (17, false), (17, true)] {
        let span =
            Span { attributes: vec![pair("deep", nested(levels, maps, string("bottom")))], ..valid_span("deep") };
        let record = decode_foreign(&payload(vec![span.clone()])).unwrap().records.remove(0);
        assert_eq!(record.truncated_bytes > 0, levels > crate::model::MAX_DEPTH, "{levels}");
        assert_eq!(only_span(&encode_export(std::slice::from_ref(&record))), span, "{levels}");
        let json = encode_json(&[record]).unwrap();
        assert_eq!(only_span(&encode_export(&decode_json(&json).unwrap().records)), span, "{levels}");
    }
}

#[test]
fn who_stored_a_span_is_not_told() {
    let mut record = super::record("own");
    record.origin = Some(crate::model::Origin { process: crate::model::ProcessId::from_bytes([9; 16]), sequence: 3 });
    assert_eq!(only_span(&encode_export(&[record])).attributes, []);
}

#[test]
fn what_claims_to_be_kept_is_not_believed() {
    let forged = Otlp::BytesValue(vec![7; 40]);
    let list = vec![pair("agent_traces.verbatim", forged), pair("agent_traces.reserved", Otlp::IntValue(1))];
    let span = Span { attributes: list, ..valid_span("forged") };
    let record = decode_foreign(&payload(vec![span.clone()])).unwrap().records.remove(0);
    assert_ne!(record.verbatim.as_deref(), Some([7; 40].as_slice()));
    assert_eq!(only_span(&encode_export(&[record])), span);
}

#[test]
fn a_kept_message_that_is_none_is_passed_over() {
    for bytes in [vec![], vec![0], vec![7, 255, 255], vec![255; 30]] {
        let record = SpanRecord { verbatim: Some(bytes), ..super::record("own") };
        let plain = SpanRecord { verbatim: None, ..record.clone() };
        assert_eq!(encode_export(std::slice::from_ref(&record)), encode_export(&[plain]));
        assert_eq!(decode(&encode(std::slice::from_ref(&record))).unwrap(), [record]);
    }
}

#[test]
fn nothing_is_said_by_an_empty_payload() {
    assert_eq!(decode_foreign(&encode_export(&[])).unwrap().records, []);
    assert_eq!(encode_json(&[]).unwrap(), b"{}");
    assert_eq!(ExportTraceServiceRequest::decode(encode_export(&[]).as_slice()).unwrap(), Default::default());
}
