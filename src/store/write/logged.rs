//! Events of spans that came as log records: they may come before their span or after it, on another connection, more than once.
//!
//! They stand apart from the span's payload, which is what was recorded and is sent on as it came. Whoever reads a span's content appends
//! them to its events. The only thing that is made of them ahead is the start of a naming span's input and output, in its trace's summary:
//! whoever comes last, the span or the event, holds the trace, sees the other, and makes them of both.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::any_of::{AnyOf, pieces};
use super::fit;
use super::graph::SpanKey;
use super::join::fragments_of;
use super::load::{forget_missing, load_content, load_traces};
use super::recompute::previews;
use super::summary::Change;
use super::trace::Part;
use crate::error::Result;
use crate::model::canonical::to_json;
use crate::model::{Event, LoggedEvent};
use crate::store::column::hash128;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::derived::Derived;
use crate::store::rows::{EventRow, SpanRow, TraceRow};
use crate::store::schema::{span_events, spans};
use crate::store::{Failure, dialect};

/// Events of one span that are read, the earliest first: as many as messages are.
pub(crate) const MAX_EVENTS: usize = 10_000;

impl EventRow {
    pub(crate) fn new(logged: &LoggedEvent, now_ns: i64) -> Result<Self> {
        let event = to_json(&logged.event)?;
        Ok(Self {
            trace_id: logged.trace_id.as_bytes().to_vec(),
            span_id: logged.span_id.as_bytes().to_vec(),
            event_id: hash128(&event).to_vec(),
            time_ns: logged.event.time_ns,
            created_ns: now_ns,
            event: fit::event(&logged.event, event)?,
        })
    }

    /// What tells events apart.
    pub(crate) fn key(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.trace_id, &self.span_id, &self.event_id)
    }

    pub(crate) fn decode(&self) -> Result<Event> {
        crate::model::canonical::decode("logged events", &self.event)
    }
}

/// Writes events, in the order of their keys, and makes the previews anew of the traces whose naming span they belong to. Returns the runs
/// that these traces are fragments of: [theirs](renew_previews) are to be made anew in transactions of their own, since that holds other
/// traces.
pub(crate) fn write_events(connection: &mut AnyConnection, rows: &[EventRow]) -> Result<BTreeSet<Vec<u8>>, Failure> {
    let mut spans: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
    for row in rows {
        spans.entry(&row.trace_id).or_default().insert(&row.span_id);
    }
    let ids: Vec<&[u8]> = spans.keys().copied().collect();
    dialect::lock_traces(connection, &ids)?;
    dialect::keep(connection, &rows.iter().collect::<Vec<_>>())?;
    let traces = load_traces(connection, &ids)?;
    if traces.len() < ids.len() {
        forget_missing(connection, &ids)?;
    }
    let mut runs = BTreeSet::new();
    for trace in traces {
        // What a trace's spans say together may show what another span tells as the naming one's.
        let is_named = spans.get(trace.trace_id.as_slice()).is_some_and(|spans| spans.contains(&*trace.root_span_id));
        if let Some(run) = &trace.joined_to {
            runs.insert(run.clone());
        } else if is_named || trace.structured_count.is_some() {
            renew(connection, trace)?;
        }
    }
    Ok(runs)
}

/// Makes a trace's previews anew, if it is stored.
pub(crate) fn renew_previews(connection: &mut AnyConnection, trace_id: &[u8]) -> Result<(), Failure> {
    dialect::lock_traces(connection, &[trace_id])?;
    match load_traces(connection, &[trace_id])?.pop() {
        Some(trace) => renew(connection, trace),
        None => Ok(forget_missing(connection, &[trace_id]).map(drop)?),
    }
}

