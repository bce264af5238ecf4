//! A clock that is set by an hour, forward and back, while the program traces and others watch it.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tracing_agents::model::SpanState;
use tracing_agents::{SpanFilter, TraceFilter, agent_span};
use tracing_subscriber::prelude::*;

use crate::PATIENCE;
use crate::child::{self, HEARTBEAT, Victim, url_in};

const CLOCK: &str = "TRACING_AGENTS_TEST_CLOCK";
const HOUR: i64 = 3600;

/// Hours by which the clock is wrong, one after the other.
const STEPS: [i64; 5] = [1, 0, -1, 1, 0];

fn seconds_since_1970() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Sets the clock of this process, which reads it from there.
fn set(clock: &Path, ahead: i64) {
    let before = seconds_since_1970();
    let file = std::fs::File::options().write(true).open(clock).unwrap();
    let was = std::fs::read(clock).unwrap();
    file.write_all_at(&(ahead * HOUR).to_ne_bytes(), 0).unwrap();
    let moved = seconds_since_1970() - before;
    let expected = ahead * HOUR - i64::from_ne_bytes(was.try_into().unwrap());
    assert!((moved - expected).abs() < 60, "the clock is not this process's: {moved} s instead of {expected}");
}

/// Traces all the time, and has one run open from the beginning to the end.
fn trace_meanwhile() {
    let clock = PathBuf::from(std::env::var(CLOCK).unwrap());
    let tracing = child::tracing();
    tracing_subscriber::registry().with(tracing.layer()).init();
    let all = agent_span!("All the time");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                tracing::info_span!(parent: &all, "step").in_scope(|| std::thread::sleep(Duration::from_millis(1)));
                drop(tracing::info_span!(parent: None, "trace"));
            }
        });
        for ahead in STEPS {
            std::thread::sleep(3 * HEARTBEAT);
            set(&clock, ahead);
            // Deadlines are not the clock's.
            tracing.force_flush(PATIENCE).unwrap();
        }
        std::thread::sleep(10 * HEARTBEAT);
        is_over.store(true, Ordering::Relaxed);
    });
    drop(all);
    tracing.force_flush(PATIENCE).unwrap();
    let health = tracing.health();
    assert!(health.adds_up() && !health.degraded, "{health:?}");
    assert_eq!((health.stored, health.accepted), (health.offered, health.offered), "{health:?}");
    tracing.shutdown(PATIENCE).unwrap();
}

/// Makes the library that a process reads its clock through.
fn library_in(folder: &TempDir) -> PathBuf {
    let library = folder.path().join("clock.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host/clock.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    library
}

#[test]
fn a_clock_that_is_set_by_an_hour_costs_no_span_and_makes_no_time_negative() {
    if child::role().is_some() {
        return trace_meanwhile();
    }
    let folder = tempfile::tempdir().unwrap();
    let clock = folder.path().join("seconds");
    std::fs::write(&clock, 0_i64.to_ne_bytes()).unwrap();
    // It has the right time all along, and would tell of processes that died.
    let watcher = child::open(&url_in(&folder));
    let repository = watcher.repository();
    let interrupted = || repository.count_traces(&"status:interrupted".parse().unwrap()).unwrap();

    let test = "clock::a_clock_that_is_set_by_an_hour_costs_no_span_and_makes_no_time_negative";
    let library = library_in(&folder);
    let environment = [("LD_PRELOAD", library.as_path()), (CLOCK, clock.as_path())];
    let mut process = Victim::start_with(test, "trace", &url_in(&folder), &environment);
    let mut taken_for_dead = 0;
    while process.runs() {
        taken_for_dead = taken_for_dead.max(interrupted());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(process.end().success());
    assert_eq!((taken_for_dead, interrupted()), (0, 0), "a process that lives is not taken for dead");

    let (mut after, mut count, mut hours) = (None, 0_u64, [false; 3]);
    let now = seconds_since_1970();
    loop {
        let page = repository.spans(&SpanFilter::new().limit(1_000).after(after)).unwrap();
        for span in &page.items {
            assert_eq!(span.state, SpanState::Closed);
            let lasted = span.end_ns.unwrap() - span.start_ns;
            assert!((0..60_000_000_000).contains(&lasted), "{} lasted {lasted} ns", span.name);
            let ahead = (span.start_ns / 1_000_000_000 - now + HOUR / 2).div_euclid(HOUR) + 1;
            hours[usize::try_from(ahead).unwrap()] |= span.name == "trace";
        }
        count += page.items.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(hours, [true; 3], "traces begin when the clock says, wrong or not");
    let all = repository.traces(&TraceFilter::new().agent("All the time")).unwrap().items.remove(0);
    let tree = repository.trace(all.trace_id).unwrap();
    assert!(tree.orphans.is_empty() && tree.roots.len() == 1);
    assert!(count > 100, "{count}");
}
