//! A record or an event without what the policy does not keep.

use serde_json::Value as Json;

use super::messages::{Reducer, class_of_role};
use super::settings::{CaptureLevel, CapturePolicy, ContentClass, Hidden, Levels};
use super::withheld::{Withheld, marker_in};
use crate::model::{Attributes, Event, Kind, Lift, Notation, Role, SpanRecord, Value};
use crate::policy::media::Media;
use crate::semconv::{self, Holds, Profiles, Side};

/// What is kept of content.
#[derive(Debug)]
pub(in crate::policy) struct Capturing {
    policy: CapturePolicy,
    hidden: Hidden,
    media: Option<Media>,
    profiles: Profiles,
}

/// What is left of a value.
#[derive(PartialEq)]
enum Left {
    Something,
    Nothing,
}

impl Capturing {
    /// None where all content is kept.
    pub(in crate::policy) fn new(policy: CapturePolicy, hidden: Hidden, profiles: Profiles) -> Option<Self> {
        let policy = hidden.reduce(policy);
        let level = policy.level(ContentClass::Media);
        let limit = if level == CaptureLevel::Full { policy.media_limit() } else { Some(0) };
        let media = limit.map(|max_bytes| Media { max_bytes, by_reference: level > CaptureLevel::Off });
        let keeps_all = media.is_none() && policy.levels().keeps_texts() && hidden.is_nothing();
        (!keeps_all).then_some(Self { policy, hidden, media, profiles })
    }

    /// Takes out of a record what is not kept, and says of which classes that was.
    pub(in crate::policy) fn record(&self, record: &mut SpanRecord) {
        let mut withheld = Withheld::default();
        self.media(&mut record.attributes, &mut withheld);
        for event in &mut record.events {
            self.media(&mut event.attributes, &mut withheld);
        }
        if self.keeps_texts() {
            return self.end(withheld, record);
        }
        let (kind, lifts) = semconv::survey(&self.profiles, record);
        // What frameworks tell under names of their own comes first: its texts must be as the profile knows them.
        for lift in &lifts {
            self.lifted(lift, &lifts, record, kind, &mut withheld);
        }
        let is_tool = kind == Kind::Tool;
        self.attributes(&mut record.attributes, kind, false, is_tool, &mut withheld);
        for event in &mut record.events {
            self.of_event(event, kind, &mut withheld);
        }
        self.end(withheld, record);
    }

    fn end(&self, withheld: Withheld, record: &mut SpanRecord) {
        if !withheld.is_empty() {
            // It may say what was taken out.
            record.verbatim = None;
        }
        withheld.tell(&mut record.attributes);
    }

    /// The same for an event that came as a log record.
    pub(in crate::policy) fn event(&self, event: &mut Event) {
        let mut withheld = Withheld::default();
        self.media(&mut event.attributes, &mut withheld);
        if !self.keeps_texts() {
            self.of_event(event, Kind::Model, &mut withheld);
        }
        withheld.tell(&mut event.attributes);
    }

    fn keeps_texts(&self) -> bool {
        self.policy.levels().keeps_texts() && self.hidden.is_nothing()
    }

    fn media(&self, attributes: &mut Attributes, withheld: &mut Withheld) {
        let Some(media) = self.media else { return };
        for (_, value) in attributes.entries_mut() {
            if media.replace(value) {
                withheld.add(ContentClass::Media);
            }
        }
    }

    /// The attributes of a span or an event, by their names.
    fn attributes(
        &self,
        attributes: &mut Attributes,
        kind: Kind,
        is_event: bool,
        is_tool: bool,
        withheld: &mut Withheld,
    ) {
        let roles = roles(attributes);
        attributes.entries_mut().retain_mut(|(key, value)| {
            let known = semconv::holds(key);
            let holds = known.or_else(|| (is_tool && semconv::is_argument(key)).then_some(Holds::ToolArguments));
            let Some(holds) = holds else { return true };
            let role = match holds {
                Holds::Leaf(_, message, _) => roles.iter().find(|(known, _)| known == message).map(|(_, class)| *class),
                _ => None,
            };
            self.value(value, holds, role, kind, is_event, withheld) == Left::Something
        });
    }

    /// An event: what it has by the names of attributes, and where it is one of the conventions' what was said in it.
    fn of_event(&self, event: &mut Event, kind: Kind, withheld: &mut Withheld) {
        let told = semconv::role_of_event(event);
        self.attributes(&mut event.attributes, kind, told.is_some(), false, withheld);
        let Some((side, role)) = told else {
            // What `#[instrument(ret)]` tells is the span's output.
            let holds = Holds::Value(Side::Out);
            event.attributes.entries_mut().retain_mut(|(key, value)| {
                key != "return" || self.value(value, holds, None, kind, false, withheld) == Left::Something
            });
            return;
        };
        let class = class_of(role);
        event.attributes.entries_mut().retain_mut(|(key, value)| {
            // Those that have a name of their own were seen to.
            let is_content = semconv::holds(key).is_none() && !semconv::is_about(key);
            !is_content
                || self.value(value, Holds::Messages(side), Some(class), kind, true, withheld) == Left::Something
        });
        if event.callsite.is_some() && !event.name.starts_with("gen_ai.") {
            // `tracing` calls an event's text its message.
            let mut name = Value::Str(std::mem::take(&mut event.name));
            let left = self.value(&mut name, Holds::Messages(side), Some(class), kind, true, withheld);
            event.name = name.as_str().filter(|_| left == Left::Something).unwrap_or_default().to_owned();
        }
    }

