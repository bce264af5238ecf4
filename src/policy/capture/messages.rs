//! Messages as JSON, without what their classes may not keep.
//!
//! No shape is demanded, since producers have many: what is known to be structure stays, and of all else the text goes, whatever it is.
//! So what is not understood is withheld.

use serde_json::{Map, Value as Json};

use super::settings::{CaptureLevel, ContentClass, Levels};
use super::withheld::{Withheld, marker};

/// Keys of messages and parts that say what they are. A long text is none of that.
const STRUCTURE: &[&str] = &[
    "role",
    "message_type",
    "type",
    "name",
    "id",
    "index",
    "finish_reason",
    "finishReason",
    "stop_reason",
    "tool_call_id",
    "toolCallId",
    "tool_use_id",
    "call_id",
    "toolName",
    "tool_name",
    "model",
    "object",
    "status",
    "modality",
    "mime_type",
    "mimeType",
    "media_type",
    "mediaType",
    "format",
    "detail",
    "is_error",
    "isError",
    "system_fingerprint",
    "service_tier",
    "cache_control",
    "created",
];
const MAX_STRUCTURE: usize = 256;

/// Nesting beyond this is withheld whole.
const MAX_DEPTH: usize = 64;

/// Takes out of messages what their levels do not keep.
pub(super) struct Reducer<'a> {
    pub(super) levels: &'a Levels,
    pub(super) withheld: &'a mut Withheld,
}

impl Reducer<'_> {
    /// What is kept of a message, of a part of one or of a list of either; None where nothing is. What has no role speaks as `class`.
    pub(super) fn messages(&mut self, json: Json, class: ContentClass) -> Option<Json> {
        self.item(json, class, 0)
    }

    /// What is kept of data that is content as a whole, such as arguments.
    pub(super) fn whole(&mut self, json: Json, class: ContentClass) -> Option<Json> {
        match self.levels.of(class) {
            CaptureLevel::Full => Some(json),
            _ if json.is_null() => Some(json),
            CaptureLevel::Metadata => {
                let text = match json {
                    Json::String(text) => text,
                    other => other.to_string(),
                };
                let kept = marker(&text);
                if kept != text {
                    self.withheld.add(class);
                }
                Some(Json::String(kept))
            }
            CaptureLevel::Off => {
                self.withheld.add(class);
                None
            }
        }
    }

    fn item(&mut self, json: Json, class: ContentClass, depth: usize) -> Option<Json> {
        if depth == MAX_DEPTH {
            return self.whole(json, class);
        }
        match json {
            Json::String(_) => self.whole(json, class),
            Json::Array(items) => {
                let had_any = !items.is_empty();
                let kept: Vec<Json> = items.into_iter().filter_map(|item| self.item(item, class, depth + 1)).collect();
                (!kept.is_empty() || !had_any).then_some(Json::Array(kept))
            }
            Json::Object(object) => self.object(object, class, depth),
            scalar => Some(scalar),
        }
    }

    /// A message or a part. One of which nothing but its structure is left, since all of it is switched off, is gone.
    fn object(&mut self, object: Map<String, Json>, class: ContentClass, depth: usize) -> Option<Json> {
        let word = |key: &str| object.get(key).and_then(Json::as_str);
        let spoken = word("role").or_else(|| word("message_type")).and_then(class_of_role).unwrap_or(class);
        let kind = word("type").map(|kind| kind.replace('-', "_"));
        let class = kind.as_deref().and_then(class_of_part).unwrap_or(spoken);
        let (mut kept, mut has_lost, mut has_content) = (Map::new(), false, false);
        for (key, value) in object {
            let is_structure = STRUCTURE.contains(&key.as_str())
                && value.as_str().is_none_or(|text| text.len() <= MAX_STRUCTURE)
                && !(value.is_array() || value.is_object());
            if is_structure || matches!(value, Json::Null | Json::Bool(_) | Json::Number(_)) {
                kept.insert(key, value);
                continue;
            }
            match self.field(&key, value, class, depth) {
                Some(value) => {
                    has_content = true;
                    kept.insert(key, value);
                }
                None => has_lost = true,
            }
        }
        (has_content || !has_lost).then_some(Json::Object(kept))
    }

    fn field(&mut self, key: &str, value: Json, class: ContentClass, depth: usize) -> Option<Json> {
        match key {
            "arguments" | "args" | "input" | "parameters" if class == ContentClass::ToolArguments => {
                self.whole(value, class)
            }
            "arguments" | "args" | "function_call_arguments_json" => self.whole(value, ContentClass::ToolArguments),
            "response" | "result" | "output" if class == ContentClass::ToolResults => self.whole(value, class),
            "tool_calls" | "toolCalls" | "functionCall" | "function_call" | "function" => {
                self.item(value, ContentClass::ToolArguments, depth + 1)
            }
            "functionResponse" | "function_response" => self.item(value, ContentClass::ToolResults, depth + 1),
            "image_url" | "input_audio" | "inline_data" | "inlineData" | "source" | "file_data" | "fileData" => {
                self.whole(value, ContentClass::Media)
            }
            // Gemini's and Anthropic's requests have them beside the messages.
            "system" | "system_instruction" | "systemInstruction" | "instructions" => {
                self.item(value, ContentClass::System, depth + 1)
            }
            // In Rust's `Debug` the role is an enum's variant.
            _ => self.item(value, class_of_role(key).unwrap_or(class), depth + 1),
        }
    }
}

/// What a role says.
pub(super) fn class_of_role(word: &str) -> Option<ContentClass> {
    Some(match word.to_ascii_lowercase().as_str() {
        "system" | "developer" | "systemmessage" => ContentClass::System,
        "user" | "human" | "humanmessage" => ContentClass::Prompts,
        "assistant" | "model" | "ai" | "aimessage" => ContentClass::Completions,
        "tool" | "function" | "toolmessage" => ContentClass::ToolResults,
        _ => return None,
    })
}

/// What a part is, where that is more than what its message says.
fn class_of_part(kind: &str) -> Option<ContentClass> {
    Some(match kind {
        "tool_call" | "tool_use" | "function_call" | "function" => ContentClass::ToolArguments,
        "tool_call_response" | "tool_result" | "function_call_output" | "tool_call_error" => ContentClass::ToolResults,
        "image" | "image_url" | "input_image" | "audio" | "input_audio" | "video" | "blob" | "file" | "uri"
        | "input_file" | "media" => ContentClass::Media,
        "document" | "search_result" | "retrieval" => ContentClass::Documents,
        _ => return None,
    })
}
