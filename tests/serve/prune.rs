//! `agent-traces prune`.

use std::path::Path;

use tracing_agents::TraceFilter;
use tracing_agents::model::{SpanRecord, SpanState, Status, StatusCode};

use super::server::{command, database, repository, url};
use super::spans::span;

/// Some 20 kB in which nothing repeats, so that it takes as much room compressed.
fn long_text(seed: usize) -> String {
    let mut state = u32::try_from(seed).unwrap();
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_digit(state >> 27, 32).unwrap()
    };
    (0..20_000).map(|_| letter()).collect()
}

/// Stores traces that ended so many days before the last one; those of odd places failed.
fn store(file: &Path, days_ago: &[i64]) {
    let tracing = tracing_agents::AgentTracing::open(&url(file)).unwrap();
    for (place, days) in days_ago.iter().enumerate() {
        let mut record: SpanRecord = span(&long_text(place));
        record.start_ns -= days * 86_400_000_000_000;
        (record.state, record.end_ns) = (SpanState::Closed, Some(record.start_ns + 1));
        if place % 2 == 1 {
            record.status = Status { code: StatusCode::Error, message: "no".to_owned() };
        }
        tracing.inlet().accept(record).unwrap();
    }
}

/// What a command says, and how it ends.
fn prune(file: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(file).arg("prune").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn left(file: &Path) -> u64 {
    repository(file).count_traces(&TraceFilter::new()).unwrap()
}

#[test]
fn what_is_too_old_too_much_or_of_a_status_is_deleted_and_told() {
    let (_folder, file) = database();
    store(&file, &[40, 40, 20, 20, 10, 10, 1, 0]);
    let (code, said, _) = prune(&file, &["--older-than", "30d", "--dry-run"]);
    assert_eq!((code, said.as_str(), left(&file)), (Some(0), "would delete 2 traces with 2 spans\n", 8));
    let (code, said, _) = prune(&file, &["--older-than", "30d", "--status", "error"]);
    assert_eq!((code, left(&file)), (Some(0), 7));
    assert!(said.starts_with("deleted 1 traces with 1 spans; ") && said.ends_with(" bytes given back\n"), "{said}");
    prune(&file, &["--older-than", "2w", "--keep-failed", "90d"]);
    assert_eq!(left(&file), 5);
    prune(&file, &["--keep", "2"]);
    assert_eq!(left(&file), 2);
    let bytes = |said: &str| said.rsplit_once(" bytes").unwrap().0.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    let (_, said, _) = prune(&file, &["--max-size", "1KiB"]);
    assert_eq!(left(&file), 0);
    assert!(bytes(&said) > 20_000, "{said}");
}

#[test]
fn what_is_not_understood_deletes_nothing_and_says_how_to_write_it() {
    let (_folder, file) = database();
    store(&file, &[40, 0]);
    for (arguments, way_out) in [
        (&[][..], "older_than"),
        (&["--status", "error"], "older_than"),
        (&["--older-than", "30"], "30d"),
        (&["--max-size", "2 gigs"], "2GiB"),
        (&["--keep=-1"], "--keep"),
        (&["--before", "yesterday"], "2026-11-01"),
        (&["--older-than", "1d", "--before", "2026-11-01"], "cannot be used with"),
        (&["--keep", "0", "--status", "fine"], "interrupted"),
    ] {
        let (code, _, said) = prune(&file, arguments);
        assert!(code == Some(2) && said.contains(way_out), "{arguments:?}: {code:?} {said}");
    }
    assert_eq!(left(&file), 2);
    let missing = command(&file.with_extension("none")).args(["prune", "--keep", "1"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(!file.with_extension("none").exists());
}
