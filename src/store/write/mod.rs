//! The batch writer: one transaction a batch, idempotent and independent of order.
//!
//! A span version merges by its rank (closed over others, then the later end, then a hash; that it was interrupted stays until it is
//! closed), so any replay or permutation ends in the same tables. Summaries change in the same transaction by the difference between a span's stored and its
//! new version; where a difference cannot tell (the first or the last of something went), the summary is made anew from the rows.
//! [`recompute_trace`] makes any summary anew: the two must always agree.
//!
//! A computed cost does not decide between versions, and a version that says what the stored one does keeps the stored one's: [`reprice`]
//! alone changes it.
//!
//! A batch goes through phases, each for all of its traces at once, so that the number of statements does not grow with its traces and
//! spans: hold the summaries ([`dialect::lock_traces`]), load what can change (`load`), merge in memory (`trace`, `graph`, `lineage`,
//! `summary`), write table by table in the order of the keys, and then the same for the sessions. Whoever writes holds traces first,
//! then [days and parts](super::content), then sessions, each in the order of their ids: then nobody waits for each other in a circle.

mod any_of;
mod facets;
mod fit;
mod graph;
mod join;
mod lineage;
mod load;
mod logged;
mod lost;
mod prepare;
mod pricing;
mod recompute;
mod reprice;
mod running;
mod session;
mod sink;
mod structure;
mod summary;
mod trace;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

pub(crate) use join::{Place, Stirred, Torn, fragments_of, places, regroup, regroup_all, torn_runs};
pub(crate) use logged::{MAX_EVENTS, renew_previews, write_events};
pub(crate) use prepare::{Prepared, prepare};
pub(crate) use reprice::reprice;
pub(crate) use running::{Moved, move_state};
pub(crate) use session::{lock_sessions, recompute_sessions};
pub(crate) use sink::{HEARTBEAT, StoreSink};

pub(crate) use self::any_of::AnyOf;
use self::any_of::pieces;
use self::facets::{FacetChange, write_facets};
use self::graph::SpanKey;
use self::load::{forget_missing, load_spans, load_touched, load_traces, pass_ids_down};
use self::recompute::recompute;
use self::summary::Change;
use self::trace::{Part, Parts, parts};
use super::Failure;
use super::connection::{AnyConnection, dispatch};
use super::content;
use super::dialect::{self, Row};
use super::rollup;
use super::rows::{ContentRow, ResourceRow, ScopeRow, SpanRow, TraceRow};
use super::schema::{span_contents, spans};
use crate::semconv::Prices;

/// What is done with rows that are not stored, by all that the database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewRows {
    /// They are added, which is what databases do fastest; it fails when one is there after all.
    Add,
    /// They replace what is there: another program may have taken a summary away and left the rows that it sums up.
    Put,
}

impl NewRows {
    fn write<R: Row>(self, connection: &mut AnyConnection, rows: &[&R]) -> QueryResult<()> {
        match self {
            Self::Add => dialect::add(connection, rows),
            Self::Put => dialect::put(connection, rows),
        }
    }
}

/// Writes a batch in the transaction that `connection` is in. What calls cost whose usage other spans tell is computed by `prices`. Returns the traces that may be torn and have changed: they are to be
/// [put together](regroup) in transactions of their own, since that holds other traces than the batch's.
pub(crate) fn write_batch(
    connection: &mut AnyConnection,
    batch: Vec<Prepared<'_>>,
    new: NewRows,
    prices: &Prices,
) -> Result<Stirred, Failure> {
    add_senders(connection, &batch)?;
    let mut parts = parts(batch);
    let ids: Vec<&[u8]> = parts.keys().copied().collect();
    dialect::lock_traces(connection, &ids)?;
    for before in load_traces(connection, &ids)? {
        if let Some(part) = parts.get_mut(before.trace_id.as_slice()) {
            part.before = Some(before);
        }
    }
    load_touched(connection, &mut parts)?;
    parts.values_mut().for_each(Part::merge);
    pass_ids_down(connection, &mut parts)?;
    write_parts(connection, &parts, new, prices)?;
    Ok(Stirred { traces: torn_among(&parts), shorter: shorter(&parts) })
}

