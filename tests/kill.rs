//! SIGKILL in the middle of writing: the database opens, holds only whole spans, and what was reported as stored is there.
//!
//! The test starts itself again as the process that is killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tracing_agents::schema::{span_contents, spans, traces};
use tracing_agents::{AgentTracing, agent_span, model_span};
use tracing_subscriber::prelude::*;

const ROUNDS: u64 = 20;
/// Names the database in the process that is to be killed.
const VICTIM: &str = "TRACING_AGENTS_TEST_VICTIM";

/// Traces without end, and tells after each flush how many spans are stored.
fn trace_until_killed(url: &str) -> ! {
    let tracing = AgentTracing::builder(url).scheduled_delay(Duration::from_millis(1)).open().unwrap();
    let subscriber = tracing_subscriber::registry().with(tracing.layer());
    let _guard = subscriber.set_default();
    loop {
        for _ in 0..20 {
            agent_span!("Victim").in_scope(|| {
                for call in 0..4 {
                    drop(model_span!("m", call));
                }
            });
        }
        tracing.force_flush(Duration::from_secs(30)).unwrap();
        let mut out = std::io::stdout();
        writeln!(out, "stored {}", tracing.health().stored).unwrap();
        out.flush().unwrap();
    }
}

#[derive(QueryableByName)]
struct Check {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[test]
fn killed_twenty_times() {
    if let Ok(url) = std::env::var(VICTIM) {
        trace_until_killed(&url);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("traces.db");
    let url = format!("sqlite://{}", file.display());
    let mut reported = 0;
    for round in 0..ROUNDS {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed_twenty_times", "--nocapture"])
            .env(VICTIM, &url)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        // At another moment each round: after some reports, and then some microseconds into what follows.
        let mut last = 0;
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some(stored) = line.rsplit("stored ").next().and_then(|count| count.trim().parse::<i64>().ok()) {
                last = stored;
                if stored >= i64::try_from(round % 7 + 1).unwrap() * 100 {
                    break;
                }
            }
        }
        std::thread::sleep(Duration::from_micros(round * 700));
        victim.kill().unwrap();
        victim.wait().unwrap();
        // What it had still said before it died.
        for line in lines.map_while(Result::ok) {
            last = line.rsplit("stored ").next().and_then(|count| count.trim().parse().ok()).unwrap_or(last);
        }
        assert!(last > 0, "the process in round {round} never stored anything");
        reported += last;

        drop(AgentTracing::open(&url).unwrap());
        let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
        // The pool's own thread may be closing the file just now.
        connection.batch_execute("PRAGMA busy_timeout = 30000").unwrap();
        let check: Check = diesel::sql_query("PRAGMA integrity_check").get_result(&mut connection).unwrap();
        assert_eq!(check.integrity_check, "ok", "round {round}");
        let stored: i64 = spans::table.count().get_result(&mut connection).unwrap();
        assert!(stored >= reported, "round {round}: {reported} reported as stored, {stored} found");
        let whole: i64 = spans::table
            .inner_join(
                span_contents::table
                    .on(span_contents::trace_id.eq(spans::trace_id).and(span_contents::span_id.eq(spans::span_id))),
            )
            .count()
            .get_result(&mut connection)
            .unwrap();
        assert_eq!(whole, stored, "round {round}: spans without content");
        let wrong: Count = diesel::sql_query(
            "SELECT count(*) AS count FROM traces t
             WHERE span_count <> (SELECT count(*) FROM spans s WHERE s.trace_id = t.trace_id)",
        )
        .get_result(&mut connection)
        .unwrap();
        assert_eq!(wrong.count, 0, "round {round}: summaries that do not fit their spans");
        let traces: i64 = traces::table.count().get_result(&mut connection).unwrap();
        assert!(traces > 0);
        // What this process did not report may be there too; it is not owed.
        reported = stored;
    }
}
