//! The lossless JSON form of recorded values, as the `span_contents` table keeps it.
//!
//! An attribute is a triple `[key, type, value]`, a list of attributes keeps its order and duplicates. Types: `null`, `bool`, `i64`,
//! `u64`, `i128`, `u128`, `f64`, `str`, `debug`, `error`, `bytes`, `array`, `map`. 128-bit integers are decimal text, bytes are
//! base64, NaN and infinities are the texts `NaN` (with its bits, `NaN:7ff8000000000001`, where they are not the usual ones), `inf`,
//! `-inf`. It is text, not a database's JSON type, because those refuse or
//! change real values (`\u0000`, `1e400`, depth, number precision).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeTuple, Serializer};
use serde::{Deserialize, Serialize};

use super::{
    Attributes, Callsite, EntityRef, Event, Identity, IdentityField, Lift, Link, Resource, Scope, SpanRecord,
    SpanState, Value,
};
use crate::error::{Error, ErrorKind, Result};

/// What stands where a value was nested more than [`MAX_DEPTH`](super::MAX_DEPTH) deep.
pub(crate) const TOO_DEEP: &str = "[cut: nested too deep]";

/// What stands before the bits of a NaN that is not the usual one.
const NAN_BITS: &str = "NaN:";

/// A span's payload in its canonical form: the parts that `span_contents` keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CanonicalContent {
    /// The attributes.
    pub attributes: Vec<u8>,
    /// The events.
    pub events: Vec<u8>,
    /// The links.
    pub links: Vec<u8>,
    /// Trace state, flags, counts of what was dropped, callsite, inherited ids, and the raw name.
    pub extra: Vec<u8>,
    /// The message of another program, where the others do not say all of it: see [`SpanRecord::verbatim`].
    pub verbatim: Option<Vec<u8>>,
}

impl CanonicalContent {
    /// The bytes of all parts.
    #[must_use]
    pub fn size(&self) -> usize {
        let verbatim = self.verbatim.as_ref().map_or(0, Vec::len);
        self.attributes.len() + self.events.len() + self.links.len() + self.extra.len() + verbatim
    }
}

/// The part of a record that is neither attribute, event nor link, and stands in no column.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Extra {
    /// The recorded name, before `otel.name`.
    pub name: String,
    /// W3C trace state.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub trace_state: String,
    /// W3C trace flags.
    pub flags: u32,
    /// Attributes that were dropped by a limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_attributes: u32,
    /// Events that were dropped by a limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_events: u32,
    /// Links that were dropped by a limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_links: u32,
    /// OpenTelemetry's status message as given.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status_message: String,
    /// OpenTelemetry's status code as given (0, 1, 2).
    #[serde(skip_serializing_if = "is_zero_i16")]
    pub status_code: i16,
    /// The span kind as given (OTLP number).
    pub otel_kind: i32,
    /// How far the span had come, where that does not follow from its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether the span names itself as its parent, which no tree can show.
    #[serde(skip_serializing_if = "is_false")]
    pub is_own_parent: bool,
    /// Bytes that were cut from values by a limit.
    #[serde(skip_serializing_if = "is_zero_u64")]
    pub truncated_bytes: u64,
    /// Ids and names from the ancestors, by column name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<(String, String)>,
    /// The `tracing` callsite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callsite: Option<Callsite>,
    /// What stands for attributes of content.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lifts: Vec<Lift>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero_u64(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero_i16(number: &i16) -> bool {
    *number == 0
}

