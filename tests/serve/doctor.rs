//! `agent-traces doctor`: what it finds, and that it changes nothing unasked.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use serde_json::Value as Json;
use tracing_agents::model::{
    DeadLetter, DeadLetterReason, Loss, LossReason, Origin, ProcessId, SpanId, SpanRecord, SpanState, TraceId,
};
use tracing_agents::pipeline::Sink;
use tracing_agents::store::Store;
use tracing_agents::{semconv, wire};

use super::server::{command, database, url};

const PROCESS: ProcessId = ProcessId::from_bytes([7; 16]);

fn now_ns() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

fn record(sequence: u64) -> SpanRecord {
    let trace = TraceId::from_bytes(u128::from(sequence + 1).to_be_bytes());
    let start_ns = now_ns();
    let mut record = SpanRecord::new(trace, SpanId::from_bytes([1; 8]), format!("span {sequence}"), start_ns);
    (record.state, record.end_ns) = (SpanState::Closed, Some(start_ns + 5));
    record.attributes.push("n", sequence);
    record.origin = Some(Origin { process: PROCESS, sequence });
    record
}

/// A process that stores some of its spans, and tells what became of others.
fn store(file: &Path, numbers: impl IntoIterator<Item = u64>, more: impl FnOnce(&mut dyn Sink)) {
    let mut sink = Store::open(&url(file)).unwrap().sink(PROCESS, "a host");
    let spans: Vec<_> = numbers.into_iter().map(|number| semconv::interpret(record(number))).collect();
    sink.write(&spans).unwrap();
    more(&mut *sink);
}

fn doctor(file: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command(file);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OTEL_")) {
        command.env_remove(name);
    }
    let output = command.arg("doctor").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn as_json(file: &Path, arguments: &[&str]) -> (Option<i32>, Json) {
    let (code, text, errors) = doctor(file, &[&["--json"], arguments].concat());
    assert_eq!(errors, "");
    (code, serde_json::from_str(&text).unwrap())
}

fn sql(file: &Path) -> SqliteConnection {
    let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 30000").unwrap();
    connection
}

