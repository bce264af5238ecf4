//! Taking secrets out of texts.
//!
//! [`Redactor`] is the ready-made one. It finds by shape and by name (`shapes`, `keys`), in the text and in what the text is an encoding of:
//!
//! ```text
//! JSON ──▶ each of its texts, by itself, with the keys above it
//! text ──▶ as it stands · words joined over lines · base64, hexadecimal, numbers as bytes ──▶ again
//!     └──▶ without one level of escapes (JSON, Rust, URLs, HTML; quoted-printable) ──▶ again
//! ```
//!
//! What is found is taken out of the text as it was recorded, encoded bytes whole. Then the text is searched again, until nothing is found:
//! so redacting twice changes nothing. Depth and rounds are bounded, since the texts are strangers'.

mod decode;
mod keys;
mod replacement;
mod runs;
mod shapes;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use regex::Regex;

use super::json_text;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Value;
use decode::{View, looks_random};
use keys::{Named, named};
pub(super) use replacement::FAILED;
use replacement::Replacement;

/// Levels of escapes that are taken off: JSON in JSON in JSON in a URL is four.
const MAX_LEVELS: u8 = 6;
/// Of those, how often as quoted-printable, which is a second way at each level.
const MAX_MIME: u8 = 2;
/// Encodings of bytes in each other, and JSON texts in each other.
const MAX_DEPTH: u8 = 4;
/// A text in which something is still found after so many rounds is taken out whole.
const MAX_ROUNDS: u8 = 8;

/// Takes known kinds of secrets out of everything that is recorded.
///
/// ```
/// use tracing_agents::{AgentTracing, Redactor};
///
/// # fn main() -> Result<(), tracing_agents::Error> {
/// let redactor = Redactor::secrets().emails().cards().keys(["ssn"]).pattern(r"ACME-\d{6}")?;
/// assert_eq!(redactor.redact("use sk-proj-Ab3dEf6hIj9kLm2n for ACME-123456"), "use [redacted] for [redacted]");
///
/// let tracing = AgentTracing::builder("sqlite::memory:").redactor(redactor).open()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Redactor {
    secrets: bool,
    emails: bool,
    cards: bool,
    keys: Vec<String>,
    patterns: Vec<Regex>,
    replacement: Replacement,
}

/// A place in a text, and what it is replaced by.
struct Found {
    range: Range<usize>,
    replacement: String,
}

impl Redactor {
    /// Finds nothing yet: for those who want addresses, cards, keys or patterns, and no secrets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds secrets: what has the shape of an API key or token of the well-known vendors, JSON web tokens, private keys, passwords in URLs;
    /// and the values of names such as `authorization`, `cookie`, `password`, `client_secret`, `api_key` and `access_token` (counts of tokens
    /// are none), be they attributes, keys in JSON, fields in `Debug` text, headers, query parameters or variables.
    pub fn secrets() -> Self {
        Self { secrets: true, ..Self::default() }
    }

    /// Also e-mail addresses.
    pub fn emails(mut self) -> Self {
        self.emails = true;
        self
    }

    /// Also numbers of payment cards (13 to 19 digits that pass Luhn's check), also where they are recorded as numbers.
    pub fn cards(mut self) -> Self {
        self.cards = true;
        self
    }

    /// Also the values of these names: of attributes, or of keys in JSON and maps. Capitals do not matter; of a name with dots the last part
    /// is compared too (`ssn` holds for `user.ssn`).
    pub fn keys(mut self, keys: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.keys.extend(keys.into_iter().map(|key| key.as_ref().to_ascii_lowercase()));
        self
    }

    /// Also what matches this regular expression; of one with groups the first group.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it is none.
    pub fn pattern(mut self, pattern: &str) -> Result<Self> {
        let regex = Regex::new(pattern).map_err(|error| {
            Error::with_source(ErrorKind::InvalidInput, format!("{pattern:?} is no regular expression"), error)
        })?;
        self.patterns.push(regex);
        Ok(self)
    }

    /// Puts `[redacted:…]` with a digest in the place of a secret, so that equal ones can be told from others without being known. Who has the
    /// key can try guesses: keep it as you keep the secrets.
    pub fn digest_key(mut self, key: [u8; 16]) -> Self {
        self.replacement = Replacement::with_key(key);
        self
    }