/// The canonical form of a record's payload.
///
/// # Errors
/// Never for records that this crate made; the signature allows for serde's.
pub fn encode(record: &SpanRecord, lifts: &[Lift]) -> Result<CanonicalContent> {
    let extra = Extra {
        name: record.name.clone(),
        trace_state: record.trace_state.clone(),
        flags: record.flags,
        dropped_attributes: record.dropped_attributes,
        dropped_events: record.dropped_events,
        dropped_links: record.dropped_links,
        status_message: record.status.message.clone(),
        status_code: record.status.code.otlp(),
        otel_kind: record.otel_kind.otlp(),
        state: (record.state != SpanState::by_end(record.end_ns)).then(|| record.state.as_str().to_owned()),
        is_own_parent: record.parent_span_id == Some(record.span_id),
        truncated_bytes: record.truncated_bytes,
        inherited: record
            .inherited
            .iter()
            .map(|(field, value)| (field.as_str().to_owned(), value.to_owned()))
            .collect(),
        callsite: record.callsite.as_deref().cloned(),
        lifts: lifts.to_vec(),
    };
    Ok(CanonicalContent {
        attributes: to_json(&record.attributes)?,
        events: to_json(&record.events)?,
        links: to_json(&record.links)?,
        extra: to_json(&extra)?,
        verbatim: record.verbatim.clone(),
    })
}

/// Reads a part of a payload's canonical form.
///
/// # Errors
/// [`ErrorKind::Decode`] when the bytes are not that form.
pub fn decode<'a, T: Deserialize<'a>>(part: &'static str, bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::with_source(ErrorKind::Decode, format!("the stored {part} of a span cannot be read"), error)
    })
}

/// The canonical form of one value, as JSON text.
///
/// # Errors
/// See [`encode`].
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::with_source(ErrorKind::Write, "a recorded value cannot be written as JSON", error))
}

impl Extra {
    /// The inherited ids and names.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let mut identity = Identity::default();
        for (name, value) in &self.inherited {
            if let Some(field) = IdentityField::ALL.into_iter().find(|field| field.as_str() == name) {
                identity.set(field, value.as_str());
            }
        }
        identity
    }
}

struct Typed<'a> {
    value: &'a Value,
    depth: usize,
}

/// A list of typed values, one level deeper than what holds it.
struct Items<'a>(&'a [Value], usize);
struct Entries<'a>(&'a [(String, Value)], usize);

impl Serialize for Typed<'_> {
    /// `[type, value]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        serialize_typed(&mut pair, self.value, self.depth)?;
        pair.end()
    }
}

fn serialize_typed<T: SerializeTuple>(tuple: &mut T, value: &Value, depth: usize) -> Result<(), T::Error> {
    let nested = matches!(value, Value::Array(_) | Value::Map(_));
    if nested && depth >= super::MAX_DEPTH {
        tuple.serialize_element("str")?;
        return tuple.serialize_element(TOO_DEEP);
    }
    tuple.serialize_element(type_name(value))?;
    match value {
        Value::Null => tuple.serialize_element(&()),
        Value::Bool(value) => tuple.serialize_element(value),
        Value::I64(value) => tuple.serialize_element(value),
        Value::U64(value) => tuple.serialize_element(value),
        Value::I128(value) => tuple.serialize_element(&value.to_string()),
        Value::U128(value) => tuple.serialize_element(&value.to_string()),
        Value::F64(value) if value.is_finite() => tuple.serialize_element(value),
        Value::F64(value) if value.is_nan() && value.to_bits() != f64::NAN.to_bits() => {
            tuple.serialize_element(&format_args!("{NAN_BITS}{:016x}", value.to_bits()))
        }
        Value::F64(value) => tuple.serialize_element(&value.to_string()),
        Value::Str(text) | Value::Debug(text) | Value::Error(text) => tuple.serialize_element(text),
        Value::Bytes(bytes) => tuple.serialize_element(&BASE64.encode(bytes)),
        Value::Array(items) => tuple.serialize_element(&Items(items, depth + 1)),
        Value::Map(entries) => tuple.serialize_element(&Entries(entries, depth + 1)),
    }
}

const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::I64(_) => "i64",
        Value::U64(_) => "u64",
        Value::I128(_) => "i128",
        Value::U128(_) => "u128",
        Value::F64(_) => "f64",
        Value::Str(_) => "str",
        Value::Debug(_) => "debug",
        Value::Error(_) => "error",
        Value::Bytes(_) => "bytes",
        Value::Array(_) => "array",
        Value::Map(_) => "map",
    }
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            seq.serialize_element(&Typed { value, depth: self.1 })?;
        }
        seq.end()
    }
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for (key, value) in self.0 {
            seq.serialize_element(&Entry { key, value, depth: self.1 })?;
        }
        seq.end()
    }
}

