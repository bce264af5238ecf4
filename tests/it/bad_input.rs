//! Each refusal is one clear error that names the URL (without password) and the way out.

use diesel::connection::SimpleConnection;
use tracing_agents::{AgentTracing, ErrorKind, TraceRepository};

use crate::support::{connect, url_in};

fn refusal(url: &str) -> (ErrorKind, String) {
    let error = AgentTracing::open(url).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn unknown_and_malformed_urls() {
    for url in ["", "traces.db", "mongodb://h/x", "sqlite://", "oracle://ana:s3cret@db/traces"] {
        let (kind, text) = refusal(url);
        assert_eq!(kind, ErrorKind::InvalidUrl, "{text}");
        assert!(text.contains("sqlite://traces.db"), "no way out: {text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_folder_that_is_not_there_or_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("sqlite://{}/no/such/traces.db", folder.path().display());
    let (kind, text) = refusal(&missing);
    assert_eq!(kind, ErrorKind::Connect);
    assert!(text.contains(&missing) && text.contains("make it first"), "{text}");

    let itself = format!("sqlite://{}", folder.path().display());
    let (kind, text) = refusal(&itself);
    assert_eq!(kind, ErrorKind::Connect);
    assert!(text.contains("is a folder"), "{text}");
}

#[test]
fn a_folder_that_cannot_be_written() {
    // Not even root can make files there.
    let (kind, text) = refusal("sqlite:///proc/traces.db");
    assert_eq!(kind, ErrorKind::Connect);
    assert!(text.contains("sqlite:///proc/traces.db") && text.contains("right to write"), "{text}");
}

#[test]
fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let url = url_in(&folder);
    std::fs::write(folder.path().join("traces.db"), "Dear diary, today I learned about write-ahead logs.").unwrap();
    let (kind, text) = refusal(&url);
    assert_eq!(kind, ErrorKind::Connect);
    assert!(text.contains(&url) && text.contains("no SQLite database"), "{text}");
    let kept = std::fs::read_to_string(folder.path().join("traces.db")).unwrap();
    assert!(kept.starts_with("Dear diary"), "the file was touched");
}

#[test]
fn a_database_of_a_newer_version() {
    let folder = tempfile::tempdir().unwrap();
    let url = url_in(&folder);
    drop(AgentTracing::open(&url).unwrap());
    let path = folder.path().join("traces.db");
    let mut connection = connect(&path);
    // The program may have Diesel migrations of its own in the same database: those are no concern of ours.
    connection.batch_execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20980101000000')").unwrap();
    drop(AgentTracing::open(&url).unwrap());
    connection.batch_execute("INSERT INTO trace_schema (version) VALUES ('20990101000000')").unwrap();
    let (kind, text) = refusal(&url);
    assert_eq!(kind, ErrorKind::NewerSchema);
    assert!(text.contains(&url) && text.contains("20990101000000") && text.contains("update this program"), "{text}");
    assert_eq!(TraceRepository::open(&url).unwrap_err().kind(), ErrorKind::NewerSchema);
}

#[test]
fn tables_of_another_program_with_the_same_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.db");
    let mut connection = connect(&path);
    connection.batch_execute("CREATE TABLE spans (width INTEGER)").unwrap();
    let (kind, text) = refusal(&url_in(&folder));
    assert_eq!(kind, ErrorKind::Migration);
    assert!(text.contains("other program"), "{text}");
}

#[test]
fn a_repository_makes_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let error = TraceRepository::open(&url_in(&folder)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a file was made");
}
