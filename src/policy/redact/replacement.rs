//! What stands in the place of a secret.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

const PLAIN: &str = "[redacted]";
const WITH_DIGEST: &str = "[redacted:";
/// Hexadecimal digits of a digest.
const DIGITS: usize = 32;

/// What stands where a redactor failed: nobody knows what was there.
pub(in crate::policy) const FAILED: &str = "[redacted: the redactor failed]";

/// How secrets are replaced: all by the same, or by a digest that only who has the key can make.
#[derive(Clone, Copy, Default)]
pub(super) struct Replacement(Option<[u8; 16]>);

impl Replacement {
    pub(super) const fn with_key(key: [u8; 16]) -> Self {
        Self(Some(key))
    }

    /// What stands for this secret.
    pub(super) fn of(self, secret: &str) -> String {
        let Some(key) = self.0 else { return PLAIN.to_owned() };
        let mut hasher = SipHasher24::new_with_key(&key);
        hasher.write(secret.as_bytes());
        format!("{WITH_DIGEST}{:0DIGITS$x}]", hasher.finish128().as_u128())
    }

    /// Whether this is a replacement already: it is never replaced again.
    pub(super) fn is_one(text: &str) -> bool {
        let digest = || text.strip_prefix(WITH_DIGEST)?.strip_suffix(']');
        text == PLAIN
            || text == FAILED
            || digest().is_some_and(|digest| digest.len() == DIGITS && digest.bytes().all(|c| c.is_ascii_hexdigit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_secrets_have_equal_digests_and_only_with_the_key() {
        let (ours, theirs) = (Replacement::with_key([1; 16]), Replacement::with_key([2; 16]));
        assert_eq!(ours.of("a"), ours.of("a"));
        assert_ne!(ours.of("a"), ours.of("b"));
        assert_ne!(ours.of("a"), theirs.of("a"));
        for text in [ours.of("a"), Replacement::default().of("a"), FAILED.to_owned()] {
            assert!(Replacement::is_one(&text), "{text}");
        }
        assert!(!Replacement::is_one("[redacted:sk-1]"));
    }
}
