//! What questions cost: as much with many spans as with few.
//!
//! Each statement is taken as the crate sends it, and run once more where the database counts what it does: SQLite's steps,
//! PostgreSQL's pages, the reads of MySQL's storage engine. All of these are the same each time, however busy the machine.

mod cost;
pub(crate) mod heard;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod questions;
#[cfg(feature = "sqlite")]
mod sqlite;

use agent_days::{DAY, Days, copies};

use crate::database::Dialect;
use crate::world::World;
use cost::{Cost, Meter};
use heard::Statement;
use questions::{Bound, Question, Subject};

crate::cases!(what_is_asked_costs_what_it_shows);

/// Spans that are written through the pipeline, over this many days.
const SPANS: usize = 3_300;
const DAYS: u32 = 2;
/// How many times as many there are in the end.
const TIMES: i64 = 10;

fn what_is_asked_costs_what_it_shows(world: &World) {
    let days = Days::new(20_261_124, SPANS).over(DAYS).bytes_a_span(300);
    let end_ns = days.end_ns();
    let traces: Vec<_> = days.collect();
    agent_days::fill(world.database.url(), traces.iter().cloned()).unwrap();
    gather_statistics(world);
    let few = measure(world, &Subject::of(&traces, end_ns));
    multiply(world, end_ns);
    gather_statistics(world);
    let many = measure(world, &Subject::of(&traces, end_ns + i64::from(DAYS) * (TIMES - 1) * DAY));
    let findings: Vec<String> = few.iter().zip(&many).flat_map(|(few, many)| compare(world, few, many)).collect();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// A question's statements, and what they took.
struct Measured {
    question: Question,
    costs: Vec<(Statement, Cost)>,
}

/// Asks all questions, and what their statements cost.
fn measure(world: &World, subject: &Subject) -> Vec<Measured> {
    let (repository, mut meter) = (world.repository(), Meter::new(&world.database));
    let mut measured = Vec::new();
    for question in questions::all(subject) {
        let statements = heard::during(|| (question.ask)(&repository));
        assert!(!statements.is_empty(), "{}: nothing was heard", question.name);
        let costs = statements.into_iter().map(|statement| {
            let cost = meter.cost(&statement);
            (statement, cost)
        });
        measured.push(Measured { costs: costs.collect(), question });
    }
    measured
}

/// What is wrong with the cost of an answer, with few spans and with many.
fn compare(world: &World, few: &Measured, many: &Measured) -> Vec<String> {
    let (name, dialect) = (&many.question.name, world.database.dialect());
    let work = |measured: &Measured| measured.costs.iter().map(|(_, cost)| cost.work).sum::<u64>();
    if many.question.bound == Bound::Budget {
        let most = cost::budget(dialect);
        let work = work(many);
        return if work > most { vec![format!("{name}: {work} in one call, at most {most}")] } else { Vec::new() };
    }
    // Of few rows a server may well read all.
    let mut findings = Vec::new();
    for (statement, cost) in &many.costs {
        findings.extend(cost.findings.iter().map(|finding| format!("{name}: {finding}: {}", statement.sql)));
    }
    let rows = |measured: &Measured| measured.costs.iter().map(|(_, cost)| cost.rows).collect::<Vec<_>>();
    if rows(few) == rows(many)
        && let Some(most) = cost::as_much(dialect, work(few))
        && work(many) > most
    {
        findings.push(format!("{name}: {} with few spans, {} with {TIMES} times as many", work(few), work(many)));
    }
    findings
}

/// Makes of the days that are there ten times as many.
fn multiply(world: &World, end_ns: i64) {
    let dialect = match world.database.dialect() {
        Dialect::Sqlite => copies::Dialect::Sqlite,
        Dialect::Postgres => copies::Dialect::Postgres,
        Dialect::Mysql => copies::Dialect::Mysql,
    };
    let mut sql = world.database.sql();
    for table in copies::TABLES {
        let columns = sql.lines(&copies::columns_query(dialect, table));
        for number in 1..TIMES {
            sql.execute(&copies::statement(dialect, table, &columns, i64::from(DAYS), number, end_ns));
        }
    }
}

/// What a server does by itself after a while: it looks at how much there is, and which pages all can see.
fn gather_statistics(world: &World) {
    let mut sql = world.database.sql();
    match world.database.dialect() {
        Dialect::Sqlite => {}
        Dialect::Postgres => {
            // A commit that waits for the log: before it is flushed, no page of what others committed counts as seen by all.
            sql.execute("SET synchronous_commit = on");
            sql.execute("ANALYZE spans");
            sql.execute("VACUUM (ANALYZE) spans, span_contents, traces, trace_facets, sessions");
        }
        Dialect::Mysql => {
            const TABLES: [&str; 5] = ["spans", "span_contents", "traces", "trace_facets", "sessions"];
            for table in TABLES {
                // Of a small table the server guesses the number of rows from a few pages, at a time of its own: it may then take the part of an
                // index for more than the whole.
                sql.execute(&format!("ALTER TABLE {table} STATS_SAMPLE_PAGES = 65535, STATS_AUTO_RECALC = 0"));
            }
            sql.execute(&format!("ANALYZE TABLE {}", TABLES.join(", ")));
        }
    }
}
