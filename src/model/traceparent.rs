//! W3C Trace Context: the header, environment variable or field by which one process continues the trace of another.

use std::fmt;
use std::str::FromStr;

use super::{SpanId, TraceId};

/// A `traceparent`: the span of another process that work here is done for.
///
/// ```
/// use tracing_agents::model::Traceparent;
///
/// let parent: Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// assert_eq!(parent.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// assert!(parent.is_sampled());
/// assert_eq!(parent.to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// # Ok::<(), tracing_agents::model::ParseTraceparentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traceparent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The flags: bit 0 says that the span may have been recorded.
    pub flags: u8,
}

/// Text that is no `traceparent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseTraceparentError {
    wrong: &'static str,
    text: String,
}

/// Bit 0 of the flags.
const SAMPLED: u8 = 1;

/// Bytes of version 00, and of what later versions begin with.
const LEN: usize = 55;

impl Traceparent {
    /// Whether the span may have been recorded by the process that sent it.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for Traceparent {
    /// As version 00 writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl FromStr for Traceparent {
    type Err = ParseTraceparentError;

    /// Reads what W3C Trace Context allows: version 00, and of a later version what this one knows: the ids, and whether the span is
    /// sampled.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).map_err(|wrong| ParseTraceparentError { wrong, text: text.chars().take(80).collect() })
    }
}

fn read(text: &str) -> Result<Traceparent, &'static str> {
    if !text.is_ascii() {
        return Err("it has characters beyond ASCII");
    }
    let (head, rest) = text.split_at_checked(LEN).ok_or("it is shorter than 55 characters")?;
    let mut parts = head.split('-');
    let mut part = |digits: usize, wrong: &'static str| {
        let is_hex = |text: &&str| text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        parts.next().filter(is_hex).ok_or(wrong)
    };
    let version = part(2, "its version is not two lower-case hexadecimal digits")?;
    let trace_id = part(32, "its trace id is not 32 lower-case hexadecimal digits")?;
    let span_id = part(16, "its parent id is not 16 lower-case hexadecimal digits")?;
    let flags = part(2, "its flags are not two lower-case hexadecimal digits")?;
    if version == "ff" {
        return Err("its version ff is forbidden");
    }
    if !rest.is_empty() && (version == "00" || !rest.starts_with('-')) {
        return Err("something stands behind its flags");
    }
    let flags = u8::from_str_radix(flags, 16).map_err(|_| "its flags are not two lower-case hexadecimal digits")?;
    Ok(Traceparent {
        trace_id: trace_id.parse().map_err(|_| "its trace id is all zero")?,
        span_id: span_id.parse().map_err(|_| "its parent id is all zero")?,
        flags: if version == "00" { flags } else { flags & SAMPLED },
    })
}

impl fmt::Display for ParseTraceparentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no traceparent: {}; expected 00-<trace id>-<parent id>-<flags>", self.text, self.wrong)
    }
}

impl std::error::Error for ParseTraceparentError {}

/// A `tracestate` as it may be handed on: at most 32 entries `key=value`. `None` for one that breaks W3C's rules, which then counts as not
/// sent: it must not keep the `traceparent` from counting.
pub(crate) fn trace_state(text: &str) -> Option<&str> {
    let text = text.trim_matches([' ', '\t']);
    let mut keys: Vec<&str> = Vec::new();
    for entry in text.split(',').map(|entry| entry.trim_matches([' ', '\t'])).filter(|entry| !entry.is_empty()) {
        let (key, value) = entry.split_once('=')?;
        if keys.len() == 32 || keys.contains(&key) || !is_key(key) || !is_value(value) {
            return None;
        }
        keys.push(key);
    }
    Some(text)
}

fn is_key(key: &str) -> bool {
    let is_first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_other = |b: u8| is_first(b) || matches!(b, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= 256 && key.bytes().next().is_some_and(is_first) && key.bytes().all(is_other)
}

fn is_value(value: &str) -> bool {
    (1..=256).contains(&value.len()) && value.bytes().all(|b| matches!(b, b' '..=b'~') && b != b',' && b != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_written_is_what_was_read() {
        for flags in ["00", "01", "03", "ff"] {
            let text = format!("{}{flags}", &GOOD[..53]);
            let parent: Traceparent = text.parse().unwrap();
            assert_eq!((parent.to_string(), parent.is_sampled()), (text, flags != "00"));
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        for rest in ["", "-", "-what-comes-later"] {
            let parent: Traceparent = format!("cc{}ff{rest}", &GOOD[2..53]).parse().unwrap();
            assert_eq!((parent.span_id.to_string().as_str(), parent.flags), ("00f067aa0ba902b7", 1));
        }
    }

    #[test]
    fn a_malformed_one_says_what_is_wrong() {
        let zero_trace = GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = GOOD.replace("00f067aa0ba902b7", &"0".repeat(16));
        for (text, wrong) in [
            ("", "shorter"),
            (&GOOD[..54], "shorter"),
            (&GOOD.to_uppercase(), "trace id is not 32 lower-case"),
            (&GOOD.replace("00f067", "00F067"), "parent id is not 16 lower-case"),
            (&GOOD.replace("-01", "-0x"), "flags are not"),
            (&GOOD.replace("00-", "0x-"), "version is not"),
            (&GOOD.replace("00-", "ff-"), "version ff"),
            (&zero_trace, "trace id is all zero"),
            (&zero_span, "parent id is all zero"),
            (&format!("{GOOD}-"), "behind its flags"),
            (&format!("cc{}x", &GOOD[2..]), "behind its flags"),
            (&GOOD.replacen('-', "_", 1), "version is not"),
            (&"é".repeat(55), "beyond ASCII"),
        ] {
            let error = text.parse::<Traceparent>().unwrap_err().to_string();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }

    #[test]
    fn a_trace_state_that_breaks_the_rules_counts_as_not_sent() {
        for good in ["", "a=1", " rojo=00f067aa0ba902b7 , congo=t61rcWkgMzE", "fw529a3039@dt=FfnnoTwg", "a=1,,b= 2"] {
            assert_eq!(trace_state(good), Some(good.trim()), "{good}");
        }
        let many: Vec<String> = (0..33).map(|n| format!("k{n}=v")).collect();
        for bad in ["a", "A=1", "=1", "a=", "a=1,a=2", "a=1=2", "a=é", &many.join(",")] {
            assert_eq!(trace_state(bad), None, "{bad}");
        }
    }
}