/// Spans that ended, or turned out to have begun later or ended earlier, with their lives until now.
fn shorter(parts: &Parts<'_>) -> BTreeMap<SpanKey, (i64, Option<i64>)> {
    let versions = parts.values().flat_map(|part| part.graph.changed()).filter_map(|node| {
        let before = node.stored.as_ref()?;
        let is_earlier_end = node.row.end_ns.is_some_and(|end| before.end_ns.is_none_or(|before| end < before));
        (is_earlier_end || node.row.start_ns > before.start_ns).then_some((&node.row, before))
    });
    versions.map(|(row, before)| (row.span_id.clone(), (before.start_ns, before.end_ns))).collect()
}

/// Of a torn run, more than the batch's own traces is to be written.
fn torn_among(parts: &Parts<'_>) -> BTreeSet<Vec<u8>> {
    let before = parts.values().filter_map(|part| part.before.as_ref());
    before
        .filter(|before| before.structured_count.is_some())
        .map(|before| before.joined_to.clone().unwrap_or_else(|| before.trace_id.clone()))
        .collect()
}

/// Writes what changes in these traces: spans, summaries, facets and sessions.
fn write_parts(
    connection: &mut AnyConnection,
    parts: &Parts<'_>,
    new: NewRows,
    prices: &Prices,
) -> Result<(), Failure> {
    let mut changed = Vec::with_capacity(parts.len());
    for part in parts.values() {
        // None: a replay.
        if let Some(change) = part.change()? {
            changed.push((part, change));
        }
    }
    let applied = changed.iter().flat_map(|(part, _)| &part.applied);
    content::keep(connection, applied.map(|applied| (applied.content.start_day, &applied.parts)))?;
    write_spans(connection, &changed, new)?;
    let is_lost = |(part, change): &(&Part<'_>, Change<'_>)| change.needs_recompute || structure::needs(part);
    let (lost, mut told): (Vec<_>, Vec<_>) = changed.into_iter().partition(is_lost);
    logged::add_logged(connection, &mut told)?;
    write_summaries(connection, &told, new)?;
    let mut summaries: Vec<(Option<&TraceRow>, TraceRow)> =
        told.into_iter().map(|(part, change)| (part.before.as_ref(), change.trace)).collect();
    for (part, _) in lost {
        let before = part.before.as_ref();
        summaries.push((before, recompute(connection, before, part.trace_id, prices)?));
    }
    session::update(connection, &summaries)?;
    Ok(())
}

/// Makes a trace's summary, its facets, its spans' counters and its session anew from the rows. What this changes, if anything, was
/// wrong before.
pub(crate) fn recompute_trace(
    connection: &mut AnyConnection,
    trace_id: &[u8],
    prices: &Prices,
) -> Result<bool, Failure> {
    dialect::lock_traces(connection, &[trace_id])?;
    let Some(before) = load_traces(connection, &[trace_id])?.pop() else {
        forget_missing(connection, &[trace_id])?;
        return Ok(false);
    };
    let after = recompute(connection, Some(&before), trace_id, prices)?;
    let sessions: BTreeSet<String> = [before.session_id, after.session_id].into_iter().flatten().collect();
    lock_sessions(connection, &sessions)?;
    recompute_sessions(connection, &sessions)?;
    Ok(true)
}

/// A trace's summary, if it is stored.
pub(crate) fn load_trace(connection: &mut AnyConnection, trace_id: &[u8]) -> QueryResult<Option<TraceRow>> {
    Ok(load_traces(connection, &[trace_id])?.pop())
}

