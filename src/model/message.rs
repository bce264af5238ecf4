//! Messages between an agent and a model, in the shape of OpenTelemetry's `gen_ai.input.messages`.

use serde::{Deserialize, Serialize};

use super::kind::text_enum;

text_enum! {
    /// Who speaks.
    pub enum Role, "role" {
        /// The system prompt.
        System = "system",
        /// The user.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// A tool's answer.
        Tool = "tool",
    }
}

impl Serialize for Role {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        match word.as_str() {
            "developer" => Ok(Self::System),
            "model" | "ai" => Ok(Self::Assistant),
            "human" => Ok(Self::User),
            "function" => Ok(Self::Tool),
            other => other.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Why the model stopped, on a model's answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub finish_reason: Option<String>,
}

impl Message {
    /// A message of one text.
    #[must_use]
    pub fn text(role: Role, text: impl Into<String>) -> Self {
        Self { role, parts: vec![Part::Text { content: text.into() }], finish_reason: None }
    }

    /// The texts of the message, joined by line breaks.
    #[must_use]
    pub fn joined_text(&self) -> String {
        let texts: Vec<&str> = self
            .parts
            .iter()
            .filter_map(|part| match part {
                Part::Text { content } => Some(content.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }
}

/// One part of a message (OpenTelemetry GenAI, `gen-ai-input-messages.json`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text {
        /// The text.
        content: String,
    },
    /// The model's reasoning, as far as the provider shows it.
    #[serde(alias = "thinking")]
    Reasoning {
        /// The text.
        content: String,
    },
    /// A request of the model to call a tool.
    ToolCall {
        /// The call's id; the answer carries it too.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<String>,
        /// The tool.
        name: String,
        /// The arguments, structured or as text.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        arguments: Option<serde_json::Value>,
    },
    /// A tool's answer.
    ToolCallResponse {
        /// The call's id.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        id: Option<String>,
        /// The result, structured or as text.
        #[serde(alias = "result")]
        response: serde_json::Value,
    },
    /// Media by address.
    Uri {
        /// `image`, `video`, `audio` or `document`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        modality: Option<String>,
        /// The address.
        uri: String,
    },
    /// Media by a file id of the provider.
    File {
        /// `image`, `video`, `audio` or `document`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        modality: Option<String>,
        /// The provider's id.
        file_id: String,
    },
    /// A part of a type that this crate does not know; its JSON is kept.
    #[serde(untagged)]
    Other(serde_json::Value),
}
