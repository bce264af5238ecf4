//! What a span's events tell about its children: tools' results and failures, and what a model's call took.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::SpanKey;
use super::Family;
use crate::model::{StatusCode, Told};
use crate::store::column::{key_text, message_text};
use crate::store::derived::{OwnStatus, Teller};
use crate::store::rows::SpanRow;

/// Gives each child what is told of it. It is the one that began last before it was told, and of which the same was not told yet.
pub(super) fn apply(family: &mut Family, told: &BTreeMap<SpanKey, Vec<Told>>) {
    for (teller, told) in told {
        // What is told of whole runs is read with the runs.
        let mut told: Vec<&Told> = told.iter().filter(|told| told.phase.is_none()).collect();
        told.sort_by_key(|told| told.time_ns);
        let mut taken = BTreeSet::new();
        for told in told {
            let says = (told.error.is_some(), told.usage.is_some());
            let children = family.children_of(teller).filter(|(place, row)| {
                matches(row, told) && row.start_ns <= told.time_ns && !taken.contains(&(*place, says))
            });
            let Some((place, _)) = children.last() else { continue };
            taken.insert((place, says));
            give(family, place, teller, told);
        }
    }
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

fn give(family: &mut Family, place: usize, teller: &[u8], told: &Told) {
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
    let derived = family.derived_of(&span);
    derived.status = derived.status.take().or(status);
    derived.has_call_id |= call_id.is_some();
    derived.has_usage |= usage.is_some();
    if !told.lifts.is_empty() {
        derived.lifts.push((Teller::new(teller), told.lifts.clone()));
    }
}

const fn has_usage(row: &SpanRow) -> bool {
    row.input_tokens.is_some() || row.output_tokens.is_some() || row.total_tokens.is_some()
}