struct Entry<'a> {
    key: &'a str,
    value: &'a Value,
    depth: usize,
}

impl Serialize for Entry<'_> {
    /// `[key, type, value]`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut triple = serializer.serialize_tuple(3)?;
        triple.serialize_element(self.key)?;
        serialize_typed(&mut triple, self.value, self.depth)?;
        triple.end()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.len()))?;
        for (key, value) in self.iter() {
            seq.serialize_element(&Entry { key, value, depth: 0 })?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<OwnedEntry>::deserialize(deserializer)?;
        Ok(entries.into_iter().map(|entry| (entry.0.into(), entry.1)).collect())
    }
}

struct OwnedEntry(String, Value);
struct OwnedValue(Value);

impl<'de> Deserialize<'de> for OwnedEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Triple;
        impl<'de> Visitor<'de> for Triple {
            type Value = OwnedEntry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a triple of key, type and value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OwnedEntry, A::Error> {
                let key = element(&mut seq)?;
                Ok(OwnedEntry(key, typed_value(&mut seq)?))
            }
        }
        deserializer.deserialize_seq(Triple)
    }
}

impl<'de> Deserialize<'de> for OwnedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = OwnedValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a pair of type and value")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<OwnedValue, A::Error> {
                typed_value(&mut seq).map(OwnedValue)
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(|| A::Error::custom("a typed value ends early"))
}

fn typed_value<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Value, A::Error> {
    let kind: String = element(seq)?;
    Ok(match kind.as_str() {
        "null" => {
            element::<(), A>(seq)?;
            Value::Null
        }
        "bool" => Value::Bool(element(seq)?),
        "i64" => Value::I64(element(seq)?),
        "u64" => Value::U64(element(seq)?),
        "i128" => Value::I128(element::<String, A>(seq)?.parse().map_err(A::Error::custom)?),
        "u128" => Value::U128(element::<String, A>(seq)?.parse().map_err(A::Error::custom)?),
        "f64" => Value::F64(match element::<FloatOrText, A>(seq)? {
            FloatOrText::Float(float) => float,
            FloatOrText::Text(text) => match text.strip_prefix(NAN_BITS) {
                Some(bits) => f64::from_bits(u64::from_str_radix(bits, 16).map_err(A::Error::custom)?),
                None => text.parse().map_err(A::Error::custom)?,
            },
        }),
        "str" => Value::Str(element(seq)?),
        "debug" => Value::Debug(element(seq)?),
        "error" => Value::Error(element(seq)?),
        "bytes" => Value::Bytes(BASE64.decode(element::<String, A>(seq)?).map_err(A::Error::custom)?),
        "array" => Value::Array(element::<Vec<OwnedValue>, A>(seq)?.into_iter().map(|item| item.0).collect()),
        "map" => Value::Map(element::<Vec<OwnedEntry>, A>(seq)?.into_iter().map(|entry| (entry.0, entry.1)).collect()),
        other => return Err(A::Error::custom(format_args!("unknown value type {other:?}"))),
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FloatOrText {
    Float(f64),
    Text(String),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Event")]
struct EventForm {
    name: String,
    time_ns: i64,
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_zero")]
    dropped_attributes: u32,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "shared_callsite")]
    callsite: Option<Arc<Callsite>>,
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EventForm::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EventForm::deserialize(deserializer)
    }
}

mod shared_callsite {
    use super::{Arc, Callsite, Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(callsite: &Option<Arc<Callsite>>, serializer: S) -> Result<S::Ok, S::Error> {
        callsite.as_deref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<Callsite>>, D::Error> {
        Ok(Option::<Callsite>::deserialize(deserializer)?.map(Arc::new))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Callsite")]
struct CallsiteForm {
    name: String,
    target: String,
    level: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
}

impl Serialize for Callsite {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CallsiteForm::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Callsite {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        CallsiteForm::deserialize(deserializer)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Link")]
struct LinkForm {
    #[serde(with = "hex_id")]
    trace_id: super::TraceId,
    #[serde(with = "hex_id")]
    span_id: super::SpanId,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    trace_state: String,
    #[serde(default)]
    flags: u32,
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "is_zero")]
    dropped_attributes: u32,
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        LinkForm::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        LinkForm::deserialize(deserializer)
    }
}

mod hex_id {
    use super::super::id::FromDigits;
    use super::{Deserialize, Deserializer, Serializer};
    use serde::de::Error as _;

    pub(super) fn serialize<T: std::fmt::Display, S: Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    /// Links may lead nowhere: zeros come back as zeros.
    pub(super) fn deserialize<'de, T: FromDigits, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let digits = String::deserialize(deserializer)?;
        T::from_digits(&digits).ok_or_else(|| D::Error::custom(format_args!("{digits:?} is no id")))
    }
}

/// What a scope is told apart by, but for what [`SenderExtra`] adds.
#[derive(Serialize)]
#[serde(remote = "Scope")]
struct ScopeForm {
    name: String,
    version: String,
    attributes: Attributes,
    schema_url: String,
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ScopeForm::serialize(self, serializer)
    }
}

/// What a resource is told apart by, but for what [`SenderExtra`] adds.
#[derive(Serialize)]
#[serde(remote = "Resource")]
struct ResourceForm {
    attributes: Attributes,
    schema_url: String,
}

impl Serialize for Resource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ResourceForm::serialize(self, serializer)
    }
}

