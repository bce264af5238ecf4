//! What OTLP JSON promises, as others write it and as others read it.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message as _;

use super::super::payloads::{self, every_field, nested, pair, string};
use super::*;

fn decode(json: &[u8]) -> Result<ExportTraceServiceRequest> {
    super::decode(json, "this is no payload")
}

proptest! {
    #![proptest_config(payloads::cases(256))]

    #[test]
    fn any_payload_survives(request in payloads::request()) {
        let json = encode(&request).unwrap();
        prop_assert_eq!(decode(&json).unwrap().encode_to_vec(), request.encode_to_vec());
    }

    #[test]
    fn no_damage_panics(request in payloads::request(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = encode(&request).unwrap();
        let place = place.index(json.len());
        let _ = decode(&json[..place]);
        json[place] = byte;
        let _ = decode(&json);
    }
}

/// The only span of a text in which `fields` are the span's.
fn span(fields: &str) -> Result<Span> {
    let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    Ok(decode(json.as_bytes())?.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0))
}

fn value(json: &str) -> Result<Option<Otlp>> {
    let span = span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#))?;
    Ok(span.attributes[0].value.clone().and_then(|value| value.value))
}

#[test]
fn a_span_is_written_as_the_specification_says() {
    let json = encode(&every_field()).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json[..]).unwrap_or_else(|_| {
        // Deeper than this reader goes: the deep attributes have tests of their own.
        let mut request = every_field();
        for group in &mut request.resource_spans {
            group.resource.as_mut().unwrap().attributes.clear();
            for group in &mut group.scope_spans {
                group.scope.as_mut().unwrap().attributes.clear();
                for span in &mut group.spans {
                    let is_deep = |entry: &opentelemetry_proto::tonic::common::v1::KeyValue| {
                        matches!(entry.key.as_str(), "arrays" | "maps")
                    };
                    span.attributes.retain(|entry| !is_deep(entry));
                    span.events[0].attributes.clear();
                    span.links[0].attributes.clear();
                }
            }
        }
        serde_json::from_slice(&encode(&request).unwrap()).unwrap()
    });
    let group = &json["resourceSpans"][0];
    assert_eq!(group["schemaUrl"], "https://example.org/resource");
    assert_eq!(group["resource"]["droppedAttributesCount"], 7);
    assert_eq!(group["resource"]["entityRefs"][0]["type"], "service");
    assert_eq!(group["resource"]["entityRefs"][0]["idKeys"][0], "string");
    let group = &group["scopeSpans"][0];
    assert_eq!(group["scope"]["version"], "1.2.3");
    let span = &group["spans"][0];
    assert_eq!(span["traceId"], "0102030405060708090a0b0c0d0e0f10");
    assert_eq!((&span["spanId"], &span["kind"]), (&"0102030405060708".into(), &77.into()));
    assert_eq!(span["startTimeUnixNano"], "1780000000000000001");
    assert_eq!(span["endTimeUnixNano"], "18446744073709551615");
    assert_eq!(span["status"], serde_json::json!({"message": "odd", "code": 3}));
    assert_eq!(span["links"][0]["flags"], 0x300);
    assert_eq!(span["events"][0]["timeUnixNano"], "1780000000000000002");
    let value = |key: &str| {
        let list = span["attributes"].as_array().unwrap();
        list.iter().find(|entry| entry["key"] == key).unwrap()["value"].clone()
    };
    assert_eq!(value("largest"), serde_json::json!({"intValue": "9223372036854775807"}));
    assert_eq!(value("infinite"), serde_json::json!({"doubleValue": "-Infinity"}));
    assert_eq!(value("no"), serde_json::json!({"boolValue": false}));
    assert_eq!(value("nan"), serde_json::json!({"doubleValue": "NaN", "agentTracesBits": "fff4deadbeef0001"}));
    assert_eq!(value("empty"), serde_json::json!({}));
    assert!(value("bytes")["bytesValue"].as_str().unwrap().starts_with("AAECAwQF"));
}

