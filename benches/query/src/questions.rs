//! What is asked, and what it took.

use std::time::{Duration, Instant, UNIX_EPOCH};

use agent_days::DAY;
use anyhow::Result;
use rusqlite::types::Value;
use rusqlite::{Connection, StatementStatus};
use tracing_agents::model::TraceId;
use tracing_agents::{Group, SessionFilter, SpanFilter, StatsQuery, TraceFilter, TraceRepository};

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
    name: &'static str,
    rows: usize,
    /// Steps of SQLite's machine, of all its statements; `None` of what does not come from the repository.
    steps: Option<u64>,
    /// The least, the middle and the greatest.
    times: [Duration; 3],
}

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
        ("the same with 1.8 MB of content", true, Box::new(|| Ok(repository.records(subject.trace)?.len()))),
        ("models by hour, 24 hours", true, stats(day)),
        ("models by hour, 30 days", false, stats(month)),
    ];
    let mut outcomes = Vec::new();
    for (name, is_often, ask) in all {
        let rounds = if is_often { rounds } else { rounds.min(3) };
        let mut rows = 0;
        let statements = heard::during(|| rows = ask().unwrap_or_default());
        let steps = statements.iter().map(|statement| steps(beside, statement)).sum::<Result<u64>>()?;
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let begun = Instant::now();
            ask()?;
            times.push(begun.elapsed());
        }
        times.sort_unstable();
        let at = |place: usize| times.get(place).copied().unwrap_or_default();
        outcomes.push(Outcome {
            name,
            rows,
            steps: (!statements.is_empty()).then_some(steps),
            times: [at(0), at(rounds / 2), at(rounds - 1)],
        });
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
pub(crate) fn table(databases: &[(usize, Vec<Outcome>)]) -> String {
    let mut text = String::from("| question |");
    for (spans, _) in databases {
        text.push_str(&format!(" {spans} spans: ms (min..max) | steps | rows |"));
    }
    text.push_str(&format!("\n|---|{}\n", "---|---|---|".repeat(databases.len())));
    let Some((_, first)) = databases.first() else { return text };
    for (place, question) in first.iter().enumerate() {
        text.push_str(&format!("| {} |", question.name));
        for (_, outcomes) in databases {
            let Some(outcome) = outcomes.get(place) else { continue };
            let [least, median, most] = outcome.times.map(|time| time.as_secs_f64() * 1_000.0);
            let steps = outcome.steps.map_or("-".to_owned(), |steps| steps.to_string());
            text.push_str(&format!(" {median:.3} ({least:.3}..{most:.3}) | {steps} | {} |", outcome.rows));
        }
        text.push('\n');
    }
    text
}
