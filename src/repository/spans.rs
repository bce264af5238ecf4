//! Lists of spans.

use std::collections::{BTreeMap, HashMap};

use super::cursor;
use super::filter::{Conditions, Field, Range, SpanFilter, TimeRange};
use super::statements::{Among, SpanKey, TraceKey, ask};
use super::traces::with_fragments;
use crate::error::Result;
use crate::model::{Cursor, Page, Span, SpanId, TraceId};
use crate::store::rows::{SpanRow, TraceRow};
use crate::store::{AnyConnection, Facet, Failure};

/// Traces that lead a search for spans, at most; a value that occurs in more is searched for by time.
const MAX_TRACES: usize = 200;
/// Spans of those traces together, at most.
const MAX_TRACE_SPANS: i64 = 20_000;
/// Spans that one call looks at, at most, when it searches by time.
const SCAN_BUDGET: usize = 10_000;
/// Spans that are looked at in one statement.
const WINDOW: usize = 2_000;
/// Rows that are read by their keys in one statement: SQLite allows a thousand alternatives.
const KEYS_AT_ONCE: usize = 500;

/// A page of spans.
pub(super) async fn list(connection: &mut AnyConnection, filter: &SpanFilter) -> Result<Page<Span>, Failure> {
    let Page { items, next } = rows(connection, filter).await?;
    Ok(Page { items: items.into_iter().map(Span::try_from).collect::<Result<_>>()?, next })
}

/// A page of rows, found through their traces or by time.
pub(super) async fn rows(connection: &mut AnyConnection, filter: &SpanFilter) -> Result<Page<SpanRow>, Failure> {
    let conditions = filter.conditions();
    conditions.check()?;
    let after = conditions.after.as_ref().map(key_of).transpose()?;
    match among(connection, conditions).await? {
        Among::Traces(ids) => in_traces(connection, conditions, ids, after.as_ref()).await,
        Among::Time(time) => in_time(connection, conditions, time, after).await,
    }
}

/// Where the spans are to be looked for: in the named traces, or in the few traces in which a field's values occur, or else in the range
/// of time.
pub(super) async fn among(connection: &mut AnyConnection, conditions: &Conditions) -> Result<Among, Failure> {
    if let Some(ids) = conditions.ids::<TraceId>(Field::Trace) {
        let ids = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        return Ok(Among::Traces(with_fragments(connection, ids).await?));
    }
    for field in conditions.values.keys() {
        let facet = match field {
            // Of a span, `status` is a code; of a trace, how it went.
            Field::Status => None,
            field => field.facet(),
        };
        if let Some(facet) = facet
            && let Some(ids) = few_traces(connection, facet, conditions.keys(*field), conditions.time_range()).await?
        {
            return Ok(Among::Traces(ids));
        }
    }
    Ok(Among::Time(conditions.time_range()))
}

