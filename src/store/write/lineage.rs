//! Ids that a span has from its stored ancestors.
//!
//! The layer gives a span its ancestors' ids when it records it. Spans that come through another door (OpenTelemetry, OTLP, another
//! process) have only their own, and their ancestors may come later. So the writer lets ids flow down in the stored tree: what a row
//! has is a function of the stored spans, in whatever order they came. A bit in `inherited_ids` tells what is not the span's own.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::SpanKey;
use crate::model::{Identity, IdentityField, InterpretedSpan, Value};
use crate::semconv::{clean_text, identity_of};
use crate::store::rows::SpanRow;

/// The bit of a session that is only the conversation's name.
const WEAK_SESSION: i32 = 1 << 10;

/// The bit of an agent's name that the span came with and does not tell itself: the layer had it from an ancestor or from baggage. It
/// holds where the ancestors are not stored, and so is the row's own; but the span does not speak for that agent.
const GIVEN_AGENT: i32 = WEAK_SESSION << 1;

/// The bit of a field. Databases hold them: a field's bit stays, and a new one gets the next that is free.
const fn bit(field: IdentityField) -> i32 {
    match field {
        IdentityField::StepName => GIVEN_AGENT << 1,
        others => 1 << (others as i32),
    }
}

macro_rules! columns {
    ($($field:ident => $column:ident,)+) => {
        fn column(row: &SpanRow, field: IdentityField) -> &Option<String> {
            match field {
                $(IdentityField::$field => &row.$column,)+
            }
        }

        fn column_mut(row: &mut SpanRow, field: IdentityField) -> &mut Option<String> {
            match field {
                $(IdentityField::$field => &mut row.$column,)+
            }
        }
    };
}

columns! {
    RunId => run_id,
    SessionId => session_id,
    ConversationId => conversation_id,
    UserId => user_id,
    AgentId => agent_id,
    AgentName => agent_name,
    TeamId => team_id,
    TeamName => team_name,
    WorkflowId => workflow_id,
    WorkflowName => workflow_name,
    StepName => step_name,
}

/// The ids of a row as its descendants inherit them, or only the span's own.
fn identity(row: &SpanRow, with_inherited: bool) -> Identity {
    let mask = row.inherited_ids;
    let mut identity = Identity::default();
    for field in IdentityField::ALL {
        let is_weak = field == IdentityField::SessionId && mask & WEAK_SESSION != 0;
        let is_own = mask & bit(field) == 0;
        if let (Some(value), false, true) = (column(row, field).as_deref(), is_weak, is_own || with_inherited) {
            identity.set(field, value);
        }
    }
    identity
}

/// Whether a row has this id from what is around its span, stored or not.
pub(super) const fn is_inherited(row: &SpanRow, field: IdentityField) -> bool {
    let given = if matches!(field, IdentityField::AgentName) { GIVEN_AGENT } else { 0 };
    row.inherited_ids & (bit(field) | given) != 0
}

/// The bits of a span's row before it has its ancestors: which names it was given and does not tell itself.
pub(super) fn given(item: &InterpretedSpan) -> i32 {
    let name = |identity: &Identity| identity.get(IdentityField::AgentName).map(str::to_owned);
    let given = name(&item.record.inherited);
    let tells = |(key, value): (&str, &Value)| {
        identity_of(key).is_some_and(|(field, _)| field == IdentityField::AgentName) && clean_text(value).is_some()
    };
    let is_given = given.is_some() && given == name(&item.span.identity) && !item.record.attributes.iter().any(tells);
    if is_given { GIVEN_AGENT } else { 0 }
}

/// Makes this agent, or none, a row's own.
pub(super) fn take_agent(row: &mut SpanRow, id: Option<String>, name: Option<String>) {
    row.agent_id = id;
    row.agent_name = name;
    row.inherited_ids &= !(bit(IdentityField::AgentId) | bit(IdentityField::AgentName));
}

/// A row without any ids.
pub(super) fn without_ids(row: &SpanRow) -> SpanRow {
    let mut row = row.clone();
    for field in IdentityField::ALL {
        *column_mut(&mut row, field) = None;
    }
    row.tool_name = None;
    row.tool_call_id = None;
    row
}

/// The ids that a row's children have from it.
pub(super) fn passed_on(row: &SpanRow) -> Identity {
    identity(row, true)
}

/// Gives `row` its own ids and, for what it lacks, those that its parent [passes on](passed_on); whether that changed anything.
pub(super) fn resolve(row: &mut SpanRow, inherited: &Identity) -> bool {
    let own = identity(row, false);
    let mut all = own.clone();
    all.inherit(inherited);
    let mut mask = row.inherited_ids & GIVEN_AGENT;
    let mut has_changed = false;
    for field in IdentityField::ALL {
        let mut value = all.get(field);
        if value.is_some() && own.get(field).is_none() {
            mask |= bit(field);
        }
        if field == IdentityField::SessionId && value.is_none() {
            value = all.get(IdentityField::ConversationId);
            mask |= if value.is_some() { WEAK_SESSION } else { 0 };
        }
        if column(row, field).as_deref() != value {
            *column_mut(row, field) = value.map(str::to_owned);
            has_changed = true;
        }
    }
    has_changed |= row.inherited_ids != mask;
    row.inherited_ids = mask;
    has_changed
}

/// Whether both rows pass the same ids on.
pub(super) fn has_same_ids(row: &SpanRow, other: &SpanRow) -> bool {
    identity(row, true) == identity(other, true)
}

/// Gives all rows of a trace their ids from nothing but the tree. Spans in a circle of parents count as roots.
pub(super) fn resolve_all(rows: &mut [SpanRow]) {
    let index: BTreeMap<SpanKey, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.span_id.clone(), place)).collect();
    let circles = circles(rows, &index);
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut ready = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        match row.stands_under().and_then(|parent| index.get(parent)) {
            Some(parent) if !circles.contains(&place) => children.entry(*parent).or_default().push(place),
            _ => ready.push((place, None)),
        }
    }
    while let Some((place, parent)) = ready.pop() {
        let inherited = parent.and_then(|parent: usize| rows.get(parent)).map(passed_on).unwrap_or_default();
        if let Some(row) = rows.get_mut(place) {
            resolve(row, &inherited);
        }
        ready.extend(children.remove(&place).unwrap_or_default().into_iter().map(|child| (child, Some(place))));
    }
}

/// The places of rows whose parents lead back to them.
pub(super) fn circles(rows: &[SpanRow], index: &BTreeMap<SpanKey, usize>) -> BTreeSet<usize> {
    let parent =
        |place: usize| rows.get(place).and_then(SpanRow::stands_under).and_then(|parent| index.get(parent).copied());
    let mut circles = BTreeSet::new();
    let mut done = BTreeSet::new();
    for start in 0..rows.len() {
        let mut way = Vec::new();
        let mut on_way = BTreeSet::new();
        let mut next = Some(start);
        while let Some(place) = next.filter(|place| !done.contains(place)) {
            if !on_way.insert(place) {
                circles.extend(way.iter().skip_while(|known| **known != place));
                break;
            }
            way.push(place);
            next = parent(place);
        }
        done.extend(way);
    }
    circles
}
