//! codex: a turn is an agent's run; tools and prompts are events, and their counts are text.

use super::{Profile, unknown_counting};
use crate::model::Kind;

pub(super) const PROFILE: Profile = Profile {
    crates: &["codex_core", "codex_otel"],
    spans: &[("codex_core", "turn", Kind::Agent)],
    aliases: &[],
    debug_events: true,
    counting: unknown_counting,
};
