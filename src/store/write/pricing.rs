//! What stored spans cost: the attributes that prices depend on, and the costs of calls whose usage other spans tell.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::any_of::AnyOf;
use super::graph::{SpanKey, kind};
use super::structure::{Notes, Structured};
use crate::model::{Attributes, CostSource, canonical};
use crate::semconv::Prices;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::convert::ENCODING;
use crate::store::rows::SpanRow;
use crate::store::schema::span_contents;

/// Payloads that are in memory at once: each can be 15 MiB.
pub(super) const PAYLOADS: usize = 20;

/// A place among the spans of several traces: the trace's id and the span's.
pub(crate) type Place = (Vec<u8>, Vec<u8>);

pub(super) fn place(row: &SpanRow) -> Place {
    (row.trace_id.clone(), row.span_id.clone())
}

/// Gives model calls whose usage another span tells a computed cost. One that was priced for this usage before keeps what it has: the
/// prices may be others by now, and [`reprice`](super::reprice) alone changes what is stored.
pub(super) fn price_told(
    connection: &mut AnyConnection,
    shown: &mut Structured,
    stored: &[SpanRow],
    notes: &Notes,
    prices: &Prices,
) -> Result<(), Failure> {
    let was_told = |row: &SpanRow| notes.derived.get(&row.span_id).is_some_and(|derived| derived.has_usage);
    let stored: BTreeMap<&SpanKey, &SpanRow> = stored.iter().map(|row| (&row.span_id, row)).collect();
    let Structured { rows, derived, .. } = shown;
    let is_told = |row: &SpanRow| derived.get(&row.span_id).is_some_and(|derived| derived.has_usage);
    let mut unpriced: Vec<&mut SpanRow> = Vec::new();
    for row in rows {
        let is_computed = row.cost_source.as_deref() == Some(CostSource::Computed.as_str());
        if was_told(row) && is_computed {
            row.set_cost(None);
        }
        if !is_told(row) || !kind(row).is_model_call() || row.cost_source.is_some() {
            continue;
        }
        match stored.get(&row.span_id).filter(|stored| was_told(row) && stored.usage() == row.usage()) {
            Some(stored) => row.take_cost(stored),
            None => unpriced.push(row),
        }
    }
    if prices.is_empty() {
        return Ok(());
    }
    for some in unpriced.chunks_mut(PAYLOADS) {
        let attributes = read_attributes(connection, some.iter().map(|row| &**row))?;
        for row in some {
            if let Some(attributes) = attributes.get(&place(row)) {
                let cost = prices.cost(&row.call(), attributes);
                row.set_cost(cost.as_ref());
            }
        }
    }
    Ok(())
}

/// The attributes of these spans, which are [a few](PAYLOADS). One whose payload is gone, or of a form that a newer version writes, has
/// none here: on which terms it was is not known, and its cost stays.
pub(super) fn read_attributes<'a>(
    connection: &mut AnyConnection,
    calls: impl Iterator<Item = &'a SpanRow>,
) -> QueryResult<BTreeMap<Place, Attributes>> {
    if !Prices::read_attributes() {
        return Ok(calls.map(|row| (place(row), Attributes::new())).collect());
    }
    let these: AnyOf<_> = calls
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
