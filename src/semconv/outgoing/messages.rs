//! Messages as both conventions have them: JSON in one attribute, and one attribute for each leaf.

use serde_json::Value as Json;

use super::super::content::Content;
use super::super::field;
use super::list::OutgoingList;
use crate::model::{Kind, Message, Part, Role, Span, Value};

/// The most messages, documents and parts that are spread over attributes.
pub(super) const MAX: usize = 10_000;

pub(super) fn fill(list: &mut OutgoingList, span: &Span, content: &Content) {
    let has_instructions = list.text(field::SYSTEM_INSTRUCTIONS).is_some();
    let told_apart = |message: &&Message| !(has_instructions && message.role == Role::System);
    let sent: Vec<&Message> = content.input_messages.iter().filter(told_apart).collect();
    list.fill(field::INPUT_MESSAGES, json(&sent));
    list.fill(field::OUTPUT_MESSAGES, json(&content.output_messages.iter().collect::<Vec<_>>()));
    if span.kind != Kind::Model {
        return;
    }
    let reasons: Vec<Value> = content
        .output_messages
        .iter()
        .filter_map(|message| message.finish_reason.as_deref().map(Value::from))
        .collect();
    list.fill(field::FINISH_REASONS, (!reasons.is_empty()).then_some(reasons));
    for (prefix, messages) in
        [("llm.input_messages.", &content.input_messages), ("llm.output_messages.", &content.output_messages)]
    {
        if !list.has_prefix(prefix) {
            let mut spread = Spread { list, prefix, next: 0 };
            messages.iter().for_each(|message| spread.message(message));
        }
    }
}

fn json(messages: &[&Message]) -> Option<String> {
    if messages.is_empty() { None } else { serde_json::to_string(messages).ok() }
}

/// Writes messages as `OpenInference` spreads them: `llm.input_messages.0.message.role` …
struct Spread<'a> {
    list: &'a mut OutgoingList,
    prefix: &'static str,
    next: usize,
}

impl Spread<'_> {
    /// A message; each answer of a tool in it is a message of its own there.
    fn message(&mut self, message: &Message) {
        let (answers, said): (Vec<&Part>, Vec<&Part>) =
            message.parts.iter().take(MAX).partition(|part| matches!(part, Part::ToolCallResponse { .. }));
        if !said.is_empty() || answers.is_empty() {
            self.said(message.role, &said);
        }
        for answer in answers {
            let Part::ToolCallResponse { id, response } = answer else { continue };
            self.leaf("role", Some(Role::Tool.as_str()));
            self.leaf("tool_call_id", id.as_deref());
            self.leaf("content", Some(text(response)));
            self.next += 1;
        }
    }

    fn said(&mut self, role: Role, parts: &[&Part]) {
        self.leaf("role", Some(role.as_str()));
        let (calls, contents): (Vec<&Part>, Vec<&Part>) =
            parts.iter().copied().partition(|part| matches!(part, Part::ToolCall { .. }));
        if let [Part::Text { content }] = contents.as_slice() {
            self.leaf("content", Some(content.as_str()));
        } else {
            contents.iter().enumerate().for_each(|(index, part)| self.content(index, part));
        }
        for (index, call) in calls.iter().enumerate() {
            let Part::ToolCall { id, name, arguments } = call else { continue };
            let at = format!("tool_calls.{index}.tool_call");
            self.leaf(&format!("{at}.id"), id.as_deref());
            self.leaf(&format!("{at}.function.name"), Some(name.as_str()));
            self.leaf(&format!("{at}.function.arguments"), arguments.as_ref().map(text));
        }
        self.next += 1;
    }

    /// One of several contents of a message.
    fn content(&mut self, index: usize, part: &Part) {
        let at = format!("contents.{index}.message_content");
        let (kind, leaf, value) = match part {
            Part::Text { content } => ("text", "text", content.clone()),
            Part::Reasoning { content } => ("reasoning", "text", content.clone()),
            Part::Uri { modality: Some(modality), uri } if modality == "image" => {
                ("image", "image.image.url", uri.clone())
            }
            // There is no word for it: its JSON is its text.
            other => ("text", "text", serde_json::to_string(other).unwrap_or_default()),
        };
        self.leaf(&format!("{at}.type"), Some(kind));
        self.leaf(&format!("{at}.{leaf}"), Some(value));
    }

    fn leaf(&mut self, path: &str, value: Option<impl Into<Value>>) {
        if self.next < MAX {
            let key = format!("{}{}.message.{path}", self.prefix, self.next);
            self.list.fill(&key, value);
        }
    }
}

/// A text as it is, a structure as its JSON.
fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
