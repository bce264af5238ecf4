//! Messages that are spread over attributes, one for each leaf: `llm.input_messages.0.message.role` (`OpenInference`),
//! `gen_ai.prompt.0.content` (Traceloop).

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::super::coerce::{content_text, is_blank};
use super::messages::{MAX, role, structured};
use crate::model::{Attributes, Message, Part, Role};

/// Rebuilds the messages under `prefix` (which ends in a dot). Indexes from 10,000 on are ignored and holes are tolerated: no more is
/// held than there are attributes. `None` when there is none.
pub(super) fn read(attributes: &Attributes, prefix: &str, default: Role) -> Option<Vec<Message>> {
    let mut slots: BTreeMap<usize, Slot> = BTreeMap::new();
    for (key, value) in attributes.iter() {
        let Some((index, path)) = key.strip_prefix(prefix).and_then(indexed) else { continue };
        if let Some(text) = content_text(value).filter(|_| !is_blank(value)) {
            slots.entry(index).or_default().set(path, text.into_owned());
        }
    }
    let messages: Vec<Message> = slots.into_values().filter_map(|slot| slot.message(default)).collect();
    (!messages.is_empty()).then_some(messages)
}

/// `3.message.role` as 3 and `message.role`.
pub(super) fn indexed(path: &str) -> Option<(usize, &str)> {
    let (index, rest) = path.split_once('.')?;
    let index = index.parse().ok().filter(|index| *index < MAX)?;
    Some((index, rest))
}

/// One message's leaves.
#[derive(Default)]
struct Slot {
    role: Option<String>,
    text: Option<String>,
    finish_reason: Option<String>,
    tool_call_id: Option<String>,
    contents: BTreeMap<usize, Map<String, Json>>,
    calls: BTreeMap<usize, Call>,
}

/// One tool call's leaves.
#[derive(Default)]
struct Call {
    id: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

impl Slot {
    /// Keeps the leaf at `path`, below the message's index. Both conventions' paths are understood; other leaves stay attributes.
    fn set(&mut self, path: &str, text: String) {
        let path = path.strip_prefix("message.").unwrap_or(path);
        match path {
            "role" => self.role = Some(text),
            "content" | "prompt.text" | "completion.text" => self.text = Some(text),
            "finish_reason" => self.finish_reason = Some(text),
            "tool_call_id" => self.tool_call_id = Some(text),
            "function_call_name" => self.calls.entry(0).or_default().name = Some(text),
            "function_call_arguments_json" => self.calls.entry(0).or_default().arguments = Some(text),
            _ => self.set_nested(path, text),
        }
    }

    /// A leaf of one of the message's contents (`OpenInference` alone) or tool calls.
    fn set_nested(&mut self, path: &str, text: String) {
        if let Some((index, leaf)) = path.strip_prefix("contents.").and_then(indexed) {
            let leaf = leaf.strip_prefix("message_content.").unwrap_or(leaf);
            self.contents.entry(index).or_default().insert(leaf.to_owned(), Json::String(text));
        } else if let Some((index, leaf)) = path.strip_prefix("tool_calls.").and_then(indexed) {
            let leaf = leaf.strip_prefix("tool_call.").unwrap_or(leaf);
            let call = self.calls.entry(index).or_default();
            match leaf.strip_prefix("function.").unwrap_or(leaf) {
                "id" => call.id = Some(text),
                "name" => call.name = Some(text),
                "arguments" => call.arguments = Some(text),
                _ => {}
            }
        }
    }

    /// The message of these leaves; `None` when nothing is said in it.
    fn message(self, default: Role) -> Option<Message> {
        let role = self.role.as_deref().and_then(role).unwrap_or(default);
        let mut parts: Vec<Part> = self.contents.into_values().map(content_part).collect();
        // Instrumentors repeat the contents' text in `content`.
        let repeats = parts.iter().any(|part| matches!(part, Part::Text { .. }));
        if let Some(content) = self.text.filter(|_| !repeats) {
            parts.push(match role {
                Role::Tool => Part::ToolCallResponse { id: self.tool_call_id, response: Json::String(content) },
                _ => Part::Text { content },
            });
        }
        parts.extend(self.calls.into_values().filter_map(|call| {
            let arguments = call.arguments.map(|text| structured(Json::String(text)));
            Some(Part::ToolCall { id: call.id, name: call.name?, arguments })
        }));
        let is_empty = parts.is_empty() && self.finish_reason.is_none();
        (!is_empty).then_some(Message { role, parts, finish_reason: self.finish_reason })
    }
}

/// One content: text, reasoning, an image's address, or whatever it is as JSON.
fn content_part(mut leaves: Map<String, Json>) -> Part {
    let mut take = |key: &str| match leaves.remove(key) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    };
    let kind = take("type").unwrap_or_else(|| "text".to_owned());
    let known = match kind.as_str() {
        "text" => take("text").map(|content| Part::Text { content }),
        "reasoning" => take("text").map(|content| Part::Reasoning { content }),
        "image" => take("image.image.url").map(|uri| Part::Uri { modality: Some("image".to_owned()), uri }),
        _ => None,
    };
    known.unwrap_or_else(|| {
        leaves.insert("type".to_owned(), Json::String(kind));
        Part::Other(Json::Object(leaves))
    })
}
