//! How a process may end, and what is stored then.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use diesel::connection::{Connection as _, SimpleConnection as _};
use diesel::sqlite::SqliteConnection;
use tracing_agents::model::SpanState;
use tracing_agents::{SpanFilter, TraceRepository, agent_span};
use tracing_subscriber::prelude::*;

use crate::PATIENCE;
use crate::child::{self, Victim, url_in};

const SPANS: usize = 100;

/// Drops what it has while another panic unwinds, and traces meanwhile.
struct TracesWhenDropped;

impl Drop for TracesWhenDropped {
    fn drop(&mut self) {
        drop(tracing::info_span!("unwinding"));
    }
}

/// A process that has ended a hundred spans, has one open, and ends itself.
fn end(how: &str) {
    let tracing = child::tracing();
    tracing_subscriber::registry().with(tracing.layer()).init();
    let open = agent_span!("Endless").entered();
    (0..SPANS).for_each(|number| drop(tracing::info_span!(parent: None, "ended", number)));
    match how {
        "return" => {}
        "panic" => panic!("as asked"),
        "unwinding drop" => {
            let _drops = TracesWhenDropped;
            panic!("as asked");
        }
        "exit" => {
            tracing.force_flush(PATIENCE).unwrap();
            std::process::exit(7);
        }
        "exit at once" => std::process::exit(7),
        "abort at a panic" => {
            tracing.flush_on_panic(PATIENCE).unwrap();
            let last = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                last(panic);
                std::process::abort();
            }));
            panic!("as asked");
        }
        "panic on a thread" => {
            tracing.flush_on_panic(PATIENCE).unwrap();
            let panics = || -> () { panic!("as asked") };
            assert!(std::thread::spawn(panics).join().is_err());
            // Had the panic not been the flush, nothing would be.
            std::process::abort();
        }
        other => panic!("no such end: {other}"),
    }
    drop(open);
}

/// How a process ended, and which spans are stored: those that ended, and the one that did not.
fn ended(how: &str) -> (ExitStatus, usize, Option<SpanState>) {
    let folder = tempfile::tempdir().unwrap();
    let test = "ends::each_end_leaves_what_it_can";
    let status = Victim::start(test, how, &url_in(&folder)).end();
    let repository = TraceRepository::open(&url_in(&folder)).unwrap();
    let spans = repository.spans(&SpanFilter::new().limit(1_000)).unwrap().items;
    let state = spans.iter().find(|span| span.display_name.contains("Endless")).map(|span| span.state);
    (status, spans.iter().filter(|span| span.name == "ended").count(), state)
}

#[test]
fn each_end_leaves_what_it_can() {
    if let Some(how) = child::role() {
        return end(&how);
    }
    let (status, stored, state) = ended("return");
    assert_eq!((status.code(), stored, state), (Some(0), SPANS, Some(SpanState::Closed)));

    for how in ["panic", "unwinding drop"] {
        let (status, stored, state) = ended(how);
        assert_eq!((status.code(), stored, state), (Some(101), SPANS, Some(SpanState::Closed)), "{how}");
    }

    let (status, stored, _) = ended("exit");
    assert_eq!((status.code(), stored), (Some(7), SPANS));
    // What was not flushed may be lost, but the exit is not held up for it.
    assert_eq!(ended("exit at once").0.code(), Some(7));

    for how in ["abort at a panic", "panic on a thread"] {
        let (status, stored, state) = ended(how);
        assert_eq!((status.signal(), stored, state), (Some(6), SPANS, Some(SpanState::Open)), "{how}");
    }
}

#[test]
fn a_panic_does_not_wait_for_a_database_that_is_out_or_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    if child::role().is_none() {
        // A hook is for the whole process.
        let test = "ends::a_panic_does_not_wait_for_a_database_that_is_out_or_for_ever";
        assert!(Victim::start(test, "panic", &url_in(&folder)).end().success());
        return;
    }
    let tracing = child::tracing();
    let mut other = SqliteConnection::establish(&child::file()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    tracing.flush_on_panic(Duration::from_millis(200)).unwrap();
    let subscriber = tracing_subscriber::registry().with(tracing.layer());
    tracing::subscriber::with_default(subscriber, || drop(tracing::info_span!("span")));
    let begun = Instant::now();
    assert!(std::panic::catch_unwind(|| panic!("as asked")).is_err());
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(3), "{took:?}");
    other.batch_execute("COMMIT").unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!(tracing.health().stored, 1);
}
