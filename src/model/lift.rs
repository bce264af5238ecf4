//! Values that stand for attributes which a span does not have itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Where a value is, and the attribute that it stands for.
///
/// Frameworks tell prompts, arguments and results by events, or under names of their own. What their profile found is kept by
/// reference, so that nothing is stored twice and a reader needs no profile: the record stays as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lift {
    /// The attribute that the value stands for.
    pub key: Cow<'static, str>,
    /// The place of the event that has the value; without one it is an attribute of the span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<u32>,
    /// Its name there; `message` is an event's own text.
    pub field: Cow<'static, str>,
    /// Which part of it.
    #[serde(default, skip_serializing_if = "Extract::is_whole")]
    pub extract: Extract,
}

impl Lift {
    /// The value of an attribute or of an event's field, as a whole.
    #[must_use]
    pub fn new(key: impl Into<Cow<'static, str>>, event: Option<u32>, field: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), event, field: field.into(), extract: Extract::default() }
    }
}

/// A part of a value: what follows a beginning, read as a notation, at a path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Extract {
    /// What the text must begin with; it is taken off.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub after: Cow<'static, str>,
    /// What the rest is written in.
    #[serde(default, skip_serializing_if = "Notation::is_text")]
    pub notation: Notation,
    /// The way into it: keys and places, separated by `/`; empty for all of it.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub path: Cow<'static, str>,
}

impl Extract {
    fn is_whole(&self) -> bool {
        *self == Self::default()
    }
}

/// How structure is written in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Notation {
    /// Not at all.
    #[default]
    Text,
    /// JSON.
    Json,
    /// Rust's `Debug`.
    Debug,
}

impl Notation {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_text(&self) -> bool {
        *self == Self::Text
    }
}
