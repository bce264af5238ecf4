//! Computed costs of stored spans, made anew by other prices.
//!
//! Only the cost of model calls that report usage changes, so nothing else does: whether a span's usage counts stands on what reports
//! usage, whatever it costs. The summaries follow by the difference, as they do for a batch.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::any_of::AnyOf;
use super::load::{forget_missing, load_traces};
use super::trace::{Part, Parts};
use super::{NewRows, write_parts};
use crate::model::{Attributes, CostSource, Kind, canonical};
use crate::semconv::{Call, Prices};
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::ENCODING;
use crate::store::dialect;
use crate::store::rows::SpanRow;
use crate::store::schema::{span_contents, spans};
use crate::store::{Failure, Repriced};

/// Spans in one transaction: what writers wait for.
const MAX_SPANS: usize = 500;
/// Payloads that are in memory at once: each can be 15 MiB.
const PAYLOADS: usize = 20;

/// A place among the spans of several traces: the trace's id and the span's.
pub(crate) type Place = (Vec<u8>, Vec<u8>);

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
    let mut calls = calls.into_iter();
    while !calls.as_slice().is_empty() {
        let some: Vec<SpanRow> = calls.by_ref().take(PAYLOADS).collect();
        let attributes = read_attributes(connection, &some)?;
        for stored in some {
            let mut row = stored.clone();
            if let Some(attributes) = attributes.get(&place(&stored)) {
                row.set_cost(prices.cost(&call(&stored), attributes).as_ref());
            }
            done.count(row.cost_nano_usd.is_some(), row != stored);
            if let Some(part) = parts.get_mut(stored.trace_id.as_slice()) {
                part.graph.add_repriced(stored, row);
            }
        }
    }
    write_parts(connection, &parts, NewRows::Put)?;
    Ok((done, next))
}

fn place(row: &SpanRow) -> Place {
    (row.trace_id.clone(), row.span_id.clone())
}

fn call(row: &SpanRow) -> Call<'_> {
    Call {
        provider: row.provider.as_deref(),
        request_model: row.request_model.as_deref(),
        response_model: row.response_model.as_deref(),
        usage: row.usage(),
        start_ns: row.start_ns,
    }
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

/// The attributes of these spans, which are [a few](PAYLOADS). One whose payload is gone, or of a form that a newer version writes, has
/// none here: on which terms it was is not known, and its cost stays.
fn read_attributes(connection: &mut AnyConnection, calls: &[SpanRow]) -> QueryResult<BTreeMap<Place, Attributes>> {
    if !Prices::read_attributes() {
        return Ok(calls.iter().map(|row| (place(row), Attributes::new())).collect());
    }
    let these: AnyOf<_> = calls
        .iter()
        .map(|row| span_contents::trace_id.eq(&row.trace_id).and(span_contents::span_id.eq(&row.span_id)))
        .collect();
    let payloads: Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> = dispatch!(connection, concrete => {
        span_contents::table
            .filter(these)
            .filter(span_contents::encoding.eq(ENCODING))
            .select((span_contents::trace_id, span_contents::span_id, span_contents::attributes))
            .load(concrete)
    })?;
    let decoded = payloads.into_iter().filter_map(|(trace_id, span_id, attributes)| {
        Some(((trace_id, span_id), canonical::decode("attributes", &attributes).ok()?))
    });
    Ok(decoded.collect())
}
