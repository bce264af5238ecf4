//! Images, audio and files in texts: as data URLs, and as long texts of base64. A reference in their place says what and how long they were,
//! and has the digest by which whoever has the file finds it.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};

use super::json_text;
use crate::model::Value;

/// A text of base64 that is shorter may be anything.
const MIN_LETTERS: usize = 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How formats begin, in base64, for texts that do not say what they are.
const BEGINNINGS: &[(&str, &str)] = &[
    ("iVBORw0KGgo", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "application/x-riff"),
    ("JVBERi0", "application/pdf"),
    ("SUQz", "audio/mpeg"),
    ("T2dnUw", "audio/ogg"),
];

/// What happens to media.
#[derive(Debug, Clone, Copy)]
pub(super) struct Media {
    /// The largest that stay.
    pub(super) max_bytes: usize,
    /// What stands in their place: a reference, or only how long they were.
    pub(super) by_reference: bool,
}

impl Media {
    /// Replaces media in all texts of a value. Returns whether it changed.
    pub(super) fn replace(self, value: &mut Value) -> bool {
        match value {
            Value::Str(text) | Value::Debug(text) | Value::Error(text) => match self.in_text(text) {
                Some(new) => {
                    *text = new;
                    true
                }
                None => false,
            },
            Value::Bytes(bytes) if bytes.len() > self.max_bytes.max(MIN_LETTERS) => {
                *value = Value::Str(self.stand_in("application/octet-stream", bytes));
                true
            }
            Value::Array(items) => items.iter_mut().fold(false, |changed, item| self.replace(item) | changed),
            Value::Map(entries) => entries.iter_mut().fold(false, |changed, (_, item)| self.replace(item) | changed),
            _ => false,
        }
    }

    fn in_text(self, text: &str) -> Option<String> {
        let has_url = text.contains(";base64,");
        if !has_url && text.len() < MIN_LETTERS {
            return None;
        }
        if json_text::is_editable(text) {
            return json_text::edit(text, |leaf| {
                let inner = leaf.text().filter(|_| !leaf.is_key)?;
                self.in_text(&inner).map(|new| json_text::quoted(&new))
            });
        }
        if has_url { self.urls(text) } else { self.bare(text.trim()) }
    }

    /// Data URLs, anywhere in a text.
    fn urls(self, text: &str) -> Option<String> {
        let mut replaced = String::new();
        let mut rest = text;
        while let Some((before, data)) = rest.split_once(";base64,") {
            let length = data.bytes().take_while(|c| is_letter(*c)).count();
            let (letters, after) = data.split_at_checked(length)?;
            let (kept, kind) = before.rsplit_once("data:").unwrap_or((before, ""));
            // What stands before must be a type, and nothing else.
            let is_url = before.len() > kept.len()
                && kind.len() <= 128
                && !kind.contains(|c: char| c.is_whitespace() || c == '"');
            match self.too_large(letters).filter(|_| is_url) {
                Some(bytes) => {
                    replaced.push_str(kept);
                    replaced.push_str(&self.stand_in(if kind.is_empty() { "text/plain" } else { kind }, &bytes));
                }
                None => {
                    replaced.push_str(before);
                    replaced.push_str(";base64,");
                    replaced.push_str(letters);
                }
            }
            rest = after;
        }
        replaced.push_str(rest);
        (replaced != text).then_some(replaced)
    }

    /// A text that is nothing but base64.
    fn bare(self, text: &str) -> Option<String> {
        let is_hexadecimal = || text.bytes().all(|c| c.is_ascii_hexdigit());
        if text.len() < MIN_LETTERS || !text.bytes().all(is_letter) || is_hexadecimal() {
            return None;
        }
        let bytes = self.too_large(text)?;
        let known = BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning));
        Some(self.stand_in(known.map_or("application/octet-stream", |(_, kind)| *kind), &bytes))
    }

    /// The bytes, if they are more than stay.
    fn too_large(self, letters: &str) -> Option<Vec<u8>> {
        let bytes = letters.trim_end_matches('=').len() * 3 / 4;
        // Where it is no base64 after all, the text is the content.
        (bytes > self.max_bytes).then(|| BASE64.decode(letters).unwrap_or_else(|_| letters.as_bytes().to_vec()))
    }

    fn stand_in(self, kind: &str, bytes: &[u8]) -> String {
        if !self.by_reference {
            return format!("[withheld {} bytes]", bytes.len());
        }
        // A type may have parameters of its own.
        let kind = kind.split(';').next().unwrap_or(kind);
        let digest: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("media:{kind};length={};sha256={digest}", bytes.len())
    }
}

/// Whether a text is a reference and nothing else.
pub(super) fn is_reference(text: &str) -> bool {
    let Some((kind, rest)) = text.strip_prefix("media:").and_then(|text| text.split_once(";length=")) else {
        return false;
    };
    let Some((length, digest)) = rest.split_once(";sha256=") else { return false };
    kind.len() <= 128
        && kind.bytes().all(|c| c.is_ascii_alphanumeric() || b"/.+-_".contains(&c))
        && length.len() <= 20
        && length.bytes().all(|c| c.is_ascii_digit())
        && digest.len() == 64
        && digest.bytes().all(|c| c.is_ascii_hexdigit())
}

const fn is_letter(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'+' | b'/' | b'=' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCES: Media = Media { max_bytes: 4, by_reference: true };

    fn replaced(text: &str) -> String {
        let mut value = Value::from(text);
        REFERENCES.replace(&mut value);
        value.as_str().unwrap().to_owned()
    }

    #[test]
    fn a_data_url_becomes_a_reference_wherever_it_stands() {
        // printf hello | sha256sum
        let reference =
            "media:image/png;length=5;sha256=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let url = "data:image/png;base64,aGVsbG8=";
        assert_eq!(replaced(url), reference);
        assert_eq!(replaced(&format!("see {url} and {url}.")), format!("see {reference} and {reference}."));
        assert_eq!(
            replaced(&format!(r#"[{{"type": "image_url", "image_url": {{"url": "{url}"}}, "n": 1.0}}]"#)),
            format!(r#"[{{"type": "image_url", "image_url": {{"url": "{reference}"}}, "n": 1.0}}]"#)
        );
        assert_eq!(replaced(reference), reference);
        assert!(is_reference(reference) && !is_reference(&format!("{reference} a secret")));
    }

    #[test]
    fn small_media_and_other_texts_stay() {
        for text in ["data:text/plain;base64,aGk=", "say ;base64, twice", "aGVsbG8gd29ybGQ=", "plain"] {
            assert_eq!(replaced(text), text);
        }
    }

    #[test]
    fn long_base64_is_media_also_without_a_url() {
        let image = format!("iVBORw0KGgo{}", "Ab9+".repeat(400));
        assert!(replaced(&image).starts_with("media:image/png;length=120"), "{}", replaced(&image));
        let json = format!(r#"{{"type":"image","data":"{image}"}}"#);
        assert!(replaced(&json).starts_with(r#"{"type":"image","data":"media:image/png;"#));
        let hexadecimal = "0123456789abcdef".repeat(100);
        assert_eq!(replaced(&hexadecimal), hexadecimal);
    }
}
