//! Messages from JSON: OpenTelemetry's schema, and the shapes that are sent in its name. Lenient: nothing is refused, and a part that is
//! not understood is kept as JSON.
//!
//! | shape | from |
//! |---|---|
//! | `{"role", "parts": [{"type", "content"}], "finish_reason"}` | OpenTelemetry |
//! | `{"role", "content": text or parts, "tool_calls": [{"id", "function"}], "tool_call_id"}` | `OpenAI` |
//! | `{"role", "content": [{"type": "tool_use" or "tool_result" or "thinking"}]}` | Anthropic |
//! | `{"role", "content": [{"type": "tool-call", "toolCallId", "toolName"}]}` | Vercel |
//! | `{"index", "message": {…}, "finish_reason"}` | the choice events of 1.28 to 1.36 |
//! | `{"role", "parts": [{"text"}, {"functionCall"}, {"functionResponse"}]}` | Gemini, adk-rust |
//! | `{"User": {"content": {"Text": text}}}` | `async-openai`'s types as `Debug` shows them |
//! | `{"content", "message_type": "HumanMessage"}` | langchain-rust's, as `Debug` shows them |
//! | `[{"type": "text", "content"}]`, one message's parts without a message | system instructions |

use serde_json::{Map, Value as Json};

use super::super::coerce::{content_text, json, json_text};
use crate::model::{Message, Part, Role, Value};

/// The most messages of a list, and the most parts of a message, that are read: a hostile index cannot reserve more.
pub(super) const MAX: usize = 10_000;

/// The messages in a JSON list or object. A message without a role, or with one that is none of the known ones, speaks as `default`.
pub(super) fn from_json(json: Json, default: Role) -> Vec<Message> {
    match json {
        Json::Array(items) if items.first().is_some_and(is_part) => message(default, parts(Json::Array(items)), None),
        Json::Array(items) => items.into_iter().take(MAX).flat_map(|item| one(item, default)).collect(),
        Json::Object(mut object) => match object.remove("messages").or_else(|| object.remove("contents")) {
            Some(Json::Array(items)) => from_json(Json::Array(items), default),
            _ => one(Json::Object(object), default),
        },
        Json::String(text) => message(default, vec![Part::Text { content: text }], None),
        _ => Vec::new(),
    }
}

/// The messages in a value that is JSON or plain text.
pub(super) fn from_text_or_json(value: &Value, role: Role) -> Vec<Message> {
    let structured = json(value).map(|json| from_json(json, role)).unwrap_or_default();
    if !structured.is_empty() {
        return structured;
    }
    content_text(value).map(|text| Message::text(role, text)).into_iter().collect()
}

/// The role that a word names in any of the dialects.
pub(super) fn role(word: &str) -> Option<Role> {
    Some(match word.to_ascii_lowercase().as_str() {
        "system" | "developer" | "systemmessage" => Role::System,
        "user" | "human" | "humanmessage" => Role::User,
        "assistant" | "model" | "ai" | "aimessage" => Role::Assistant,
        "tool" | "function" | "toolmessage" => Role::Tool,
        _ => return None,
    })
}

/// A tool call in any of the dialects, such as `OpenAI`'s `{"id", "function": {"name", "arguments"}}`.
pub(super) fn tool_call(json: Json) -> Option<Part> {
    let Json::Object(mut call) = json else { return None };
    let id = take_text(&mut call, &["id", "call_id", "toolCallId", "tool_call_id"]);
    if let Some(Json::Object(function)) = call.remove("function") {
        call = function;
    }
    let name = take_text(&mut call, &["name", "toolName"])?;
    let arguments = take(&mut call, &["arguments", "args", "input"]).map(structured);
    Some(Part::ToolCall { id, name, arguments })
}

/// JSON that was put into a text, opened; anything else as it is.
pub(super) fn structured(json: Json) -> Json {
    match json {
        Json::String(text) => json_text(&text).unwrap_or(Json::String(text)),
        other => other,
    }
}

/// One message, or none when there is nothing in it.
fn message(role: Role, parts: Vec<Part>, finish_reason: Option<String>) -> Vec<Message> {
    if parts.is_empty() && finish_reason.is_none() {
        return Vec::new();
    }
    vec![Message { role, parts, finish_reason }]
}

/// A list item that is a part of a message, not a message.
fn is_part(item: &Json) -> bool {
    item.get("type").is_some() && ["role", "parts", "message"].iter().all(|key| item.get(key).is_none())
}

/// The message that one item of a list is; a list for the callers' sake, it has at most one.
fn one(item: Json, default: Role) -> Vec<Message> {
    let mut object = match item {
        Json::Object(object) => object,
        Json::String(text) => return message(default, vec![Part::Text { content: text }], None),
        _ => return Vec::new(),
    };
    let mut named = None;
    if let Some((role, Json::Object(inner))) = variant(&object).and_then(|(name, inner)| Some((role(name)?, inner))) {
        (named, object) = (Some(role), inner.clone());
    }
    let finish_reason = take_text(&mut object, &["finish_reason", "finishReason"]);
    // A choice holds its message one level down.
    if let Some(inner) = object.remove("message").filter(|inner| inner.is_object() || inner.is_string()) {
        match structured(inner) {
            Json::Object(inner) => object = inner,
            text => return message(default, parts(text), finish_reason),
        }
    }
    let word = take_text(&mut object, &["role", "message_type"]);
    let role = word.and_then(|word| role(&word)).or(named).unwrap_or(default);
    let mut found = Vec::new();
    if let Some(reasoning) = take_text(&mut object, &["reasoning_content"]) {
        found.push(Part::Reasoning { content: reasoning });
    }
    let content = object.remove("parts").into_iter().chain(object.remove("content"));
    let id = take_text(&mut object, &["tool_call_id", "toolCallId"]);
    let said: Vec<Part> = match (role, id) {
        (Role::Tool, Some(id)) => {
            let response = |content| Part::ToolCallResponse { id: Some(id.clone()), response: untagged(content) };
            content.map(response).collect()
        }
        _ => content.flat_map(parts).collect(),
    };
    found.extend(said);
    if let Some(Json::Array(calls)) = object.remove("tool_calls").map(structured) {
        found.extend(calls.into_iter().take(MAX).filter_map(tool_call));
    }
    message(role, found, finish_reason)
}