    /// What a profile finds as content in a field of its framework's.
    fn lifted(&self, lift: &Lift, all: &[Lift], record: &mut SpanRecord, kind: Kind, withheld: &mut Withheld) {
        let Some(holds) = semconv::holds(&lift.key) else { return };
        let levels = self.levels(holds, false);
        if levels.keeps_texts() {
            return;
        }
        let class = class(holds, kind, None);
        let (attributes, name) = match lift.event.map(|place| record.events.get_mut(place as usize)) {
            None => (&mut record.attributes, None),
            Some(Some(event)) => (&mut event.attributes, Some(&mut event.name)),
            Some(None) => return,
        };
        let is_field = attributes.get(&lift.field).is_some();
        if let (false, "message", Some(name)) = (is_field, &*lift.field, name) {
            if let Some(rest) = name.strip_prefix(&*lift.extract.after) {
                let kept = self.text(rest, &levels, class, withheld).unwrap_or_default();
                *name = format!("{}{kept}", lift.extract.after);
            }
            return;
        }
        // In a text with structure other things are told, too, and those stay.
        let is_shared = lift.extract.notation != Notation::Text
            && all.iter().any(|other| other.event == lift.event && other.field == lift.field && other.key != lift.key);
        attributes.entries_mut().retain_mut(|(key, value)| {
            if *key != lift.field {
                return true;
            }
            if is_shared && let Some(text) = value.as_str() {
                let read = match lift.extract.notation {
                    Notation::Debug => semconv::parse_debug(text),
                    _ => serde_json::from_str(text).ok(),
                };
                let kept = read.and_then(|json| Reducer { levels: &levels, withheld }.messages(json, class));
                if let Some(kept) = kept {
                    // JSON can be read as Rust's `Debug`, too.
                    let is_debug = lift.extract.notation == Notation::Debug;
                    *value = if is_debug { Value::Debug(kept.to_string()) } else { Value::Str(kept.to_string()) };
                    return true;
                }
            }
            self.value(value, holds, None, kind, false, withheld) == Left::Something
        });
    }

    /// What may be kept of what stands in a place.
    fn levels(&self, holds: Holds<'_>, is_event: bool) -> Levels {
        self.policy.levels().at_most(self.hidden.allows(holds, is_event))
    }

    /// A value that holds content.
    fn value(
        &self,
        value: &mut Value,
        holds: Holds<'_>,
        role: Option<ContentClass>,
        kind: Kind,
        is_event: bool,
        withheld: &mut Withheld,
    ) -> Left {
        let levels = self.levels(holds, is_event);
        if levels.keeps_texts() {
            return Left::Something;
        }
        let class = match holds {
            Holds::Leaf(_, _, path) => match class_of_leaf(path) {
                Leaf::Structure => return Left::Something,
                Leaf::Is(class) => class,
                Leaf::Said => class(holds, kind, role),
            },
            Holds::DocumentLeaf(_, path) if path.ends_with(".id") || path.ends_with(".score") => {
                return Left::Something;
            }
            // They are hidden by name only: a schema is no content, and neither is a number.
            Holds::Tools | Holds::Parameters | Holds::EmbeddingVector => {
                let is_hidden = self.hidden.allows(holds, is_event) == CaptureLevel::Off;
                if is_hidden {
                    withheld.add(class(holds, kind, role));
                }
                return if is_hidden { Left::Nothing } else { Left::Something };
            }
            _ => class(holds, kind, role),
        };
        let has_messages =
            matches!(holds, Holds::Messages(_) | Holds::Conversation | Holds::Instructions | Holds::Value(_));
        if matches!(value, Value::Null | Value::Bool(_)) {
            return Left::Something;
        }
        let read = semconv::json(value).filter(|json| has_messages && is_messages(json));
        if let Some(json) = read {
            let before = json.clone();
            return match (Reducer { levels: &levels, withheld }).messages(json, class) {
                None => Left::Nothing,
                Some(kept) => {
                    if kept != before {
                        let is_structure = matches!(value, Value::Array(_) | Value::Map(_));
                        *value = if is_structure { Value::from(kept) } else { Value::Str(kept.to_string()) };
                    }
                    Left::Something
                }
            };
        }
        let text = match *value {
            Value::Str(ref mut text) | Value::Debug(ref mut text) | Value::Error(ref mut text) => std::mem::take(text),
            ref other => semconv::json(other)
                .map_or_else(|| semconv::clean_text(other).unwrap_or_default().into_owned(), |json| json.to_string()),
        };
        match self.text(&text, &levels, class, withheld) {
            Some(kept) if kept == text => {
                // Also what stands for a text keeps its type.
                match value {
                    Value::Str(place) | Value::Debug(place) | Value::Error(place) => *place = kept,
                    _ => {}
                }
                Left::Something
            }
            Some(kept) => {
                *value = Value::Str(kept);
                Left::Something
            }
            None => Left::Nothing,
        }
    }

