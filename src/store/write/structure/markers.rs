//! Runs that are only marked: a span that ends before the work begins, and an event that tells the end.
//!
//! What begins beside the marker and before the end belongs to the run. Where several marked runs go on at once, as agents in parallel do,
//! nothing tells whose a span is, and it stays where it was recorded.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::{SpanKey, kind};
use super::Family;
use super::runs::{Run, give_span};
use crate::model::{Kind, Phase, Told};
use crate::store::column::key_text;
use crate::store::rows::SpanRow;

/// A run from its marker to its end.
struct Marked {
    agent: String,
    marker: usize,
    start_ns: i64,
    end_ns: Option<i64>,
}

/// Adds a span for each run that is marked; an agent that is made of nothing but other agents is a workflow.
pub(super) fn add(family: &mut Family, told: &BTreeMap<SpanKey, Vec<Told>>) {
    let mut parents: Vec<SpanKey> = told
        .iter()
        .filter(|(_, told)| told.iter().any(|told| told.phase == Some(Phase::Began)))
        .filter_map(|(marker, _)| family.row(marker)?.parent_span_id.clone())
        .filter(|parent| family.row(parent).is_some())
        .collect();
    parents.sort_unstable();
    parents.dedup();
    for parent in parents {
        let marked = marked_under(family, &parent, told);
        let runs: Vec<Run> = (0..marked.len()).filter_map(|place| run(family, &parent, &marked, place)).collect();
        for run in &runs {
            give_span(family, &parent, run);
        }
        if !runs.is_empty() {
            name_workflow(family, &parent);
        }
    }
}

/// The runs of other agents that are marked under a span, in the order of their start.
fn marked_under(family: &Family, parent: &[u8], told: &BTreeMap<SpanKey, Vec<Told>>) -> Vec<Marked> {
    let own = family.row(parent).and_then(|row| row.agent_name.clone());
    let ends: Vec<&Told> =
        told.get(parent).into_iter().flatten().filter(|told| told.phase == Some(Phase::Ended)).collect();
    let markers = family.children_of(parent).filter(|(_, row)| {
        told.get(&row.span_id).is_some_and(|told| told.iter().any(|told| told.phase == Some(Phase::Began)))
    });
    let markers: Vec<(usize, &SpanRow)> = markers.filter(|(_, row)| row.agent_name != own).collect();
    // A run without a name is that of the only agent in it.
    let agents: BTreeSet<_> = markers.iter().map(|(_, row)| &row.agent_name).collect();
    if own.is_none() && agents.len() == 1 {
        return Vec::new();
    }
    let marked = markers.iter().enumerate().filter_map(|(number, (place, row))| {
        let agent = row.agent_name.clone()?;
        let is_its_end = |told: &&&Told| {
            told.time_ns >= row.start_ns && told.agent_name.as_deref().map(key_text).as_ref() == Some(&agent)
        };
        let told_end = ends.iter().filter(is_its_end).map(|told| told.time_ns).min();
        // Without one it goes on until the next begins.
        let next = markers.get(number + 1).map(|(_, next)| next.start_ns);
        let end_ns = told_end.or(next).or_else(|| family.row(parent)?.end_ns);
        Some(Marked { agent, marker: *place, start_ns: row.start_ns, end_ns })
    });
    marked.collect()
}

impl Marked {
    fn holds(&self, row: &SpanRow) -> bool {
        self.start_ns <= row.start_ns && self.end_ns.is_none_or(|end| row.start_ns <= end)
    }
}

/// A marked run with all that belongs to it and to no other.
fn run(family: &Family, parent: &[u8], marked: &[Marked], place: usize) -> Option<Run> {
    let this = marked.get(place)?;
    let marker = family.rows.get(this.marker)?;
    let mut run = Run::begin(&this.agent, this.marker, marker);
    for (child, row) in family.children_of(parent) {
        let is_marker = marked.iter().any(|marked| marked.marker == child);
        let holds = marked.iter().filter(|marked| marked.holds(row)).count();
        if !is_marker && holds == 1 && this.holds(row) {
            run.take(child, row, kind(row).is_model_call());
        }
    }
    run.end_ns = this.end_ns.map(|end| run.end_ns.map_or(end, |last| last.max(end)));
    Some(run)
}

/// Makes an agent a workflow that calls no model by itself.
fn name_workflow(family: &mut Family, span: &[u8]) {
    let calls_itself =
        family.children_of(span).any(|(_, child)| kind(child).is_model_call() && child.adopted_by.is_none());
    let Some(place) = family.places.get(span).copied().filter(|_| !calls_itself) else { return };
    if family.row(span).is_some_and(|row| row.kind == Kind::Agent.as_str()) {
        family.make_workflow(place);
    }
}
