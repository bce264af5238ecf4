//! Recorded values as what they mean: texts, counts, numbers, JSON. Wrong types are coerced, never dropped.
//!
//! The types that producers mix up: `tracing` delivers `?value` and `%value` as text (so an id arrives as `"alice"` with its quotes or as
//! `Some("alice")`), several frameworks write numbers as text, and structured values are JSON in a text wherever a span's attributes
//! can hold no maps. OTLP may bring real lists and maps for the same keys.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::model::{MAX_DEPTH, Value};

/// The text of an id-like value (a name, an id, a model): integers in decimal, a text that `Debug` quoted unquoted, `Some(x)` opened.
///
/// `None` for what stands for no value: nothing, the empty text, `null`, `Debug`'s `None`, and lists and maps. `tracing` gives
/// `?value` and `%value` through the same method, so quotes are taken off only when they enclose the whole text.
#[must_use]
pub(crate) fn clean_text(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::Str(text) => unquoted(text.trim()),
        Value::Debug(text) | Value::Error(text) => opened(text)?,
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::F64(number) if number.is_finite() => Cow::Owned(number.to_string()),
        Value::I64(number) => Cow::Owned(number.to_string()),
        Value::U64(number) => Cow::Owned(number.to_string()),
        Value::I128(number) => Cow::Owned(number.to_string()),
        Value::U128(number) => Cow::Owned(number.to_string()),
        _ => return None,
    };
    (!is_blank_text(&text)).then_some(text)
}

/// The text of a payload: as recorded, `Debug`'s quotes and `Some(…)` opened, lists and maps as JSON, bytes as base64.
pub(super) fn content_text(value: &Value) -> Option<Cow<'_, str>> {
    let text = match value {
        Value::Str(text) => Cow::Borrowed(text.as_str()),
        Value::Array(_) | Value::Map(_) => Cow::Owned(serde_json::to_string(&AsJson(value, 0)).ok()?),
        Value::Bytes(bytes) => Cow::Owned(BASE64.encode(bytes)),
        other => clean_text(other)?,
    };
    (!is_blank_text(&text)).then_some(text)
}

/// A value that is JSON: a list or map as recorded, or a text that holds JSON.
pub(crate) fn json(value: &Value) -> Option<Json> {
    match value {
        Value::Array(_) | Value::Map(_) => to_json(value),
        Value::Str(text) => json_text(text),
        Value::Debug(text) | Value::Error(text) => json_text(&opened(text)?),
        _ => None,
    }
}

/// The JSON list or object that a text holds. A text that merely is a number or word is no JSON here.
pub(super) fn json_text(text: &str) -> Option<Json> {
    let text = text.trim();
    if !text.starts_with(['[', '{']) {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&without_lone_surrogates(text)?).ok())
}

/// JSON text with U+FFFD where an escape is one half of a surrogate pair without the other: encoders of other languages write such
/// halves, when a text was cut in the middle of a character. None where there is none.
fn without_lone_surrogates(text: &str) -> Option<String> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return None;
    }
    let mut mended = String::new();
    let mut rest = text;
    while let Some(place) = rest.find('\\') {
        let (before, escape) = rest.split_at(place);
        let (length, is_lone) = match (escaped_unit(escape), escape.get(6..).and_then(escaped_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => (12, false),
            (Some(0xd800..=0xdfff), _) => (6, true),
            (Some(_), _) => (6, false),
            // What is escaped may be a backslash, which begins no escape of its own.
            (None, _) => (1 + escape.chars().nth(1).map_or(0, char::len_utf8), false),
        };
        let (escape, after) = escape.split_at(length);
        mended.push_str(before);
        mended.push_str(if is_lone { "\\ufffd" } else { escape });
        rest = after;
    }
    mended.push_str(rest);
    (mended != text).then_some(mended)
}

/// The UTF-16 unit of a `\uXXXX` that a text begins with.
fn escaped_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
}