    /// A text that is content as a whole; None where nothing of it is kept.
    fn text(&self, text: &str, levels: &Levels, class: ContentClass, withheld: &mut Withheld) -> Option<String> {
        match levels.of(class) {
            CaptureLevel::Full => Some(text.to_owned()),
            CaptureLevel::Metadata => {
                let kept = marker_in(text);
                if kept != text {
                    withheld.add(class);
                }
                Some(kept)
            }
            CaptureLevel::Off => {
                withheld.add(class);
                None
            }
        }
    }
}

/// Whether JSON has messages or parts in it, rather than data. Anything with a role, a type or a list of messages is read as such: what
/// is no structure in it goes all the same.
fn is_messages(json: &Json) -> bool {
    const KEYS: &[&str] = &["role", "parts", "messages", "contents", "message_type", "tool_calls", "type"];
    match json {
        Json::Array(items) => {
            !items.is_empty()
                && items.iter().all(|item| is_messages(item) || item.is_string())
                && items.iter().any(Json::is_object)
        }
        Json::Object(object) => {
            KEYS.iter().any(|key| object.contains_key(*key))
                || (object.len() == 1 && object.keys().all(|key| class_of_role(key).is_some()))
        }
        _ => false,
    }
}

/// The class of a value that has no messages in it, and of messages without a role.
fn class(holds: Holds<'_>, kind: Kind, role: Option<ContentClass>) -> ContentClass {
    let is_tool = matches!(kind, Kind::Tool | Kind::Mcp);
    let is_search = matches!(kind, Kind::Retriever | Kind::Reranker);
    let said = match holds {
        Holds::Instructions => ContentClass::System,
        Holds::ToolArguments | Holds::Tools | Holds::Parameters => ContentClass::ToolArguments,
        Holds::ToolResult => ContentClass::ToolResults,
        Holds::Value(Side::In) if is_tool => ContentClass::ToolArguments,
        Holds::Value(Side::Out) if is_tool => ContentClass::ToolResults,
        Holds::Value(Side::Out) if is_search => ContentClass::Documents,
        Holds::Documents(_) | Holds::DocumentLeaf(..) | Holds::EmbeddedText | Holds::EmbeddingVector => {
            ContentClass::Documents
        }
        Holds::Query | Holds::Value(Side::In) | Holds::Conversation => ContentClass::Prompts,
        Holds::Messages(Side::In) | Holds::Leaf(Side::In, ..) | Holds::Text(Side::In, _) => ContentClass::Prompts,
        Holds::Value(Side::Out) => ContentClass::Completions,
        Holds::Messages(Side::Out) | Holds::Leaf(Side::Out, ..) | Holds::Text(Side::Out, _) => {
            ContentClass::Completions
        }
    };
    role.unwrap_or(said)
}

const fn class_of(role: Role) -> ContentClass {
    match role {
        Role::System => ContentClass::System,
        Role::User => ContentClass::Prompts,
        Role::Assistant => ContentClass::Completions,
        Role::Tool => ContentClass::ToolResults,
    }
}

/// What a leaf of a message is.
enum Leaf {
    Structure,
    Is(ContentClass),
    /// What the message says.
    Said,
}

fn class_of_leaf(path: &str) -> Leaf {
    let last = path.rsplit('.').next().unwrap_or(path);
    match last {
        "role" | "finish_reason" | "tool_call_id" | "function_call_name" | "type" | "id" | "name" => Leaf::Structure,
        "arguments" | "function_call_arguments_json" => Leaf::Is(ContentClass::ToolArguments),
        _ if path.contains("image") || path.contains("audio") => Leaf::Is(ContentClass::Media),
        _ => Leaf::Said,
    }
}

/// The roles of messages that are spread over attributes, by the messages' prefixes.
fn roles(attributes: &Attributes) -> Vec<(String, ContentClass)> {
    let role = |(key, value): (&str, &Value)| match semconv::holds(key)? {
        Holds::Leaf(_, message, "role" | "message.role") => Some((message.to_owned(), class_of_role(value.as_str()?)?)),
        _ => None,
    };
    attributes.iter().filter_map(role).collect()
}
