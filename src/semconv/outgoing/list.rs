//! Attributes with unique keys, and values as every reader knows them.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::super::coerce::{clean_text, count, float, is_blank, json};
use super::tables::{FLOATS, INTEGERS, LISTS, SAID_OTHERWISE, TEXTS};
use crate::model::{Attributes, Key, Value};

/// Attributes on their way out, in the order in which their keys were recorded first.
pub(super) struct OutgoingList {
    entries: Vec<(Key, Value)>,
    places: HashMap<String, usize>,
}

impl OutgoingList {
    /// The recorded ones: of each key the last one, its type mended.
    pub(super) fn of(recorded: &Attributes) -> Self {
        let mut list = Self { entries: Vec::with_capacity(recorded.len()), places: HashMap::new() };
        for (key, value) in recorded.iter().filter(|(key, _)| !SAID_OTHERWISE.contains(key)) {
            list.set(key, mended(key, value).unwrap_or_else(|| plain_value(value)));
        }
        list
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(entry) = self.places.get(key).and_then(|place| self.entries.get_mut(*place)) {
            entry.1 = value;
            return;
        }
        self.places.insert(key.to_owned(), self.entries.len());
        self.entries.push((key.to_owned().into(), value));
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(*self.places.get(key)?).map(|(_, value)| value)
    }

    /// The text under `key`.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Whether a key begins with `prefix`.
    pub(super) fn has_prefix(&self, prefix: &str) -> bool {
        self.entries.iter().any(|(key, _)| key.starts_with(prefix))
    }

    /// Adds what is known, unless something is recorded under `key`. A key that is empty stands for none.
    pub(super) fn fill(&mut self, key: &str, value: Option<impl Into<Value>>) {
        let Some(value) = value else { return };
        if !key.is_empty() && self.get(key).is_none_or(is_blank) {
            self.set(key, plain_value(&value.into()));
        }
    }

    pub(super) fn into_attributes(self) -> Attributes {
        self.entries.into_iter().collect()
    }
}

/// The same with unique keys (the last one wins) and plain values; `None` where it has them.
pub(super) fn plain(attributes: &Attributes) -> Option<Attributes> {
    let mut keys = std::collections::HashSet::new();
    let is_plain = attributes.iter().all(|(key, value)| keys.insert(key) && plain_value(value) == *value);
    if is_plain {
        return None;
    }
    let mut list = OutgoingList { entries: Vec::new(), places: HashMap::new() };
    attributes.iter().for_each(|(key, value)| list.set(key, plain_value(value)));
    Some(list.into_attributes())
}

/// A recorded value of the type that its key has; `None` where it has it, or cannot have it.
fn mended(key: &str, value: &Value) -> Option<Value> {
    if INTEGERS.contains(&key) {
        // A count beyond 64 signed bits is no integer to any reader.
        return count(value).and_then(|count| i64::try_from(count).ok()).map(Value::I64);
    }
    if FLOATS.contains(&key) {
        return float(value).map(Value::F64);
    }
    if LISTS.contains(&key)
        && let Some(Json::Array(items)) = json(value)
    {
        return Some(plain_value(&Value::Array(items.into_iter().map(Value::from).collect())));
    }
    if TEXTS.contains(&key) && !matches!(value, Value::Str(_)) {
        return clean_text(value).map(|text| Value::Str(text.into_owned()));
    }
    None
}

/// The value, of a type that OTLP has: how a text was made is not told, and integers are signed, beyond 64 bits decimal text.
fn plain_value(value: &Value) -> Value {
    fn integer<T: TryInto<i64> + ToString + Copy>(number: T) -> Value {
        number.try_into().map_or_else(|_| Value::Str(number.to_string()), Value::I64)
    }
    match value {
        Value::U64(number) => integer(*number),
        Value::I128(number) => integer(*number),
        Value::U128(number) => integer(*number),
        Value::Debug(text) | Value::Error(text) => Value::Str(text.clone()),
        Value::Array(items) => Value::Array(items.iter().map(plain_value).collect()),
        Value::Map(entries) => {
            Value::Map(entries.iter().map(|(key, value)| (key.clone(), plain_value(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::semconv::field;

    fn list(entries: &[(&'static str, Value)]) -> Attributes {
        entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect()
    }

    #[test]
    fn the_last_of_a_key_stays_where_the_first_stood() {
        let recorded = list(&[("a", 1_i64.into()), ("b", 2_i64.into()), ("a", 3_u64.into())]);
        assert_eq!(OutgoingList::of(&recorded).into_attributes(), list(&[("a", 3_i64.into()), ("b", 2_i64.into())]));
        assert_eq!(plain(&recorded), Some(list(&[("a", 3_i64.into()), ("b", 2_i64.into())])));
        assert_eq!(plain(&list(&[("a", "x".into())])), None);
    }

    #[test]
    fn types_are_mended_and_nothing_else() {
        for (key, recorded, leaves) in [
            (field::INPUT_TOKENS, Value::from("12"), Value::I64(12)),
            (field::INPUT_TOKENS, Value::U64(12), Value::I64(12)),
            (field::INPUT_TOKENS, "many".into(), "many".into()),
            (field::TEMPERATURE, 1_i64.into(), 1.0.into()),
            (field::SESSION_ID, Value::Debug("\"s-1\"".to_owned()), "s-1".into()),
            (field::SESSION_ID, 7_u64.into(), "7".into()),
            (field::FINISH_REASONS, r#"["stop"]"#.into(), Value::Array(vec!["stop".into()])),
            ("mine", Value::Debug("\"s-1\"".to_owned()), "\"s-1\"".into()),
            ("mine", "12".into(), "12".into()),
            ("mine", Value::U64(u64::MAX), "18446744073709551615".into()),
        ] {
            let left = OutgoingList::of(&list(&[(key, recorded.clone())]));
            assert_eq!(left.get(key), Some(&leaves), "{key} {recorded:?}");
        }
    }

    #[test]
    fn what_is_recorded_is_not_filled_in_and_what_stands_for_nothing_is() {
        let mut left = OutgoingList::of(&list(&[("a", "mine".into()), ("b", "".into()), ("c", 0_i64.into())]));
        for key in ["a", "b", "c", "d", ""] {
            left.fill(key, Some("known"));
        }
        left.fill("e", None::<&str>);
        let expected = [("a", "mine".into()), ("b", "known".into()), ("c", 0_i64.into()), ("d", "known".into())];
        assert_eq!(left.into_attributes(), list(&expected));
    }
}
