//! What `serve` keeps of what it receives: `--redact` and `--capture`.

use std::path::Path;

use super::client::Client;
use super::server::{Server, command, database, repository};
use super::spans::{PROTOBUF, span};
use tracing_agents::model::SpanRecord;
use tracing_agents::wire;

const KEY: &str = "sk-proj-Zx81LmQ0aPw7Rk2VtY5uNd9C";
const EMAIL: &str = "ada@example.org";
const CARD: &str = "4111 1111 1111 1111";

/// A call of a model, with something that nobody may see in each place that a sender has.
fn call() -> SpanRecord {
    let mut record = span("chat");
    for (key, value) in [
        ("gen_ai.operation.name", "chat".to_owned()),
        (
            "gen_ai.input.messages",
            format!(r#"[{{"role":"user","parts":[{{"type":"text","content":"mine is {KEY}"}}]}}]"#),
        ),
        (
            "gen_ai.output.messages",
            r#"[{"role":"assistant","parts":[{"type":"text","content":"the answer"}]}]"#.to_owned(),
        ),
        ("customer", format!("{EMAIL} pays with {CARD}")),
    ] {
        record.attributes.push(key, value);
    }
    record.status.message = format!("the key {KEY} is refused");
    record
}

/// What a server with these options keeps of the call: all bytes of its database's files, and what can be read out of them, since content is
/// compressed there.
fn kept(options: &[&str]) -> String {
    let (folder, file) = database();
    let server = Server::start(&file, options);
    let answer = Client::connect(server.http).post(&[PROTOBUF], &wire::encode(&[call()]));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(repository(&file).traces(&tracing_agents::TraceFilter::new()).unwrap().items.len(), 1);
    let exported = command(&file).args(["export", "--format", "otlp-json"]).output().unwrap();
    assert!(exported.status.success());
    bytes_of(folder.path()) + &String::from_utf8(exported.stdout).unwrap()
}

fn bytes_of(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    String::from_utf8_lossy(&files.flatten().collect::<Vec<_>>()).into_owned()
}

#[test]
fn without_options_all_that_is_received_is_kept() {
    let kept = kept(&[]);
    assert!([KEY, EMAIL, CARD, "the answer"].iter().all(|text| kept.contains(text)));
}

#[test]
fn redact_takes_what_it_names_out_of_everything_before_it_reaches_the_disk() {
    let kept = kept(&["--redact", "secrets,emails,cards"]);
    for secret in [KEY, EMAIL, CARD] {
        assert!(!kept.contains(secret), "{secret} is on the disk");
    }
    assert!(kept.contains("pays with") && kept.contains("the answer"), "the rest stays");
}

#[test]
fn redact_leaves_alone_what_it_does_not_name() {
    let kept = kept(&["--redact", "emails"]);
    assert!(!kept.contains(EMAIL) && kept.contains(KEY) && kept.contains(CARD));
}

#[test]
fn capture_keeps_content_of_the_classes_that_it_names_only() {
    let kept = kept(&["--capture", "full,prompts=metadata"]);
    assert!(!kept.contains("mine is") && kept.contains("the answer") && kept.contains(EMAIL));
}

#[test]
fn what_neither_knows_is_refused_before_anything_is_received() {
    let (_folder, file) = database();
    for (option, value, says) in
        [("--redact", "everything", "secrets"), ("--capture", "full,poems=off", "poems"), ("--capture", "some", "full")]
    {
        let output = command(&file).args(["serve", "--http", "127.0.0.1:0", option, value]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && errors.contains(says), "{option} {value}: {errors}");
    }
    assert!(!file.exists());
}
