//! `OpenInference` span kinds, and what refines them.
//!
//! The convention has one kind for agents and teams (`AGENT`), and one for workflows, steps and all other glue (`CHAIN`). Agno's
//! instrumentor, its most thorough user in agent frameworks, tells them apart by attributes of its own:
//!
//! | recorded | with | is |
//! |---|---|---|
//! | `AGENT` | `agno.team.id` or `agno.team`, or our own team field, and no agent of its own | a team |
//! | `CHAIN` | `agno.step.type`, `agno.parallel.step_count`, or our own step field | a step |
//! | `CHAIN` | `graph.node.parent_id` or `graph.node.id`, and nothing that describes a workflow (`agno.workflow.*`) | a step |
//! | `CHAIN` | none of these | a workflow |

use super::field;
use super::reading::Reading;
use crate::model::Kind;

/// `openinference.span.kind`: the attribute that the convention requires on each span.
pub(super) const SPAN_KIND: &str = "openinference.span.kind";

const KINDS: &[(&str, Kind)] = &[
    ("AGENT", Kind::Agent),
    ("LLM", Kind::Model),
    ("TOOL", Kind::Tool),
    ("CHAIN", Kind::Workflow),
    ("RETRIEVER", Kind::Retriever),
    ("EMBEDDING", Kind::Embedding),
    ("RERANKER", Kind::Reranker),
    ("GUARDRAIL", Kind::Guardrail),
    ("EVALUATOR", Kind::Evaluator),
    ("PROMPT", Kind::Prompt),
];

/// What a span kind is; `UNKNOWN` and unknown words say nothing.
pub(super) fn kind_of(word: &str) -> Option<Kind> {
    KINDS.iter().find_map(|(known, kind)| known.eq_ignore_ascii_case(word).then_some(*kind))
}

/// An agent that is a team, or a workflow that is a step, with the attribute that proves it. Agno records teams as `AGENT` and steps as
/// `CHAIN`; a step that only runs a function carries no `agno.step.*`, but is a node of a graph and describes no workflow of its own. Where a workflow goes on
/// after a person confirmed, it has no span, and its steps have no parent.
pub(super) fn refine(kind: Kind, reading: &Reading<'_>) -> Option<(Kind, &'static str)> {
    match kind {
        Kind::Agent => {
            let team = reading.first(&["agno.team.id", "agno.team", field::TEAM_ID, field::TEAM_NAME])?;
            let is_member = reading.first(&["agno.agent.id", field::AGENT_ID]).is_some() || {
                let agent = reading.text(&[field::AGENT_NAME, "agent.name"]);
                agent.is_some() && agent != reading.text(&["agno.team", field::TEAM_NAME])
            };
            (!is_member).then_some((Kind::Team, team))
        }
        Kind::Workflow => {
            let step =
                reading.first(&["agno.step.type", "agno.parallel.step_count", field::STEP_NAME]).or_else(|| {
                    let describes_workflow =
                        reading.first(&["agno.workflow.id", "agno.workflow.steps_count"]).is_some();
                    reading.first(&["graph.node.parent_id", "graph.node.id"]).filter(|_| !describes_workflow)
                })?;
            Some((Kind::Step, step))
        }
        _ => None,
    }
}
