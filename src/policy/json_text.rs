//! Texts that are JSON, changed in place: only the leaves that must be are rewritten, all else stays byte by byte, numbers of any size and
//! repeated keys included; and what was JSON is JSON afterwards.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// What is nested deeper is not read as JSON here.
const MAX_DEPTH: usize = 128;

/// A text, a number or a word in a JSON text, as it is written there.
pub(super) struct Leaf<'t> {
    pub(super) raw: &'t str,
    /// The keys above it, of objects; from the outside in.
    pub(super) keys: &'t [String],
    /// It is a key itself.
    pub(super) is_key: bool,
}

impl Leaf<'_> {
    /// What a text says; None for other leaves.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        let inner = self.raw.strip_prefix('"')?.strip_suffix('"')?;
        if !inner.contains('\\') {
            return Some(Cow::Borrowed(inner));
        }
        // An escape that is half of a character is left as it is written.
        Some(serde_json::from_str(self.raw).map_or(Cow::Borrowed(inner), Cow::Owned))
    }

    pub(super) fn is_number(&self) -> bool {
        self.raw.starts_with(|c: char| c == '-' || c.is_ascii_digit())
    }
}

/// A JSON text of this.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a text is JSON of any kind.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether a text is a JSON list or object.
pub(super) fn is_container(text: &str) -> bool {
    let trimmed = text.trim();
    let is_closed =
        (trimmed.starts_with('{') && trimmed.ends_with('}')) || (trimmed.starts_with('[') && trimmed.ends_with(']'));
    is_closed && is_json(text)
}

/// Asks for each leaf of a JSON list or object what shall stand in its place (JSON again), and returns the text if anything changed. None
/// also for a text that is neither, or is nested too deep: see [`is_container`].
pub(super) fn edit(text: &str, mut leaf: impl FnMut(&Leaf<'_>) -> Option<String>) -> Option<String> {
    let mut edited = String::new();
    // Up to here the text was taken over.
    let mut taken = 0;
    walk(text, |place, found| {
        if let (Some(new), Some(kept)) = (leaf(found), text.get(taken..place)) {
            edited.push_str(kept);
            edited.push_str(&new);
            taken = place + found.raw.len();
        }
    })?;
    if taken == 0 {
        return None;
    }
    edited.push_str(text.get(taken..)?);
    Some(edited)
}

/// Whether [`edit`] reads this.
pub(super) fn is_editable(text: &str) -> bool {
    is_container(text) && walk(text, |_, _| {}).is_some()
}

/// Visits the leaves of a text that is JSON, each with its place.
fn walk(text: &str, mut visit: impl FnMut(usize, &Leaf<'_>)) -> Option<()> {
    // Of each object that is open its current key (of lists an empty one, never read), and what they are.
    let mut keys: Vec<String> = Vec::new();
    let mut are_objects: Vec<bool> = Vec::new();
    let mut wants_key = false;
    let mut place = 0;
    while let Some(sign) = text.as_bytes().get(place) {
        match sign {
            b'{' | b'[' => {
                if are_objects.len() == MAX_DEPTH {
                    return None;
                }
                wants_key = *sign == b'{';
                are_objects.push(wants_key);
                keys.push(String::new());
            }
            b'}' | b']' => {
                are_objects.pop();
                keys.pop();
                wants_key = false;
            }
            b',' => wants_key = are_objects.last() == Some(&true),
            b':' | b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => {
                let raw = leaf_at(text, place)?;
                // A key's own place is no key above it.
                let above = keys.len() - usize::from(wants_key);
                let leaf = Leaf { raw, keys: keys.get(..above)?, is_key: wants_key };
                visit(place, &leaf);
                if wants_key {
                    let key = leaf.text()?.into_owned();
                    *keys.last_mut()? = key;
                    wants_key = false;
                }
                place += raw.len();
                continue;
            }
        }
        place += 1;
    }
    Some(())
}

/// The text, number or word that begins at a place.
fn leaf_at(text: &str, place: usize) -> Option<&str> {
    let rest = text.get(place..)?;
    let mut is_escaped = false;
    let length = if rest.starts_with('"') {
        let end = rest.bytes().skip(1).position(|c| {
            let ends = c == b'"' && !is_escaped;
            is_escaped = c == b'\\' && !is_escaped;
            ends
        });
        end? + 2
    } else {
        rest.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(rest.len())
    };
    rest.get(..length).filter(|leaf| !leaf.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_rewritten() {
        let text = r#" {"a" : 1.50, "b":["x\"y", {"c": 123456789012345678901234567890}], "a": null}"#;
        assert_eq!(edit(text, |_| None), None);
        let edited = edit(text, |leaf| (leaf.text()? == "x\"y").then(|| quoted("z"))).unwrap();
        assert_eq!(edited, text.replace(r#""x\"y""#, r#""z""#));
    }

    #[test]
    fn a_leaf_knows_the_keys_above_it() {
        let mut seen = Vec::new();
        let text = r#"{"a":{"b":[1,{"c":"d"}]},"e":true}"#;
        edit(text, |leaf| {
            seen.push(format!("{}{}", if leaf.is_key { "key " } else { "" }, leaf.raw) + " in " + &leaf.keys.join("/"));
            None
        });
        let expected = [
            "key \"a\" in ",
            "key \"b\" in a",
            "1 in a/b/",
            "key \"c\" in a/b/",
            "\"d\" in a/b//c",
            "key \"e\" in ",
            "true in e",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn what_is_no_json_is_not_edited() {
        for text in ["", "text", "{", "{a}", r#""text""#, "12", "[1] and more]"] {
            assert!(!is_editable(text), "{text}");
        }
        assert!(!is_editable(&format!("{}{}", "[".repeat(200), "]".repeat(200))));
        assert!(is_editable(" [] "));
    }
}
