//! `agent-traces ls` and `show`.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value as Json;
use tracing_agents::model::Usage;
use tracing_agents::{AgentTracing, SpanExt as _, TraceFilter, agent_span, model_span};
use tracing_subscriber::prelude::*;

use super::server::{command, database, repository, url};

/// Stores some runs of two agents.
fn store(file: &Path, runs: usize) {
    let tracing = AgentTracing::open(&url(file)).unwrap();
    let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
    for run in 0..runs {
        let agent = if run % 2 == 0 { "Even" } else { "Odd\u{1b}[31m" };
        agent_span!(agent).in_scope(|| {
            model_span!("m").record_usage(Usage::new(812, 96));
        });
    }
}

/// What a command says, and how it ends.
fn run(file: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(file).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn traces_are_listed_under_each_other_and_page_by_page() {
    let (_folder, file) = database();
    store(&file, 5);
    let (code, all, errors) = run(&file, &["ls"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.len(), 6, "{all}");
    assert!(lines[0].starts_with("TRACE ") && lines[0].ends_with("NAME"));
    let names = lines[0].find("NAME").unwrap();
    assert!(lines[1..].iter().all(|line| line.contains("  908  ") && line[names..].contains("invoke_agent ")), "{all}");
    assert!(!all.contains('\u{1b}'), "what a trace says cannot move the cursor: {all:?}");

    let (_, first, more) = run(&file, &["ls", "--limit", "3"]);
    let cursor = more.trim_end().rsplit(' ').next().unwrap();
    let (_, second, end) = run(&file, &["ls", "--limit", "3", "--cursor", cursor]);
    assert_eq!(end, "");
    let paged: Vec<_> = first.lines().skip(1).chain(second.lines().skip(1)).map(|line| &line[..32]).collect();
    assert_eq!(paged, lines[1..].iter().map(|line| &line[..32]).collect::<Vec<_>>());

    let (_, filtered, _) = run(&file, &["ls", "agent:Even", "status:ok"]);
    assert_eq!(filtered.lines().count(), 4);
}

#[test]
fn traces_are_listed_as_json_with_every_field() {
    let (_folder, file) = database();
    store(&file, 2);
    let (_, text, _) = run(&file, &["ls", "--json", "agent:Even"]);
    let traces: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stored = repository(&file).traces(&TraceFilter::new().agent("Even")).unwrap().items.remove(0);
    assert_eq!(traces.len(), 1);
    let trace = &traces[0];
    assert_eq!(trace["trace_id"], stored.trace_id.to_string());
    assert_eq!((&trace["start_ns"], &trace["duration_ns"]), (&stored.start_ns.into(), &stored.duration_ns().into()));
    assert_eq!((&trace["input_tokens"], &trace["total_tokens"]), (&812.into(), &908.into()));
    assert_eq!((&trace["agent_name"], &trace["status"]), (&"Even".into(), &"ok".into()));
    for unknown in ["cost_nano_usd", "session_id", "joined_to", "input_preview"] {
        assert_eq!(trace.get(unknown), Some(&Json::Null), "{unknown}");
    }
}

#[test]
fn a_trace_is_shown_as_a_tree_or_as_json() {
    let (_folder, file) = database();
    store(&file, 1);
    let stored = repository(&file).traces(&TraceFilter::new()).unwrap().items.remove(0);
    let id = stored.trace_id.to_string();
    let (code, tree, _) = run(&file, &["show", &id]);
    assert_eq!(code, Some(0));
    assert_eq!(tree, format!("{}\n", repository(&file).trace(stored.trace_id).unwrap().tree()));

    let (_, text, _) = run(&file, &["show", "--json", &id]);
    let trace: Json = serde_json::from_str(&text).unwrap();
    let spans = trace["spans"].as_array().unwrap();
    assert_eq!((trace["span_count"].as_u64(), spans.len()), (Some(2), 2));
    assert_eq!((&spans[0]["kind"], &spans[1]["kind"]), (&"agent".into(), &"model".into()));
    assert_eq!(spans[1]["parent_span_id"], spans[0]["span_id"]);
    assert_eq!((&spans[1]["output_tokens"], &spans[1]["request_model"]), (&96.into(), &"m".into()));
}

#[test]
fn what_is_wrong_is_said_with_the_way_out_and_without_passwords() {
    let (_folder, file) = database();
    let (code, _, missing) = run(&file, &["ls"]);
    assert_eq!(code, Some(1), "a database that is not there: {missing}");
    store(&file, 1);
    let (code, _, message) = run(&file, &["ls", "duration>fast"]);
    assert!(code == Some(2) && message.contains("duration"), "{message}");
    assert_eq!(run(&file, &["ls", "--cursor", "nonsense"]).0, Some(2));
    let (code, _, message) = run(&file, &["show", "4bf9"]);
    assert!(code == Some(2) && message.contains("32 hexadecimal digits"), "{message}");
    let (code, _, message) = run(&file, &["show", "4bf92f3577b34da6a3ce929d0e0e4736"]);
    assert!(code == Some(1) && message.contains("is not stored"), "{message}");
    let none = command(&file).env_remove("AGENT_TRACES_DATABASE_URL").arg("ls").output().unwrap();
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8(none.stderr).unwrap().contains("AGENT_TRACES_DATABASE_URL"));
    for arguments in [&["ls", "--help"][..], &["ls", "--database", "postgres://u:s3cret@127.0.0.1:1/db"]] {
        let mut command = command(&file);
        let output =
            command.env("AGENT_TRACES_DATABASE_URL", "mysql://u:s3cret@127.0.0.1:1/db").args(arguments).output();
        let output = output.unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8(said).unwrap().contains("s3cret"), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (_folder, file) = database();
    store(&file, 5);
    let mut child =
        command(&file).args(["ls", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
