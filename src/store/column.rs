//! What a text column can hold on every database, and hashes that stand for content.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// Characters that a text column of the narrow tables holds at most; MySQL can index that many.
const MAX_CHARS: usize = 255;
/// Characters of a longer text that are kept in front of its hash.
const KEPT_CHARS: usize = 200;
/// Characters that a status message holds at most; the whole text is in the span's content.
const MAX_MESSAGE_CHARS: usize = 4096;

/// `text` as the narrow columns hold it, the same on every database: NUL becomes `␀` (PostgreSQL has no NUL), and a text of more
/// than 255 characters becomes its first 200, `…` and a hash, so that equal texts stay equal and different ones different.
///
/// Filters pass what they look for through this function too. The original is in the span's content.
pub(crate) fn key_text(text: &str) -> String {
    let clean = without_nul(text);
    if clean.len() <= MAX_CHARS || clean.chars().count() <= MAX_CHARS {
        return clean;
    }
    let kept: String = clean.chars().take(KEPT_CHARS).collect();
    format!("{kept}…{:032x}", u128::from_be_bytes(hash128(text.as_bytes())))
}

/// `text` as a message column holds it: without NUL, at most 4,096 characters.
pub(crate) fn message_text(text: &str) -> String {
    let clean = without_nul(text);
    match clean.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", clean.get(..end).unwrap_or_default()),
        None => clean,
    }
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}

/// 128 bits that stand for `bytes`: SipHash-1-3 with fixed keys, stable across platforms and versions.
pub(crate) fn hash128(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(bytes);
    hasher.finish128().as_bytes()
}

/// 64 bits that stand for `parts`, each part with its length.
pub(crate) fn hash64(parts: &[&[u8]]) -> i64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    for part in parts {
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part);
    }
    hasher.finish().cast_signed()
}

/// An unsigned count as a column holds it; beyond `i64::MAX` it stays there.
pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A column's count; negative numbers, which nothing here writes, are 0.
pub(crate) fn from_count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_stay_different_and_bounded() {
        let a = "x".repeat(300);
        let b = format!("{}y", "x".repeat(299));
        assert_ne!(key_text(&a), key_text(&b));
        assert_eq!(key_text(&a), key_text(&a));
        assert!(key_text(&"🦀".repeat(10_000)).chars().count() <= 255);
    }

    #[test]
    fn nul_becomes_visible() {
        assert_eq!(key_text("a\0b"), "a␀b");
        assert_eq!(message_text("a\0b"), "a␀b");
    }

    #[test]
    fn short_texts_stay() {
        assert_eq!(key_text("Zoë 🦀"), "Zoë 🦀");
        assert_eq!(key_text(&"é".repeat(255)), "é".repeat(255));
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(
            u128::from_be_bytes(hash128(b"tracing-agents")),
            187_038_270_607_206_732_898_088_137_531_251_372_593
        );
    }
}
