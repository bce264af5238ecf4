//! Attribute values and ordered attribute lists, as they were recorded.

use std::borrow::Cow;

/// An attribute's name.
pub type Key = Cow<'static, str>;

/// Nesting beyond this depth is cut when a value enters the store, and said so in the row's `truncated_bytes`.
pub const MAX_DEPTH: usize = 32;

/// An attribute's value, with the type it was recorded with.
///
/// [`Debug`](Value::Debug) and [`Error`](Value::Error) are text whose origin matters to interpretation: `tracing` delivers both
/// `?value` and `%value` through `record_debug`, so such text may be a quoted string or `Some(…)`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value (an empty OTLP `AnyValue`).
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer; kept apart from [`Value::I64`] because `tracing` does.
    U64(u64),
    /// A signed 128-bit integer.
    I128(i128),
    /// An unsigned 128-bit integer.
    U128(u128),
    /// A float, NaN and infinities included.
    F64(f64),
    /// Text.
    Str(String),
    /// Text made by `Debug` or `Display`.
    Debug(String),
    /// Text made from a `std::error::Error`.
    Error(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A list.
    Array(Vec<Value>),
    /// A map in its recorded order, duplicates kept.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The text of a [`Str`](Value::Str), [`Debug`](Value::Debug) or [`Error`](Value::Error) value.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Debug(text) | Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// Cuts each text and byte string in this value, at any depth, to `limit` bytes, and says so at its end; returns how many bytes that took.
    pub(crate) fn cut(&mut self, limit: usize) -> u64 {
        match self {
            Self::Str(text) | Self::Debug(text) | Self::Error(text) => cut_text(text, limit),
            Self::Bytes(bytes) if bytes.len() > limit => {
                let cut = (bytes.len() - limit) as u64;
                bytes.truncate(limit);
                cut
            }
            Self::Array(items) => items.iter_mut().map(|item| item.cut(limit)).sum(),
            Self::Map(entries) => entries.iter_mut().map(|(_, item)| item.cut(limit)).sum(),
            _ => 0,
        }
    }

    /// Bytes of payload in this value, as queue and row limits count them.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 1,
            Self::I64(_) | Self::U64(_) | Self::F64(_) => 8,
            Self::I128(_) | Self::U128(_) => 16,
            Self::Str(text) | Self::Debug(text) | Self::Error(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Array(items) => items.iter().map(|item| item.size() + 8).sum(),
            Self::Map(entries) => entries.iter().map(|(key, value)| key.len() + value.size() + 8).sum(),
        }
    }
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $make:expr),* $(,)?) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $make
            }
        })*
    };
}

value_from! {
    bool => |v| Self::Bool(v),
    i64 => |v| Self::I64(v),
    i32 => |v| Self::I64(v.into()),
    i16 => |v| Self::I64(v.into()),
    i8 => |v| Self::I64(v.into()),
    u64 => |v| Self::U64(v),
    u32 => |v| Self::U64(v.into()),
    u16 => |v| Self::U64(v.into()),
    u8 => |v| Self::U64(v.into()),
    usize => |v| Self::U64(v as u64),
    f64 => |v| Self::F64(v),
    f32 => |v| Self::F64(v.into()),
    &str => |v| Self::Str(v.to_owned()),
    &String => |v| Self::Str(v.clone()),
    String => |v| Self::Str(v),
    Cow<'_, str> => |v| Self::Str(v.into_owned()),
    Vec<u8> => |v| Self::Bytes(v),
    Vec<Value> => |v| Self::Array(v),
    Vec<(String, Value)> => |v| Self::Map(v),
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => number
                .as_i64()
                .map(Self::I64)
                .or_else(|| number.as_u64().map(Self::U64))
                .or_else(|| number.as_f64().map(Self::F64))
                .unwrap_or_else(|| Self::Str(number.to_string())),
            serde_json::Value::String(text) => Self::Str(text),
            serde_json::Value::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (key, Self::from(value))).collect())
            }
        }
    }
}

/// Cuts a text to `limit` bytes, whole characters, and says so at its end; returns how many bytes that took.
pub(crate) fn cut_text(text: &mut String, limit: usize) -> u64 {
    if text.len() <= limit {
        return 0;
    }
    let kept = text.floor_char_boundary(limit);
    let cut = (text.len() - kept) as u64;
    text.truncate(kept);
    text.push_str(&cut_marker(cut));
    cut
}

/// What stands at the end of a text that was cut.
pub(crate) fn cut_marker(bytes: u64) -> String {
    format!("…[+{bytes} bytes]")
}

/// An ordered list of attributes. Duplicates are kept: "the last write wins" is a rule of views, such as [`Attributes::get`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes(Vec<(Key, Value)>);

impl Attributes {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty list with room for `capacity` attributes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Appends an attribute, whether or not the key is there already.
    pub fn push(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.0.push((key.into(), value.into()));
    }

    /// The value that was recorded last under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().rev().find_map(|(k, value)| (k == key).then_some(value))
    }

    /// The attributes in their recorded order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// The number of attributes, duplicates included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of keys and values, as queue and row limits count them.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.size() + 8).sum()
    }

    /// Cuts the values as [`Value::cut`] does.
    pub(crate) fn cut(&mut self, limit: usize) -> u64 {
        self.0.iter_mut().map(|(_, value)| value.cut(limit)).sum()
    }

    /// Drops all attributes behind the first `count`; returns how many.
    pub(crate) fn truncate(&mut self, count: usize) -> u32 {
        let dropped = self.0.len().saturating_sub(count);
        self.0.truncate(count);
        u32::try_from(dropped).unwrap_or(u32::MAX)
    }

    /// The attributes, to be changed in place or dropped.
    pub(crate) const fn entries_mut(&mut self) -> &mut Vec<(Key, Value)> {
        &mut self.0
    }

    /// Drops the attributes for which `keep` is false.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
    }
}

impl FromIterator<(Key, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl IntoIterator for Attributes {
    type Item = (Key, Value);
    type IntoIter = std::vec::IntoIter<(Key, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
