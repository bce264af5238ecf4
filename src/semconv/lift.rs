//! Values that events and framework's own names tell, put under the standard names that they stand for.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value as Json;

use super::coerce::{content_text, is_blank, json_text};
use super::debug_text;
use crate::model::{Attributes, Event, Lift, Notation, Value};

/// The most bytes of a text that are read as structure. A longer one is kept, and tells nothing.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A value that stands for an attribute.
#[derive(Debug)]
pub(super) struct Lifted<'a> {
    pub(super) lift: &'a Lift,
    pub(super) value: Cow<'a, Value>,
}

/// The values that lifts refer to. What cannot be found is left out.
pub(super) fn resolve<'a>(lifts: &'a [Lift], attributes: &'a Attributes, events: &'a [Event]) -> Vec<Lifted<'a>> {
    let mut opened = Opened::default();
    let resolved = |lift| Some(Lifted { lift, value: value(lift, attributes, events, &mut opened)? });
    lifts.iter().filter_map(resolved).collect()
}

/// Texts that were read as structure, by where they are: one request is asked for many things.
type Opened<'a> = HashMap<(Option<u32>, &'a str, &'a str, Notation), Option<Json>>;

fn value<'a>(
    lift: &'a Lift,
    attributes: &'a Attributes,
    events: &'a [Event],
    opened: &mut Opened<'a>,
) -> Option<Cow<'a, Value>> {
    let extract = &lift.extract;
    let whole: Cow<'a, Value> = match lift.event {
        None => Cow::Borrowed(attributes.get(&lift.field)?),
        Some(place) => {
            let event = events.get(usize::try_from(place).ok()?)?;
            match event.attributes.get(&lift.field) {
                Some(value) => Cow::Borrowed(value),
                None if lift.field == "message" => Cow::Owned(Value::Str(event.name.clone())),
                None => return None,
            }
        }
    };
    let is_text = extract.notation == Notation::Text;
    if is_text && extract.after.is_empty() {
        return (!is_blank(&whole)).then_some(whole);
    }
    let text = content_text(&whole)?;
    let text = text.strip_prefix(&*extract.after)?.trim();
    if is_text {
        return (!text.is_empty()).then(|| Cow::Owned(Value::Str(text.to_owned())));
    }
    let read = || match extract.notation {
        _ if text.len() > MAX_BYTES => None,
        Notation::Debug => debug_text::parse(text),
        _ => json_text(text).or_else(|| json_that_was_cut(text)),
    };
    let read = opened.entry((lift.event, &*lift.field, &*extract.after, extract.notation)).or_insert_with(read);
    let found = at(read.as_ref()?, &extract.path)?;
    let value = Value::from(found.clone());
    (!is_blank(&value)).then_some(Cow::Owned(value))
}

/// What stands at a path of keys and places.
fn at<'j>(json: &'j Json, path: &str) -> Option<&'j Json> {
    path.split('/').filter(|step| !step.is_empty()).try_fold(json, |json, step| match json {
        Json::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// JSON whose end was cut off, as far as it goes: what is open at its last comma is closed there.
pub(super) fn json_that_was_cut(text: &str) -> Option<Json> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let comma = signs(text).filter_map(|(place, sign)| (sign == ',').then_some(place)).last()?;
    let whole = text.get(..comma)?;
    let mut open = Vec::new();
    for (_, sign) in signs(whole) {
        match sign {
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => drop(open.pop()),
            _ => {}
        }
    }
    let closing: String = open.into_iter().rev().collect();
    serde_json::from_str(&format!("{whole}{closing}")).ok()
}

/// JSON's characters outside strings, with their places.
fn signs(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut is_string, mut is_escaped) = (false, false);
    text.char_indices().filter(move |(_, c)| {
        let was_string = is_string;
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_string => is_escaped = true,
            '"' => is_string = !is_string,
            _ => {}
        }
        !was_string && !is_string
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_was_cut_is_read_up_to_the_cut() {
        for (text, expected) in [
            (
                r#"{"model":"m","contents":[{"a":"b,{"},{"c":"d…[truncated 9 bytes]"#,
                r#"{"model":"m","contents":[{"a":"b,{"}]}"#,
            ),
            (r#"["a\"", "b"#, r#"["a\""]"#),
        ] {
            assert_eq!(json_that_was_cut(text), serde_json::from_str(expected).ok(), "{text}");
        }
        for text in ["", "{", r#"{"model":"m"#, "a, b", "[,,"] {
            assert_eq!(json_that_was_cut(text), None, "{text}");
        }
    }
}
