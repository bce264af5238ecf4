//! What a span's events tell about its children and the run around it: tools' results and failures, what a model's call took, what a run
//! was asked.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::SpanKey;
use super::Family;
use super::runs::MAX_DEPTH;
use crate::model::{StatusCode, Told};
use crate::store::column::{key_text, message_text};
use crate::store::derived::{OwnStatus, Teller};
use crate::store::rows::SpanRow;

/// Gives each child what is told of it: the one that began last before it was told, and of which the same was not told yet. A run has
/// what is told inside it, or before it begins.
pub(super) fn apply(family: &mut Family, told: &BTreeMap<SpanKey, Vec<Told>>) {
    for (teller, told) in told {
        // Where runs begin and end is read with the runs, and calls that have no span are another room's.
        let is_here = |told: &&Told| told.phase.is_none() && told.unrecorded.is_none();
        let mut told: Vec<&Told> = told.iter().filter(is_here).collect();
        told.sort_by_key(|told| told.time_ns);
        let mut taken = BTreeSet::new();
        for told in told {
            let says = (told.error.is_some(), told.usage.is_some());
            let child = || {
                let children = family.children_of(teller).filter(|(place, row)| {
                    matches(row, told) && row.start_ns <= told.time_ns && !taken.contains(&(*place, says))
                });
                children.last().map(|(place, _)| place)
            };
            let found = if told.is_of_run_around() { run_around(family, teller, told) } else { child() };
            if let Some(place) = found.filter(|place| taken.insert((*place, says))) {
                give(family, place, teller, told);
            }
        }
    }
}

/// The run in which something is told of it, or else the next one that begins below.
fn run_around(family: &Family, teller: &SpanKey, told: &Told) -> Option<usize> {
    let mut next = family.places.get(teller);
    for _ in 0..MAX_DEPTH {
        let Some((place, row)) = next.and_then(|place| Some((*place, family.rows.get(*place)?))) else { break };
        if matches(row, told) {
            return Some(place);
        }
        next = row.parent_span_id.as_ref().and_then(|parent| family.places.get(parent));
    }
    let mut children = family.children_of(teller);
    children.find(|(_, row)| matches(row, told) && row.start_ns >= told.time_ns).map(|(place, _)| place)
}

fn matches(row: &SpanRow, told: &Told) -> bool {
    let same = |own: &Option<String>, told: &Option<String>| match (own, told) {
        (Some(own), Some(told)) => *own == key_text(told),
        _ => true,
    };
    row.kind == told.kind.as_str()
        && same(&row.tool_name, &told.tool_name)
        && same(&row.tool_call_id, &told.tool_call_id)
}

/// Gives a span what another one tells of it, and it does not say itself.
pub(super) fn give(family: &mut Family, place: usize, teller: &[u8], told: &Told) {
    let Some(row) = family.rows.get_mut(place) else { return };
    let span = row.span_id.clone();
    let mut status = None;
    if let Some(error) = told.error.as_ref().filter(|_| row.status_code != StatusCode::Error.otlp()) {
        let own = std::mem::replace(&mut row.status_message, message_text(error));
        status = Some(OwnStatus(
            std::mem::replace(&mut row.status_code, StatusCode::Error.otlp()),
            own,
            row.error_type.clone(),
        ));
    }
    let call_id = told.tool_call_id.as_ref().filter(|_| row.tool_call_id.is_none());
    if let Some(id) = call_id {
        row.tool_call_id = Some(key_text(id));
    }
    let usage = told.usage.filter(|_| !has_usage(row));
    if let Some(usage) = usage {
        row.set_usage(usage);
    }
    let cost = told.unrecorded.as_ref().and_then(|call| call.cost.as_ref());
    let cost = cost.filter(|_| row.cost_source.is_none());
    if cost.is_some() {
        row.set_cost(cost);
    }
    let derived = family.derived_of(&span);
    derived.status = derived.status.take().or(status);
    derived.has_call_id |= call_id.is_some();
    derived.has_usage |= usage.is_some();
    derived.has_cost |= cost.is_some();
    if !told.lifts.is_empty() {
        derived.lifts.push((Teller::new(teller), told.lifts.clone()));
    }
}

const fn has_usage(row: &SpanRow) -> bool {
    row.input_tokens.is_some() || row.output_tokens.is_some() || row.total_tokens.is_some()
}
