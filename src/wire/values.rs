//! Values and lists of attributes as OTLP messages, and back.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use prost::Message as _;

use super::types::{Tag, TagReader, TagWriter};
use crate::model::canonical::TOO_DEEP;
use crate::model::{Attributes, MAX_DEPTH, Value};

/// Containers at this depth are packed. Prost refuses messages nested more than 100 deep; a level of maps takes 3 of them, and an
/// event's attribute starts at 6.
pub(super) const PACKED_DEPTH: usize = 16;

/// Turns values into messages and notes their types.
#[derive(Debug, Default)]
pub(super) struct ValueWriter {
    pub(super) tags: TagWriter,
    /// Bytes of the values that were nested too deep.
    pub(super) cut_bytes: u64,
}

impl ValueWriter {
    pub(super) fn attributes(&mut self, attributes: &Attributes) -> Vec<KeyValue> {
        attributes.iter().map(|(key, value)| self.entry(key, value, 0)).collect()
    }

    fn entry(&mut self, key: &str, value: &Value, depth: usize) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(self.any(value, depth)), key_strindex: 0 }
    }

    fn any(&mut self, value: &Value, depth: usize) -> AnyValue {
        AnyValue { value: self.value(value, depth) }
    }

    fn value(&mut self, value: &Value, depth: usize) -> Option<Otlp> {
        if let Some(tag) = tag(value, depth) {
            self.tags.tag(tag);
        } else {
            self.tags.skip();
        }
        Some(match value {
            Value::Null => return None,
            Value::Bool(value) => Otlp::BoolValue(*value),
            Value::I64(value) => Otlp::IntValue(*value),
            Value::U64(value) => integer(*value),
            Value::I128(value) => integer(*value),
            Value::U128(value) => integer(*value),
            Value::F64(value) => Otlp::DoubleValue(*value),
            Value::Str(text) | Value::Debug(text) | Value::Error(text) => Otlp::StringValue(text.clone()),
            Value::Bytes(bytes) => Otlp::BytesValue(bytes.clone()),
            Value::Array(_) | Value::Map(_) if depth >= MAX_DEPTH => {
                self.cut_bytes = self.cut_bytes.saturating_add(u64::try_from(value.size()).unwrap_or(u64::MAX));
                Otlp::StringValue(TOO_DEEP.to_owned())
            }
            Value::Array(items) => {
                let values = items.iter().map(|item| self.any(item, depth + 1)).collect();
                packed(Otlp::ArrayValue(ArrayValue { values }), depth)
            }
            Value::Map(entries) => {
                let values = entries.iter().map(|(key, value)| self.entry(key, value, depth + 1)).collect();
                packed(Otlp::KvlistValue(KeyValueList { values }), depth)
            }
        })
    }
}

const fn tag(value: &Value, depth: usize) -> Option<Tag> {
    match value {
        Value::U64(_) => Some(Tag::U64),
        Value::I128(_) => Some(Tag::I128),
        Value::U128(_) => Some(Tag::U128),
        Value::Debug(_) => Some(Tag::Debug),
        Value::Error(_) => Some(Tag::Error),
        Value::Array(_) | Value::Map(_) if depth == PACKED_DEPTH => Some(Tag::Packed),
        _ => None,
    }
}

fn packed(container: Otlp, depth: usize) -> Otlp {
    if depth == PACKED_DEPTH {
        Otlp::BytesValue(AnyValue { value: Some(container) }.encode_to_vec())
    } else {
        container
    }
}

/// An integer of any size: OTLP's, or decimal text where that is too small.
pub(super) fn integer<T: TryInto<i64> + ToString + Copy>(number: T) -> Otlp {
    number.try_into().map_or_else(|_| Otlp::StringValue(number.to_string()), Otlp::IntValue)
}

