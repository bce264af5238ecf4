//! The replay of framework recordings is faithful: a run that is re-emitted and recorded again gives the same recording.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::expected::texts_in;
use super::frameworks;

/// Makes a recording, as the README of the recordings describes it, all but the measured times.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recording>>);

#[derive(Default)]
struct Recording {
    seq: u64,
    /// By number, less one.
    spans: Vec<Value>,
    outside: Vec<Value>,
    /// Numbers by the registry's ids, closed spans included.
    numbers: HashMap<Id, usize>,
    threads: HashMap<usize, HashSet<ThreadId>>,
}

impl Recording {
    fn tick(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    fn span(&mut self, id: &Id) -> &mut Value {
        let number = self.numbers[id];
        &mut self.spans[number - 1]
    }
}

fn push(span: &mut Value, key: &str, item: Value) {
    span[key].as_array_mut().unwrap().push(item);
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Recorder {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut recording = self.0.lock().unwrap();
        let number = recording.spans.len() + 1;
        let parent = ctx.span(id).unwrap().parent().map(|parent| recording.numbers[&parent.id()]);
        let parent_kind = match () {
            () if attributes.is_root() => "root",
            () if attributes.is_contextual() => "contextual",
            () => "explicit",
        };
        let mut span = callsite(attributes.metadata());
        let declared: Vec<&str> = attributes.metadata().fields().iter().map(|field| field.name()).collect();
        span["kind"] = "span".into();
        span["n"] = number.into();
        span["parent"] = parent.into();
        span["parent_kind"] = parent_kind.into();
        span["declared"] = declared.into();
        span["attrs"] = fields(|visitor| attributes.record(visitor));
        span["records"] = json!([]);
        span["events"] = json!([]);
        span["open_seq"] = recording.tick().into();
        span["enters"] = 0.into();
        recording.numbers.insert(id.clone(), number);
        recording.threads.insert(number, HashSet::new());
        recording.spans.push(span);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
        let mut recording = self.0.lock().unwrap();
        for field in fields(|visitor| record.record(visitor)).as_array().unwrap() {
            recording.tick();
            push(recording.span(id), "records", field.clone());
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, ctx: Context<'_, S>) {
        let mut recording = self.0.lock().unwrap();
        recording.tick();
        let number = recording.numbers[follows];
        let edge = if ctx.span(follows).is_some() { json!(number) } else { json!({ "closed": number }) };
        let span = recording.span(id);
        if span.get("follows_from").is_none() {
            span["follows_from"] = json!([]);
        }
        push(span, "follows_from", edge);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut recording = self.0.lock().unwrap();
        let mut line = callsite(event.metadata());
        line["fields"] = fields(|visitor| event.record(visitor));
        line["seq"] = recording.tick().into();
        if let Some(span) = ctx.event_span(event) {
            push(recording.span(&span.id()), "events", line);
        } else {
            line["kind"] = "event".into();
            recording.outside.push(line);
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        let mut recording = self.0.lock().unwrap();
        let number = recording.numbers[id];
        recording.threads.get_mut(&number).unwrap().insert(std::thread::current().id());
        let span = recording.span(id);
        span["enters"] = (span["enters"].as_u64().unwrap() + 1).into();
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut recording = self.0.lock().unwrap();
        let seq = recording.tick();
        let threads = recording.threads[&recording.numbers[&id]].len();
        let span = recording.span(&id);
        span["close_seq"] = seq.into();
        span["closed"] = true.into();
        span["threads"] = threads.into();
    }
}

fn callsite(metadata: &Metadata<'_>) -> Value {
    json!({
        "name": metadata.name(), "target": metadata.target(), "level": metadata.level().as_str(),
        "file": metadata.file(), "line": metadata.line(),
    })
}

fn fields(record: impl FnOnce(&mut Fields)) -> Value {
    let mut visitor = Fields(Vec::new());
    record(&mut visitor);
    visitor.0.into()
}

/// `[name, visitor method, value]` of each field.
struct Fields(Vec<Value>);

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push(json!([field.name(), "f64", value]));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push(json!([field.name(), "i64", value]));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push(json!([field.name(), "u64", value]));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push(json!([field.name(), "bool", value]));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push(json!([field.name(), "str", value]));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.push(json!([field.name(), "error", value.to_string()]));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(json!([field.name(), "debug", format!("{value:?}")]));
    }
}

/// Replays a scenario and records it again: the spans by number, then the events outside any span.
fn record_again(scenario: &frameworks::Scenario, level: LevelFilter) -> Vec<Value> {
    let recorder = Recorder::default();
    let subscriber = Registry::default().with(recorder.clone()).with(level);
    tracing::subscriber::with_default(subscriber, || frameworks::replay(scenario)).unwrap();
    let mut recording = recorder.0.lock().unwrap();
    let mut lines = std::mem::take(&mut recording.spans);
    lines.append(&mut recording.outside);
    for line in &mut lines {
        line["scenario"] = scenario.name.as_str().into();
    }
    lines
}

/// The lines of one scenario in the file, in the order of [`record_again`] and without the measured times.
fn lines_of(text: &str, scenario: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut lines: Vec<Value> = lines.filter(|line| line["scenario"] == scenario).collect();
    for line in &mut lines {
        line.as_object_mut().unwrap().retain(|key, _| !matches!(key.as_str(), "busy_us" | "life_us"));
    }
    lines.sort_by_key(|line| (line["kind"] == "event", line["n"].as_u64(), line["seq"].as_u64()));
    lines
}

#[test]
fn every_recording_comes_back_as_it_was() {
    let mut spans = 0;
    for (path, text) in texts_in("frameworks") {
        for scenario in frameworks::read(&text).unwrap() {
            let expected = lines_of(&text, &scenario.name);
            let again = record_again(&scenario, LevelFilter::TRACE);
            for (expected, again) in expected.iter().zip(&again) {
                assert_eq!(again, expected, "{} {}", path.display(), scenario.name);
            }
            assert_eq!(again.len(), expected.len(), "{} {}", path.display(), scenario.name);
            spans += again.iter().filter(|line| line["kind"] == "span").count();
        }
    }
    assert_eq!(spans, 173, "spans in all recordings");
}

#[test]
fn a_filter_takes_the_same_spans_away_as_it_would_live() {
    let (_, text) = texts_in("frameworks").into_iter().find(|(path, _)| path.ends_with("swiftide-0.32.jsonl")).unwrap();
    check_filtered(&text, "query_streaming");
    // A span that the filter takes away, with a child that it leaves, after the program was outside all spans.
    let outer = json!({"n": 1, "parent": null, "open_seq": 1, "close_seq": 7, "enters": 2, "threads": 1});
    let lost = json!({"n": 2, "parent": 1, "level": "DEBUG", "open_seq": 2, "close_seq": 6, "enters": 1, "threads": 1});
    let inner = json!({"n": 3, "parent": 2, "open_seq": 4, "close_seq": 5});
    let outside = made(&json!({"kind": "event", "fields": [], "seq": 3}));
    check_filtered(&[made(&outer), made(&lost), made(&inner), outside].join("\n"), "made");
}

/// Replays under a filter for INFO: the lost spans are gone, and what was in them is in the nearest span that is left.
fn check_filtered(text: &str, scenario: &str) {
    let all = lines_of(text, scenario);
    let kept: Vec<&Value> = all.iter().filter(|line| is_info(line)).collect();
    let scenario = frameworks::read(text).unwrap().into_iter().find(|read| read.name == scenario).unwrap();
    let lines = record_again(&scenario, LevelFilter::INFO);
    assert!(kept.len() < all.len(), "the filter has something to do");
    assert_eq!(lines.len(), kept.len());
    for (again, expected) in lines.iter().zip(kept) {
        assert_eq!(again["name"], expected["name"]);
        assert_eq!(again["records"], expected["records"]);
        let mut parent = span(&all, &expected["parent"]);
        while let Some(lost) = parent.filter(|parent| !is_info(parent)) {
            parent = span(&all, &lost["parent"]);
        }
        let name = |span: Option<&Value>| span.map(|span| span["name"].clone());
        assert_eq!(name(span(&lines, &again["parent"])), name(parent), "the parent of {}", expected["name"]);
    }
    let events = |lines: &[Value]| -> usize {
        let in_spans = lines.iter().filter_map(|line| line["events"].as_array()).flatten();
        in_spans.chain(lines.iter().filter(|line| line["kind"] == "event")).filter(|event| is_info(event)).count()
    };
    assert_eq!(events(&lines), events(&all));
}

fn span<'a>(lines: &'a [Value], number: &Value) -> Option<&'a Value> {
    number.as_u64().map(|n| &lines[usize::try_from(n).unwrap() - 1])
}

