//! Text of Rust's `Debug`, read as JSON: frameworks log whole requests and answers with `?value`, and often nowhere else.
//!
//! | `Debug` | JSON |
//! |---|---|
//! | `Name { a: 1, .. }`, `{a: 1}` | `{"a": 1}` |
//! | `Name(1)`, `Name(1, 2)` | `{"Name": 1}`, `{"Name": [1, 2]}`: serde's form of an enum's variant |
//! | `Some(1)`, `None` | `1`, `null` |
//! | `Name` | `"Name"` |
//! | `[1, 2]`, `(1, 2)` | `[1, 2]` |
//! | `Object {"a": Bool(true)}`, `Array []`, `String("x")`, `Number(1)`, `Null` | the JSON that `serde_json` shows so |
//! | anything else (`2026-01-01T00:00:00Z`) | its text |
//!
//! Both `{:?}` and `{:#?}` are read. A text that was cut ends early: what is open is closed. The work is linear in the text.

use serde_json::{Map, Value as Json};

use crate::model::MAX_DEPTH;

/// The value that `Debug` wrote; `None` where the text is none of its forms, or nested more than [`MAX_DEPTH`] deep.
pub(crate) fn parse(text: &str) -> Option<Json> {
    let mut reader = Reader { rest: text.trim(), depth: 0 };
    let json = reader.value()?;
    reader.skip_space();
    reader.rest.is_empty().then_some(json)
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `sign`, if it comes next.
    fn take(&mut self, sign: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self) -> Option<Json> {
        self.skip_space();
        if self.depth == MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        let json = match self.rest.chars().next() {
            Some('"') => self.string().map(Json::String),
            Some('[') => self.list('[', ']').map(Json::Array),
            Some('(') => self.list('(', ')').map(Json::Array),
            Some('{') => self.fields(),
            _ => self.named(),
        };
        self.depth -= 1;
        json
    }

    /// A name and what may follow it, or a bare word.
    fn named(&mut self) -> Option<Json> {
        let word = self.word();
        let is_name = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
        match self.rest.chars().next() {
            Some('(') if is_name => {
                let mut items = self.list('(', ')')?;
                let inner = if items.len() == 1 { items.pop()? } else { Json::Array(items) };
                Some(match word {
                    "Some" | "String" | "Bool" | "Number" => inner,
                    _ => Json::Object(Map::from_iter([(word.to_owned(), inner)])),
                })
            }
            Some('{') if is_name => self.fields(),
            Some('[') if is_name => self.list('[', ']').map(Json::Array),
            _ => bare(word),
        }
    }

    /// Text up to the next sign that ends a value or opens one.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find([',', '(', ')', '[', ']', '{', '}', '"', '\n']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.trim()
    }

    fn list(&mut self, open: char, close: char) -> Option<Vec<Json>> {
        self.take(open);
        let mut items = Vec::new();
        while !self.take(close) && !self.rest.is_empty() {
            items.push(self.value()?);
            self.end_of_item(close)?;
        }
        Some(items)
    }

    /// `{a: 1, "b": 2}`, or the items of a set.
    fn fields(&mut self) -> Option<Json> {
        self.take('{');
        let (mut fields, mut items) = (Map::new(), Vec::new());
        while !self.take('}') && !self.rest.is_empty() {
            if let Some(rest) = self.rest.strip_prefix("..") {
                self.rest = rest;
                continue;
            }
            match self.key()? {
                Key::Of(key) => {
                    let value = if self.rest.trim_start().is_empty() { Json::Null } else { self.value()? };
                    fields.insert(key, value);
                }
                Key::Item(item) => items.push(item),
            }
            self.end_of_item('}')?;
        }
        Some(if items.is_empty() { Json::Object(fields) } else { Json::Array(items) })
    }

    /// What stands before a colon; an item where there is none.
    fn key(&mut self) -> Option<Key> {
        self.skip_space();
        let name_end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '#'));
        if let Some((name, after)) = name_end.and_then(|end| self.rest.split_at_checked(end))
            && let Some(after) = after.strip_prefix(": ").filter(|_| !name.is_empty())
        {
            self.rest = after;
            return Some(Key::Of(name.trim_start_matches("r#").to_owned()));
        }
        let item = self.value()?;
        if !self.take(':') {
            return Some(Key::Item(item));
        }
        Some(Key::Of(match item {
            Json::String(key) => key,
            other => other.to_string(),
        }))
    }

    /// A comma, the end of the list, or the end of a text that was cut; anything else is not `Debug`'s.
    fn end_of_item(&mut self, close: char) -> Option<()> {
        (self.take(',') || self.rest.is_empty() || self.rest.starts_with(close)).then_some(())
    }

    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.get(1..)?.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => match chars.next() {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some('0') => text.push('\0'),
                    Some('u') => {
                        let (digits, after) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                        text.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                        chars = after.chars();
                    }
                    Some(same) => text.push(same),
                    None => {}
                },
                other => text.push(other),
            }
        }
        self.rest = chars.as_str();
        Some(text)
    }
}

