//! Tool results that say themselves that the tool failed, although the call went well.
//!
//! Protocols hand a failure to the model as a result, so that it can do something about it. Only their documented forms count, and only
//! as the whole result: an `isError` somewhere in a tool's data is the data's.
//!
//! | form | from |
//! |---|---|
//! | `{"content": […], "isError": true}`, `is_error` in Rust's spelling, also inside a JSON-RPC response | MCP's `CallToolResult` |
//! | `CallToolResult { content: […], is_error: Some(true), .. }`, also in `Ok(…)` or in an enum's variant of that name | rmcp's, as `Debug` shows it |
//! | `{"type": "tool_result", "content", "is_error": true}` | Anthropic |
//! | `{"type": "tool_call_error", …}`; in a message also `{"type": "error", …}` | goose |
//!
//! A part stands alone, as the only item of a list, or as the only part of the only message of a list: one call has one result, and
//! several messages are a tool's data.

use serde_json::{Map, Value as Json};

use super::coerce::{content_text, json, json_text};
use super::debug_text;
use super::lift::{MAX_BYTES, json_that_was_cut};
use crate::model::Value;

/// OpenTelemetry's `error.type` of such a call, by its conventions for MCP.
pub(super) const TOOL_ERROR: &str = "tool_error";

/// The name of MCP's result in Rust.
const CALL_TOOL_RESULT: &str = "CallToolResult";
/// The flag, as MCP and as Rust spell it.
const FLAGS: [&str; 2] = ["isError", "is_error"];
/// The most envelopes around a result: a response, a message in a list, a part of it, what the part answers.
const MAX_ENVELOPES: usize = 6;

/// What the result says of the failure, empty where it says no more than that; `None` unless it says that the tool failed.
///
/// Results can be large, and few tell a failure: a text is read as structure only where it has a form's words in it.
pub(super) fn failure(result: &Value) -> Option<String> {
    said(&read(result)?, Place::Alone, 0)
}

/// The result as structure, if it is worth a look.
fn read(result: &Value) -> Option<Json> {
    match result {
        Value::Map(entries) => {
            let keys = ["type", "parts", "result"].into_iter().chain(FLAGS);
            keys.into_iter().any(|key| entries.iter().any(|(own, _)| own == key)).then(|| json(result))?
        }
        Value::Array(items) if items.len() == 1 => json(result),
        Value::Str(recorded) | Value::Debug(recorded) if recorded.len() <= MAX_BYTES && has_words(recorded) => {
            let text = content_text(result)?;
            let text = text.trim();
            if text.starts_with(['{', '[']) {
                return json_text(text).or_else(|| json_that_was_cut(text));
            }
            let inner = ["Some(", "Ok(", "CallToolResult("].iter().fold(text, |text, open| {
                // What closes them is the reader's to look for: the text may be cut.
                text.strip_prefix(open).map_or(text, str::trim_start)
            });
            let is_result = inner.strip_prefix(CALL_TOOL_RESULT).is_some_and(|rest| rest.trim_start().starts_with('{'));
            is_result.then(|| debug_text::parse(text))?
        }
        _ => None,
    }
}

/// Whether a text has the words of one of the forms in it: a flag that is set, in JSON or in `Debug`, or a part's type. Quotes may be
/// escaped, where `Debug` has written the text.
fn has_words(text: &str) -> bool {
    let is_set = |after: &str| {
        let value = after.trim_start_matches(['\\', '"']).trim_start().strip_prefix(':').map(str::trim_start);
        value.is_some_and(|value| value.strip_prefix("Some(").unwrap_or(value).trim_start().starts_with("true"))
    };
    FLAGS
        .iter()
        .any(|flag| text.match_indices(flag).any(|(place, flag)| text.get(place + flag.len()..).is_some_and(is_set)))
        || text.contains("tool_call_error")
        || (text.contains("\"parts\"") && text.contains("\"error\""))
}

/// Where a part stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Alone,
    InMessage,
}

/// What a result says of its failure.
fn said(json: &Json, place: Place, depth: usize) -> Option<String> {
    if depth == MAX_ENVELOPES {
        return None;
    }
    let within = |inner: Option<&Json>, place| said(inner?, place, depth + 1);
    let object = match json {
        Json::Array(items) => {
            let only = items
                .first()
                .filter(|item| items.len() == 1 && ["type", "role"].iter().any(|key| item.get(key).is_some()));
            return within(only, place);
        }
        Json::Object(object) => object,
        _ => return None,
    };
    if object.contains_key("role") && !object.contains_key("type") {
        let parts = object.get("parts").or_else(|| object.get("content"));
        return within(parts.filter(|parts| parts.is_array()), Place::InMessage);
    }
    let is_flagged = FLAGS.iter().any(|flag| object.get(*flag) == Some(&Json::Bool(true)));
    match object.get("type").and_then(Json::as_str) {
        Some("tool_call_error") => Some(told(object)),
        Some("error") if place == Place::InMessage => Some(told(object)),
        Some("tool_result" | "tool_call_response") if is_flagged => Some(told(object)),
        Some("tool_result" | "tool_call_response") => {
            within(["response", "result", "content"].iter().find_map(|key| object.get(*key)), Place::Alone)
        }
        Some(_) => None,
        None if is_flagged => is_call_tool_result(object).then(|| told(object)),
        None if object.contains_key("jsonrpc") => within(object.get("result"), Place::Alone),
        None if object.len() == 1 => within(object.get("Ok").or_else(|| object.get(CALL_TOOL_RESULT)), Place::Alone),
        None => None,
    }
}

/// MCP's result has a list of contents, or a structured one; other data may have a flag of that name, too.
fn is_call_tool_result(object: &Map<String, Json>) -> bool {
    let is_structured = |key| object.get(key).is_some_and(|value: &Json| !value.is_null());
    object.get("content").is_some_and(Json::is_array)
        || is_structured("structuredContent")
        || is_structured("structured_content")
}

/// The texts of a failure, one a line; a structured one as JSON.
fn told(object: &Map<String, Json>) -> String {
    let keys = ["error", "message", "content", "response", "result", "text", "structuredContent", "structured_content"];
    keys.iter().filter_map(|key| object.get(*key)).map(text_of).find(|text| !text.is_empty()).unwrap_or_default()
}

fn text_of(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let texts: Vec<&str> = items.iter().filter_map(text_of_content).collect();
            texts.join("\n")
        }
        Json::Object(object) => {
            object.get("message").and_then(Json::as_str).map_or_else(|| json.to_string(), str::to_owned)
        }
        other => other.to_string(),
    }
}

/// The text of one content: a text, `{"text"}`, or in rmcp's `Debug` an enum's variant of it, annotated (`raw`) or not.
fn text_of_content(content: &Json) -> Option<&str> {
    let content = content.get("raw").unwrap_or(content);
    let content = content.get("Text").unwrap_or(content);
    content.as_str().or_else(|| ["text", "content"].iter().find_map(|key| content.get(*key)?.as_str()))
}