/// The number that [`integer`] wrote.
pub(super) fn read_integer<T: TryFrom<i64> + std::str::FromStr>(value: &Otlp) -> Option<T> {
    match value {
        Otlp::IntValue(number) => T::try_from(*number).ok(),
        Otlp::StringValue(text) => text.parse().ok(),
        _ => None,
    }
}

/// Turns messages into values, with the types that a list of tags says.
#[derive(Debug, Default)]
pub(super) struct ValueReader {
    tags: TagReader,
    mismatched: bool,
    /// Bytes of the values that were nested too deep.
    pub(super) cut_bytes: u64,
}

impl ValueReader {
    pub(super) fn new(tags: TagReader) -> Self {
        Self { tags, ..Self::default() }
    }

    /// Appends the attributes of `list`.
    pub(super) fn attributes(&mut self, list: Vec<KeyValue>, attributes: &mut Attributes) {
        for entry in list {
            let value = self.value(entry.value, 0);
            attributes.push(entry.key, value);
        }
    }

    /// Whether all tags found values that they fit. Where one did not, the value is what OTLP says.
    pub(super) fn all_tags_fit(&self) -> bool {
        !self.mismatched && self.tags.is_done()
    }

    fn value(&mut self, any: Option<AnyValue>, depth: usize) -> Value {
        let tag = self.tags.next_tag();
        let Some(value) = any.and_then(|any| any.value) else {
            self.mismatched |= tag.is_some();
            return Value::Null;
        };
        let Some(tag) = tag else { return self.native(value, depth) };
        self.tagged(tag, value, depth).unwrap_or_else(|value| {
            self.mismatched = true;
            self.native(value, depth)
        })
    }

    /// The value, or the message back where the tag does not fit it.
    fn tagged(&mut self, tag: Tag, value: Otlp, depth: usize) -> Result<Value, Otlp> {
        match (tag, value) {
            (Tag::U64, value) => read_integer(&value).map(Value::U64).ok_or(value),
            (Tag::I128, value) => read_integer(&value).map(Value::I128).ok_or(value),
            (Tag::U128, value) => read_integer(&value).map(Value::U128).ok_or(value),
            (Tag::Debug, Otlp::StringValue(text)) => Ok(Value::Debug(text)),
            (Tag::Error, Otlp::StringValue(text)) => Ok(Value::Error(text)),
            // The limit keeps packets within packets from exhausting the stack.
            (Tag::Packed, Otlp::BytesValue(bytes)) if depth < MAX_DEPTH => match AnyValue::decode(bytes.as_slice()) {
                Ok(AnyValue { value: Some(container @ (Otlp::ArrayValue(_) | Otlp::KvlistValue(_))) }) => {
                    Ok(self.native(container, depth))
                }
                _ => Err(Otlp::BytesValue(bytes)),
            },
            (_, value) => Err(value),
        }
    }

    fn native(&mut self, value: Otlp, depth: usize) -> Value {
        match value {
            Otlp::StringValue(text) => Value::Str(text),
            Otlp::BoolValue(value) => Value::Bool(value),
            Otlp::IntValue(value) => Value::I64(value),
            Otlp::DoubleValue(value) => Value::F64(value),
            Otlp::BytesValue(bytes) => Value::Bytes(bytes),
            Otlp::ArrayValue(_) | Otlp::KvlistValue(_) if depth >= MAX_DEPTH => {
                let size = u64::try_from(value.encoded_len()).unwrap_or(u64::MAX);
                self.cut_bytes = self.cut_bytes.saturating_add(size);
                Value::Str(TOO_DEEP.to_owned())
            }
            Otlp::ArrayValue(array) => {
                Value::Array(array.values.into_iter().map(|item| self.value(Some(item), depth + 1)).collect())
            }
            Otlp::KvlistValue(list) => Value::Map(
                list.values.into_iter().map(|entry| (entry.key, self.value(entry.value, depth + 1))).collect(),
            ),
            // Only profiles use it; the specification asks readers of other signals to take it as empty.
            Otlp::StringValueStrindex(_) => Value::Null,
        }
    }
}
