//! What is known of single frameworks: one table a framework, found by the `tracing` target.
//!
//! A profile is asked only for spans of its own crates, so that its short field names (`model`, `tool`) and common span names (`chat`,
//! `step`) mean nothing on anybody else's. It holds for the versions that were recorded or read; what differs between them is told apart
//! by what the callsite declares.

mod adk;
mod codex;
mod genai;
mod goose;
mod langchain;
mod rig;
mod rmcp;
mod swiftide;

use super::provider::CLAUDE_HOSTS;
use super::reading::Reading;
use crate::model::{Kind, UsageBasis};

/// One framework.
pub(super) struct Profile {
    /// Its crates' names: a target is one of them, or begins with one and `::`.
    pub(super) crates: &'static [&'static str],
    /// Spans that carry no standard operation: target (a crate, or a module with all that is below it), callsite name, kind.
    pub(super) spans: &'static [(&'static str, &'static str, Kind)],
    /// Fields with names of its own, and the standard names that they stand for.
    pub(super) aliases: &'static [(&'static str, &'static str)],
    /// Whether events at DEBUG carry content: prompts, arguments, results.
    pub(super) debug_events: bool,
    /// How it counts tokens.
    pub(super) counting: fn(&Evidence<'_>) -> Option<Counting>,
}

/// What a framework's way to count may depend on.
pub(super) struct Evidence<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) declared: &'a [String],
    /// The provider in OpenTelemetry's spelling.
    pub(super) provider: Option<&'a str>,
}

impl Evidence<'_> {
    /// Whether the API behind the provider counts cached tokens beside the input, as Anthropic's and Bedrock's do.
    pub(super) fn counts_cache_apart(&self) -> bool {
        self.provider.is_some_and(|provider| CLAUDE_HOSTS.contains(&provider))
    }
}

/// How a producer counts tokens.
pub(super) struct Counting {
    /// [`UsageBasis::Inclusive`] or [`UsageBasis::Exclusive`].
    pub(super) basis: UsageBasis,
    /// Whether output tokens leave reasoning out.
    pub(super) reasoning_apart: bool,
    /// A count that belongs to the input and was left out of it.
    pub(super) input_apart: Option<u64>,
    /// Whether its total is input + output even where the input leaves cached tokens out, and so decides nothing.
    pub(super) is_blind_total: bool,
}

impl Counting {
    /// A way to count that differs in nothing but cached tokens.
    pub(super) const fn of(basis: UsageBasis) -> Self {
        Self { basis, reasoning_apart: false, input_apart: None, is_blind_total: false }
    }
}

const PROFILES: &[&Profile] = &[
    &rig::PROFILE,
    &swiftide::PROFILE,
    &adk::PROFILE,
    &langchain::PROFILE,
    &genai::PROFILE,
    &goose::PROFILE,
    &codex::PROFILE,
    &rmcp::PROFILE,
];

/// The framework that a target belongs to.
pub(super) fn of(target: &str) -> Option<&'static Profile> {
    PROFILES.iter().copied().find(|profile| profile.crates.iter().any(|name| is_within(target, name)))
}

/// What the span `name` of `target` is in this framework.
pub(super) fn kind_of(profile: &Profile, target: &str, name: &str) -> Option<Kind> {
    profile.spans.iter().find_map(|(module, span, kind)| (*span == name && is_within(target, module)).then_some(*kind))
}

/// Whether events at DEBUG of `target` carry content that the layer should record although it records INFO elsewhere: the known
/// frameworks that tell prompts, arguments and results only there. Cheap: `tracing` asks once a callsite.
#[must_use]
pub(crate) fn wants_debug(target: &str) -> bool {
    of(target).is_some_and(|profile| profile.debug_events)
}

/// A producer that counts as its profile does not say.
const fn unknown_counting(_: &Evidence<'_>) -> Option<Counting> {
    None
}

/// Whether a target is `module` or below it.
fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_events_are_wanted_where_they_carry_content() {
        for target in ["swiftide_agents::agent", "swiftide_integrations", "adk_agent::llm_agent", "rmcp::service"] {
            assert!(wants_debug(target), "{target}");
        }
        for target in ["swiftide_agents_of_mine", "rig::completions", "hyper", "", "my_app::rmcp"] {
            assert!(!wants_debug(target), "{target}");
        }
    }

    #[test]
    fn tables_name_only_their_own_crates() {
        for profile in PROFILES {
            for (module, _, _) in profile.spans {
                assert!(profile.crates.iter().any(|name| is_within(module, name)), "{module}");
            }
        }
    }
}