/// Adds the resources and scopes of a batch that are not known yet.
fn add_senders(connection: &mut AnyConnection, batch: &[Prepared<'_>]) -> QueryResult<()> {
    let mut resources: BTreeMap<&[u8], &ResourceRow> = BTreeMap::new();
    let mut scopes: BTreeMap<&[u8], &ScopeRow> = BTreeMap::new();
    for prepared in batch {
        resources.insert(&prepared.resource.resource_id, &prepared.resource);
        scopes.insert(&prepared.scope.scope_id, &prepared.scope);
    }
    dialect::add_resources(connection, &resources.into_values().collect::<Vec<_>>())?;
    dialect::add_scopes(connection, &scopes.into_values().collect::<Vec<_>>())
}

/// Writes the new versions, and the rows whose counters or inherited ids they change.
fn write_spans(connection: &mut AnyConnection, changed: &[(&Part<'_>, Change<'_>)], new: NewRows) -> QueryResult<()> {
    let moved = changed.iter().map(|(part, _)| {
        let is_moved = |row: &SpanRow, stored: &SpanRow| row.start_day != stored.start_day;
        let moved =
            part.graph.changed().filter(|node| node.stored.as_ref().is_some_and(|old| is_moved(&node.row, old)));
        (part.trace_id, moved.map(|node| &node.row.span_id).collect())
    });
    delete_spans(connection, moved.collect())?;
    let applied = changed.iter().flat_map(|(part, _)| &part.applied);
    let (added, replaced): (Vec<_>, Vec<_>) = applied.partition(|applied| applied.is_new);
    new.write(connection, &added.iter().map(|applied| &applied.content).collect::<Vec<&ContentRow>>())?;
    dialect::put(connection, &replaced.iter().map(|applied| &applied.content).collect::<Vec<&ContentRow>>())?;
    roll_up(connection, changed, new)?;
    let nodes = changed.iter().flat_map(|(part, _)| part.graph.changed());
    let (added, replaced): (Vec<_>, Vec<_>) = nodes.partition(|node| node.stored.is_none());
    new.write(connection, &added.iter().map(|node| &node.row).collect::<Vec<&SpanRow>>())?;
    dialect::put(connection, &replaced.iter().map(|node| &node.row).collect::<Vec<&SpanRow>>())
}

/// Carries the changes over to the roll-ups.
fn roll_up(connection: &mut AnyConnection, changed: &[(&Part<'_>, Change<'_>)], new: NewRows) -> QueryResult<()> {
    let nodes = || changed.iter().flat_map(|(part, _)| part.graph.changed());
    // Rows that are there after all count already.
    let found = match new {
        NewRows::Add => Vec::new(),
        NewRows::Put => {
            let new = nodes().filter(|node| node.stored.is_none());
            let mut keys: BTreeMap<&[u8], Vec<SpanKey>> = BTreeMap::new();
            new.for_each(|node| keys.entry(&node.row.trace_id).or_default().push(node.row.span_id.clone()));
            load_spans(connection, keys)?
        }
    };
    let mut change = rollup::Change::default();
    for node in nodes() {
        let replaced = node.stored.as_ref().or_else(|| found.iter().find(|row| has_same_key(row, &node.row)));
        if let Some(replaced) = replaced {
            change.remove(replaced);
        }
        change.add(&node.row);
    }
    change.write(connection)
}

fn has_same_key(one: &SpanRow, other: &SpanRow) -> bool {
    (&one.trace_id, &one.span_id, one.start_day) == (&other.trace_id, &other.span_id, other.start_day)
}

/// Deletes spans with their contents, whatever day their rows are filed under.
fn delete_spans(connection: &mut AnyConnection, gone: Vec<(&[u8], Vec<&Vec<u8>>)>) -> QueryResult<()> {
    for piece in pieces(gone) {
        let rows: AnyOf<_> = piece
            .iter()
            .map(|(trace_id, keys)| spans::trace_id.eq(*trace_id).and(spans::span_id.eq_any(keys.iter().copied())))
            .collect();
        let contents: AnyOf<_> = piece
            .iter()
            .map(|(trace_id, keys)| {
                span_contents::trace_id.eq(*trace_id).and(span_contents::span_id.eq_any(keys.iter().copied()))
            })
            .collect();
        dispatch!(connection, concrete => {
            diesel::delete(spans::table.filter(rows)).execute(concrete)?;
            diesel::delete(span_contents::table.filter(contents)).execute(concrete)?;
        });
    }
    Ok(())
}

/// Writes the summaries and facets of traces whose change tells them.
fn write_summaries(connection: &mut AnyConnection, told: &[(&Part<'_>, Change<'_>)], new: NewRows) -> QueryResult<()> {
    let others = told.iter().filter(|(part, change)| part.before.as_ref() != Some(&change.trace));
    let summaries: Vec<&TraceRow> = others.map(|(_, change)| &change.trace).collect();
    dialect::put(connection, &summaries)?;
    let facets = told.iter().map(|(part, change)| FacetChange {
        before: part.before.as_ref(),
        after: &change.trace,
        counts: &change.facets,
    });
    write_facets(connection, &facets.collect::<Vec<_>>(), new)
}
