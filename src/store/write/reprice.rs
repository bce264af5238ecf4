//! Computed costs of stored spans, made anew by other prices.
//!
//! Only the cost of model calls that report usage changes, and with it whether the cost of a span above them counts. The summaries follow
//! by the difference, as they do for a batch.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::graph::SpanKey;
use super::load::{forget_missing, load_lines, load_traces};
use super::pricing::{PAYLOADS, Place, place, read_attributes};
use super::trace::{Part, Parts};
use super::{NewRows, write_parts};
use crate::model::{CostSource, Kind};
use crate::semconv::Prices;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::dialect;
use crate::store::rows::SpanRow;
use crate::store::schema::spans;
use crate::store::{Failure, Repriced};

/// Spans in one transaction: what writers wait for.
const MAX_SPANS: usize = 500;

/// Prices the next spans of these traces, whose ids are in order, in the transaction that `connection` is in. Returns what it did, and
/// where it stopped if there may be more.
pub(crate) fn reprice(
    connection: &mut AnyConnection,
    ids: &[&[u8]],
    after: Option<&Place>,
    prices: &Prices,
) -> Result<(Repriced, Option<Place>), Failure> {
    let is_done = |id: &[u8]| after.is_some_and(|(trace_id, _)| id < trace_id.as_slice());
    let ids: Vec<&[u8]> = ids.iter().copied().filter(|id| !is_done(id)).collect();
    dialect::lock_traces(connection, &ids)?;
    let mut parts: Parts<'_> = BTreeMap::new();
    for before in load_traces(connection, &ids)? {
        if let Some(trace_id) = ids.iter().find(|id| **id == before.trace_id) {
            parts.insert(*trace_id, Part::of_stored(trace_id, before));
        }
    }
    if parts.len() < ids.len() {
        forget_missing(connection, &ids)?;
    }
    let calls = load_calls(connection, &ids, after)?;
    let next = calls.last().filter(|_| calls.len() == MAX_SPANS).map(place);
    let mut done = Repriced::default();
    let mut priced = Vec::with_capacity(calls.len());
    let mut above: BTreeMap<&[u8], BTreeSet<SpanKey>> = BTreeMap::new();
    let mut calls = calls.into_iter();
    while !calls.as_slice().is_empty() {
        let some: Vec<SpanRow> = calls.by_ref().take(PAYLOADS).collect();
        let attributes = read_attributes(connection, some.iter())?;
        for stored in some {
            let mut row = stored.clone();
            if let Some(attributes) = attributes.get(&place(&stored)) {
                row.set_cost(prices.cost(&stored.call(), attributes).as_ref());
            }
            done.count(row.cost_nano_usd.is_some(), row != stored);
            // Whether a call has a cost at all decides whether those above it count.
            if row.cost_nano_usd.is_some() != stored.cost_nano_usd.is_some()
                && let (Some(part), Some(parent)) = (parts.get(stored.trace_id.as_slice()), &row.parent_span_id)
            {
                above.entry(part.trace_id).or_default().insert(parent.clone());
            }
            if let Some(part) = parts.get_mut(stored.trace_id.as_slice()) {
                part.graph.add_stored(stored);
                priced.push(row);
            }
        }
    }
    load_lines(connection, &mut parts, above)?;
    for row in priced {
        if let Some(part) = parts.get_mut(row.trace_id.as_slice()) {
            part.graph.take_cost(&row);
        }
    }
    write_parts(connection, &parts, NewRows::Put, prices)?;
    Ok((done, next))
}

/// The next model calls that report usage, and no cost.
fn load_calls(connection: &mut AnyConnection, ids: &[&[u8]], after: Option<&Place>) -> QueryResult<Vec<SpanRow>> {
    let kinds = Kind::ALL.iter().filter(|kind| kind.is_model_call()).map(|kind| kind.as_str());
    // Every id comes after the empty one.
    let (trace_id, span_id) = after.cloned().unwrap_or_default();
    let has_usage = spans::total_tokens
        .is_not_null()
        .or(spans::cache_read_tokens.is_not_null())
        .or(spans::cache_write_tokens.is_not_null())
        .or(spans::reasoning_tokens.is_not_null());
    dispatch!(connection, concrete => {
        spans::table
            .filter(spans::trace_id.eq_any(ids.iter().copied()))
            .filter(spans::trace_id.gt(&trace_id).or(spans::trace_id.eq(&trace_id).and(spans::span_id.gt(&span_id))))
            .filter(spans::kind.eq_any(kinds))
            .filter(spans::cost_source.is_null().or(spans::cost_source.eq(CostSource::Computed.as_str())))
            .filter(has_usage)
            .order((spans::trace_id, spans::span_id, spans::start_day))
            .limit(i64::try_from(MAX_SPANS).unwrap_or(i64::MAX))
            .select(SpanRow::as_select())
            .load(concrete)
    })
}