/// The parts of a message's content: a text, or a list of parts.
fn parts(content: Json) -> Vec<Part> {
    match untagged(content) {
        Json::Array(items) => items.into_iter().take(MAX).filter_map(part).collect(),
        Json::Null => Vec::new(),
        Json::String(text) if text.is_empty() => Vec::new(),
        other => part(other).into_iter().collect(),
    }
}

/// The name and the inside of an enum's variant: an object with one key.
fn variant(object: &Map<String, Json>) -> Option<(&str, &Json)> {
    let (name, inner) = object.iter().next().filter(|_| object.len() == 1)?;
    Some((name, inner))
}

/// A content that is a variant of one of Rust's enums, opened: `{"Text": text}`, `{"Array": [{"Text": {"text": text}}]}`.
fn untagged(content: Json) -> Json {
    let inner =
        content.as_object().and_then(variant).filter(|(name, _)| matches!(*name, "Text" | "Array" | "ImageUrl"));
    match inner {
        Some((_, inner)) => inner.clone(),
        None => content,
    }
}

/// A part as Gemini's API has it, which tells its type by the key that is there.
fn typeless(object: &mut Map<String, Json>) -> Option<Part> {
    if let Some(call) = take(object, &["functionCall", "function_call"]) {
        return tool_call(call);
    }
    if let Some(Json::Object(mut answer)) = take(object, &["functionResponse", "function_response"]) {
        let response = take(&mut answer, &["response", "result", "output"]).unwrap_or_default();
        return Some(Part::ToolCallResponse { id: take_text(&mut answer, &["id"]), response });
    }
    if object.contains_key("name") && (object.contains_key("args") || object.contains_key("arguments")) {
        return tool_call(Json::Object(object.clone()));
    }
    let is_thought = object.get("thought").and_then(Json::as_bool) == Some(true);
    let said = |object: &mut Map<String, Json>| take_text(object, &["text"]);
    match take_text(object, &["thinking"]) {
        Some(content) => Some(Part::Reasoning { content }),
        None if is_thought => said(object).map(|content| Part::Reasoning { content }),
        None => None,
    }
}

/// One part. A text without a type is text; what is not understood stays as its JSON.
fn part(json: Json) -> Option<Part> {
    let mut object = match untagged(json) {
        Json::Object(object) => object,
        Json::Null => return None,
        Json::String(content) => return Some(Part::Text { content }),
        other => return Some(Part::Other(other)),
    };
    if object.get("type").is_none()
        && let Some(part) = typeless(&mut object)
    {
        return Some(part);
    }
    let kind = object.get("type").and_then(Json::as_str).unwrap_or("text").replace('-', "_");
    let known = match kind.as_str() {
        "text" | "input_text" | "output_text" => {
            take_text(&mut object, &["content", "text"]).map(|content| Part::Text { content })
        }
        "reasoning" | "thinking" => {
            take_text(&mut object, &["content", "text", "thinking"]).map(|content| Part::Reasoning { content })
        }
        "tool_call" | "tool_use" | "function_call" | "function" => tool_call(Json::Object(object.clone())),
        "tool_call_response" | "tool_result" | "function_call_output" => {
            take(&mut object, &["response", "result", "content", "output"]).map(|response| Part::ToolCallResponse {
                id: take_text(&mut object, &["id", "tool_use_id", "toolCallId", "tool_call_id", "call_id"]),
                response,
            })
        }
        "uri" | "image_url" => uri(&mut object, &kind),
        "file" => take_text(&mut object, &["file_id"])
            .map(|file_id| Part::File { modality: take_text(&mut object, &["modality"]), file_id }),
        _ => None,
    };
    Some(known.unwrap_or(Part::Other(Json::Object(object))))
}

/// Media by address: `{"type": "uri", "uri"}`, `{"type": "image-url", "url"}` or `{"type": "image_url", "image_url": {"url"}}`.
fn uri(object: &mut Map<String, Json>, kind: &str) -> Option<Part> {
    // OpenAI: {"type": "image_url", "image_url": {"url": …}}
    let nested = object.get("image_url").and_then(|image| image.get("url")).and_then(Json::as_str).map(str::to_owned);
    let uri = nested.or_else(|| take_text(object, &["uri", "url", "image_url"]))?;
    let modality = take_text(object, &["modality"]).or_else(|| (kind == "image_url").then(|| "image".to_owned()));
    Some(Part::Uri { modality, uri })
}

/// Takes the first of `keys` that is a text or a number, as text. Other values stay.
fn take_text(object: &mut Map<String, Json>, keys: &[&str]) -> Option<String> {
    let key = keys.iter().find(|key| matches!(object.get(**key), Some(Json::String(_) | Json::Number(_))))?;
    match object.remove(*key)? {
        Json::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// Takes the first of `keys` that is there and not null, whatever its type.
fn take(object: &mut Map<String, Json>, keys: &[&str]) -> Option<Json> {
    keys.iter().find_map(|key| object.remove(*key)).filter(|value| !value.is_null())
}
