//! Content in events: the forms that OpenTelemetry's conventions had over time, and a function's return value.

use serde_json::{Map, Value as Json};

use super::super::coerce::{AsJson, content_text, json, json_text};
use super::super::field;
use super::messages::{from_json, from_text_or_json, structured};
use crate::model::{Event, Message, Role, Value};

/// The event that carries an inference's details (conventions from 1.37 on).
const DETAILS: &str = "gen_ai.client.inference.operation.details";

/// Messages in the attribute `key` of the event that carries an inference's details (conventions from 1.37 on).
pub(super) fn details(events: &[Event], key: &str, role: Role) -> Option<Vec<Message>> {
    let messages = events
        .iter()
        .filter(|event| name(event) == DETAILS)
        .find_map(|event| json(event.attributes.get(key)?))
        .map(|json| from_json(json, role))?;
    (!messages.is_empty()).then_some(messages)
}

/// The instructions in the event that carries an inference's details: one message, which stands before the others.
pub(super) fn instructions(events: &[Event]) -> Option<&Value> {
    let mut details = events.iter().filter(|event| name(event) == DETAILS);
    details.find_map(|event| event.attributes.get(field::SYSTEM_INSTRUCTIONS))
}

/// One event for each message (1.28 to 1.36), or one with the whole prompt (before).
pub(super) fn input_messages(events: &[Event]) -> Option<Vec<Message>> {
    collect(events, |event| match name(event) {
        "gen_ai.system.message" => from_json(object(event), Role::System),
        "gen_ai.user.message" => from_json(object(event), Role::User),
        "gen_ai.assistant.message" => from_json(object(event), Role::Assistant),
        "gen_ai.tool.message" => from_json(object(event), Role::Tool),
        "gen_ai.content.prompt" => whole(event, "gen_ai.prompt", Role::User),
        _ => Vec::new(),
    })
}

/// One event for each answer (1.28 to 1.36), or one with all of them (before).
pub(super) fn choices(events: &[Event]) -> Option<Vec<Message>> {
    collect(events, |event| match name(event) {
        "gen_ai.choice" => from_json(object(event), Role::Assistant),
        "gen_ai.content.completion" => whole(event, "gen_ai.completion", Role::Assistant),
        _ => Vec::new(),
    })
}

/// What `#[instrument(ret)]` tells: the field `return` of the span's last such event.
pub(super) fn returned(events: &[Event]) -> Option<String> {
    return_value(events).and_then(content_text).map(std::borrow::Cow::into_owned)
}

/// The same as it was recorded.
pub(in crate::semconv) fn return_value(events: &[Event]) -> Option<&Value> {
    events.iter().rev().find_map(|event| event.attributes.get("return"))
}

/// The messages of all events; `None` when there is none, so that the next form is asked.
fn collect(events: &[Event], read: impl Fn(&Event) -> Vec<Message>) -> Option<Vec<Message>> {
    let messages: Vec<Message> = events.iter().flat_map(read).take(super::messages::MAX).collect();
    (!messages.is_empty()).then_some(messages)
}

/// The event's name; a log event that became a span's event has it in `event.name`, a `tracing` event with a message at its callsite.
pub(super) fn name(event: &Event) -> &str {
    let told = event.attributes.get("event.name").and_then(|name| name.as_str());
    let named = || event.callsite.as_deref().map(|callsite| &*callsite.name).filter(|name| name.starts_with("gen_ai."));
    told.or_else(named).unwrap_or(&event.name)
}

/// All messages of one side, in one attribute as JSON or as plain text.
fn whole(event: &Event, key: &str, role: Role) -> Vec<Message> {
    event.attributes.get(key).map(|value| from_text_or_json(value, role)).unwrap_or_default()
}

/// The event's attributes as the object that they would be in an event's body; JSON in texts is opened where it is structure.
fn object(event: &Event) -> Json {
    let mut object = Map::new();
    for (key, value) in event.attributes.iter() {
        let Ok(mut json) = serde_json::to_value(AsJson(value, 0)) else { continue };
        if matches!(key, "message" | "tool_calls" | "parts") {
            json = structured(json);
        }
        object.insert(key.to_owned(), json);
    }
    // The conventions call the answer `message`, which in `tracing` is the text of an event.
    if name(event) == "gen_ai.choice"
        && event.callsite.is_some()
        && let Some(answer @ Json::Object(_)) = json_text(&event.name)
    {
        object.insert("message".to_owned(), answer);
    }
    // A log record's body that is text stands for the whole event, as JSON or as the words.
    if let Some(Json::String(body)) = object.remove("body") {
        match json_text(&body) {
            Some(Json::Object(body)) => {
                for (key, value) in body {
                    object.entry(key).or_insert(value);
                }
            }
            _ => {
                object.entry("content").or_insert(Json::String(body));
            }
        }
    }
    // The conventions call a tool's call `id` in this event.
    if name(event) == "gen_ai.tool.message"
        && let Some(id) = object.remove("id")
    {
        object.insert("tool_call_id".to_owned(), id);
    }
    Json::Object(object)
}
