//! Model Context Protocol requests, as OpenTelemetry's conventions for it describe them: one span a request, on either side.
//!
//! A session of the protocol (`mcp.session.id`) is a transport's, not a user's, and is not read as one.

use serde_json::Value as Json;

use super::coerce::{content_text, json_text};
use super::debug_text;
use crate::model::{Kind, Value};

/// The request's method, such as `tools/call`.
pub(super) const METHOD: &str = "mcp.method.name";

/// What a method is: a tool call, or another request of the protocol.
pub(super) fn kind_of(method: &str) -> Kind {
    if method == "tools/call" { Kind::Tool } else { Kind::Mcp }
}

/// What a tool's result says of its failure, if it is the protocol's result of a failed call: `{"content": [...], "isError": true}`, or
/// what `Debug` makes of it, also within an `Ok(...)`. The call itself went well, so that nothing else tells.
pub(super) fn failure(result: &Value) -> Option<String> {
    let text = content_text(result)?;
    // Most results are none of the protocol's, and long ones need not be parsed.
    if !FAILED.iter().any(|field| text.contains(field)) {
        return None;
    }
    let result = json_text(&text).or_else(|| debug_text::parse(&text))?;
    let content = failed_content(&result)?;
    let said = content.iter().filter_map(said).collect::<Vec<_>>().join("\n");
    Some(said)
}

/// The field that tells a failure, on the wire and in Rust.
const FAILED: [&str; 2] = ["isError", "is_error"];

/// The content of a failed result, which may be the only value of a variant.
fn failed_content(result: &Json) -> Option<&[Json]> {
    let fields = result.as_object()?;
    let has_failed = FAILED.iter().any(|field| fields.get(*field) == Some(&Json::Bool(true)));
    match fields.get("content") {
        Some(Json::Array(content)) if has_failed => Some(content),
        None if fields.len() == 1 => fields.values().find_map(failed_content),
        _ => None,
    }
}

/// The text of a part: its own, or that of the variant which it is.
fn said(part: &Json) -> Option<&str> {
    let fields = part.as_object()?;
    fields.get("text").and_then(Json::as_str).or_else(|| fields.values().find_map(said))
}
