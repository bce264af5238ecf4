//! A process that forks: the child has the memory of its parent, and none of its threads.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use tracing_agents::schema::spans as stored_spans;
use tracing_agents::{AgentTracing, ErrorKind};
use tracing_subscriber::prelude::*;

use crate::PATIENCE;
use crate::child::{self, Victim, url_in};

const SPANS: u64 = 10_000;

/// Forks, and runs `child` in the new process, whose exit code it gives. Returns that.
fn fork(child: impl FnOnce() -> i32) -> i32 {
    let mut status = 0;
    #[expect(unsafe_code, reason = "the standard library does not fork")]
    // SAFETY: this process has threads that hold no lock the child needs: the worker waits, which the caller sees to.
    unsafe {
        match libc::fork() {
            0 => libc::_exit(child()),
            process => assert_eq!(libc::waitpid(process, &raw mut status, 0), process),
        }
    }
    assert!(libc::WIFEXITED(status), "{status}");
    libc::WEXITSTATUS(status)
}

fn spans(name: &'static str) {
    (0..SPANS).for_each(|number| drop(tracing::info_span!("span", who = name, number)));
}

/// What the child finds; the number of the first thing that is not as it should be.
fn in_child(tracing: AgentTracing) -> i32 {
    let begun = Instant::now();
    let before = tracing.health();
    let open = tracing::info_span!("open").entered();
    spans("child");
    drop(open);
    let health = tracing.health();
    let refused = health.rejected.after_shutdown - before.rejected.after_shutdown;
    let flush = tracing.force_flush(PATIENCE);
    let shutdown = tracing.shutdown(PATIENCE);
    drop(tracing);
    let is_refused = |outcome: tracing_agents::error::Result<()>| {
        outcome.is_err_and(|error| error.kind() == ErrorKind::Shutdown && error.to_string().contains("forked"))
    };
    let findings = [
        health.adds_up(),
        health.stored == before.stored && refused >= SPANS - 64,
        is_refused(flush),
        is_refused(shutdown),
        begun.elapsed() < PATIENCE / 2,
    ];
    findings.iter().position(|is_right| !is_right).map_or(0, |place| i32::try_from(place).unwrap() + 1)
}

fn forks() {
    let tracing = child::tracing();
    tracing_subscriber::registry().with(tracing.layer()).init();
    spans("parent");
    tracing.force_flush(PATIENCE).unwrap();
    // The worker waits again, a moment after it has told of the flush.
    std::thread::sleep(Duration::from_millis(200));
    let copy = tracing.clone();
    assert_eq!(fork(|| in_child(copy)), 0, "what the child found wrong, counted from 1");
    spans("parent");
    tracing.force_flush(PATIENCE).unwrap();
    let health = tracing.health();
    assert!(health.adds_up());
    assert_eq!((health.offered, health.stored + health.rejected.queue_full), (2 * SPANS, 2 * SPANS), "{health:?}");
    let mut connection = SqliteConnection::establish(&child::file()).unwrap();
    let stored: i64 = stored_spans::table.count().get_result(&mut connection).unwrap();
    assert_eq!(u64::try_from(stored).unwrap(), health.stored, "nothing of the child's");
}

#[test]
fn a_forked_child_neither_hangs_nor_touches_what_is_its_parents() {
    if child::role().is_some() {
        return forks();
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "fork::a_forked_child_neither_hangs_nor_touches_what_is_its_parents";
    assert!(Victim::start(test, "fork", &url_in(&folder)).end().success());
}