#[test]
fn a_well_database_is_told_to_be_well() {
    let (_folder, file) = database();
    store(&file, 0..30, |_| {});
    let identity = Store::open(&url(&file)).unwrap().identity().unwrap();
    let (code, text, errors) = doctor(&file, &[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{text}");
    let identity = format!("{:032x}", u128::from_be_bytes(identity));
    for told in [
        "SQLite 3.",
        "up to date",
        &identity,
        "1 ended",
        "30 accepted, 30 settled",
        "all 30 checked, 0 wrong",
        "All is well.",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let (code, told) = as_json(&file, &[]);
    assert_eq!((code, &told["findings"]), (Some(0), &Json::Array(Vec::new())));
    assert_eq!((&told["spans"]["accepted"], &told["spans"]["missing"]), (&30.into(), &0.into()));
    assert_eq!((&told["database"]["identity"], &told["processes"][0]["state"]), (&identity.into(), &"ended".into()));
    assert_eq!((&told["summaries"]["checked"], &told["summaries"]["is_all"]), (&30.into(), &true.into()));
}

#[test]
fn what_was_lost_and_what_is_missing_needs_attention() {
    let (_folder, file) = database();
    store(&file, (0..20).filter(|number| !(10..14).contains(number)), |sink| {
        sink.dead_letter(&DeadLetter::new(PROCESS, 10, DeadLetterReason::Panic, "no")).unwrap();
        let told = [(LossReason::QueueFull, 8), (LossReason::DiskError, 1), (LossReason::Discarded, 1)];
        let losses: Vec<Loss> =
            (0..).zip(told).map(|(number, (reason, count))| Loss::new(PROCESS, number, reason, count)).collect();
        sink.report_losses(&losses).unwrap();
    });
    let (code, told) = as_json(&file, &[]);
    assert_eq!(code, Some(1), "{told:#}");
    let spans = &told["spans"];
    let counts = ["accepted", "settled", "lost", "dead_letters", "missing"].map(|name| spans[name].as_u64().unwrap());
    assert_eq!(counts, [20, 17, 2, 1, 1]);
    assert_eq!((&told["losses"]["queue_full"], &told["losses"]["discarded"]), (&8.into(), &1.into()));
    assert_eq!(told["processes"][0]["gaps"], serde_json::json!([[11, 13]]));
    let findings = told["findings"].as_array().unwrap();
    let says = |what: &str| findings.iter().any(|finding| finding.as_str().unwrap().contains(what));
    assert!(says("1 spans of processes that are gone") && says("8 spans were lost or refused: queue_full"));
    assert!(says("--dead-letters") && !says("discarded"), "what was asked for is no loss: {findings:?}");
    let (code, text, _) = doctor(&file, &[]);
    assert!(code == Some(1) && text.contains("Needs attention:") && text.contains("a host"), "{text}");
}

#[test]
fn a_process_that_died_is_told_apart_from_one_that_runs() {
    let (_folder, file) = database();
    store(&file, 0..3, |_| {});
    for (ago_s, state) in [(1, "runs"), (3_600, "died")] {
        let heartbeat = now_ns() - ago_s * 1_000_000_000;
        sql(&file).batch_execute(&format!("UPDATE processes SET ended_ns = NULL, heartbeat_ns = {heartbeat}")).unwrap();
        let (code, told) = as_json(&file, &[]);
        assert_eq!((code, &told["processes"][0]["state"]), (Some(0), &state.into()), "nothing is missing");
    }
}

#[test]
fn wrong_summaries_are_found_and_repaired_when_asked() {
    let (_folder, file) = database();
    store(&file, 0..5, |_| {});
    sql(&file).batch_execute("UPDATE traces SET span_count = 99 WHERE name = 'span 3'").unwrap();
    let wrong = record(3).trace_id.to_string();
    for _ in 0..2 {
        let (code, told) = as_json(&file, &[]);
        assert_eq!((code, &told["summaries"]["wrong"]), (Some(1), &serde_json::json!([wrong])), "nothing was changed");
    }
    let (code, told) = as_json(&file, &["--deep", "--repair"]);
    assert_eq!((code, &told["summaries"]["repaired"]), (Some(0), &1.into()), "{told:#}");
    let (code, text, _) = doctor(&file, &["--deep"]);
    assert!(code == Some(0) && text.contains("all 5 checked, 0 wrong"), "{text}");
}

#[test]
fn content_that_cannot_be_read_is_found() {
    let (_folder, file) = database();
    let mut sink = Store::open(&url(&file)).unwrap().sink(PROCESS, "a host");
    let spans = (0..3).map(|number| {
        let mut record = record(number);
        record.attributes.push("prompt", format!("{number} {}", "a long story. ".repeat(500)));
        semconv::interpret(record)
    });
    sink.write(&spans.collect::<Vec<_>>()).unwrap();
    let (code, told) = as_json(&file, &[]);
    assert_eq!((code, &told["unreadable_content"]), (Some(0), &Json::Array(Vec::new())), "{told:#}");
    let record = record(1);
    let cut =
        "UPDATE span_contents SET attributes = substr(attributes, 1, length(attributes) - 1) WHERE hex(trace_id) =";
    let cut = format!("{cut} upper('{}')", record.trace_id);
    assert_eq!(diesel::sql_query(cut).execute(&mut sql(&file)).unwrap(), 1);
    let (code, told) = as_json(&file, &[]);
    let of_it = serde_json::json!([{ "trace_id": record.trace_id.to_string(), "span_id": record.span_id.to_string() }]);
    assert_eq!((code, &told["unreadable_content"]), (Some(1), &of_it), "{told:#}");
    let (_, text, _) = doctor(&file, &["--deep"]);
    assert!(text.contains(&format!("unreadable: span {} of trace {}", record.span_id, record.trace_id)), "{text}");
    assert!(text.contains("bring them back from a backup"), "{text}");
}

#[test]
fn dead_letters_are_listed_with_their_spans() {
    let (_folder, file) = database();
    let letter = |sequence: u64, has_payload: bool| {
        let record = record(sequence);
        let mut letter = DeadLetter::new(PROCESS, sequence, DeadLetterReason::Poison, "too\u{1b}[31m long");
        (letter.trace_id, letter.span_id, letter.name) =
            (Some(record.trace_id), Some(record.span_id), record.name.clone());
        letter.time_ns = i64::try_from(sequence).unwrap();
        letter.payload = if has_payload { wire::encode(&[record]) } else { Vec::new() };
        letter
    };
    store(&file, 0..1, |sink| {
        (1..4).for_each(|sequence| sink.dead_letter(&letter(sequence, sequence != 2)).unwrap());
    });
    let (code, table, _) = doctor(&file, &["--dead-letters"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!((code, lines.len()), (Some(0), 4), "{table}");
    assert!(lines[1].contains("span 3") && lines[3].contains("span 1") && lines[1].contains("poison"), "{table}");
    assert!(lines[1].contains(&record(3).trace_id.to_string()) && !table.contains('\u{1b}'), "{table:?}");

    let (_, objects, _) = doctor(&file, &["--dead-letters", "--json"]);
    let objects: Vec<Json> = objects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&objects[0]["sequence"], &objects[0]["reason"]), (&3.into(), &"poison".into()));
    assert!(objects[0]["span"]["resourceSpans"].is_array() && objects[1]["span"].is_null(), "{objects:?}");

    let (_, spans, _) = doctor(&file, &["--dead-letters", "--payload"]);
    let names: Vec<String> = spans
        .lines()
        .flat_map(|line| wire::decode_json(line.as_bytes()).unwrap().records)
        .map(|record| record.name)
        .collect();
    assert_eq!(names, ["span 3", "span 1"]);
}

#[test]
fn a_database_of_another_version_is_told_and_left_alone() {
    let (_folder, file) = database();
    let (code, _, missing) = doctor(&file, &[]);
    assert!(code == Some(1) && missing.contains("does not exist") && !file.exists(), "{missing}");
    store(&file, 0..1, |_| {});
    sql(&file).batch_execute("INSERT INTO trace_schema (version) VALUES ('20990101000000')").unwrap();
    let (code, told) = as_json(&file, &[]);
    assert_eq!((code, &told["spans"]), (Some(1), &Json::Null));
    assert_eq!(told["database"]["migrations"]["newer"], serde_json::json!(["20990101000000"]));
    assert!(told["findings"][0].as_str().unwrap().contains("update this one"));

    sql(&file)
        .batch_execute(
            "DELETE FROM trace_schema WHERE version = '20990101000000';
             DELETE FROM trace_schema WHERE version = (SELECT max(version) FROM trace_schema);",
        )
        .unwrap();
    for _ in 0..2 {
        let (code, told) = as_json(&file, &[]);
        let pending = told["database"]["migrations"]["pending"].as_array().unwrap().len();
        assert_eq!((code, pending), (Some(1), 1), "the tables were brought up to date by looking at them");
    }
}

#[test]
fn the_environment_is_told_as_it_is_understood() {
    let (_folder, file) = database();
    store(&file, 0..1, |_| {});
    let told = |value: &str| {
        let output = command(&file).args(["doctor", "--json"]).env("OTEL_BSP_MAX_QUEUE_SIZE", value).output().unwrap();
        (output.status.code(), serde_json::from_slice::<Json>(&output.stdout).unwrap())
    };
    let (code, well) = told("4096");
    assert_eq!((code, &well["environment"]["OTEL_BSP_MAX_QUEUE_SIZE"]), (Some(0), &"4096".into()));
    let (code, wrong) = told("many");
    assert!(code == Some(1) && wrong["findings"][0].as_str().unwrap().contains("OTEL_BSP_MAX_QUEUE_SIZE"), "{wrong}");
}