/// A count that is not negative: integers, whole floats, and texts of them (`42`, `42.0`, `Some(42)`). Anything else is no count, so
/// that a broken one is absent and not 0.
pub(super) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::I64(number) => u64::try_from(*number).ok(),
        Value::U64(number) => Some(*number),
        Value::I128(number) => u64::try_from(*number).ok(),
        Value::U128(number) => u64::try_from(*number).ok(),
        Value::F64(number) => whole(*number),
        Value::Str(_) | Value::Debug(_) => {
            let text = clean_text(value)?;
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

/// A finite number.
pub(super) fn float(value: &Value) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "an amount of money or time beyond 2^53 has no use for its last digits"
    )]
    let number = match value {
        Value::F64(number) => *number,
        Value::I64(number) => *number as f64,
        Value::U64(number) => *number as f64,
        Value::Str(_) | Value::Debug(_) => clean_text(value)?.parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// Whether a value stands for none, so that it must not replace an earlier one ("a later empty text does not erase").
pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Str(text) => is_blank_text(text),
        Value::Debug(text) => is_blank_text(text) || matches!(text.trim(), "None" | "\"\""),
        Value::Array(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

fn is_blank_text(text: &str) -> bool {
    matches!(text.trim(), "" | "null")
}

/// The number as a count, when it is whole, not negative and exactly representable.
fn whole(number: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (number.fract() == 0.0 && (0.0..=EXACT).contains(&number)).then_some(number as u64)
}

/// `Debug` text with `Some(…)` opened and quotes taken off; `None` for the text `None`.
fn opened(text: &str) -> Option<Cow<'_, str>> {
    let mut text = text.trim();
    while let Some(inner) = text.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')) {
        text = inner.trim();
    }
    (text != "None").then(|| unquoted(text))
}

/// Takes off quotes that enclose the whole text, as `Debug` and JSON write them; any other text stays as it is.
fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains(['"', '\\']) {
        return Cow::Borrowed(inner);
    }
    unescaped(inner).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// The text within quotes, escapes resolved (Rust's and JSON's); `None` if it holds a bare quote or an unknown escape.