fn is_info(line: &Value) -> bool {
    !matches!(line["level"].as_str().unwrap(), "DEBUG" | "TRACE")
}

/// A line of a recording: what is given, and what else a line needs.
fn made(given: &Value) -> String {
    let mut line = json!({
        "kind": "span", "scenario": "made", "target": "t", "level": "INFO", "file": null, "line": null,
        "name": format!("span {}", given["n"]),
    });
    if given["kind"] != "event" {
        for key in ["declared", "attrs", "records", "events"] {
            line[key] = json!([]);
        }
        line["parent_kind"] = "contextual".into();
        line["enters"] = 0.into();
        line["threads"] = 0.into();
        line["closed"] = true.into();
    }
    line.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
    line.to_string()
}

/// A span that nobody enters, with all types.
fn one_of_each() -> String {
    made(&json!({
        "n": 1, "parent": null, "name": "", "open_seq": 1, "close_seq": 5, "declared": ["a", "b", "c", "d", "e", "f", "g"],
        "attrs": [
            ["a", "bool", true], ["b", "i64", -1], ["c", "u64", u64::MAX], ["d", "f64", 0.1], ["e", "str", "\0\"é"],
            ["f", "debug", "Some(\"x\")"], ["g", "error", "it broke"],
        ],
        "records": [["g", "error", "again"], ["g", "debug", ""]],
        "events": [{
            "name": "e", "target": "t", "level": "ERROR", "file": "f.rs", "line": 7,
            "fields": [["error", "error", "late"], ["message", "debug", "m"]], "seq": 2,
        }],
    }))
}

