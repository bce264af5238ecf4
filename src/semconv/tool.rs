//! The tool of a span, and the id of its call.

use super::reading::{Reading, Site};
use super::{field, gen_ai};
use crate::model::Kind;

/// Attributes that name a tool.
const NAME: &[&str] = &[field::TOOL_NAME, "tool.name", "ai.toolCall.name", "mcp.tool.name"];
/// Attributes that hold the call's id: the model's request and the tool's answer carry the same.
const CALL_ID: &[&str] =
    &[field::TOOL_CALL_ID, "tool.id", "tool_call.id", "gen_ai.tool.call_id", "ai.toolCall.id", "tool_call_id"];

/// The tool's name and the call's id.
///
/// A model's span has neither: what it names are definitions. On a tool's span that names no tool, the span's own name is the tool's
/// (`OpenInference`'s rule; also what `#[instrument]` on a tool's function gives), unless it is but a word for "tool call".
pub(super) fn read(reading: &Reading<'_>, site: &Site<'_>, kind: Kind, name: &str) -> (Option<String>, Option<String>) {
    if kind.is_model_call() {
        return (None, None);
    }
    let mut tool = reading.string(NAME);
    let mut call_id = reading.string(CALL_ID);
    if kind == Kind::Tool {
        tool = tool
            .or_else(|| reading.string(&["traceloop.entity.name", "tool_name"]))
            .or_else(|| from_span_name(name, site).map(str::to_owned));
        call_id = call_id.or_else(|| reading.string(&["call_id"]));
    }
    (tool, call_id)
}

/// The tool that a span's name tells: the name itself, or what follows `execute_tool ` (OpenTelemetry), `tool.` (swiftide) or the method
/// `tools/call ` (OpenTelemetry, and MCP's Python SDK behind words of its own).
fn from_span_name<'a>(name: &'a str, site: &Site<'_>) -> Option<&'a str> {
    if site.profile.is_some() && name == site.name {
        return None; // a framework's constant
    }
    let after = |prefix| name.strip_prefix(prefix);
    let called = name.split_once("tools/call ").map(|(_, tool)| tool);
    let named = ["execute_tool ", "tool."].into_iter().find_map(after).or(called).unwrap_or(name).trim();
    let is_word = matches!(named, "" | "tool" | "tool_call" | "tools/call") || gen_ai::kind_of(named).is_some();
    (!is_word).then_some(named)
}
