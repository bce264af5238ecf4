//! Which attribute gives which id or name, and with which precedence.
//!
//! One table serves the caller's thread, where the layer hands ids down to descendants, and the worker, which reads a span's own. The
//! order within a field: our own name or OpenTelemetry's current one, other conventions', a framework's, bare words (`user_id`).
//! Session and conversation stay apart: OpenTelemetry's conversation is what a provider or framework numbers, a session holds one or more.

use super::coerce::clean_text;
#[cfg(feature = "opentelemetry")]
use super::field;
use super::lift::Lifted;
use super::reading::Reading;
use crate::model::{Attributes, Identity, IdentityField, Kind};

/// The id or name that the attribute `key` gives, with its rank within that field: of several keys on one span the lowest rank wins,
/// of several writes of one key the last. `None` for every other key. Cheap and without allocation: the layer asks for each field.
///
/// `mcp.session.id` (a transport's session) and OpenTelemetry's `thread.id` (a thread of the operating system) are no sessions.
#[must_use]
pub(crate) fn identity_of(key: &str) -> Option<(IdentityField, u8)> {
    // Most keys are no ids, and of no length and last letter that an id's has.
    let last = *key.as_bytes().last()?;
    let (start, end) = *PLACES.get(key.len())?;
    let alike = KEYS_BY_LENGTH.get(usize::from(start)..usize::from(end))?;
    let is_it = |(known, ..): &&Row| known.as_bytes().last() == Some(&last) && *known == key;
    alike.iter().find(is_it).map(|(_, field, rank)| (*field, *rank))
}

