//! Which traces are to be read as a whole.

use super::super::graph::{Graph, Node};
use super::super::lineage;
use super::super::trace::Part;
use super::{is_agent_run, is_plain_root, runs};
use crate::model::IdentityField;
use crate::store::rows::SpanRow;

/// Up to so many spans a trace is read as a whole for each batch that changes it; a longer one when it has grown by a quarter.
const MAX_SPANS: i64 = 5_000;

/// Whether a batch's part of a trace has, or may change, something that only all of its spans together say.
pub(in super::super) fn needs(part: &Part<'_>) -> bool {
    let before = part.before.as_ref();
    if before.is_some_and(|before| before.joined_to.is_some()) {
        return true;
    }
    if let Some(counted) = before.and_then(|before| before.structured_count) {
        let now = before.map_or(0, |before| before.span_count) + i64::try_from(part.applied.len()).unwrap_or(0);
        return now <= MAX_SPANS || now - counted >= counted / 4;
    }
    part.tells_of_others()
        || has_other_kinds(&part.graph)
        || has_runs_without_span(&part.graph)
        || has_workflow(&part.graph)
}

/// Whether a stored span has become something else: what its children are may depend on it, and they are not known here.
fn has_other_kinds(graph: &Graph) -> bool {
    let own_agent =
        |row: &SpanRow| row.agent_name.clone().filter(|_| !lineage::is_inherited(row, IdentityField::AgentName));
    graph.nodes().any(|node| {
        let (row, stored) = (&node.row, node.stored.as_ref());
        stored.is_some_and(|stored| {
            (&row.kind, &row.parent_span_id, &row.team_name)
                != (&stored.kind, &stored.parent_span_id, &stored.team_name)
                || own_agent(row) != own_agent(stored)
        })
    })
}

fn has_runs_without_span(graph: &Graph) -> bool {
    graph.nodes().any(|node| {
        let parent = node.row.parent_span_id.as_deref().and_then(|parent| graph.row(parent));
        let agent = runs::voice(&node.row);
        agent.zip(parent).is_some_and(|(agent, parent)| runs::is_without_span(agent, parent, |span| graph.row(span)))
    })
}

/// Whether a plain root runs several agents, as far as is known here.
fn has_workflow(graph: &Graph) -> bool {
    let is_workflow = |root: &SpanRow, is_stored: bool| {
        let runs: Vec<&Node> = graph.children_of(&root.span_id).filter(|node| is_agent_run(&node.row)).collect();
        // Of a stored root not all children are known here.
        runs.len() >= 2 || is_stored && runs.iter().any(|node| node.stored.is_none())
    };
    graph.nodes().any(|node| is_plain_root(&node.row) && is_workflow(&node.row, node.stored.is_some()))
}
