//! The arguments of a tool that is a function: what `#[tracing::instrument]` captured of its call.

use serde_json::{Map, Value as Json};

use super::super::coerce::{AsJson, content_text, json_text};
use super::super::identity_of;
use crate::model::{Attributes, Value};

/// Fields without a dot that are no function's arguments: what `tracing`, its bridges and frameworks add.
const NOT_ARGUMENTS: &[&str] = &[
    "message",
    "error",
    "err",
    "return",
    "target",
    "level",
    "busy_ns",
    "idle_ns",
    "model",
    "provider",
    "tool",
    "tool_name",
    "call_id",
    "tool_call_id",
    "metadata",
    "status_message",
];

/// A JSON object of the fields that are named like arguments: one word, no convention's. `None` when there is none.
///
/// `#[instrument]` gives most arguments as `Debug` text; quotes are taken off, and text that is JSON is opened.
pub(super) fn captured(attributes: &Attributes) -> Option<String> {
    let mut arguments = Map::new();
    for (key, value) in attributes.iter() {
        if !is_one(key) {
            continue;
        }
        arguments.insert(key.to_owned(), argument(value));
    }
    (!arguments.is_empty()).then(|| Json::Object(arguments).to_string())
}

/// Whether a field is named like an argument.
pub(super) fn is_one(key: &str) -> bool {
    let is_word = key.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_word && !key.is_empty() && !NOT_ARGUMENTS.contains(&key) && identity_of(key).is_none()
}

/// One argument with its type, as far as the text of `Debug` shows it.
fn argument(value: &Value) -> Json {
    let Value::Debug(written) = value else { return serde_json::to_value(AsJson(value, 0)).unwrap_or(Json::Null) };
    let Some(text) = content_text(value) else { return Json::Null };
    let is_quoted = written.trim_start().starts_with(['"', 'S']); // `"42"` and `Some("42")` are texts
    json_text(&text)
        .or_else(|| if is_quoted { None } else { scalar(&text) })
        .unwrap_or_else(|| Json::String(text.into_owned()))
}

/// `Debug` text of a number or a boolean.
fn scalar(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok().filter(|json: &Json| json.is_number() || json.is_boolean())
}