type Row = (&'static str, IdentityField, u8);

const KEYS: [Row; 63] = {
    use IdentityField::{
        AgentId, AgentName, ConversationId, RunId, SessionId, StepName, TeamId, TeamName, UserId, WorkflowId,
        WorkflowName,
    };
    [
        ("session.id", SessionId, 0),
        ("langfuse.session.id", SessionId, 1),
        ("gen_ai.session.id", SessionId, 2),
        ("agno.session.id", SessionId, 3),
        ("session_id", SessionId, 4),
        ("gcp.vertex.agent.session_id", SessionId, 5),
        ("ai.telemetry.metadata.sessionId", SessionId, 6),
        ("langfuse.observation.metadata.langfuse_session_id", SessionId, 7),
        ("langfuse.trace.metadata.langfuse_session_id", SessionId, 8),
        ("traceloop.association.properties.session_id", SessionId, 9),
        ("$ai_session_id", SessionId, 10),
        ("gen_ai.conversation.id", ConversationId, 0),
        ("conversation_id", ConversationId, 1),
        ("conversation.id", ConversationId, 2),
        ("thread_id", ConversationId, 3),
        ("user.id", UserId, 0),
        ("langfuse.user.id", UserId, 1),
        ("enduser.id", UserId, 2),
        ("enduser.pseudo.id", UserId, 3),
        ("gen_ai.user.id", UserId, 4),
        ("agno.user.id", UserId, 5),
        ("user_id", UserId, 6),
        ("gen_ai.user", UserId, 7),
        ("llm.user", UserId, 8),
        ("ai.telemetry.metadata.userId", UserId, 9),
        ("traceloop.association.properties.user_id", UserId, 10),
        ("langfuse.observation.metadata.langfuse_user_id", UserId, 11),
        ("langfuse.trace.metadata.langfuse_user_id", UserId, 12),
        ("adk.user_id", UserId, 13),
        ("posthog.distinct_id", UserId, 14),
        ("agent_traces.run.id", RunId, 0),
        ("gen_ai.agent.call.id", RunId, 1),
        ("agno.run.id", RunId, 2),
        ("run_id", RunId, 3),
        ("run.id", RunId, 4),
        ("gcp.vertex.agent.invocation_id", RunId, 5),
        ("invocation.id", RunId, 6),
        ("a2a.task.id", RunId, 7),
        ("gen_ai.agent.id", AgentId, 0),
        ("agno.agent.id", AgentId, 1),
        ("agent_id", AgentId, 2),
        ("agent.id", AgentId, 3),
        ("gen_ai.agent.name", AgentName, 0),
        ("agent.name", AgentName, 1),
        ("agno.agent", AgentName, 2),
        ("agent_name", AgentName, 3),
        ("agent_traces.team.id", TeamId, 0),
        ("agno.team.id", TeamId, 1),
        ("team_id", TeamId, 2),
        ("team.id", TeamId, 3),
        ("agent_traces.team.name", TeamName, 0),
        ("agno.team", TeamName, 1),
        ("team_name", TeamName, 2),
        ("team.name", TeamName, 3),
        ("agent_traces.workflow.id", WorkflowId, 0),
        ("agno.workflow.id", WorkflowId, 1),
        ("workflow_id", WorkflowId, 2),
        ("workflow.id", WorkflowId, 3),
        ("gen_ai.workflow.name", WorkflowName, 0),
        ("traceloop.workflow.name", WorkflowName, 1),
        ("workflow.name", WorkflowName, 2),
        ("workflow_name", WorkflowName, 3),
        ("agent_traces.step.name", StepName, 0),
    ]
};

/// A longer key is none of them.
const LONGEST: usize = 63;

/// [`KEYS`], the shorter ones first.
static KEYS_BY_LENGTH: [Row; KEYS.len()] = sorted();

/// Where in [`KEYS_BY_LENGTH`] those of each length begin and end.
static PLACES: [(u8, u8); LONGEST + 1] = places();

#[expect(clippy::indexing_slicing, reason = "done by the compiler, for which a wrong place is an error")]
const fn sorted() -> [Row; KEYS.len()] {
    let mut keys = KEYS;
    let mut done = 1;
    while done < keys.len() {
        let mut place = done;
        while place > 0 && keys[place - 1].0.len() > keys[place].0.len() {
            (keys[place - 1], keys[place]) = (keys[place], keys[place - 1]);
            place -= 1;
        }
        done += 1;
    }
    keys
}

#[expect(clippy::indexing_slicing, reason = "done by the compiler, for which a wrong place is an error")]
const fn places() -> [(u8, u8); LONGEST + 1] {
    let keys = sorted();
    let mut places = [(0, 0); LONGEST + 1];
    let (mut at, mut place) = (0_u8, 0_usize);
    while place < keys.len() {
        let length = keys[place].0.len();
        if places[length].1 == 0 {
            places[length].0 = at;
        }
        at += 1;
        places[length].1 = at;
        place += 1;
    }
    places
}

/// The attribute by which a span says an id or name: of the keys in [`identity_of`] that of the highest rank.
#[cfg(feature = "opentelemetry")]
pub(crate) const fn attribute_of(field: IdentityField) -> &'static str {
    match field {
        IdentityField::RunId => field::RUN_ID,
        IdentityField::SessionId => field::SESSION_ID,
        IdentityField::ConversationId => field::CONVERSATION_ID,
        IdentityField::UserId => field::USER_ID,
        IdentityField::AgentId => field::AGENT_ID,
        IdentityField::AgentName => field::AGENT_NAME,
        IdentityField::TeamId => field::TEAM_ID,
        IdentityField::TeamName => field::TEAM_NAME,
        IdentityField::WorkflowId => field::WORKFLOW_ID,
        IdentityField::WorkflowName => field::WORKFLOW_NAME,
        IdentityField::StepName => field::STEP_NAME,
    }
}

