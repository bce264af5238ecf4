//! Runs of agents that have no span of their own.
//!
//! A framework that finds a span of the host's around it (a request's, a tool's) may open none for its agent; then only the model
//! calls name it. Such calls under one parent, with the tools that they asked for, are a run.

use std::collections::BTreeMap;

use super::super::graph::{SpanKey, kind};
use super::super::lineage;
use super::{Family, synthetic};
use crate::model::{IdentityField, Kind, SpanState, StatusCode};
use crate::store::column::{hash64, key_text};
use crate::store::derived::{OwnAgent, Teller};
use crate::store::rows::SpanRow;

/// One run: the places of its members, in the order of their start.
pub(super) struct Run {
    pub(super) agent: String,
    pub(super) members: Vec<usize>,
    /// The last model call.
    pub(super) last: usize,
    start_ns: i64,
    /// The latest end so far; none while a member runs.
    pub(super) end_ns: Option<i64>,
}

/// Adds a span for each run that has none, between its members and their parent.
pub(super) fn add(family: &mut Family) {
    let parents: Vec<SpanKey> =
        family.children.keys().filter(|parent| family.places.contains_key(*parent)).cloned().collect();
    for parent in parents {
        for run in runs_under(family, &parent) {
            give_span(family, &parent, &run);
        }
    }
}

/// Adds the span of a run, between its members and their parent.
pub(super) fn give_span(family: &mut Family, parent: &[u8], run: &Run) {
    let Some(row) = row_of(family, parent, run) else { return };
    let ends = [run.members.first(), Some(&run.last)]
        .map(|place| place.and_then(|place| family.rows.get(*place)).map(|row| Teller::new(&row.span_id)));
    for member in &run.members {
        give_up_agent(family, *member, parent);
        if let Some(member) = family.rows.get_mut(*member) {
            member.adopted_by = Some(row.span_id.clone());
        }
    }
    if let [Some(first), Some(last)] = ends {
        family.derived_of(&row.span_id).content_of = Some((first, last));
    }
    family.push(row);
}

/// Has a member, and what is below it, have its agent from the run. The layer gave it the agent around the run, as its own: it knew no
/// other.
fn give_up_agent(family: &mut Family, member: usize, parent: &[u8]) {
    let Some((id, name)) = agent_around(family, parent) else { return };
    let mut below = vec![member];
    while let Some(place) = below.pop() {
        let Some(row) = family.rows.get_mut(place) else { continue };
        // Further down, a call may name the outer agent by itself.
        let is_own = kind(row) == Kind::Agent || (place != member && voice(row).is_some());
        if (&row.agent_id, &row.agent_name) != (&id, &name) || is_own {
            continue;
        }
        lineage::take_agent(row, None, None);
        let span = row.span_id.clone();
        family.derived_of(&span).agent = Some(OwnAgent(id.clone(), name.clone()));
        below.extend(family.children_of(&span).map(|(place, _)| place));
    }
}

/// Id and name of the agent that a span passes on, its own or that of the nearest span above it that has one.
fn agent_around(family: &Family, span: &[u8]) -> Option<(Option<String>, Option<String>)> {
    let mut next = family.row(span);
    for _ in 0..MAX_DEPTH {
        let row = next?;
        if row.agent_id.is_some() || row.agent_name.is_some() {
            return Some((row.agent_id.clone(), row.agent_name.clone()));
        }
        next = row.parent_span_id.as_deref().and_then(|parent| family.row(parent));
    }
    None
}

/// A model call that names an agent, by itself and not through an ancestor.
pub(in super::super) fn voice(row: &SpanRow) -> Option<&str> {
    let is_call = kind(row).is_model_call();
    row.agent_name.as_deref().filter(|_| is_call && !lineage::is_inherited(row, IdentityField::AgentName))
}

/// Whether a run of `agent` under `parent` has no span: neither the parent nor the nearest run above it is that agent's. A run without a
/// name is anybody's. `row_of` gives the stored ancestors.
pub(super) fn is_without_span<'a>(
    agent: &str,
    parent: &'a SpanRow,
    row_of: impl Fn(&[u8]) -> Option<&'a SpanRow>,
) -> bool {
    if kind(parent).is_model_call() {
        return false; // a part of that call
    }
    let mut next = Some(parent);
    for _ in 0..MAX_DEPTH {
        let Some(row) = next else { return true };
        let own = |field, name: &'a Option<String>| name.as_deref().filter(|_| !lineage::is_inherited(row, field));
        match kind(row) {
            Kind::Agent => return own(IdentityField::AgentName, &row.agent_name).is_some_and(|name| name != agent),
            Kind::Team if own(IdentityField::TeamName, &row.team_name) == Some(agent) => return false,
            Kind::Team if own(IdentityField::AgentName, &row.agent_name) == Some(agent) => return false,
            _ => next = row.parent_span_id.as_deref().and_then(&row_of),
        }
    }
    false
}

