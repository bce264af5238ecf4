//! What is asked, and what it took.

use std::time::{Duration, Instant, UNIX_EPOCH};

use agent_days::DAY;
use anyhow::Result;
use bench_goals::Spread;
use rusqlite::types::Value;
use rusqlite::{Connection, StatementStatus};
use tracing_agents::model::TraceId;
use tracing_agents::{Group, SessionFilter, SpanFilter, StatsQuery, TraceFilter, TraceRepository};

use crate::Measured;
use crate::heard::{self, Bind};

/// What is asked about.
pub(crate) struct Subject {
    /// The trace of 1,000 spans.
    pub(crate) trace: TraceId,
    /// When the days are over.
    pub(crate) end_ns: i64,
}

/// What a question took.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) rows: usize,
    /// Steps of SQLite's machine, of all its statements; `None` of what does not come from the repository.
    pub(crate) steps: Option<u64>,
    /// Of each round.
    times: Vec<Duration>,
}

impl Outcome {
    /// Milliseconds.
    pub(crate) fn milliseconds(&self) -> Spread {
        let none = Spread { least: 0.0, median: 0.0, greatest: 0.0 };
        Spread::of(self.times.iter().map(|time| time.as_secs_f64() * 1_000.0)).unwrap_or(none)
    }
}

/// Lists and pages by one field and time.
pub(crate) const LISTS: [&str; 7] = [
    "newest 20 traces",
    "50 traces of an agent",
    "50 traces of an agent in a day",
    "50 traces of an agent, ten days back",
    "50 traces, ten days back",
    "50 spans",
    "50 sessions",
];
/// The long trace.
pub(crate) const OPENED: &str = "the same with 1.8 MB of content";
/// A dashboard of a day.
pub(crate) const DAY_BY_HOUR: &str = "models by hour, 24 hours";
/// And of a month.
pub(crate) const MONTH_BY_HOUR: &str = "models by hour, 30 days";
/// Rounds of what is slow.
pub(crate) const FEW: usize = 3;

/// A question: how many rows it showed.
type Ask<'a> = Box<dyn Fn() -> Result<usize> + 'a>;

/// Asks all of them, each `rounds` times, and some of the slow ones less often.
pub(crate) fn ask(
    repository: &TraceRepository,
    beside: &Connection,
    subject: &Subject,
    rounds: usize,
) -> Result<Vec<Outcome>> {
    let now = UNIX_EPOCH + Duration::from_nanos(subject.end_ns.unsigned_abs());
    let (day, month) = (now - Duration::from_hours(24), now - Duration::from_hours(30 * 24));
    // A place in the middle, as a reader of many pages has it.
    let middle = repository.traces(&TraceFilter::new().until_ns(subject.end_ns - 10 * DAY).limit(1))?.next;
    let traces = |filter: TraceFilter| -> Ask<'_> { Box::new(move || Ok(repository.traces(&filter)?.items.len())) };
    let stats = |since| -> Ask<'_> {
        let query = move || -> Result<StatsQuery> {
            let filter: SpanFilter = "kind:model".parse()?;
            let hour = Duration::from_hours(1);
            Ok(StatsQuery::spans(filter.since(since).until(now)).group_by(Group::Model).bucket(hour).limit(1_000))
        };
        Box::new(move || Ok(repository.stats(&query()?)?.len()))
    };
    let busy = || TraceFilter::new().agent("Researcher").limit(50);
    let all: Vec<(&'static str, bool, Ask<'_>)> = vec![
        ("newest 20 traces", true, traces(TraceFilter::new().limit(20))),
        ("the same from the spans, as others do", false, Box::new(|| from_spans(beside))),
        ("50 traces of an agent", true, traces(busy())),
        ("50 traces of an agent in a day", true, traces(busy().since(day).until(now))),
        ("50 traces of an agent, ten days back", true, traces(busy().after(middle.clone()))),
        ("50 traces, ten days back", true, traces(TraceFilter::new().limit(50).after(middle))),
        (
            "50 failed traces of an agent with a tool",
            true,
            traces(busy().tool("web_search").status(tracing_agents::model::TraceStatus::Error)),
        ),
        ("50 spans", true, Box::new(|| Ok(repository.spans(&SpanFilter::new().limit(50))?.items.len()))),
        ("50 sessions", true, Box::new(|| Ok(repository.sessions(&SessionFilter::new().limit(50))?.items.len()))),
        ("a trace of 1,000 spans", true, Box::new(|| Ok(repository.trace(subject.trace)?.spans.len()))),
        (OPENED, true, Box::new(|| Ok(repository.records(subject.trace)?.len()))),
        (DAY_BY_HOUR, true, stats(day)),
        (MONTH_BY_HOUR, true, stats(month)),
    ];
    let mut outcomes = Vec::new();
    for (name, is_often, ask) in all {
        let rounds = if is_often { rounds } else { rounds.min(FEW) };
        let mut rows = 0;
        let statements = heard::during(|| rows = ask().unwrap_or_default());
        let steps = statements.iter().map(|statement| steps(beside, statement)).sum::<Result<u64>>()?;
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let begun = Instant::now();
            ask()?;
            times.push(begun.elapsed());
        }
        outcomes.push(Outcome { name, rows, steps: (!statements.is_empty()).then_some(steps), times });
    }
    Ok(outcomes)
}

/// The newest traces by grouping all spans: what a list costs that has no summaries.
fn from_spans(connection: &Connection) -> Result<usize> {
    let mut statement = connection.prepare(
        "SELECT trace_id, min(start_ns), max(end_ns), count(*), sum(status_code = 2), sum(input_tokens), sum(output_tokens)
         FROM spans GROUP BY trace_id ORDER BY 2 DESC LIMIT 20",
    )?;
    let rows = statement.query_map([], |row| row.get::<_, i64>(1))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?.len())
}

/// The steps that a statement takes.
fn steps(connection: &Connection, statement: &heard::Statement) -> Result<u64> {
    let mut prepared = connection.prepare(&statement.sql)?;
    let values = statement.binds.iter().map(|bind| match bind {
        Bind::Number(number) => Value::Integer(*number),
        Bind::Text(text) => Value::Text(text.clone()),
        Bind::List(_) => Value::Blob(bind.bytes().unwrap_or_default()),
    });
    let mut found = prepared.query(rusqlite::params_from_iter(values))?;
    while found.next()?.is_some() {}
    drop(found);
    Ok(u64::try_from(prepared.get_status(StatementStatus::VmStep))?)
}

/// The table: a line a question, and three columns a database.
pub(crate) fn table(databases: &[Measured]) -> String {
    let mut text = String::from("| question |");
    for Measured { spans, .. } in databases {
        text.push_str(&format!(" {spans} spans: ms (min..max) | steps | rows |"));
    }
    text.push_str(&format!("\n|---|{}\n", "---|---|---|".repeat(databases.len())));
    let Some(Measured { outcomes: first, .. }) = databases.first() else { return text };
    for (place, question) in first.iter().enumerate() {
        text.push_str(&format!("| {} |", question.name));
        for Measured { outcomes, .. } in databases {
            let Some(outcome) = outcomes.get(place) else { continue };
            let times = outcome.milliseconds();
            let steps = outcome.steps.map_or("-".to_owned(), |steps| steps.to_string());
            text.push_str(&format!(" {times:.3} | {steps} | {} |", outcome.rows));
        }
        text.push('\n');
    }
    text
}