/// The ids and names that a span itself gives, by [`identity_of`]; then the names that only the kind makes an agent's, a team's, a
/// workflow's or a step's: `traceloop.entity.name` and `graph.node.name`. A step without any is called as its span, `name`.
///
/// A key whose value stands for none gives nothing, and does not hide a weaker key.
pub(super) fn own(
    attributes: &Attributes,
    lifted: &[Lifted<'_>],
    reading: &Reading<'_>,
    kind: Kind,
    name: &str,
) -> Identity {
    let mut identity = Identity::default();
    let mut ranks = [u8::MAX; IdentityField::ALL.len()];
    for (key, value) in attributes.iter() {
        let Some((field, rank)) = identity_of(key) else { continue };
        let Some(best) = ranks.get_mut(field as usize).filter(|best| rank <= **best) else { continue };
        if let Some(text) = clean_text(value) {
            *best = rank;
            identity.set(field, text);
        }
    }
    for Lifted { lift, value } in lifted {
        if let Some((field, _)) = identity_of(&lift.key).filter(|(field, _)| identity.get(*field).is_none())
            && let Some(text) = clean_text(value)
        {
            identity.set(field, text);
        }
    }
    let field = match kind {
        Kind::Agent => IdentityField::AgentName,
        Kind::Team => IdentityField::TeamName,
        Kind::Workflow => IdentityField::WorkflowName,
        Kind::Step => IdentityField::StepName,
        _ => return identity,
    };
    if identity.get(field).is_none() {
        match reading.text(&["traceloop.entity.name", "graph.node.name"]) {
            Some(text) => identity.set(field, text),
            None if kind == Kind::Step => identity.set(field, name),
            None => {}
        }
    }
    identity
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semconv::field;

    fn identity(pairs: &[(&'static str, &str)], kind: Kind) -> Identity {
        let attributes: Attributes = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        own(&attributes, &[], &Reading::new(&attributes), kind, "span")
    }

    #[test]
    fn our_own_names_are_the_strongest() {
        for (key, expected) in [
            (field::SESSION_ID, IdentityField::SessionId),
            (field::CONVERSATION_ID, IdentityField::ConversationId),
            (field::USER_ID, IdentityField::UserId),
            (field::RUN_ID, IdentityField::RunId),
            (field::AGENT_ID, IdentityField::AgentId),
            (field::AGENT_NAME, IdentityField::AgentName),
            (field::TEAM_ID, IdentityField::TeamId),
            (field::TEAM_NAME, IdentityField::TeamName),
            (field::WORKFLOW_ID, IdentityField::WorkflowId),
            (field::WORKFLOW_NAME, IdentityField::WorkflowName),
            (field::STEP_NAME, IdentityField::StepName),
        ] {
            assert_eq!(identity_of(key), Some((expected, 0)), "{key}");
        }
        for (key, field, rank) in KEYS {
            assert_eq!(identity_of(key), Some((field, rank)), "{key}");
        }
        for key in [
            "mcp.session.id",
            "thread.id",
            "id",
            "",
            "session",
            "gen_ai.request.model",
            "session.id".repeat(9).as_str(),
        ] {
            assert_eq!(identity_of(key), None, "{key}");
        }
    }

    #[test]
    fn the_strongest_key_wins_and_of_one_key_the_last_write() {
        let found = identity(
            &[
                ("session_id", "weak"),
                ("session.id", "first"),
                ("langfuse.session.id", "middle"),
                ("session.id", "last"),
                ("session.id", ""),
                ("gen_ai.conversation.id", "c1"),
            ],
            Kind::Agent,
        );
        assert_eq!(found.get(IdentityField::SessionId), Some("last"));
        assert_eq!(found.get(IdentityField::ConversationId), Some("c1"));
    }

    #[test]
    fn a_node_is_an_agent_only_on_an_agents_span() {
        let pairs = [("graph.node.name", "Report Flow")];
        assert_eq!(identity(&pairs, Kind::Workflow).get(IdentityField::WorkflowName), Some("Report Flow"));
        assert_eq!(identity(&pairs, Kind::Agent).get(IdentityField::AgentName), Some("Report Flow"));
        assert_eq!(identity(&pairs, Kind::Step).get(IdentityField::StepName), Some("Report Flow"));
        assert!(identity(&pairs, Kind::Tool).is_empty());
    }

    #[test]
    fn a_step_without_a_name_is_called_as_its_span() {
        assert_eq!(identity(&[], Kind::Step).get(IdentityField::StepName), Some("span"));
        assert!(identity(&[], Kind::Agent).is_empty());
    }
}
