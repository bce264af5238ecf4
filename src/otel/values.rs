//! Attribute values of the SDK and ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry::{Array, KeyValue, StringValue, Value as Otel};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use crate::model::{Attributes, Value};

pub(super) fn to_attributes(list: Vec<KeyValue>) -> Attributes {
    list.into_iter().map(|entry| (String::from(entry.key).into(), to_value(entry.value))).collect()
}

pub(super) fn to_value(value: Otel) -> Value {
    match value {
        Otel::Bool(value) => Value::Bool(value),
        Otel::I64(value) => Value::I64(value),
        Otel::F64(value) => Value::F64(value),
        Otel::String(text) => Value::Str(text.into()),
        Otel::Array(Array::Bool(items)) => Value::Array(items.into_iter().map(Value::Bool).collect()),
        Otel::Array(Array::I64(items)) => Value::Array(items.into_iter().map(Value::I64).collect()),
        Otel::Array(Array::F64(items)) => Value::Array(items.into_iter().map(Value::F64).collect()),
        Otel::Array(Array::String(items)) => {
            Value::Array(items.into_iter().map(|text| Value::Str(text.into())).collect())
        }
        // A type that a later SDK adds: its text is all that this one knows of it.
        other => Value::Str(other.as_str().into_owned()),
    }
}

pub(super) fn to_key_values(attributes: &Attributes) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| KeyValue::new(key.to_owned(), to_otel(value))).collect()
}

/// The SDK's value: the same, or text where the SDK has no such type. Integers become text beyond 64 bits, bytes base64 (as OTLP's
/// JSON has them), null, maps and mixed arrays JSON.
pub(super) fn to_otel(value: &Value) -> Otel {
    match value {
        Value::Bool(value) => Otel::Bool(*value),
        Value::F64(value) => Otel::F64(*value),
        Value::Str(text) | Value::Debug(text) | Value::Error(text) => text.clone().into(),
        Value::Bytes(bytes) => BASE64.encode(bytes).into(),
        Value::Array(items) => array(items).map_or_else(|| json(value).into(), Otel::Array),
        Value::Null | Value::Map(_) => json(value).into(),
        Value::I64(_) | Value::U64(_) | Value::I128(_) | Value::U128(_) => {
            integer(value).map_or_else(|| json(value).trim_matches('"').to_owned().into(), Otel::I64)
        }
    }
}

/// An array whose items have one type that the SDK knows.
fn array(items: &[Value]) -> Option<Array> {
    fn all<T>(items: &[Value], one: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
        items.iter().map(one).collect()
    }
    let text = |item: &Value| item.as_str().map(|text| StringValue::from(text.to_owned()));
    all(items, text)
        .map(Array::String)
        .or_else(|| all(items, integer).map(Array::I64))
        .or_else(|| all(items, |item| if let Value::F64(value) = item { Some(*value) } else { None }).map(Array::F64))
        .or_else(|| all(items, |item| if let Value::Bool(value) = item { Some(*value) } else { None }).map(Array::Bool))
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::I64(value) => Some(*value),
        Value::U64(value) => i64::try_from(*value).ok(),
        Value::I128(value) => i64::try_from(*value).ok(),
        Value::U128(value) => i64::try_from(*value).ok(),
        _ => None,
    }
}

/// The value as JSON, for people and tools to read: in order, duplicates kept, types that JSON lacks as text.
fn json(value: &Value) -> String {
    serde_json::to_string(&Plain(value)).unwrap_or_default()
}

struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::I128(value) => serializer.collect_str(value),
            Value::U128(value) => serializer.collect_str(value),
            Value::F64(value) if value.is_finite() => serializer.serialize_f64(*value),
            Value::F64(value) => serializer.collect_str(value),
            Value::Str(text) | Value::Debug(text) | Value::Error(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_str(&BASE64.encode(bytes)),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Plain)),
            Value::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(key, value)| map.serialize_entry(key, &Plain(value)))?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_the_sdk_come_back_the_same() {
        for value in [
            Otel::Bool(true),
            Otel::I64(i64::MIN),
            Otel::F64(-0.5),
            Otel::from("text"),
            Otel::Array(Array::Bool(vec![true, false])),
            Otel::Array(Array::I64(vec![1, -1])),
            Otel::Array(Array::F64(vec![0.5, f64::INFINITY])),
            Otel::Array(Array::String(vec!["a".into(), "b".into()])),
            Otel::Array(Array::String(vec![])),
        ] {
            assert_eq!(to_otel(&to_value(value.clone())), value);
        }
    }

    #[test]
    fn what_the_sdk_lacks_becomes_text() {
        let map = Value::Map(vec![
            ("b".to_owned(), Value::Null),
            ("a".to_owned(), Value::F64(f64::NAN)),
            ("b".to_owned(), Value::Array(vec![Value::U64(u64::MAX), Value::I128(-1), Value::Bytes(vec![0xff])])),
        ]);
        for (value, text) in [
            (Value::Null, "null"),
            (Value::U64(u64::MAX), "18446744073709551615"),
            (Value::I128(i128::MIN), "-170141183460469231731687303715884105728"),
            (Value::U128(u128::MAX), "340282366920938463463374607431768211455"),
            (Value::Debug("\"quoted\"".to_owned()), "\"quoted\""),
            (Value::Error("failed".to_owned()), "failed"),
            (Value::Bytes(vec![0, 255]), "AP8="),
            (Value::Array(vec![Value::I64(1), Value::Bool(true)]), "[1,true]"),
            (map, r#"{"b":null,"a":"NaN","b":[18446744073709551615,"-1","/w=="]}"#),
        ] {
            assert_eq!(to_otel(&value), Otel::from(text), "{value:?}");
        }
        assert_eq!(to_otel(&Value::U64(7)), Otel::I64(7));
        let mixed_integers = Value::Array(vec![Value::U64(7), Value::I64(-7)]);
        assert_eq!(to_otel(&mixed_integers), Otel::Array(Array::I64(vec![7, -7])));
    }
}