/// What comes first between braces.
enum Key {
    Of(String),
    Item(Json),
}

/// A word without anything behind it: a number, a boolean, nothing, or its text.
fn bare(word: &str) -> Option<Json> {
    Some(match word {
        "" => return None,
        "None" | "Null" => Json::Null,
        _ => serde_json::from_str(word)
            .ok()
            .filter(|json: &Json| json.is_number() || json.is_boolean())
            .unwrap_or_else(|| Json::String(word.to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Clone)]
    enum Shape {
        Unit,
        One(Option<String>),
        Two(i64, bool),
        Named { text: String, r#type: Vec<u8>, inner: Option<Box<Shape>> },
    }

    fn shape() -> impl Strategy<Value = Shape> {
        let leaf = prop_oneof![
            Just(Shape::Unit),
            any::<Option<String>>().prop_map(Shape::One),
            any::<(i64, bool)>().prop_map(|(number, flag)| Shape::Two(number, flag)),
        ];
        leaf.prop_recursive(6, 12, 1, |inner| {
            (any::<String>(), any::<Vec<u8>>(), inner).prop_map(|(text, bytes, inner)| Shape::Named {
                text,
                r#type: bytes,
                inner: Some(Box::new(inner)),
            })
        })
    }

    fn expected(shape: &Shape) -> Json {
        match shape {
            Shape::Unit => json!("Unit"),
            Shape::One(text) => json!({ "One": text }),
            Shape::Two(number, flag) => json!({ "Two": [number, flag] }),
            Shape::Named { text, r#type: bytes, inner } => {
                json!({ "text": text, "type": bytes, "inner": inner.as_deref().map(expected) })
            }
        }
    }

    proptest! {
        #[test]
        fn what_debug_writes_is_read(shape in shape()) {
            prop_assert_eq!(parse(&format!("{shape:?}")), Some(expected(&shape)));
            prop_assert_eq!(parse(&format!("{shape:#?}")), Some(expected(&shape)));
        }

        #[test]
        fn any_text_is_harmless(text in ".{0,200}", cut in 0_usize..400, shape in shape()) {
            let _ = parse(&text);
            let written = format!("{shape:?}");
            let _ = parse(&written[..written.floor_char_boundary(cut)]);
        }
    }

    #[test]
    fn values_of_serde_json_are_themselves() {
        let value = json!({"type": "object", "required": [], "strict": true, "n": 1.5, "none": null});
        assert_eq!(parse(&format!("{value:?}")), Some(value));
    }

    #[test]
    fn maps_words_and_open_structs() {
        let map = BTreeMap::from([(0, "a"), (1, "b")]);
        assert_eq!(parse(&format!("{map:?}")), Some(json!({"0": "a", "1": "b"})));
        let written = "Response { id: 1a707ab1-66ec-413a, at: 2026-01-01T00:00:00Z, role: Assistant, took: 1.5s, .. }";
        let read =
            json!({"id": "1a707ab1-66ec-413a", "at": "2026-01-01T00:00:00Z", "role": "Assistant", "took": "1.5s"});
        assert_eq!(parse(written), Some(read));
    }

    #[test]
    fn a_text_that_was_cut_keeps_what_came_before() {
        let cut = r#"Request { messages: [User(Message { content: Text("Add 2 a…[+90 bytes]"#;
        assert_eq!(parse(cut), Some(json!({"messages": [{"User": {"content": {"Text": "Add 2 a…[+90 bytes]"}}}]})));
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = "[".repeat(100_000);
        assert_eq!(parse(&deep), None);
        let allowed = format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH));
        assert_eq!(parse(&allowed).map(|json| json.is_array()), Some(true));
    }
}
