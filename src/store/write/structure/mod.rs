//! What only the spans of a trace together say: runs of agents that have no span, results and failures that are told on other spans, calls
//! that are only told, spans that were recorded beside or after the run that they belong to, workflows that are known by what they are
//! made of.
//!
//! A pure function of the stored rows and of what their spans tell: rows are first taken back to what they say by themselves, so that
//! any order of arrival ends in the same. It reads the whole trace, and so it runs only for traces that have such things
//! ([`needs`]); a very long one is read again when it has grown by a quarter.

mod answers;
mod markers;
mod needs;
pub(super) mod runs;
mod strays;
mod told;
mod unrecorded;

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::result::QueryResult;

use super::graph::SpanKey;
use super::lineage;
use crate::error::Result;
use crate::model::canonical::decode;
use crate::model::{Identity, Kind, SYNTHETIC, StatusCode, Told, Usage};
use crate::store::connection::{AnyConnection, dispatch};
use crate::store::derived::{Derived, OwnAgent, OwnKind, OwnStatus};
use crate::store::rows::SpanRow;
use crate::store::schema::span_contents;

pub(super) use needs::needs;

/// How the kind of a span was found that is known by its children.
const STRUCTURE: &str = "structure";

/// What the spans of a trace tell, by the span that tells it, and what was derived of each before.
#[derive(Default)]
pub(super) struct Notes {
    told: BTreeMap<SpanKey, Vec<Told>>,
    pub(super) derived: BTreeMap<SpanKey, Derived>,
}

impl Notes {
    /// Adds those of another trace.
    pub(super) fn add(&mut self, mut other: Self) {
        self.told.append(&mut other.told);
        self.derived.append(&mut other.derived);
    }
}

/// A trace's spans as they are shown.
pub(super) struct Structured {
    pub(super) rows: Vec<SpanRow>,
    /// What stands in `span_contents.derived`, where anything does.
    pub(super) derived: BTreeMap<SpanKey, Derived>,
    /// Whether anything was to be told together.
    pub(super) is_structured: bool,
}

/// Loads what the spans of a trace tell about each other.
pub(super) fn load_notes(connection: &mut AnyConnection, trace_id: &[u8]) -> QueryResult<Result<Notes>> {
    type Columns = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);
    let rows: Vec<Columns> = dispatch!(connection, concrete => {
        span_contents::table
            .filter(span_contents::trace_id.eq(trace_id))
            .filter(span_contents::told.is_not_null().or(span_contents::derived.is_not_null()))
            .select((span_contents::span_id, span_contents::told, span_contents::derived))
            .load(concrete)
    })?;
    let read = || {
        let mut notes = Notes::default();
        for (span, told, derived) in rows {
            if let Some(told) = told {
                notes.told.insert(span.clone(), decode("relations", &told)?);
            }
            notes.derived.insert(span, Derived::decode(derived.as_deref())?);
        }
        Ok(notes)
    };
    Ok(read())
}

/// The rows of a trace as they are shown together. `hosts` tells under which spans the roots of fragments stand, as far as that is new.
pub(super) fn structure(stored: &[SpanRow], notes: &Notes, hosts: &BTreeMap<SpanKey, Option<SpanKey>>) -> Structured {
    let mut family = Family::of(stored, notes, hosts);
    strays::place(&mut family, &notes.told);
    told::apply(&mut family, &notes.told);
    unrecorded::add(&mut family, &notes.told);
    answers::apply(&mut family, &notes.told);
    markers::add(&mut family, &notes.told);
    runs::add(&mut family);
    name_workflow(&mut family);
    let Family { rows, mut derived, .. } = family;
    derived.retain(|_, derived| *derived != Derived::default());
    let is_joined = rows.iter().any(|row| row.parent_span_id.is_none() && row.adopted_by.is_some());
    let is_structured = is_joined || !derived.is_empty() || notes.told.values().any(|told| !told.is_empty());
    Structured { rows, derived, is_structured }
}

/// The rows of a trace, and who stands under whom.
struct Family {
    rows: Vec<SpanRow>,
    places: BTreeMap<SpanKey, usize>,
    /// The places of each span's children, in the order of their start.
    children: BTreeMap<SpanKey, Vec<usize>>,
    derived: BTreeMap<SpanKey, Derived>,
}

impl Family {
    fn of(stored: &[SpanRow], notes: &Notes, hosts: &BTreeMap<SpanKey, Option<SpanKey>>) -> Self {
        let mut rows: Vec<SpanRow> = stored.iter().filter(|row| !row.is_synthetic()).cloned().collect();
        for row in &mut rows {
            if let Some(derived) = notes.derived.get(&row.span_id) {
                take_back(row, derived);
            }
            // What a fragment stands under is found when it is joined.
            let joined = row.adopted_by.take().filter(|_| row.parent_span_id.is_none());
            row.adopted_by = hosts.get(&row.span_id).map_or(joined, Clone::clone);
            // What it has from others is told anew.
            lineage::resolve(row, &Identity::default());
        }
        Self::arranged(rows, BTreeMap::new())
    }

