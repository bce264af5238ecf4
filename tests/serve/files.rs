//! `agent-traces export` and `import`.

use std::fs;
use std::path::Path;

use tracing_agents::model::{Link, SpanId, SpanRecord, Value};
use tracing_agents::{AgentTracing, SpanFilter, wire};

use super::server::{PATIENCE, command, database, repository, url};
use super::spans::span;

/// Stores spans as they came from elsewhere.
fn store(file: &Path, spans: &[SpanRecord]) {
    let tracing = AgentTracing::open(&url(file)).unwrap();
    for record in wire::decode_foreign(&wire::encode_export(spans)).unwrap().records {
        tracing.inlet().accept(record).unwrap();
    }
    tracing.force_flush(PATIENCE).unwrap();
}

/// Spans of several runs, with what is easily lost.
fn spans() -> Vec<SpanRecord> {
    let mut spans = Vec::new();
    for run in 0..4_u8 {
        let root = span(&format!("run {run}"));
        for call in 0..3_u8 {
            let mut child = span("call");
            (child.trace_id, child.parent_span_id) = (root.trace_id, Some(root.span_id));
            child.attributes.push("twice", "one");
            child.attributes.push("twice", "other");
            child.attributes.push("nan", f64::NAN);
            child.attributes.push("bytes", Value::Bytes(vec![0, 255, call]));
            child.attributes.push("largest", i64::MAX);
            child.links.push(Link::new(root.trace_id, SpanId::from_bytes([call + 1; 8])));
            child.trace_state = "vendor=1".into();
            child.dropped_attributes = 7;
            spans.push(child);
        }
        spans.push(root);
    }
    spans
}

/// Everything in a database, as others are told it.
fn contents(file: &Path) -> Vec<u8> {
    let mut records = repository(file).span_records(&SpanFilter::new().limit(1000)).unwrap().items;
    records.sort_by_key(|record| (record.trace_id, record.span_id));
    wire::encode_json(&records).unwrap()
}

fn run(file: &Path, arguments: &[&str]) -> (Option<i32>, Vec<u8>, String) {
    let output = command(file).args(arguments).output().unwrap();
    (output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn what_is_exported_and_imported_is_the_same_to_the_bit_and_twice_is_as_good_as_once() {
    let (folder, file) = database();
    store(&file, &spans());
    for format in ["otlp-json", "otlp"] {
        let exported = folder.path().join(format);
        let path = exported.to_str().unwrap();
        let (code, _, errors) = run(&file, &["export", "--format", format, "--output", path]);
        assert_eq!((code, errors.as_str()), (Some(0), "agent-traces: 16 spans exported\n"));
        assert_eq!(run(&file, &["export", "--format", format]).1, fs::read(&exported).unwrap(), "by both ways");

        let copy = folder.path().join(format!("{format}.db"));
        let (code, said, errors) = run(&copy, &["import", path]);
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert_eq!(text(said), "16 spans stored, 0 were there already, 0 rejected\n");
        assert_eq!(contents(&copy), contents(&file), "{format}");
        let (code, said, _) = run(&copy, &["import", path]);
        assert_eq!((code, text(said).as_str()), (Some(0), "0 spans stored, 16 were there already, 0 rejected\n"));
        assert_eq!(contents(&copy), contents(&file), "{format}, twice");
        assert_eq!(run(&copy, &["export", "--format", format]).1, fs::read(&exported).unwrap());
    }
}

#[test]
fn a_filter_exports_whole_traces() {
    let (folder, file) = database();
    store(&file, &spans());
    let (code, exported, _) = run(&file, &["export", "\"run 2\""]);
    assert_eq!(code, Some(0));
    let path = folder.path().join("one.json");
    fs::write(&path, exported).unwrap();
    let copy = folder.path().join("copy.db");
    run(&copy, &["import", path.to_str().unwrap()]);
    let traces = repository(&copy).traces(&"".parse().unwrap()).unwrap().items;
    assert_eq!(traces.iter().map(|trace| (trace.name.as_str(), trace.span_count)).collect::<Vec<_>>(), [("run 2", 4)]);
    assert_eq!(run(&file, &["export", "name:nobody"]).1, b"", "nothing is no message");
}

#[test]
fn what_cannot_be_imported_is_told_and_the_rest_is_imported() {
    let (folder, file) = database();
    let import = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (code, said, errors) = run(&file, &["import", path.to_str().unwrap()]);
        (code, text(said), errors)
    };
    let (good, mut bad) = (span("good"), span("bad"));
    bad.span_id = SpanId::from_bytes([0; 8]);
    let line = text(wire::encode_json(&[good, bad]).unwrap());

    let (code, said, errors) = import("spans.json", format!("{{\"resourceSpans\": 7}}\n{line}\n").as_bytes());
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "1 spans stored, 0 were there already, 1 rejected, 1 messages unreadable\n")
    );
    assert!(errors.contains("message 1 is left out"), "{errors}");
    assert!(errors.contains("message 2, span 1 (\"bad\"): the span id is all zeros"), "{errors}");

    let (code, said, errors) = import("cut.json", format!("{line}\n{}", &line[..line.len() / 2]).as_bytes());
    assert_eq!((code, said.as_str()), (Some(1), "0 spans stored, 1 were there already, 1 rejected\n"));
    assert!(errors.contains("message 2 cannot be read"), "{errors}");

    assert_eq!(import("empty", b"").1, "0 spans stored, 0 were there already, 0 rejected\n");
    let (code, _, errors) = run(&file, &["import", "/nowhere/spans.json"]);
    assert!(code == Some(1) && errors.contains("cannot read /nowhere/spans.json"), "{errors}");
}
