//! autoagents: spans of tasks, turns and tool calls, whose data is in OpenTelemetry attributes alone. A plain `tracing` layer sees the
//! names; through a bridge to OpenTelemetry the rest arrives as well.

use super::Profile;
use crate::model::Kind;
use crate::semconv::field;

pub(super) fn profile() -> Profile {
    const CRATE: &str = "autoagents_telemetry";
    Profile::new("autoagents 0.4")
        .target(CRATE)
        .span(CRATE, "autoagents.task", Kind::Agent)
        .span(CRATE, "autoagents.turn", Kind::Step)
        .span(CRATE, "autoagents.tool_call", Kind::Tool)
        .alias("actor_name", field::AGENT_NAME)
        .alias("tool_name", field::TOOL_NAME)
}