/// The traces in which one of the values occurs, unless they or their spans are many.
async fn few_traces(
    connection: &mut AnyConnection,
    facet: Facet,
    values: Vec<String>,
    time: TimeRange,
) -> Result<Option<Vec<Vec<u8>>>, Failure> {
    // A trace can begin before the range and have spans in it.
    let begun = TimeRange { since_ns: i64::MIN, ..time };
    let limit = i64::try_from(MAX_TRACES + 1).unwrap_or(i64::MAX);
    let mut ids = Vec::new();
    for value in values {
        let keys: Vec<TraceKey> = ask!(connection, statements => {
            statements::traces::by_facet(facet, value, begun, None, limit)
        })?;
        ids.extend(keys.into_iter().map(|(_, id)| id));
        if ids.len() > MAX_TRACES {
            return Ok(None);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    let rows: Vec<TraceRow> = ask!(connection, statements => {
        statements::traces::rows(ids.clone(), Range::default(), Range::default())
    })?;
    let spans = rows.iter().map(|row| row.span_count).fold(0, i64::saturating_add);
    if spans > MAX_TRACE_SPANS {
        return Ok(None);
    }
    // The values of a torn run's fragments stand at the run's trace.
    with_fragments(connection, ids).await.map(Some)
}

/// A page of the spans of some traces. All their keys are read and sorted, but only the page's rows.
async fn in_traces(
    connection: &mut AnyConnection,
    conditions: &Conditions,
    trace_ids: Vec<Vec<u8>>,
    after: Option<&SpanKey>,
) -> Result<Page<SpanRow>, Failure> {
    let limit = conditions.limit();
    let time = conditions.time_range();
    let mut keys: Vec<SpanKey> = ask!(connection, statements => statements::spans::in_traces(conditions, trace_ids))?;
    keys.retain(|key| time.contains(key.0) && after.is_none_or(|after| key < after));
    keys.sort_unstable_by(|a, b| b.cmp(a));
    let has_more = keys.len() > limit;
    keys.truncate(limit);
    let items = of_keys(connection, &keys).await?;
    Ok(Page { items, next: keys.pop().filter(|_| has_more).map(cursor_of) })
}

/// The rows of these keys, in their order.
async fn of_keys(connection: &mut AnyConnection, keys: &[SpanKey]) -> Result<Vec<SpanRow>, Failure> {
    let mut rows: HashMap<SpanKey, SpanRow> = HashMap::with_capacity(keys.len());
    for keys in keys.chunks(KEYS_AT_ONCE) {
        let mut spans_of: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
        for (_, trace_id, span_id) in keys {
            spans_of.entry(trace_id.clone()).or_default().push(span_id.clone());
        }
        let found: Vec<SpanRow> = ask!(connection, statements => statements::spans::rows(spans_of))?;
        rows.extend(found.into_iter().map(|row| (key_of_row(&row), row)));
    }
    Ok(keys.iter().filter_map(|key| rows.remove(key)).collect())
}

/// Walks back through time, window by window, each as wide as a number of spans.
async fn in_time(
    connection: &mut AnyConnection,
    conditions: &Conditions,
    mut time: TimeRange,
    mut after: Option<SpanKey>,
) -> Result<Page<SpanRow>, Failure> {
    let limit = conditions.limit();
    let is_direct = conditions.values.is_empty()
        && conditions.excluded.is_empty()
        && conditions.duration.is_open()
        && conditions.tokens.is_open();
    let width = if is_direct { limit + 1 } else { WINDOW };
    let mut keys: Vec<SpanKey> = Vec::with_capacity(limit);
    let mut examined = 0;
    if let Some((start_ns, ..)) = &after {
        time.until_ns = time.until_ns.min(start_ns.saturating_add(1));
    }
    let mut next = None;
    loop {
        let count = i64::try_from(width).unwrap_or(i64::MAX);
        let starts: Vec<i64> = ask!(connection, statements => statements::spans::starts(time, count))?;
        let (Some(&high), Some(&low)) = (starts.first(), starts.last()) else { break };
        let mut found: Vec<SpanKey> = ask!(connection, statements => {
            statements::spans::in_window(conditions, (low, high), after.as_ref())
        })?;
        found.sort_unstable_by(|a, b| b.cmp(a));
        keys.append(&mut found);
        if keys.len() > limit {
            keys.truncate(limit);
            next = keys.last().cloned();
            break;
        }
        examined += starts.len();
        if starts.len() < width {
            break;
        }
        // The window took all spans of its earliest nanosecond.
        time.until_ns = low;
        after = None;
        if examined >= SCAN_BUDGET {
            next = Some((low, vec![0; 16], vec![0; 8]));
            break;
        }
    }
    Ok(Page { items: of_keys(connection, &keys).await?, next: next.map(cursor_of) })
}

/// The cursor that goes on after a row.
pub(super) fn after(row: &SpanRow) -> Cursor {
    cursor_of(key_of_row(row))
}

/// A row's place in the list.
fn key_of_row(row: &SpanRow) -> SpanKey {
    (row.start_ns, row.trace_id.clone(), row.span_id.clone())
}

/// A place as a cursor: the trace's id and the span's stand one after the other.
fn cursor_of((time_ns, trace_id, span_id): SpanKey) -> Cursor {
    Cursor { time_ns, id: [trace_id, span_id].concat() }
}

/// The place that a cursor names, if it is one of a list of spans.
fn key_of(after: &Cursor) -> Result<SpanKey> {
    let (trace_id, span_id) = after.id.split_first_chunk::<16>().ok_or_else(cursor::refused)?;
    match SpanId::from_slice(span_id) {
        Some(_) => Ok((after.time_ns, trace_id.to_vec(), span_id.to_vec())),
        None => Err(cursor::refused()),
    }
}