/// Makes the previews anew of a trace that the transaction holds.
fn renew(connection: &mut AnyConnection, mut trace: TraceRow) -> Result<(), Failure> {
    let mut ids = vec![trace.trace_id.clone()];
    if trace.structured_count.is_some() {
        ids.append(&mut fragments_of(connection, &ids)?);
    }
    // The naming span, and those that tell its content.
    let (mut rows, mut derived): (Vec<SpanRow>, BTreeMap<SpanKey, Derived>) = Default::default();
    let mut wanted = vec![trace.root_span_id.clone()];
    while let Some(span) = wanted.pop() {
        if rows.iter().any(|row| row.span_id == span) {
            continue;
        }
        let Some(row) = load_span(connection, &ids, &span)? else { continue };
        if let Some(content) = load_content(connection, &row)? {
            let told = Derived::decode(content.derived.as_deref())?;
            let content_of = told.content_of.iter().flat_map(|(first, last)| [first, last]);
            wanted.extend(told.lifts.iter().map(|(teller, _)| teller).chain(content_of).map(|span| span.span_id()));
            derived.insert(span, told);
        }
        rows.push(row);
    }
    let Some(named) = rows.first() else { return Ok(()) };
    let (input, output) = previews(connection, &rows, named, &derived)?;
    if (&trace.input_preview, &trace.output_preview) == (&input, &output) {
        return Ok(());
    }
    (trace.input_preview, trace.output_preview) = (input, output);
    Ok(dialect::put(connection, &[&trace])?)
}

fn load_span(connection: &mut AnyConnection, trace_ids: &[Vec<u8>], span_id: &[u8]) -> QueryResult<Option<SpanRow>> {
    dispatch!(connection, concrete => {
        spans::table
            .filter(spans::trace_id.eq_any(trace_ids))
            .filter(spans::span_id.eq(span_id))
            .order((spans::trace_id, spans::start_day.desc()))
            .select(SpanRow::as_select())
            .first(concrete)
            .optional()
    })
}

/// The events of a span that came as log records, by time.
pub(super) fn events_of(
    connection: &mut AnyConnection,
    trace_id: &[u8],
    span_id: &[u8],
) -> Result<Vec<Event>, Failure> {
    let rows: Vec<EventRow> = dispatch!(connection, concrete => {
        span_events::table
            .filter(span_events::trace_id.eq(trace_id))
            .filter(span_events::span_id.eq(span_id))
            .order((span_events::time_ns, span_events::event_id))
            .limit(i64::try_from(MAX_EVENTS).unwrap_or(i64::MAX))
            .select(EventRow::as_select())
            .load(concrete)
    })?;
    Ok(rows.iter().map(EventRow::decode).collect::<Result<_>>()?)
}

/// Gives the previews of naming spans that a batch brought what was logged of these spans.
///
/// Whether anything was logged at all is asked of the database each time, in the transaction that holds the traces: another process may have
/// received it a moment ago. That one small question is all that this costs where nothing ever was.
pub(super) fn add_logged(connection: &mut AnyConnection, told: &mut [(&Part<'_>, Change<'_>)]) -> Result<(), Failure> {
    let named = told.iter().filter_map(|(part, change)| Some((part.trace_id, vec![change.named_by?])));
    let named: Vec<(&[u8], Vec<&[u8]>)> = named.collect();
    if named.is_empty() || !is_any_logged(connection)? {
        return Ok(());
    }
    let logged = spans_with_events(connection, named)?;
    for (part, change) in told {
        let Some(span) = change.named_by else { continue };
        if !logged.contains(&(part.trace_id.to_vec(), span.to_vec())) {
            continue;
        }
        let events = events_of(connection, part.trace_id, span)?;
        if let Some(previews) = part.previews(span, events) {
            (change.trace.input_preview, change.trace.output_preview) = previews;
        }
    }
    Ok(())
}

fn is_any_logged(connection: &mut AnyConnection) -> QueryResult<bool> {
    let one: Option<i64> = dispatch!(connection, concrete => {
        span_events::table.select(span_events::time_ns).limit(1).first(concrete).optional()
    })?;
    Ok(one.is_some())
}

/// Those of the spans that have events.
fn spans_with_events(
    connection: &mut AnyConnection,
    named: Vec<(&[u8], Vec<&[u8]>)>,
) -> QueryResult<BTreeSet<(Vec<u8>, SpanKey)>> {
    let mut found = BTreeSet::new();
    for piece in pieces(named) {
        let these: AnyOf<_> = piece
            .iter()
            .map(|(trace_id, keys)| {
                span_events::trace_id.eq(*trace_id).and(span_events::span_id.eq_any(keys.iter().copied()))
            })
            .collect();
        let keys: Vec<(Vec<u8>, SpanKey)> = dispatch!(connection, concrete => {
            span_events::table
                .filter(these)
                .select((span_events::trace_id, span_events::span_id))
                .distinct()
                .load(concrete)
        })?;
        found.extend(keys);
    }
    Ok(found)
}