#[test]
fn more_is_read_than_is_written() {
    let strict = span(
        r#""traceId":"4bf92f3577b34da6a3ce929d0e0e4736","kind":3,"startTimeUnixNano":"1780000000000000001",
           "flags":769,"droppedLinksCount":2,"status":{"code":2}"#,
    )
    .unwrap();
    let lenient = span(
        r#""trace_id":"4BF92F3577B34DA6A3CE929D0E0E4736","kind":"SPAN_KIND_CLIENT","start_time_unix_nano":1780000000000000001,
           "flags":"769","droppedLinksCount":2.0,"status":{"code":"STATUS_CODE_ERROR","message":null},"spanId":null,
           "events":null,"links":[],"newer":{"than":["this",{}]},"name":"""#,
    )
    .unwrap();
    assert_eq!(strict, lenient);
    assert_eq!((strict.kind, strict.start_time_unix_nano, strict.flags), (3, 1_780_000_000_000_000_001, 769));
}

#[test]
fn values_are_read_in_every_spelling() {
    for (json, expected) in [
        (r#"{"intValue":"-5"}"#, Otlp::IntValue(-5)),
        (r#"{"intValue":-5}"#, Otlp::IntValue(-5)),
        (r#"{"intValue":-5.0}"#, Otlp::IntValue(-5)),
        (r#"{"doubleValue":2}"#, Otlp::DoubleValue(2.0)),
        (r#"{"doubleValue":"Infinity"}"#, Otlp::DoubleValue(f64::INFINITY)),
        (r#"{"doubleValue":"1e3"}"#, Otlp::DoubleValue(1000.0)),
        (r#"{"bytesValue":"-_8="}"#, Otlp::BytesValue(vec![0xfb, 0xff])),
        (r#"{"bytesValue":"+/8"}"#, Otlp::BytesValue(vec![0xfb, 0xff])),
        (r#"{"stringValue":""}"#, string("")),
        (r#"{"string_value":"x","intValue":null}"#, string("x")),
        (r#"{"stringValueStrindex":3}"#, Otlp::StringValueStrindex(3)),
        (r#"{"arrayValue":{}}"#, nested(0, false, Otlp::ArrayValue(Default::default()))),
    ] {
        assert_eq!(value(json).unwrap(), Some(expected), "{json}");
    }
    for json in ["{}", r#"{"newerValue":[1]}"#, "null"] {
        assert_eq!(value(json).unwrap(), None, "{json}");
    }
}

#[test]
fn a_nan_keeps_its_bits_in_either_order() {
    for json in [
        r#"{"doubleValue":"NaN","agentTracesBits":"fff4deadbeef0001"}"#,
        r#"{"agentTracesBits":"fff4deadbeef0001","doubleValue":"NaN"}"#,
    ] {
        let Some(Otlp::DoubleValue(number)) = value(json).unwrap() else { panic!("{json}") };
        assert_eq!(number.to_bits(), 0xfff4_dead_beef_0001);
    }
    // Only a NaN has bits that JSON does not say.
    for json in [
        r#"{"doubleValue":1.5,"agentTracesBits":"fff4deadbeef0001"}"#,
        r#"{"agentTracesBits":"fff4deadbeef0001","doubleValue":1.5}"#,
        r#"{"doubleValue":1.5,"agentTracesBits":"00"}"#,
    ] {
        assert_eq!(value(json).unwrap(), Some(Otlp::DoubleValue(1.5)), "{json}");
    }
}

#[test]
fn what_cannot_be_meant_is_an_error_that_says_where() {
    for fields in [
        r#""traceId":"xyz""#,
        r#""traceId":"abc""#,
        r#""traceId":5"#,
        r#""kind":"SPAN_KIND_OTHER""#,
        r#""flags":-1"#,
        r#""flags":4294967296"#,
        r#""startTimeUnixNano":"-1""#,
        r#""startTimeUnixNano":1.5"#,
        r#""name":5"#,
        r#""events":{}"#,
        r#""attributes":[{"key":"k","value":{"bytesValue":"?"}}]"#,
        r#""attributes":[{"key":"k","value":5}]"#,
    ] {
        let error = span(fields).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains("line 1 column"), "{fields}: {error}");
    }
    for text in ["", "[]", "5", "{\"resourceSpans\":[]} x", "\u{feff}{}"] {
        assert!(decode(text.as_bytes()).is_err(), "{text:?}");
    }
    assert_eq!(decode(b"{}").unwrap(), ExportTraceServiceRequest::default());
}

#[test]
fn depth_is_what_protobuf_readers_take() {
    let payload = |value| {
        let mut request = every_field();
        let span = &mut request.resource_spans[0].scope_spans[0].spans[0];
        span.events[0].attributes = vec![pair("deep", value)];
        request
    };
    for (levels, maps) in [(payloads::MAX_ARRAYS, false), (payloads::MAX_MAPS, true)] {
        let fits = payload(nested(levels, maps, string("x")));
        assert_eq!(decode(&encode(&fits).unwrap()).unwrap().encode_to_vec(), fits.encode_to_vec());
        assert!(ExportTraceServiceRequest::decode(fits.encode_to_vec().as_slice()).is_ok());
        let deeper = payload(nested(levels + 1, maps, string("x")));
        assert!(ExportTraceServiceRequest::decode(deeper.encode_to_vec().as_slice()).is_err());
        let error = decode(&encode(&deeper).unwrap()).unwrap_err();
        assert!(error.to_string().contains("nested deeper"), "{error}");
    }
    let bomb = "[".repeat(1_000_000);
    assert!(decode(bomb.as_bytes()).unwrap_err().to_string().contains("nested deeper"));
    let text = format!(r#""name":"{}\"[[""#, "[{".repeat(500));
    assert_eq!(span(&text).unwrap().name.len(), 1_003);
}
