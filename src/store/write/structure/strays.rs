//! Spans that were recorded beside the run that made them, or below one that had ended.
//!
//! Where a framework does not keep a run as the current span ([`Phase::Adrift`]), the recorded parent is the span that happened to be
//! current. A span belongs to the innermost run that goes on as it begins, among those under the span that it was recorded below; and
//! one that begins after its parent's end belongs to the nearest ancestor that still goes on. A run after the end of all of them is
//! nobody's: else it would have the session and the user of the run before it. The recorded parent stays, and `adopted_by` tells the other
//! one, or the span itself.

use std::collections::{BTreeMap, BTreeSet};

use super::super::graph::{SpanKey, kind};
use super::runs::MAX_DEPTH;
use super::{Family, is_agent_run};
use crate::model::{Kind, Phase, Told};
use crate::store::rows::SpanRow;

/// Puts strays under the runs that they belong to.
pub(super) fn place(family: &mut Family, told: &BTreeMap<SpanKey, Vec<Told>>) {
    let is_adrift = |told: &[Told]| told.iter().any(|told| told.phase == Some(Phase::Adrift));
    let adrift: BTreeSet<&SpanKey> = told.iter().filter(|(_, told)| is_adrift(told)).map(|(span, _)| span).collect();
    for (stage, runs) in stages(family, &adrift) {
        for (place, host) in beside(family, &stage, &runs) {
            adopt(family, place, host);
        }
    }
    // In the order of their start, so that a parent has its place before its children.
    for place in 0..family.rows.len() {
        if let Some(host) = family.rows.get(place).and_then(|row| after(family, row, &adrift)) {
            adopt(family, place, host);
        }
    }
}

fn adopt(family: &mut Family, place: usize, host: SpanKey) {
    if let Some(row) = family.rows.get_mut(place).filter(|row| row.parent_span_id.as_ref() != Some(&host)) {
        row.adopted_by = Some(host);
    }
}

/// The runs that may lose what they do, by the step or workflow in which they were recorded, whatever runs are between.
fn stages(family: &Family, adrift: &BTreeSet<&SpanKey>) -> BTreeMap<SpanKey, Vec<usize>> {
    let mut stages: BTreeMap<SpanKey, Vec<usize>> = BTreeMap::new();
    for (place, row) in family.rows.iter().enumerate() {
        if !is_agent_run(row) || !adrift.contains(&row.span_id) {
            continue;
        }
        let mut above = family.parent_of(row);
        for _ in 0..MAX_DEPTH {
            match above {
                Some(run) if is_agent_run(run) => above = family.parent_of(run),
                _ => break,
            }
        }
        if let Some(stage) = above.filter(|row| matches!(kind(row), Kind::Step | Kind::Workflow)) {
            stages.entry(stage.span_id.clone()).or_default().push(place);
        }
    }
    stages
}

/// What was recorded beside `runs` and belongs to one of them: the places, and the runs.
fn beside(family: &Family, stage: &[u8], runs: &[usize]) -> Vec<(usize, SpanKey)> {
    let runs: Vec<&SpanRow> = runs.iter().filter_map(|place| family.rows.get(*place)).collect();
    let strays = family.children_of(stage).filter(|(_, row)| !matches!(kind(row), Kind::Step | Kind::Workflow));
    strays.filter_map(|(place, row)| Some((place, innermost(&runs, row)?.span_id.clone()))).collect()
}

/// The innermost of the runs that go on as a span begins. Of several that are not one inside the other it may be any's: then it is the
/// one around them.
fn innermost<'a>(runs: &[&'a SpanRow], row: &SpanRow) -> Option<&'a SpanRow> {
    let is_run = is_agent_run(row);
    let holds = |run: &&&SpanRow| {
        if is_run {
            // A run inside a run is a team's member; at the same instant neither is inside the other.
            run.kind == Kind::Team.as_str() && run.start_ns < row.start_ns && goes_on(run, row.start_ns)
        } else {
            goes_on(run, row.start_ns)
        }
    };
    let mut around: Vec<&SpanRow> = runs.iter().filter(holds).copied().collect();
    // Agents are inside each other only behind a tool, which would be recorded between them.
    if around.iter().filter(|run| run.kind == Kind::Agent.as_str()).count() > 1 {
        around.retain(|run| run.kind == Kind::Team.as_str());
    }
    around.sort_by_key(|run| (run.start_ns, std::cmp::Reverse(run.end_ns.unwrap_or(i64::MAX))));
    let is_inside = |inner: &SpanRow, outer: &SpanRow| goes_on(outer, inner.start_ns) && ends_by(inner, outer);
    let is_certain = |run: &SpanRow| around.iter().all(|other| is_inside(run, other) || is_inside(other, run));
    around.iter().rev().copied().find(|run| is_certain(run))
}

/// The nearest ancestor that goes on as a span begins whose parent had ended before; of a run the run itself, if there is none.
fn after(family: &Family, row: &SpanRow, adrift: &BTreeSet<&SpanKey>) -> Option<SpanKey> {
    let parent = family.parent_of(row).filter(|parent| adrift.contains(&parent.span_id))?;
    if row.adopted_by.is_some() || parent.end_ns.is_none_or(|end| row.start_ns <= end) {
        return None;
    }
    let mut next = Some(parent);
    for _ in 0..MAX_DEPTH {
        next = next.and_then(SpanRow::stands_under).and_then(|above| family.row(above));
        if next.is_none_or(|above| goes_on(above, row.start_ns)) {
            break;
        }
    }
    let host = next.or_else(|| Some(row).filter(|row| kind(row).is_run()))?;
    Some(host.span_id.clone())
}

fn goes_on(row: &SpanRow, time_ns: i64) -> bool {
    row.start_ns <= time_ns && row.end_ns.is_none_or(|end| time_ns <= end)
}

fn ends_by(inner: &SpanRow, outer: &SpanRow) -> bool {
    match (inner.end_ns, outer.end_ns) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(inner), Some(outer)) => inner <= outer,
    }
}