    /// The rows in the order of their start.
    fn arranged(mut rows: Vec<SpanRow>, derived: BTreeMap<SpanKey, Derived>) -> Self {
        rows.sort_by(|a, b| (a.start_ns, &a.span_id).cmp(&(b.start_ns, &b.span_id)));
        let mut family = Self { rows: Vec::new(), places: BTreeMap::new(), children: BTreeMap::new(), derived };
        for row in rows {
            family.push(row);
        }
        family
    }

    /// Adds rows among the others, each in its place.
    fn add(&mut self, more: Vec<SpanRow>) {
        if !more.is_empty() {
            let mut rows = std::mem::take(&mut self.rows);
            rows.extend(more);
            *self = Self::arranged(rows, std::mem::take(&mut self.derived));
        }
    }

    /// Adds a row behind the others.
    fn push(&mut self, row: SpanRow) {
        let place = self.rows.len();
        self.places.insert(row.span_id.clone(), place);
        if let Some(parent) = &row.parent_span_id {
            self.children.entry(parent.clone()).or_default().push(place);
        }
        self.rows.push(row);
    }

    fn row(&self, span: &[u8]) -> Option<&SpanRow> {
        self.rows.get(*self.places.get(span)?)
    }

    /// The recorded parent, as far as it is stored.
    fn parent_of(&self, row: &SpanRow) -> Option<&SpanRow> {
        self.row(row.parent_span_id.as_deref()?)
    }

    fn children_of(&self, span: &[u8]) -> impl Iterator<Item = (usize, &SpanRow)> {
        let places = self.children.get(span).into_iter().flatten();
        places.filter_map(|place| Some((*place, self.rows.get(*place)?)))
    }

    /// Makes a span a workflow, by what it is made of.
    fn make_workflow(&mut self, place: usize) {
        let Some(row) = self.rows.get_mut(place) else { return };
        let own = OwnKind(
            std::mem::replace(&mut row.kind, Kind::Workflow.as_str().to_owned()),
            std::mem::replace(&mut row.kind_source, STRUCTURE.to_owned()),
        );
        let span = row.span_id.clone();
        self.derived_of(&span).kind = Some(own);
    }

    fn derived_of(&mut self, span: &[u8]) -> &mut Derived {
        self.derived.entry(span.to_vec()).or_default()
    }
}

/// The row of a span that nobody recorded, in the surroundings of one that somebody did: its trace, day, process and sender, and nothing of
/// what it says.
fn synthetic(around: &SpanRow) -> SpanRow {
    let mut row = SpanRow {
        parent_is_remote: false,
        kind_source: SYNTHETIC.to_owned(),
        operation: None,
        otel_kind: 1,
        status_code: StatusCode::Unset.otlp(),
        status_message: String::new(),
        error_type: None,
        provider: None,
        request_model: None,
        response_model: None,
        usage_counted: false,
        usage_below: 0,
        calls_below: 0,
        cost_counted: false,
        costs_below: 0,
        cost_calls_below: 0,
        time_to_first_token_ns: None,
        truncated_bytes: 0,
        dropped_count: 0,
        sequence: None,
        inherited_ids: 0,
        version_hash: 0,
        adopted_by: None,
        ..lineage::without_ids(around)
    };
    row.set_usage(Usage::default());
    row.set_cost(None);
    row
}

/// Gives a row what it says by itself.
fn take_back(row: &mut SpanRow, derived: &Derived) {
    if let Some(OwnKind(kind, source)) = &derived.kind {
        row.kind.clone_from(kind);
        row.kind_source.clone_from(source);
    }
    if let Some(OwnStatus(code, message, error_type)) = &derived.status {
        row.status_code = *code;
        row.status_message.clone_from(message);
        row.error_type.clone_from(error_type);
    }
    if let Some(OwnAgent(id, name)) = &derived.agent {
        lineage::take_agent(row, id.clone(), name.clone());
    }
    if derived.has_call_id {
        row.tool_call_id = None;
    }
    if derived.has_tool_name {
        row.tool_name = None;
    }
    if derived.has_provider {
        row.provider = None;
    }
    if derived.has_request_model {
        row.request_model = None;
    }
    if derived.has_response_model {
        row.response_model = None;
    }
    if derived.has_usage {
        row.set_usage(Usage::default());
    }
    if derived.has_cost || (derived.tells_call() && row.has_computed_cost()) {
        row.set_cost(None);
    }
}

/// A plain root that runs several agents is a workflow.
fn name_workflow(family: &mut Family) {
    let is_workflow = |row: &SpanRow| {
        let runs = family.children_of(&row.span_id).filter(|(_, child)| is_agent_run(child)).count();
        is_plain_root(row) && runs >= 2
    };
    let found: Vec<usize> =
        family.rows.iter().enumerate().filter(|(_, row)| is_workflow(row)).map(|(place, _)| place).collect();
    for place in found {
        family.make_workflow(place);
    }
}

/// A root of which nothing is known.
fn is_plain_root(row: &SpanRow) -> bool {
    row.parent_span_id.is_none() && row.kind == Kind::Span.as_str()
}

fn is_agent_run(row: &SpanRow) -> bool {
    row.kind == Kind::Agent.as_str() || row.kind == Kind::Team.as_str()
}