fn unescaped(inner: &str) -> Option<String> {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == '"' {
            return None;
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next()? {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '0' => out.push('\0'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            same @ ('"' | '\\' | '/' | '\'') => out.push(same),
            'u' => {
                let rest = chars.as_str();
                let (digits, after) = match rest.strip_prefix('{') {
                    Some(braced) => braced.split_once('}')?,
                    None => rest.split_at_checked(4)?,
                };
                out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                chars = after.chars();
            }
            _ => return None,
        }
    }
    Some(out)
}

/// The JSON form of a value; see [`AsJson`].
fn to_json(value: &Value) -> Option<Json> {
    serde_json::to_value(AsJson(value, 0)).ok()
}

/// A value, at a depth, as plain JSON in its recorded order. What is nested deeper than [`MAX_DEPTH`] becomes `null`, so that hostile
/// nesting cannot exhaust the stack.
pub(super) struct AsJson<'a>(pub(super) &'a Value, pub(super) usize);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value, depth) = *self;
        match value {
            Value::Array(_) | Value::Map(_) if depth >= MAX_DEPTH => serializer.serialize_unit(),
            Value::Array(items) => serializer.collect_seq(items.iter().map(|item| AsJson(item, depth + 1))),
            Value::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (key, AsJson(value, depth + 1))))
            }
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::I64(number) => serializer.serialize_i64(*number),
            Value::U64(number) => serializer.serialize_u64(*number),
            Value::F64(number) => serializer.serialize_f64(*number),
            Value::I128(number) => serializer.collect_str(number),
            Value::U128(number) => serializer.collect_str(number),
            Value::Str(text) | Value::Debug(text) | Value::Error(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_str(&BASE64.encode(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debug(text: &str) -> Value {
        Value::Debug(text.to_owned())
    }

    #[test]
    fn id_like_values_are_cleaned() {
        for (value, expected) in [
            (Value::from("s1"), Some("s1")),
            (Value::from("  s1 "), Some("s1")),
            (Value::from(7_i64), Some("7")),
            (Value::from(u64::MAX), Some("18446744073709551615")),
            (Value::from(42.0), Some("42")),
            (debug("alice"), Some("alice")),
            (debug(r#""alice""#), Some("alice")),
            (debug(r#""a\"b\u{e9}\u00e9\n""#), Some("a\"béé\n")),
            (debug(r#"Some("alice")"#), Some("alice")),
            (debug("Some(7)"), Some("7")),
            (debug("Some(Some(7))"), Some("7")),
            (debug(r#""a" and "b""#), Some(r#""a" and "b""#)),
            (debug(r#""bad \q""#), Some(r#""bad \q""#)),
            (debug("Some"), Some("Some")),
            (debug("\""), Some("\"")),
            (debug("None"), None),
            (Value::from("None"), Some("None")),
            (Value::from("null"), None),
            (Value::from(""), None),
            (debug(r#""""#), None),
            (Value::Null, None),
            (Value::Array(vec![]), None),
        ] {
            assert_eq!(clean_text(&value).as_deref(), expected, "{value:?}");
        }
    }

    #[test]
    fn counts_come_from_any_type() {
        for (value, expected) in [
            (Value::from(42_i64), Some(42)),
            (Value::from(0_i64), Some(0)),
            (Value::from(-1_i64), None),
            (Value::from(42.0), Some(42)),
            (Value::from(42.5), None),
            (Value::from(f64::NAN), None),
            (Value::from(1e300), None),
            (Value::from("42"), Some(42)),
            (Value::from("42.0"), Some(42)),
            (debug("Some(42)"), Some(42)),
            (debug("None"), None),
            (Value::from("many"), None),
            (Value::U128(u128::MAX), None),
        ] {
            assert_eq!(count(&value), expected, "{value:?}");
        }
    }

    #[test]
    fn payloads_keep_their_text() {
        let map = Value::Map(vec![("b".to_owned(), Value::from(1_i64)), ("a".to_owned(), Value::Null)]);
        assert_eq!(content_text(&map).as_deref(), Some(r#"{"b":1,"a":null}"#));
        assert_eq!(content_text(&Value::from(r#""quoted""#)).as_deref(), Some(r#""quoted""#));
        assert_eq!(content_text(&Value::Bytes(vec![0, 255])).as_deref(), Some("AP8="));
        assert_eq!(json(&Value::from("42")), None);
        assert_eq!(json(&Value::from(r#" {"a":1}"#)), Some(serde_json::json!({"a": 1})));
    }

    #[test]
    fn half_a_character_does_not_cost_the_rest() {
        for (text, expected) in [
            (r#"["a\ud83eb"]"#, "a\u{fffd}b"),
            (r#"["\udd80\ud83e"]"#, "\u{fffd}\u{fffd}"),
            (r#"["\ud83e\ud83e\udd80"]"#, "\u{fffd}🦀"),
            (r#"["\ud83e\n\\udc00 \ud83e"]"#, "\u{fffd}\n\\udc00 \u{fffd}"),
        ] {
            assert_eq!(json_text(text), Some(serde_json::json!([expected])), "{text}");
        }
        for broken in [r#"["\ud83"]"#, r#"["\ud83é0"]"#, r#"["\ud83e]"#, r#"["\"#, r#"["\é"]"#] {
            assert_eq!(json_text(broken), None, "{broken}");
        }
    }

    #[test]
    fn deep_values_are_cut() {
        let deep = (0..10_000).fold(Value::from(1_i64), |inner, _| Value::Array(vec![inner]));
        let text = content_text(&deep).unwrap();
        assert_eq!(text, format!("{}null{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)));
        std::mem::forget(deep); // dropping such a value recurses; that is not what is tested
    }
}