/// The part of a resource or scope that stands in no column of its table, as the column `extra` keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SenderExtra {
    /// The name of a scope, where the column cannot hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The version of a scope, where the column cannot hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The schema URL, where the column cannot hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_url: Option<String>,
    /// Attributes that were dropped by a limit.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_attributes: u32,
    /// The entities that a resource belongs to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entity_refs: Vec<EntityRef>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "EntityRef")]
struct EntityRefForm {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    schema_url: String,
    kind: String,
    id_keys: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    description_keys: Vec<String>,
}

impl Serialize for EntityRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EntityRefForm::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for EntityRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EntityRefForm::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::I64),
            any::<u64>().prop_map(Value::U64),
            any::<i128>().prop_map(Value::I128),
            any::<u128>().prop_map(Value::U128),
            any::<f64>().prop_filter("NaN is never equal", |float| !float.is_nan()).prop_map(Value::F64),
            any::<String>().prop_map(Value::Str),
            any::<String>().prop_map(Value::Debug),
            any::<String>().prop_map(Value::Error),
            any::<Vec<u8>>().prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::vec((any::<String>(), inner), 0..5).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_attributes_survive(entries in prop::collection::vec((any::<String>(), value()), 0..12)) {
            let attributes: Attributes = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
            let json = to_json(&attributes).unwrap();
            let back: Attributes = decode("attributes", &json).unwrap();
            prop_assert_eq!(back, attributes);
        }
    }

    #[test]
    fn order_duplicates_and_odd_numbers_are_kept() {
        let mut attributes = Attributes::new();
        attributes.push("b", 2u64);
        attributes.push("a", f64::NEG_INFINITY);
        attributes.push("b", u64::MAX);
        attributes.push("nul\0", "a\0b \u{fffd} 🦀 \\ud800");
        let json = to_json(&attributes).unwrap();
        assert_eq!(
            std::str::from_utf8(&json).unwrap(),
            r#"[["b","u64",2],["a","f64","-inf"],["b","u64",18446744073709551615],["nul\u0000","str","a\u0000b � 🦀 \\ud800"]]"#
        );
        assert_eq!(decode::<Attributes>("attributes", &json).unwrap(), attributes);
    }

    #[test]
    fn deep_nesting_is_cut_not_lost() {
        let mut value = Value::Str("bottom".to_owned());
        for _ in 0..500 {
            value = Value::Array(vec![value]);
        }
        let mut attributes = Attributes::new();
        attributes.push("deep", value);
        let json = String::from_utf8(to_json(&attributes).unwrap()).unwrap();
        assert!(json.contains(TOO_DEEP));
        decode::<Attributes>("attributes", json.as_bytes()).unwrap();
    }
}
