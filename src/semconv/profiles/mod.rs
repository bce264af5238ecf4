//! What is known of single frameworks: one profile a framework, found by the `tracing` target or, for spans without one, by the name of the scope.
//!
//! A profile is asked only for spans of its own crates, so that its short field names (`model`, `tool`) and common span names (`chat`,
//! `step`) mean nothing on anybody else's. It holds for the versions that were recorded or read, which its name tells; what differs
//! between them is told apart by target or by what the callsite declares. The built-in ones are made of nothing that a user's cannot be
//! made of.

mod adk;
mod agno;
mod autoagents;
mod codex;
mod event_rule;
mod genai;
mod goose;
mod langchain;
mod openinference;
pub mod profile;
mod rig;
mod rmcp;
mod swiftide;

use std::sync::{Arc, LazyLock};

pub(super) use profile::{Counting, Evidence};
use profile::{CountingRule, EventRule, Profile};

static BUILT_IN: LazyLock<Arc<[Profile]>> = LazyLock::new(|| {
    [
        rig::profile(),
        swiftide::profile(),
        adk::profile(),
        langchain::profile(),
        genai::profile(),
        goose::profile(),
        codex::profile(),
        rmcp::profile(),
        autoagents::profile(),
        openinference::profile(),
        agno::profile(),
    ]
    .into()
});

/// The profiles that spans are read by: a program's own, then the built-in ones.
#[derive(Debug, Clone)]
pub(crate) struct Profiles(Arc<[Profile]>);

impl Default for Profiles {
    fn default() -> Self {
        Self(Arc::clone(&BUILT_IN))
    }
}

impl Profiles {
    /// These profiles, and where they do not hold the built-in ones.
    pub(crate) fn with(own: Vec<Profile>) -> Self {
        if own.is_empty() {
            return Self::default();
        }
        Self(own.into_iter().chain(BUILT_IN.iter().cloned()).collect())
    }

    /// The name of the profile by which events of a target carry content, and where it says so: that target or one above it.
    pub(crate) fn content_of(&self, target: &str) -> Option<(&str, &str)> {
        let profile = self.of(target)?;
        Some((profile.name(), profile.content_of(target)?))
    }

    /// Whether spans of that callsite live longer than what happens in them. Asked once a callsite.
    pub(crate) fn is_boundary(&self, target: &str, name: &str) -> bool {
        self.of(target).is_some_and(|profile| profile.is_boundary(target, name))
    }

    /// Whether spans of a target lose their parents.
    pub(crate) fn tears(&self, target: &str) -> bool {
        self.of(target).is_some_and(|profile| profile.tears(target))
    }

    /// The framework that a target belongs to.
    pub(super) fn of(&self, target: &str) -> Option<&Profile> {
        self.0.iter().find(|profile| profile.holds_for(target))
    }

    /// Whether events of `target` below `INFO` carry content that the layer should record although it records `INFO` elsewhere: the
    /// known frameworks that tell prompts, arguments and results only there. Cheap: `tracing` asks once a callsite.
    pub(crate) fn wants_events(&self, target: &str, is_trace: bool) -> bool {
        self.of(target).is_some_and(|profile| profile.wants_events(target, is_trace))
    }
}

/// Whether a target is `module` or below it.
fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attributes, Kind};
    use crate::semconv::reading::Reading;

    #[test]
    fn debug_events_are_wanted_where_they_carry_content() {
        let profiles = Profiles::default();
        for target in ["swiftide_agents::agent", "swiftide_integrations", "adk_agent::llm_agent", "rmcp::service"] {
            assert!(profiles.wants_events(target, false), "{target}");
        }
        for target in
            ["rmcp::transport::auth", "swiftide_agents_of_mine", "rig::completions", "hyper", "", "my_app::rmcp"]
        {
            assert!(!profiles.wants_events(target, false), "{target}");
        }
        assert!(profiles.wants_events("swiftide_integrations::openai::chat_completion", true));
        assert!(!profiles.wants_events("rmcp::service", true));
    }

    #[test]
    fn a_program_knows_its_frameworks_better() {
        let own = Profile::new("my rig").target("rig::agent_chat").span("rig::agent_chat", "chat", Kind::Plan);
        let profiles = Profiles::with(vec![own]);
        let none = Attributes::new();
        let kind =
            |target| profiles.of(target).and_then(|profile| profile.kind_of(target, "chat", &Reading::new(&none)));
        assert_eq!(kind("rig::agent_chat"), Some(Kind::Plan));
        assert_eq!(kind("rig::completions"), Some(Kind::Model));
    }
}
