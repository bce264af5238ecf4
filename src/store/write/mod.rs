//! The batch writer: one transaction a batch, idempotent and independent of order.
//!
//! A span version merges by its rank (closed over interrupted over open, then the later end, then a hash), so any replay or
//! permutation ends in the same tables. Summaries change in the same transaction by the difference between a span's stored and its
//! new version; where a difference cannot tell (the first or the last of something went), the summary is made anew from the rows.
//! [`recompute_trace`] makes any summary anew: the two must always agree.

mod fit;
mod graph;
mod lineage;
mod session;
mod sink;
mod summary;
mod trace;

#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use diesel::prelude::*;

use fit::Fitting;
pub(crate) use session::recompute_sessions;
pub(crate) use sink::StoreSink;

use super::Failure;
use super::column::{count, hash128, key_text};
use super::connection::{AnyConnection, dispatch};
use super::convert::{ENCODING, service_name};
use super::dialect;
use super::rows::{ContentRow, ResourceRow, ScopeRow, SpanRow, TraceRow};
use super::schema::traces;
use crate::error::Result;
use crate::model::canonical::{self, to_json};
use crate::model::{Attributes, Event, InterpretedSpan, Resource, Scope};
use crate::semconv;

/// A span ready to be written: all that can be done outside the transaction is done.
pub(crate) struct Prepared<'a> {
    item: &'a InterpretedSpan,
    row: SpanRow,
    content: ContentRow,
    resource: Rc<ResourceRow>,
    scope: Rc<ScopeRow>,
}

/// Rows of the resources and scopes that a batch's spans share, by the place of the shared value.
#[derive(Default)]
struct Senders {
    resources: BTreeMap<*const Resource, Rc<ResourceRow>>,
    scopes: BTreeMap<*const Scope, Rc<ScopeRow>>,
}

/// Does all that can be done outside the transaction.
pub(crate) fn prepare(batch: &[InterpretedSpan], now_ns: i64) -> Result<Vec<Prepared<'_>>> {
    let mut senders = Senders::default();
    batch.iter().map(|item| Prepared::new(item, &mut senders, now_ns)).collect()
}

impl<'a> Prepared<'a> {
    fn new(item: &'a InterpretedSpan, senders: &mut Senders, now_ns: i64) -> Result<Self> {
        let resource = match senders.resources.entry(Arc::as_ptr(&item.record.resource)) {
            Entry::Occupied(known) => Rc::clone(known.get()),
            Entry::Vacant(new) => Rc::clone(new.insert(Rc::new(resource_row(&item.record.resource)?))),
        };
        let scope = match senders.scopes.entry(Arc::as_ptr(&item.record.scope)) {
            Entry::Occupied(known) => Rc::clone(known.get()),
            Entry::Vacant(new) => Rc::clone(new.insert(Rc::new(scope_row(&item.record.scope)?))),
        };
        let Fitting { content, cut_bytes, dropped } = fit::encode(&item.record)?;
        let mut row = SpanRow::new(item, &content, &scope.scope_id, &resource.resource_id, now_ns);
        row.truncated_bytes = row.truncated_bytes.saturating_add(count(cut_bytes));
        row.dropped_count = row.dropped_count.saturating_add(i64::from(dropped));
        Ok(Self { item, content: ContentRow::new(&row, content), row, resource, scope })
    }
}

/// Writes a batch in the transaction that `connection` is in.
pub(crate) fn write_batch(connection: &mut AnyConnection, batch: &[Prepared<'_>]) -> Result<(), Failure> {
    let mut written = BTreeSet::new();
    let mut by_trace: BTreeMap<&[u8], BTreeMap<Vec<u8>, &Prepared<'_>>> = BTreeMap::new();
    for prepared in batch {
        let row = &prepared.row;
        let newest = by_trace.entry(&row.trace_id).or_default().entry(row.span_id.clone()).or_insert(prepared);
        if newest.row.version() < row.version() {
            *newest = prepared;
        }
        if written.insert(prepared.resource.resource_id.as_slice()) {
            dialect::add_resource(connection, &prepared.resource)?;
        }
        if written.insert(prepared.scope.scope_id.as_slice()) {
            dialect::add_scope(connection, &prepared.scope)?;
        }
    }
    let keys: Vec<&[u8]> = by_trace.keys().copied().collect();
    let stored = load_traces(connection, &keys)?;
    let mut changes = Vec::with_capacity(keys.len());
    for (trace_id, spans) in by_trace {
        let before = stored.get(trace_id);
        let after = trace::write(connection, before, spans)?;
        changes.push((before.cloned(), after));
    }
    session::update(connection, &changes)?;
    Ok(())
}

/// Makes a trace's summary, its facets, its spans' counters and its session anew from the rows. What this changes, if anything, was
/// wrong before.
pub(crate) fn recompute_trace(connection: &mut AnyConnection, trace_id: &[u8]) -> Result<bool, Failure> {
    let Some(before) = load_traces(connection, &[trace_id])?.remove(trace_id) else { return Ok(false) };
    let after = trace::recompute(connection, Some(&before), trace_id)?;
    let sessions = [before.session_id, after.session_id];
    recompute_sessions(connection, &sessions.into_iter().flatten().collect())?;
    Ok(true)
}

fn load_traces(connection: &mut AnyConnection, keys: &[&[u8]]) -> QueryResult<BTreeMap<Vec<u8>, TraceRow>> {
    let rows: Vec<TraceRow> = dispatch!(connection, concrete => {
        traces::table
            .filter(traces::trace_id.eq_any(keys.iter().copied()))
            .order(traces::trace_id)
            .select(TraceRow::as_select())
            .load(concrete)
    })?;
    Ok(rows.into_iter().map(|row| (row.trace_id.clone(), row)).collect())
}

/// The starts of a span's input and output, for lists.
fn previews(item: &InterpretedSpan) -> (Option<String>, Option<String>) {
    previews_of(&item.record.attributes, &item.record.events, item.span.kind)
}

fn previews_of(
    attributes: &Attributes,
    events: &[Event],
    kind: crate::model::Kind,
) -> (Option<String>, Option<String>) {
    let content = semconv::read_content(attributes, events, kind);
    let preview = |text: Option<String>| {
        text.map(|text| super::column::message_text(&semconv::preview(&text))).filter(|text| !text.is_empty())
    };
    (preview(content.input), preview(content.output))
}

/// The same from a stored payload.
fn preview_of_content(row: &SpanRow, content: Option<ContentRow>) -> Result<(Option<String>, Option<String>)> {
    let Some(content) = content.filter(|content| content.encoding == ENCODING) else {
        return Ok((None, None));
    };
    let attributes: Attributes = canonical::decode("attributes", &content.attributes)?;
    let events: Vec<Event> = canonical::decode("events", &content.events)?;
    Ok(previews_of(&attributes, &events, graph::kind(row)))
}

fn resource_row(resource: &Resource) -> Result<ResourceRow> {
    Ok(ResourceRow {
        resource_id: hash128(&to_json(resource)?).to_vec(),
        service_name: service_name(resource),
        attributes: to_json(&resource.attributes)?,
        schema_url: key_text(&resource.schema_url),
    })
}

fn scope_row(scope: &Scope) -> Result<ScopeRow> {
    Ok(ScopeRow {
        scope_id: hash128(&to_json(scope)?).to_vec(),
        name: key_text(&scope.name),
        version: key_text(&scope.version),
        attributes: to_json(&scope.attributes)?,
        schema_url: key_text(&scope.schema_url),
    })
}
