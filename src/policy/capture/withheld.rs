//! What stands for content that was withheld, and which classes were.

use std::collections::BTreeSet;

use super::settings::ContentClass;
use crate::model::{Attributes, Value};
use crate::policy::{json_text, media};
use crate::semconv::field;

/// Classes of which something was withheld.
#[derive(Debug, Default)]
pub(super) struct Withheld(BTreeSet<ContentClass>);

impl Withheld {
    pub(super) fn add(&mut self, class: ContentClass) {
        self.0.insert(class);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says on a span or an event what was withheld, besides what was said before.
    pub(super) fn tell(mut self, attributes: &mut Attributes) {
        if self.0.is_empty() {
            return;
        }
        let said = attributes.get(field::WITHHELD).and_then(Value::as_str).unwrap_or_default();
        self.0.extend(said.split(',').filter_map(|word| word.parse::<ContentClass>().ok()));
        let words: Vec<&str> = self.0.iter().map(|class| class.as_str()).collect();
        attributes.entries_mut().retain(|(key, _)| key != field::WITHHELD);
        attributes.push(field::WITHHELD, words.join(","));
    }
}

/// What stands for a text: how long it was. A text that stands for one stays.
pub(super) fn marker(text: &str) -> String {
    if is_marker(text) || media::is_reference(text) {
        return text.to_owned();
    }
    format!("[withheld {} bytes]", text.len())
}

/// The same for a text that may be JSON, and is JSON then afterwards.
pub(super) fn marker_in(text: &str) -> String {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    if inner.is_some_and(is_marker) {
        return text.to_owned();
    }
    if json_text::is_json(text) { json_text::quoted(&marker(text)) } else { marker(text) }
}

/// Exactly so, since who looks like one is kept.
fn is_marker(text: &str) -> bool {
    let number = text.strip_prefix("[withheld ").and_then(|text| text.strip_suffix(" bytes]"));
    number.is_some_and(|number| (1..=20).contains(&number.len()) && number.bytes().all(|c| c.is_ascii_digit()))
}
