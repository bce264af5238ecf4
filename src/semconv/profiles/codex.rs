//! codex: a turn is an agent's run; tools and prompts are events, and their counts are text.

use super::Profile;
use crate::model::Kind;

pub(super) fn profile() -> Profile {
    Profile::new("codex 2026")
        .target("codex_core")
        .target("codex_otel")
        .span("codex_core", "turn", Kind::Agent)
        .alias("thread.id", "session.id")
        .debug_events("codex_core")
        .debug_events("codex_otel")
}