#[test]
fn every_type_arrives_through_its_own_visitor_method() {
    let text = one_of_each();
    let scenario = frameworks::read(&text).unwrap().remove(0);
    assert_eq!(record_again(&scenario, LevelFilter::TRACE), lines_of(&text, "made"));
}

#[test]
fn what_is_no_recording_is_refused_with_its_line() {
    let right = one_of_each();
    let wrong_type = right.replace("\"i64\"", "\"int\"");
    let error = frameworks::read(&format!("{right}\n{wrong_type}")).unwrap_err().to_string();
    assert!(error.starts_with(r#"field "b" has the unknown type "int" at line 2 column "#), "{error}");
    let wrong_value = right.replace("-1", "1.5");
    let error = frameworks::read(&wrong_value).unwrap_err().to_string();
    assert!(error.starts_with(r#"the value of field "b" is no i64 at line 1 column "#), "{error}");
    let wrong_level = right.replace("\"ERROR\"", "\"LOUD\"");
    let error = frameworks::read(&format!("{right}\n{wrong_level}")).unwrap_err().to_string();
    assert!(error.starts_with(r#""LOUD" is no level at line 2 column "#), "{error}");
    let early = made(&json!({"n": 1, "parent": 2, "parent_kind": "explicit", "open_seq": 1, "close_seq": 2}));
    let scenario = frameworks::read(&early).unwrap().remove(0);
    let error = frameworks::replay(&scenario).unwrap_err();
    assert_eq!(error.to_string(), "span 2 is used before it opens");
}

#[test]
fn only_the_essential_keys_have_to_be_there() {
    let span = json!({
        "kind": "span", "scenario": "short", "n": 1, "parent_kind": "root", "name": "a", "target": "t", "level": "info",
        "open_seq": 1, "attrs": [["x", "u64", 1]], "records": [["y", "str", "late"], ["x", "u64", 2]], "unknown": {},
    });
    let event = json!({
        "kind": "event", "scenario": "short", "name": "e", "target": "t", "level": "WARN", "seq": 4,
    });
    let scenario = frameworks::read(&format!("{span}\r\n\n{event}\n")).unwrap().remove(0);
    let [span, event] = record_again(&scenario, LevelFilter::TRACE).try_into().unwrap();
    assert_eq!(span["declared"], json!(["x", "y"]));
    assert_eq!(span["records"], json!([["y", "str", "late"], ["x", "u64", 2]]));
    assert_eq!((&span["close_seq"], &event["name"]), (&json!(5), &json!("e")), "what is open closes at the end");
}
