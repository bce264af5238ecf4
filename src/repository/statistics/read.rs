//! Reading what statistics add up.

use std::collections::HashMap;

use super::query::{Group, StatsQuery, Subject};
use super::rolled::Question;
use super::tally::{Sample, StatsRow, Tallies};
use crate::error::Result;
use crate::model::{SpanState, StatusCode, TraceStatus};
use crate::repository::candidates::{SCAN_BUDGET, Search};
use crate::repository::filter::{Conditions, TimeRange, TraceFilter};
use crate::repository::spans::among;
use crate::repository::statements::{Among, ask, ask_each};
use crate::store::rows::TraceRow;
use crate::store::{AnyConnection, Facet, Failure};

/// A row of `statements::spans::samples`.
type SpanSample =
    (Option<String>, Option<String>, Vec<u8>, Option<String>, i64, Option<i64>, i16, i16, (bool, bool), Amounts);
/// Input, output, total, cache read, cache write and reasoning tokens, and cost.
type Amounts = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// The rows of a query: reads roll-ups where they can answer, and else all that passes its filter, and adds it up here, because percentiles and
/// distinct counts in SQL differ from database to database.
pub(in crate::repository) async fn stats(
    connection: &mut AnyConnection,
    query: &StatsQuery,
) -> Result<Vec<StatsRow>, Failure> {
    let mut tallies = Tallies::new(query.bucket_ns()?, query.is_exact());
    match &query.subject {
        Subject::Spans(filter) => {
            let conditions = filter.conditions();
            conditions.check()?;
            match Question::of(conditions, query)? {
                Some(question) => question.add_spans(connection, &mut tallies).await?,
                None => {
                    let among = among(connection, conditions).await?;
                    add_spans(connection, conditions, query.group, (among, conditions.time_range()), &mut tallies)
                        .await?;
                }
            }
        }
        Subject::Traces(filter) => add_traces(connection, filter, query.group, &mut tallies).await?,
    }
    Ok(tallies.into_rows(query))
}

/// Adds the spans that pass a filter and start in a range of time.
pub(super) async fn add_spans(
    connection: &mut AnyConnection,
    conditions: &Conditions,
    group: Group,
    (among, time): (Among, TimeRange),
    tallies: &mut Tallies,
) -> Result<(), Failure> {
    // Row by row: a long range of time is never held in memory as a whole.
    ask_each!(connection, statements => statements::spans::samples(conditions, group, among), row: SpanSample => {
        let sample = span_sample(row);
        if time.contains(sample.start_ns) {
            tallies.add(sample);
        }
    });
    Ok(())
}

/// What a span adds. Its tokens and cost only where the trace's totals count them too.
fn span_sample(row: SpanSample) -> Sample {
    let (key, label, trace_id, session, start_ns, end_ns, status, state, counted, amounts) = row;
    let (has_counted_usage, has_counted_cost) = counted;
    let (input, output, total, cache_read, cache_write, reasoning, cost) = amounts;
    let tokens = |tokens: Option<i64>| tokens.filter(|tokens| has_counted_usage && *tokens >= 0);
    Sample {
        key,
        label,
        trace_id,
        session,
        start_ns,
        duration_ns: end_ns.map(|end| end.saturating_sub(start_ns).max(0)),
        is_error: StatusCode::from_otlp(status.into()) == StatusCode::Error,
        is_open: SpanState::from_rank(state) == SpanState::Open,
        amounts: [
            tokens(input),
            tokens(output),
            tokens(total),
            tokens(cache_read),
            tokens(cache_write),
            tokens(reasoning),
            cost.filter(|_| has_counted_cost),
        ],
        unpriced_count: i64::from(has_counted_usage && cost.is_none()),
    }
}

/// Adds the traces that pass a filter, from their summaries.
async fn add_traces(
    connection: &mut AnyConnection,
    filter: &TraceFilter,
    group: Group,
    tallies: &mut Tallies,
) -> Result<(), Failure> {
    let conditions = Conditions { after: None, ..filter.conditions().clone() };
    let mut search = Search::new(&conditions, connection).await?;
    loop {
        let candidates = search.next(connection, SCAN_BUDGET).await?;
        if candidates.is_empty() {
            return Ok(());
        }
        let rows: Vec<TraceRow> = candidates.into_iter().filter_map(|(_, row)| row).collect();
        let facet = match group {
            Group::Model => Some(Facet::Model),
            Group::Tool => Some(Facet::Tool),
            Group::Provider => Some(Facet::Provider),
            Group::Step => Some(Facet::Step),
            Group::Kind => Some(Facet::Kind),
            _ => None,
        };
        let Some(facet) = facet else {
            rows.into_iter().for_each(|row| tallies.add(trace_sample(row, group)));
            continue;
        };
        let ids = rows.iter().map(|row| row.trace_id.clone()).collect();
        let values: Vec<(Vec<u8>, String)> =
            ask!(connection, statements => statements::traces::facet_values(ids, facet))?;
        let mut values_of: HashMap<Vec<u8>, Vec<String>> = HashMap::new();
        for (id, value) in values {
            values_of.entry(id).or_default().push(value);
        }
        for row in rows {
            // A trace without such a value counts in the group that has no key.
            match values_of.remove(&row.trace_id) {
                None => tallies.add(trace_sample(row, group)),
                Some(values) => {
                    for value in values {
                        tallies.add(Sample { key: Some(value), ..trace_sample(row.clone(), group) });
                    }
                }
            }
        }
    }
}

/// What a trace adds to the group that its summary names.
fn trace_sample(row: TraceRow, group: Group) -> Sample {
    let session = row.session_id.clone();
    let (key, label) = match group {
        Group::Agent => (row.agent_id, row.agent_name),
        Group::Team => (row.team_id, row.team_name),
        Group::Workflow => (row.workflow_id, row.workflow_name),
        Group::User => (row.user_id, None),
        Group::Session => (row.session_id, None),
        Group::Name => (Some(row.name), None),
        Group::All | Group::Step | Group::Model | Group::Tool | Group::Provider | Group::Kind => (None, None),
    };
    let is_open = row.status == TraceStatus::Running.as_str();
    Sample {
        key,
        label,
        trace_id: row.trace_id,
        session,
        start_ns: row.start_ns,
        duration_ns: row.duration_ns.filter(|_| !is_open),
        is_error: row.error_count > 0,
        is_open,
        amounts: [
            row.input_tokens,
            row.output_tokens,
            row.total_tokens,
            row.cache_read_tokens,
            row.cache_write_tokens,
            row.reasoning_tokens,
            row.cost_nano_usd,
        ],
        unpriced_count: row.unpriced_count,
    }
}
