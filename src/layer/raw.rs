//! Recorded values in their flat form: small, fixed in size, with their texts elsewhere.

use std::sync::Arc;

use tracing::Metadata;

use super::text::Text;
use crate::model::{Attributes, IdentityField, Key, Value};

/// A value as it stands in the buffers: texts and bytes are places in the arena.
#[derive(Debug)]
pub(super) enum Raw {
    Bool(bool),
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Str(Text),
    Debug(Text),
    Error(Text),
    Bytes(Text),
    /// A value without a flat form: nothing, a list or a map.
    Whole(Box<Value>),
}

/// An attribute. Keys are static where `tracing` declares them.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Raw,
}

/// An event; its attributes are a range of [`Buffers`](super::buffers::Buffers)' event attributes.
#[derive(Debug)]
pub(super) struct RawEvent {
    /// `None` for an event of [`SpanExt`](super::SpanExt), which has no callsite.
    pub(super) metadata: Option<&'static Metadata<'static>>,
    /// The message; without one the event is called as its callsite is.
    pub(super) name: Option<Text>,
    /// Nanoseconds since the trace's anchor; a user may name a time before it.
    pub(super) time: i64,
    pub(super) dropped_attributes: u32,
    pub(super) first_attribute: usize,
    pub(super) attributes: usize,
}

/// An attribute by which the span gives itself and its descendants an id or name. It is read when somebody asks: most spans have no
/// children.
#[derive(Debug)]
pub(super) struct OwnId {
    pub(super) field: IdentityField,
    pub(super) rank: u8,
    pub(super) value: OwnValue,
}

/// Where an id stands.
#[derive(Debug)]
pub(super) enum OwnValue {
    /// It is the value of the attribute at this place.
    At(usize),
    /// A limit dropped the attribute.
    Dropped(Arc<str>),
}

/// The attributes that `entries` are, out of their arena.
pub(super) fn read(entries: &[Entry], arena: &[u8]) -> Attributes {
    entries.iter().map(|entry| (entry.key.clone(), entry.value.read(arena))).collect()
}

impl Entry {
    /// The same with its text copied to another arena.
    pub(super) fn moved(self, from: &[u8], to: &mut Vec<u8>) -> Self {
        let value = match self.value {
            Raw::Str(text) => Raw::Str(text.moved(from, to)),
            Raw::Debug(text) => Raw::Debug(text.moved(from, to)),
            Raw::Error(text) => Raw::Error(text.moved(from, to)),
            Raw::Bytes(bytes) => Raw::Bytes(bytes.moved(from, to)),
            other => other,
        };
        Self { key: self.key, value }
    }
}

impl Raw {
    /// Its place in the arena, where it has one.
    pub(super) const fn text(&self) -> Option<Text> {
        match self {
            Self::Str(text) | Self::Debug(text) | Self::Error(text) | Self::Bytes(text) => Some(*text),
            _ => None,
        }
    }

    /// Whether both are the same kind of text, with the same bytes.
    pub(super) fn is_same_text(&self, other: &Self, arena: &[u8]) -> bool {
        match (self, other) {
            (Self::Str(one), Self::Str(other)) | (Self::Debug(one), Self::Debug(other)) => {
                one.slice(arena) == other.slice(arena)
            }
            _ => false,
        }
    }

    /// Whether it takes no room beside its entry.
    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Self::Bool(_) | Self::I64(_) | Self::U64(_) | Self::I128(_) | Self::U128(_) | Self::F64(_))
    }

    pub(super) fn read(&self, arena: &[u8]) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::I64(value) => Value::I64(*value),
            Self::U64(value) => Value::U64(*value),
            Self::I128(value) => Value::I128(*value),
            Self::U128(value) => Value::U128(*value),
            Self::F64(value) => Value::F64(*value),
            Self::Str(text) => Value::Str(text.read(arena)),
            Self::Debug(text) => Value::Debug(text.read(arena)),
            Self::Error(text) => Value::Error(text.read(arena)),
            Self::Bytes(bytes) => Value::Bytes(bytes.slice(arena).to_vec()),
            Self::Whole(value) => Value::clone(value),
        }
    }
}
