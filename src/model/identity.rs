//! Who a span belongs to: run, session, user, agent, team, workflow, step.

use std::fmt;
use std::sync::Arc;

/// One of the ids and names that flow from a span down to its descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityField {
    /// One invocation of an agent.
    RunId,
    /// A session: what a user did in one sitting, over several runs.
    SessionId,
    /// A conversation or thread, as the model provider or the framework numbers it.
    ConversationId,
    /// The end user.
    UserId,
    /// An agent's stable id.
    AgentId,
    /// An agent's name.
    AgentName,
    /// A team's id.
    TeamId,
    /// A team's name.
    TeamName,
    /// A workflow's id.
    WorkflowId,
    /// A workflow's name.
    WorkflowName,
    /// The name of a step of a workflow or of an agent's loop: the innermost one.
    StepName,
}

impl IdentityField {
    /// All fields, in column order.
    pub const ALL: [Self; 11] = [
        Self::RunId,
        Self::SessionId,
        Self::ConversationId,
        Self::UserId,
        Self::AgentId,
        Self::AgentName,
        Self::TeamId,
        Self::TeamName,
        Self::WorkflowId,
        Self::WorkflowName,
        Self::StepName,
    ];

    /// The column's name in the `spans` table, and the reserved attribute's last part on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunId => "run_id",
            Self::SessionId => "session_id",
            Self::ConversationId => "conversation_id",
            Self::UserId => "user_id",
            Self::AgentId => "agent_id",
            Self::AgentName => "agent_name",
            Self::TeamId => "team_id",
            Self::TeamName => "team_name",
            Self::WorkflowId => "workflow_id",
            Self::WorkflowName => "workflow_name",
            Self::StepName => "step_name",
        }
    }

    /// Id and name of one agent (team, workflow) are inherited together or not at all: an inner agent that gives only its name
    /// must not get the outer agent's id.
    const fn partner(self) -> Option<Self> {
        match self {
            Self::AgentId => Some(Self::AgentName),
            Self::AgentName => Some(Self::AgentId),
            Self::TeamId => Some(Self::TeamName),
            Self::TeamName => Some(Self::TeamId),
            Self::WorkflowId => Some(Self::WorkflowName),
            Self::WorkflowName => Some(Self::WorkflowId),
            _ => None,
        }
    }
}

/// The ids and names of a span. Cheap to clone: the texts are shared.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity([Option<Arc<str>>; IdentityField::ALL.len()]);

impl Identity {
    /// The value of `field`.
    #[must_use]
    pub fn get(&self, field: IdentityField) -> Option<&str> {
        self.0.get(field as usize).and_then(|value| value.as_deref())
    }

    /// Sets `field`; an empty text counts as absent and changes nothing.
    pub fn set(&mut self, field: IdentityField, value: impl Into<Arc<str>>) {
        let value = value.into();
        if let (Some(slot), false) = (self.0.get_mut(field as usize), value.is_empty()) {
            *slot = Some(value);
        }
    }

    /// Whether no field is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Takes from `ancestor` what is not set here. An agent's (team's, workflow's) id and name come together.
    pub fn inherit(&mut self, ancestor: &Self) {
        let own = self.clone();
        for field in IdentityField::ALL {
            let own_has_one =
                own.get(field).is_some() || field.partner().is_some_and(|partner| own.get(partner).is_some());
            if let (false, Some(slot), Some(value)) =
                (own_has_one, self.0.get_mut(field as usize), ancestor.0.get(field as usize))
            {
                slot.clone_from(value);
            }
        }
    }

    /// What a span that names `own` itself has of this: neither what it names, nor the rest of an agent (team, workflow) that it names.
    pub(crate) fn without(&self, own: &Self) -> Self {
        let mut rest = self.clone();
        for field in IdentityField::ALL {
            let has = |field| own.get(field).is_some();
            if let (true, Some(slot)) = (has(field) || field.partner().is_some_and(has), rest.0.get_mut(field as usize))
            {
                *slot = None;
            }
        }
        rest
    }

    /// The session: the one that was named as such, else the conversation (OpenTelemetry: a session holds one or more conversations).
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.get(IdentityField::SessionId).or_else(|| self.get(IdentityField::ConversationId))
    }

    /// The set fields with their values.
    pub fn iter(&self) -> impl Iterator<Item = (IdentityField, &str)> {
        IdentityField::ALL.into_iter().filter_map(|field| self.get(field).map(|value| (field, value)))
    }

    /// Bytes of text, as queue limits count them.
    #[must_use]
    pub fn size(&self) -> usize {
        self.iter().map(|(_, value)| value.len()).sum()
    }
}

/// The set fields by name: all of them are too many to read.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(field, value)| (field.as_str(), value))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_values_win_and_agents_come_whole() {
        let mut outer = Identity::default();
        outer.set(IdentityField::SessionId, "s1");
        outer.set(IdentityField::AgentId, "agent-1");
        outer.set(IdentityField::AgentName, "Outer");
        let mut inner = Identity::default();
        inner.set(IdentityField::AgentName, "Inner");
        inner.inherit(&outer);
        assert_eq!(inner.get(IdentityField::AgentName), Some("Inner"));
        assert_eq!(inner.get(IdentityField::AgentId), None);
        assert_eq!(inner.session(), Some("s1"));
    }

    #[test]
    fn debug_names_what_is_set() {
        let mut identity = Identity::default();
        identity.set(IdentityField::AgentName, "Researcher");
        assert_eq!(format!("{identity:?}"), r#"{"agent_name": "Researcher"}"#);
    }

    #[test]
    fn empty_text_is_absent() {
        let mut identity = Identity::default();
        identity.set(IdentityField::UserId, "");
        assert!(identity.is_empty());
    }
}
