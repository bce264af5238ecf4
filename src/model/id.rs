//! Identifiers: W3C trace and span ids, and the id of the process that wrote a span.

use std::fmt;
use std::str::FromStr;

/// Text that is no hexadecimal id of the expected length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseIdError {
    what: &'static str,
    digits: usize,
    text: String,
}

impl fmt::Display for ParseIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}: expected {} hexadecimal digits, not all zero", self.text, self.what, self.digits)
    }
}

impl std::error::Error for ParseIdError {}

/// Reads exactly what `Display` writes, zeros too: what was recorded comes back, valid or not.
pub(crate) trait FromDigits: Sized {
    fn from_digits(digits: &str) -> Option<Self>;
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// The id with these bytes, most significant first.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes, most significant first.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; $len] {
                self.0
            }

            /// The bytes as a slice, as database columns bind them.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// The id in a slice of exactly the right length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// Whether this is the all-zero id, which W3C Trace Context calls invalid.
            #[must_use]
            pub fn is_invalid(self) -> bool {
                self.0 == [0; $len]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromDigits for $name {
            fn from_digits(digits: &str) -> Option<Self> {
                let mut bytes = [0u8; $len];
                decode_hex(digits, &mut bytes).map(|()| Self(bytes))
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            /// Reads hexadecimal digits of either case; a leading `0x` is tolerated.
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let fail = || ParseIdError {
                    what: $what,
                    digits: $len * 2,
                    text: text.chars().take(80).collect(),
                };
                let digits = text.strip_prefix("0x").unwrap_or(text);
                let mut bytes = [0u8; $len];
                decode_hex(digits, &mut bytes).ok_or_else(fail)?;
                let id = Self(bytes);
                if id.is_invalid() { Err(fail()) } else { Ok(id) }
            }
        }
    };
}

id_type! {
    /// The id that all spans of a trace share: 16 bytes, W3C Trace Context.
    TraceId, 16, "trace id"
}
id_type! {
    /// The id of a span, unique within its trace: 8 bytes, W3C Trace Context.
    SpanId, 8, "span id"
}
id_type! {
    /// The id of a process that writes spans, drawn anew at each start: 16 bytes.
    ProcessId, 16, "process id"
}

impl TraceId {
    /// A new id whose upper 6 bytes are `unix_ms`, so that ids made one after the other are neighbours in an index;
    /// the lower 10 bytes are random (W3C Trace Context level 2 asks for 7).
    #[must_use]
    pub fn generate(unix_ms: u64) -> Self {
        let random = fastrand::u128(..) & ((1 << 80) - 1);
        let time = u128::from(unix_ms & 0xffff_ffff_ffff) << 80;
        Self((time | random).max(1).to_be_bytes())
    }
}

impl SpanId {
    /// A new random id, never zero.
    #[must_use]
    pub fn generate() -> Self {
        Self(fastrand::u64(1..).to_be_bytes())
    }
}

impl ProcessId {
    /// A new random id, never zero.
    #[must_use]
    pub fn generate() -> Self {
        Self(fastrand::u128(1..).to_be_bytes())
    }
}

fn decode_hex(digits: &str, out: &mut [u8]) -> Option<()> {
    let digits = digits.as_bytes();
    if digits.len() != out.len() * 2 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        let value = char::from(high).to_digit(16)? * 16 + char::from(low).to_digit(16)?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_through_text() {
        let id: TraceId = "0x4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
        assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!("00F067AA0BA902B7".parse::<SpanId>().unwrap().to_string(), "00f067aa0ba902b7");
    }

    #[test]
    fn wrong_ids_say_what_was_expected() {
        for text in ["", "xyz", "00000000000000000", "0000000000000000", "é0f067aa0ba902b"] {
            let error = text.parse::<SpanId>().unwrap_err().to_string();
            assert!(error.contains("expected 16 hexadecimal digits"), "{error}");
        }
    }

    #[test]
    fn trace_ids_sort_by_time() {
        let early = TraceId::generate(1_700_000_000_000);
        let late = TraceId::generate(1_700_000_000_001);
        assert!(early < late);
    }
}