    /// The text without what it finds.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.cleaned(text, MAX_DEPTH).unwrap_or_else(|| text.to_owned())
    }

    /// Takes out what it finds in a value that stands under these names, the outermost first. Returns whether it changed.
    pub(super) fn value(&self, names: &[&str], value: &mut Value) -> bool {
        let named = names.iter().map(|name| self.named(name)).max().unwrap_or(Named::Not);
        match value {
            Value::Str(text) | Value::Debug(text) | Value::Error(text) => self.in_place(named, text),
            Value::Bytes(bytes) => {
                let Some(clean) = self.bytes(named, bytes) else { return false };
                *bytes = clean.into_bytes();
                true
            }
            Value::I64(_) | Value::U64(_) | Value::I128(_) | Value::U128(_) | Value::F64(_) => {
                let Some(clean) = number(value).and_then(|number| self.number(named, &number)) else { return false };
                *value = Value::Str(clean);
                true
            }
            Value::Array(items) => {
                if let Some(clean) = byte_list(items).and_then(|bytes| self.bytes(named, &bytes)) {
                    *value = Value::Str(clean);
                    return true;
                }
                false
            }
            _ => false,
        }
    }

    /// Takes out what it finds in a text that has no name, or that is one.
    pub(super) fn text(&self, text: &mut String) -> bool {
        self.in_place(Named::Not, text)
    }

    fn in_place(&self, named: Named, text: &mut String) -> bool {
        let Some(clean) = self.named_text(named, text, MAX_DEPTH) else { return false };
        *text = clean;
        true
    }

    fn named(&self, name: &str) -> Named {
        let is_own = |own: &String| {
            let lower = name.to_ascii_lowercase();
            lower == *own || lower.rsplit_once('.').is_some_and(|(_, last)| last == own)
        };
        match self.secrets {
            _ if !self.keys.is_empty() && self.keys.iter().any(is_own) => Named::Surely,
            true => named(name),
            false => Named::Not,
        }
    }

    /// A text under a name; None where it stays.
    fn named_text(&self, named: Named, text: &str, depth: u8) -> Option<String> {
        let is_secret = match named {
            Named::Surely => !text.trim().is_empty(),
            // With what stands for a secret in it, it has been looked at.
            Named::Maybe => looks_random(text) && !text.contains(char::is_whitespace) && !text.contains("[redacted"),
            Named::Not => false,
        };
        if is_secret {
            return (!Replacement::is_one(text)).then(|| self.replacement.of(text));
        }
        self.cleaned(text, depth)
    }

    /// A number under a name; None where it stays.
    fn number(&self, named: Named, number: &str) -> Option<String> {
        let mut is_card = false;
        if self.cards {
            shapes::cards(number, |range| is_card |= range == (0..number.len()));
        }
        (named == Named::Surely || is_card).then(|| self.replacement.of(number))
    }

    fn bytes(&self, named: Named, bytes: &[u8]) -> Option<String> {
        match runs::readable(bytes) {
            // What is no text stays whole or goes whole.
            Some(text) if std::str::from_utf8(bytes).is_err() || text.len() != bytes.len() => {
                self.cleaned(&text, MAX_DEPTH).map(|_| self.replacement.of(&text))
            }
            Some(text) => self.named_text(named, &text, MAX_DEPTH),
            None if named == Named::Surely && !bytes.is_empty() => {
                let text = String::from_utf8_lossy(bytes);
                (!Replacement::is_one(&text)).then(|| self.replacement.of(&text))
            }
            None => None,
        }
    }

    /// The text without what is found in it; None where nothing is.
    fn cleaned(&self, text: &str, depth: u8) -> Option<String> {
        let mut clean = self.once(text, depth)?;
        for _ in 0..MAX_ROUNDS {
            match self.once(&clean, depth) {
                Some(cleaner) if cleaner != clean => clean = cleaner,
                _ => return Some(clean),
            }
        }
        Some(self.replacement.of(text))
    }

    fn once(&self, text: &str, depth: u8) -> Option<String> {
        if depth > 0 && text.starts_with(['{', '[', ' ', '\n', '\r', '\t']) && json_text::is_editable(text) {
            return self.json(text, depth);
        }
        let mut found = self.find(text, MAX_LEVELS, depth, MAX_MIME);
        found.retain(|found| text.get(found.range.clone()).is_none_or(|text| !Replacement::is_one(text)));
        self.replace(text, found)
    }

    /// A JSON text without what is found in its texts, numbers and lists of bytes.
    fn json(&self, text: &str, depth: u8) -> Option<String> {
        let edited = json_text::edit(text, |leaf| {
            let named = leaf.keys.iter().map(|key| self.named(key)).max().unwrap_or(Named::Not);
            match leaf.text() {
                Some(key) if leaf.is_key => self.cleaned(&key, depth - 1),
                Some(text) => self.named_text(named, &text, depth - 1),
                None if leaf.is_number() => self.number(named, leaf.raw),
                None => None,
            }
            .map(|clean| json_text::quoted(&clean))
        });
        let text = edited.as_deref().unwrap_or(text);
        let lists = runs::numbers(text, |text| self.first(text, depth - 1));
        let found =
            lists.into_iter().map(|(range, replacement)| Found { range, replacement: json_text::quoted(&replacement) });
        self.replace(text, found.collect()).or(edited)
    }

    /// What is found in a text, and in what it encodes.
    fn find(&self, text: &str, levels: u8, depth: u8, mime: u8) -> Vec<Found> {
        let mut found = self.here(text);
        if let Some(joined) = View::joined(text) {
            let here = self.here(&joined.text).into_iter();
            found.extend(here.map(|found| Found { range: joined.source_of_joined(text, &found.range), ..found }));
        }
        if depth > 0 {
            let runs = runs::find(text, |text| self.first(text, depth - 1));
            found.extend(runs.into_iter().map(|(range, replacement)| Found { range, replacement }));
        }
        if levels > 0 {
            if let Some(view) = View::unescaped(text) {
                found.extend(mapped(&view, self.find(&view.text, levels - 1, depth, mime)));
            }
            if let Some(view) = View::quoted_printable(text).filter(|_| mime > 0) {
                found.extend(mapped(&view, self.find(&view.text, levels - 1, depth, mime - 1)));
            }
        }
        found
    }

    /// The text with what was found replaced; what overlaps is one. None where nothing was found.
    fn replace(&self, text: &str, mut found: Vec<Found>) -> Option<String> {
        // Of those that begin together the longest says what it is.
        found.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
        let end = found.iter().map(|found| found.range.end).max()?;
        let mut replaced = String::new();
        let mut taken = 0;
        for Found { range, replacement } in found {
            if range.start >= taken {
                // A place that is none would be a mistake of ours, and then nothing of the text may stay.
                let Some(kept) = text.get(taken..range.start) else { return Some(self.replacement.of(text)) };
                replaced.push_str(kept);
                replaced.push_str(&replacement);
            }
            taken = taken.max(range.end);
        }
        match text.get(end..) {
            Some(rest) => replaced.push_str(rest),
            None => return Some(self.replacement.of(text)),
        }
        Some(replaced)
    }

    /// What stands for the first thing that is found in a text.
    fn first(&self, text: &str, depth: u8) -> Option<String> {
        let mut found = self.find(text, MAX_LEVELS, depth, MAX_MIME);
        found.sort_by_key(|found| found.range.start);
        found.into_iter().next().map(|found| found.replacement)
    }

    /// What is found in a text as it stands.
    fn here(&self, text: &str) -> Vec<Found> {
        let mut found = Vec::new();
        let mut add = |range: Range<usize>| {
            if let Some(secret) = text.get(range.clone()).filter(|secret| !Replacement::is_one(secret)) {
                found.push(Found { replacement: self.replacement.of(secret), range });
            }
        };
        if self.secrets {
            shapes::secrets(text, &mut add);
        }
        if self.emails {
            shapes::emails(text, &mut add);
        }
        if self.cards {
            shapes::cards(text, &mut add);
        }
        for pattern in &self.patterns {
            for captures in pattern.captures_iter(text) {
                if let Some(part) = captures.get(1).or_else(|| captures.get(0)).filter(|part| !part.is_empty()) {
                    add(part.range());
                }
            }
        }
        found
    }
}

/// What was found in a view, where it stood in the text.
fn mapped(view: &View, found: Vec<Found>) -> impl Iterator<Item = Found> {
    found.into_iter().map(|found| Found { range: view.source(&found.range), ..found })
}

/// A number as text.
fn number(value: &Value) -> Option<String> {
    Some(match value {
        Value::I64(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::I128(number) => number.to_string(),
        Value::U128(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        _ => return None,
    })
}

/// The bytes of a list of numbers that is nothing else.
fn byte_list(items: &[Value]) -> Option<Vec<u8>> {
    let byte = |item: &Value| match item {
        Value::I64(number) => u8::try_from(*number).ok(),
        Value::U64(number) => u8::try_from(*number).ok(),
        _ => None,
    };
    items.iter().map(byte).collect()
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("secrets", &self.secrets)
            .field("emails", &self.emails)
            .field("cards", &self.cards)
            .field("keys", &self.keys)
            .field("patterns", &self.patterns)
            .finish_non_exhaustive()
    }
}
