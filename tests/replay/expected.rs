//! The expected trees are what they say: every span of their recording, in its place, with totals that add up.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// The files of a folder of recordings, by name.
pub(crate) fn texts_in(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = tests().join("recordings").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// All recordings.
pub(crate) fn texts() -> Vec<(PathBuf, String)> {
    texts_in("agno").into_iter().chain(texts_in("frameworks")).collect()
}

/// The expected lines of each scenario, without comments and blank lines.
pub(crate) fn expected(recording: &Path) -> Vec<(String, Vec<String>)> {
    let stem = recording.file_stem().unwrap().to_str().unwrap();
    let path = tests().join("expected").join(format!("{stem}.tree"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut scenarios: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("##")) {
        match line.strip_prefix("# ") {
            Some(name) => scenarios.push((name.to_owned(), Vec::new())),
            None => scenarios.last_mut().expect("a scenario comes first").1.push(line.to_owned()),
        }
    }
    scenarios
}

/// A recorded span as far as no judgement is needed: name, parent, order.
struct Recorded {
    id: Value,
    parent: Value,
    start: u64,
    name: String,
}

fn recorded(text: &str) -> Vec<(String, Vec<Recorded>)> {
    if let Ok(file) = serde_json::from_str::<Value>(text) {
        let spans = file["otel_spans"].as_array().unwrap().iter().map(|span| Recorded {
            id: span["context"]["span_id"].clone(),
            parent: span["parent_id"].clone(),
            start: span["start_time_ns"].as_u64().unwrap(),
            name: span["name"].as_str().unwrap().to_owned(),
        });
        return vec![(file["case"].as_str().unwrap().to_owned(), spans.collect())];
    }
    let mut scenarios: Vec<(String, Vec<Recorded>)> = Vec::new();
    for line in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let scenario = line["scenario"].as_str().unwrap();
        if scenarios.last().is_none_or(|(name, _)| name != scenario) {
            scenarios.push((scenario.to_owned(), Vec::new()));
        }
        // The layer records no spans as deep as that.
        if line["kind"] == "span" && line["level"] != "TRACE" {
            let mut given = line["attrs"].as_array().unwrap().iter().chain(line["records"].as_array().unwrap());
            let named = given.rfind(|field| field[0] == "otel.name").map_or(&line["name"], |field| &field[2]);
            scenarios.last_mut().unwrap().1.push(Recorded {
                id: line["n"].clone(),
                parent: line["parent"].clone(),
                start: line["open_seq"].as_u64().unwrap(),
                name: named.as_str().unwrap().to_owned(),
            });
        }
    }
    scenarios
}

/// `(depth, name)` of each span, as a tree is read: a root, then what is below it.
fn outline(spans: &[Recorded], parent: &Value, depth: usize, into: &mut Vec<(usize, String)>) {
    let mut children: Vec<&Recorded> = spans.iter().filter(|span| span.parent == *parent).collect();
    children.sort_by_key(|span| span.start);
    for child in children {
        into.push((depth, child.name.clone()));
        outline(spans, &child.id, depth + 1, into);
    }
}

/// Recordings whose frameworks lost the context: spans stand elsewhere than they were recorded.
const MOVED: [&str; 8] = [
    "rig-0.30.jsonl",
    "spans_team_nested_in_team.json",
    "spans_team_then_agent.json",
    "spans_workflow_step_skipped.json",
    "spans_workflow_stream.json",
    "spans_workflow_stream_agent_fails.json",
    "spans_workflow_stream_members_at_once.json",
    "spans_workflow_stream_without_events.json",
];

/// The word after a line's kind; a JSON string if it begins with a quote.
fn name(line: &str) -> String {
    let rest = line.trim_start().split_once(' ').unwrap().1;
    let mut words = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    if rest.starts_with('"') { words.next().unwrap().unwrap() } else { rest.split(' ').next().unwrap().to_owned() }
}

/// Whether the line is a span's, not a tool's arguments or result, nor what a model asked for, nor the end of a trace.
fn is_span(line: &str) -> bool {
    !line.trim_start().starts_with(['<', '>', '?', '='])
}

fn is_synthetic(line: &str) -> bool {
    is_span(line) && line.ends_with("[synthetic]")
}

fn value<'a>(line: &'a str, key: &str) -> &'a str {
    line.split_once(&format!(" {key}=")).unwrap_or_else(|| panic!("{key} in {line}")).1.split(' ').next().unwrap()
}

fn add(sum: &mut Option<u64>, count: &str) {
    if count != "-" {
        *sum = Some(sum.unwrap_or(0) + count.parse::<u64>().unwrap());
    }
}

#[test]
fn every_span_of_the_recording_stands_in_its_tree() {
    for (path, text) in texts() {
        let mut expected: HashMap<String, Vec<String>> = expected(&path).into_iter().collect();
        for (scenario, spans) in recorded(&text) {
            let lines = expected.remove(&scenario).unwrap_or_else(|| panic!("{}: no {scenario}", path.display()));
            let recorded = lines.iter().filter(|line| is_span(line) && !is_synthetic(line));
            let mut found: Vec<(usize, String)> =
                recorded.map(|line| ((line.len() - line.trim_start().len()) / 2, name(line))).collect();
            let mut outlined = Vec::new();
            outline(&spans, &Value::Null, 0, &mut outlined);
            assert_eq!(outlined.len(), spans.len(), "{scenario}: no parent is missing");
            // Where spans stand elsewhere than they were recorded, each must at least be there.
            let is_moved =
                lines.iter().any(|line| is_synthetic(line)) || MOVED.iter().any(|moved| path.ends_with(moved));
            if is_moved {
                for list in [&mut found, &mut outlined] {
                    list.iter_mut().for_each(|(depth, _)| *depth = 0);
                    list.sort();
                }
            }
            assert_eq!(found, outlined, "{} {scenario}", path.display());
        }
        assert!(expected.is_empty(), "{}: {expected:?} are not recorded", path.display());
    }
}

#[test]
fn totals_are_the_sums_of_the_model_calls() {
    for (path, _) in texts() {
        for (scenario, lines) in expected(&path) {
            let (mut input, mut output, mut errors) = (None, None, 0);
            for line in lines.iter().filter(|line| line.starts_with('=') || is_span(line)) {
                let (of_input, of_output) = value(line, "tokens").split_once('/').unwrap();
                let kind = line.trim_start().split(' ').next().unwrap();
                if kind == "=" {
                    let count = |sum: Option<u64>| sum.map_or("-".to_owned(), |sum| sum.to_string());
                    let found = (of_input.to_owned(), of_output.to_owned(), value(line, "errors").to_owned());
                    assert_eq!(found, (count(input), count(output), errors.to_string()), "{scenario}");
                    (input, output, errors) = (None, None, 0);
                    continue;
                }
                // Of model calls inside each other only the innermost reports, so each that reports is a leaf.
                if matches!(kind, "MODEL" | "EMBEDDING") {
                    add(&mut input, of_input);
                    add(&mut output, of_output);
                }
                errors += u64::from(value(line, "status") == "error" && !is_synthetic(line));
            }
            assert!(lines.last().unwrap().starts_with('='), "{scenario} ends with its totals");
        }
    }
}
