//! A policy on whole records.

use std::sync::Arc;

use super::*;
use crate::model::{Attributes, EntityRef, Event, IdentityField, Link, SpanId, Status, StatusCode, TraceId, Value};

const KEY: &str = "sk-proj-Ab3dEf6hIj9kLm2nOp5q";

fn event(name: &str, attributes: Attributes) -> Event {
    Event { name: name.to_owned(), time_ns: 1, attributes, dropped_attributes: 0, callsite: None }
}

fn attributes(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Attributes {
    pairs.into_iter().map(|(key, value)| (key.into(), value)).collect()
}

/// A record with a text in every place that has one.
fn record_full_of(text: &str) -> SpanRecord {
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), text, 1);
    let owned = || text.to_owned();
    record.status = Status { code: StatusCode::Error, message: owned() };
    record.trace_state = format!("vendor={text}");
    record.attributes = attributes([
        ("str", Value::from(text)),
        ("debug", Value::Debug(format!("Some({text:?})"))),
        ("error", Value::Error(format!("failed: {text}"))),
        ("bytes", Value::from(text.as_bytes().to_vec())),
        ("list", Value::from(vec![Value::from(text), Value::from(vec![("k".to_owned(), Value::from(text))])])),
        ("numbers", Value::Array(text.bytes().map(|byte| Value::from(i64::from(byte))).collect())),
        ("map", Value::from(vec![(owned(), Value::from("x"))])),
        ("json", Value::from(serde_json::json!({ owned(): [{ "a": text }] }).to_string())),
    ]);
    record.attributes.push(format!("came.with.{text}"), "x");
    record.events = vec![event(text, attributes([("message", Value::from(text))]))];
    let mut link = Link::new(TraceId::from_bytes([3; 16]), SpanId::from_bytes([4; 8]));
    link.trace_state = owned();
    link.attributes = attributes([("why", Value::from(text))]);
    record.links = vec![link];
    record.inherited.set(IdentityField::UserId, text);
    record.scope = Arc::new(Scope {
        name: owned(),
        version: owned(),
        schema_url: owned(),
        attributes: attributes([("scope", Value::from(text))]),
        dropped_attributes: 0,
        verbatim: Some(text.as_bytes().to_vec()),
    });
    record.resource = Arc::new(Resource {
        attributes: attributes([("host", Value::from(text))]),
        schema_url: owned(),
        dropped_attributes: 0,
        entity_refs: vec![EntityRef {
            schema_url: owned(),
            kind: owned(),
            id_keys: vec![owned()],
            description_keys: vec![owned()],
        }],
        verbatim: Some(text.as_bytes().to_vec()),
    });
    record.verbatim = Some(text.as_bytes().to_vec());
    record
}

fn policy(rules: Vec<Rule>) -> Policy {
    Policy::new(Options { rules, ..Options::default() }, Profiles::default()).unwrap()
}

/// Whether a text, or its bytes as numbers, stand anywhere in a record.
fn has(record: &SpanRecord, text: &str) -> bool {
    let written = format!("{record:?}");
    let numbers = |before: &str| text.bytes().map(|byte| format!("{before}{byte}")).collect::<Vec<_>>().join(", ");
    written.contains(text) || written.contains(&numbers("")) || written.contains(&numbers("I64(").replace(", ", "), "))
}

#[test]
fn nothing_is_done_unless_it_is_asked_for() {
    assert!(Policy::new(Options::default(), Profiles::default()).is_none());
}

#[test]
fn a_secret_is_taken_out_of_every_place() {
    let mut record = record_full_of(KEY);
    assert!(has(&record, KEY));
    let policy = policy(vec![Rule::Ready(Redactor::secrets())]);
    policy.protect(&mut record);
    assert!(!has(&record, KEY), "{record:#?}");
    let once = record.clone();
    policy.protect(&mut record);
    assert_eq!(record, once, "redacting twice changes nothing");
}

#[test]
fn a_redactor_of_ones_own_is_asked_about_every_text_and_where_it_stands() {
    let policy = policy(vec![Rule::Own(Box::new(|text, place| {
        let is_name = place.part() == Part::Name;
        text.contains("hidden").then(|| if is_name { "a name".to_owned() } else { format!("at {}", place.key()) })
    }))]);
    let mut record = record_full_of("hidden");
    record.attributes.retain(|key, _| !matches!(key, "bytes" | "numbers"));
    policy.protect(&mut record);
    assert!(!has(&record, "hidden"), "{record:#?}");
    assert_eq!(record.name, "a name");
    assert_eq!(record.attributes.get("str"), Some(&Value::from("at str")));
    assert_eq!(record.inherited.get(IdentityField::UserId), Some("at user_id"));
}

#[test]
fn where_a_redactor_panics_its_text_goes() {
    let policy = policy(vec![Rule::Own(Box::new(|text, _| {
        assert!(!text.contains(KEY), "I have seen {text}");
        None
    }))]);
    let mut record = record_full_of("harmless");
    record.attributes.push("note", format!("a {KEY}"));
    policy.protect(&mut record);
    assert!(!has(&record, KEY));
    assert_eq!(record.attributes.get("note"), Some(&Value::from("[redacted: the redactor failed]")));
    assert_eq!(record.name, "harmless");
    assert_eq!(policy.failures(), 1);
}

#[test]
fn spans_of_one_resource_still_share_it() {
    let policy = policy(vec![Rule::Ready(Redactor::secrets())]);
    let mut records = [record_full_of(KEY), record_full_of(KEY)];
    let [first, second] = &mut records;
    second.resource = Arc::clone(&first.resource);
    policy.protect(first);
    policy.protect(second);
    assert!(Arc::ptr_eq(&first.resource, &second.resource));
}

#[test]
fn a_value_that_is_nested_too_deep_to_be_looked_at_is_cut() {
    let mut value = Value::from(KEY);
    for _ in 0..100 {
        value = Value::Array(vec![value]);
    }
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), "s", 1);
    record.attributes.push("deep", value);
    policy(vec![Rule::Own(Box::new(|_, _| None))]).protect(&mut record);
    assert!(!has(&record, KEY));
    assert!(record.truncated_bytes > 0);
}

#[test]
fn texts_are_redacted_before_they_are_cut() {
    let options =
        Options { rules: vec![Rule::Ready(Redactor::secrets())], max_value_bytes: Some(40), ..Options::default() };
    let policy = Policy::new(options, Profiles::default()).unwrap();
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), "s", 1);
    // Half of the key would stand before the cut.
    record.attributes.push("text", format!("{} {KEY} {}", "a".repeat(12), "b".repeat(40)));
    policy.protect(&mut record);
    let text = record.attributes.get("text").and_then(Value::as_str).unwrap();
    assert!(text.len() <= 40 && !text.contains("sk-"), "{text}");
    assert_eq!(record.truncated_bytes, 64 - text.len() as u64, "{text}");
    let once = record.clone();
    policy.protect(&mut record);
    assert_eq!(record, once);
}