/// Spans between a call and its agent's: no program nests deeper, and parents may lead in a circle.
pub(super) const MAX_DEPTH: usize = 1_000;

/// The runs without a span under `parent`, in the order of their start.
fn runs_under(family: &Family, parent: &[u8]) -> Vec<Run> {
    let Some(parent_row) = family.row(parent) else { return Vec::new() };
    let mut runs: Vec<Run> = Vec::new();
    // The latest run of each agent; and agents that are known to have a span or none.
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut known: BTreeMap<&str, bool> = BTreeMap::new();
    for (place, row) in family.children_of(parent) {
        if let Some(agent) = voice(row) {
            let is_without =
                *known.entry(agent).or_insert_with(|| is_without_span(agent, parent_row, |span| family.row(span)));
            if !is_without {
                continue;
            }
            let current = open.get(agent).and_then(|run| runs.get_mut(*run));
            match current.filter(|run| goes_on(family, run, row)) {
                Some(run) => run.take(place, row, true),
                None => {
                    open.insert(agent, runs.len());
                    runs.push(Run::begin(agent, place, row));
                }
            }
        } else if is_asked_for(row) {
            let own = row.agent_name.as_deref().filter(|_| !lineage::is_inherited(row, IdentityField::AgentName));
            // At the same time as several runs, it may be of any.
            let mut running = runs.iter_mut().filter(|run| run.holds(row) && own.is_none_or(|own| own == run.agent));
            match (running.next(), running.next()) {
                (Some(run), None) => run.take(place, row, false),
                (Some(_), Some(_)) => {}
                (None, _) => {
                    if let Some(run) = runs.iter_mut().max_by_key(|run| run.end_ns) {
                        run.take(place, row, false);
                    }
                }
            }
        }
    }
    runs
}

/// What a model asks for.
fn is_asked_for(row: &SpanRow) -> bool {
    matches!(kind(row), Kind::Tool | Kind::Retriever | Kind::Embedding | Kind::Reranker)
}

/// Whether a model call is another turn of a run: after a tool, or while the run's last call is going on.
fn goes_on(family: &Family, run: &Run, next: &SpanRow) -> bool {
    let last = family.rows.get(run.last);
    let is_within = last.is_some_and(|last| last.end_ns.is_none_or(|end| next.start_ns < end));
    let was_asked = run.members.last() != Some(&run.last);
    is_within || was_asked
}

impl Run {
    pub(super) fn begin(agent: &str, place: usize, row: &SpanRow) -> Self {
        Self { agent: agent.to_owned(), members: vec![place], last: place, start_ns: row.start_ns, end_ns: row.end_ns }
    }

    pub(super) fn take(&mut self, place: usize, row: &SpanRow, is_call: bool) {
        self.members.push(place);
        self.end_ns = self.end_ns.zip(row.end_ns).map(|(one, other)| one.max(other));
        if is_call {
            self.last = place;
        }
    }

    /// Whether a span begins while the run goes on.
    fn holds(&self, row: &SpanRow) -> bool {
        self.start_ns <= row.start_ns && self.end_ns.is_none_or(|end| row.start_ns <= end)
    }
}

fn row_of(family: &Family, parent: &[u8], run: &Run) -> Option<SpanRow> {
    let first = family.rows.get(*run.members.first()?)?;
    let last = family.rows.get(run.last)?;
    let id = hash64(&[&first.trace_id, parent, run.agent.as_bytes(), &first.span_id]);
    let has_failed = last.status_code == StatusCode::Error.otlp();
    let is_running = |place: &usize| family.rows.get(*place).is_some_and(|row| row.state == SpanState::Open.rank());
    let state = match run.end_ns {
        Some(_) => SpanState::Closed,
        None if run.members.iter().any(is_running) => SpanState::Open,
        None => SpanState::Interrupted,
    };
    Some(SpanRow {
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: Some(parent.to_vec()),
        name: "invoke_agent".to_owned(),
        display_name: key_text(&format!("invoke_agent {}", run.agent)),
        kind: Kind::Agent.as_str().to_owned(),
        state: state.rank(),
        status_code: if has_failed { last.status_code } else { StatusCode::Unset.otlp() },
        status_message: if has_failed { last.status_message.clone() } else { String::new() },
        error_type: last.error_type.clone().filter(|_| has_failed),
        end_ns: run.end_ns,
        agent_name: Some(run.agent.clone()),
        ..synthetic(first)
    })
}
