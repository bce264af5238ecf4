//! What stored spans cost: the attributes that prices depend on, and the costs of calls whose usage other spans tell.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::any_of::AnyOf;
use super::graph::{SpanKey, kind, reports_tokens};
use super::structure::{Notes, Structured};
use crate::model::{Attributes, canonical};
use crate::semconv::Prices;
use crate::store::Failure;
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::content::{READABLE, whole_columns};
use crate::store::convert::ENCODING;
use crate::store::derived::Derived;
use crate::store::rows::SpanRow;
use crate::store::schema::span_contents;

/// Payloads that are in memory at once: each can be 15 MiB.
pub(super) const PAYLOADS: usize = 20;

/// A place among the spans of several traces: the trace's id and the span's.
pub(crate) type Place = (Vec<u8>, Vec<u8>);

pub(super) fn place(row: &SpanRow) -> Place {
    (row.trace_id.clone(), row.span_id.clone())
}

/// Gives calls that other spans tell, in whole or in part, a computed cost. One that was priced as this call before keeps what it has: the
/// prices may be others by now, and [`reprice`](super::reprice) alone changes what is stored.
pub(super) fn price_told(
    connection: &mut AnyConnection,
    shown: &mut Structured,
    stored: &[SpanRow],
    notes: &Notes,
    prices: &Prices,
) -> Result<(), Failure> {
    let is_told = |derived: &BTreeMap<SpanKey, Derived>, row: &SpanRow| {
        row.is_synthetic() || derived.get(&row.span_id).is_some_and(Derived::tells_call)
    };
    let told = stored.iter().filter(|row| is_told(&notes.derived, row));
    let before: BTreeMap<&SpanKey, &SpanRow> = told.map(|row| (&row.span_id, row)).collect();
    let Structured { rows, derived, .. } = shown;
    let mut unpriced: Vec<&mut SpanRow> = Vec::new();
    for row in rows {
        let is_call = kind(row).is_model_call() && reports_tokens(row);
        if !is_call || row.cost_source.is_some() || !is_told(derived, row) {
            continue;
        }
        match before.get(&row.span_id).filter(|before| is_same_call(row, before)) {
            Some(before) => row.take_cost(before),
            None => unpriced.push(row),
        }
    }
    if prices.is_empty() {
        return Ok(());
    }
    for some in unpriced.chunks_mut(PAYLOADS) {
        let recorded = some.iter().map(|row| &**row).filter(|row| !row.is_synthetic());
        let mut attributes = read_attributes(connection, recorded)?;
        for row in some {
            let attributes = if row.is_synthetic() { Some(Attributes::new()) } else { attributes.remove(&place(row)) };
            if let Some(attributes) = attributes {
                let cost = prices.cost(&row.call(), &attributes);
                row.set_cost(cost.as_ref());
            }
        }
    }
    Ok(())
}

/// Whether a stored row is of the same call, and has no cost that was reported.
fn is_same_call(row: &SpanRow, stored: &SpanRow) -> bool {
    let says = |row: &SpanRow| {
        let models = [&row.provider, &row.request_model, &row.response_model].map(Clone::clone);
        (row.usage(), row.start_ns, models)
    };
    says(row) == says(stored) && (stored.cost_source.is_none() || stored.has_computed_cost())
}

/// The attributes of these spans, which are [a few](PAYLOADS). One whose payload is gone or damaged, or of a form that a newer version writes, has
/// none here: on which terms it was is not known, and its cost stays.
pub(super) fn read_attributes<'a>(
    connection: &mut AnyConnection,
    calls: impl Iterator<Item = &'a SpanRow>,
) -> Result<BTreeMap<Place, Attributes>, Failure> {
    let calls: Vec<&SpanRow> = calls.collect();
    if calls.is_empty() {
        return Ok(BTreeMap::new());
    }
    if !Prices::read_attributes() {
        return Ok(calls.iter().map(|row| (place(row), Attributes::new())).collect());
    }
    let these: AnyOf<_> = calls
        .iter()
        .map(|row| span_contents::trace_id.eq(&row.trace_id).and(span_contents::span_id.eq(&row.span_id)))
        .collect();
    type Payload = (Vec<u8>, Vec<u8>, i32, String, Vec<u8>);
    let payloads: Vec<Payload> = dispatch!(connection, concrete => {
        span_contents::table
            .filter(these)
            .filter(span_contents::encoding.eq_any(READABLE))
            .select((
                span_contents::trace_id,
                span_contents::span_id,
                span_contents::start_day,
                span_contents::encoding,
                span_contents::attributes,
            ))
            .load(concrete)
    })?;
    let is_packed = |payload: &&Payload| payload.3 != ENCODING;
    let packed: Vec<(i32, &[u8])> =
        payloads.iter().filter(is_packed).map(|payload| (payload.2, payload.4.as_slice())).collect();
    let mut whole = connection.wait(async |connection| whole_columns(connection, &packed).await)?.into_iter();
    let mut found = BTreeMap::new();
    for (trace_id, span_id, _, encoding, attributes) in payloads {
        let attributes = if encoding == ENCODING { Some(attributes) } else { whole.next().and_then(Result::ok) };
        if let Some(attributes) = attributes.and_then(|bytes| canonical::decode("attributes", &bytes).ok()) {
            found.insert((trace_id, span_id), attributes);
        }
    }
    Ok(found)
}
