//! What receivers answer when they do not take a request.

use std::time::Duration;

use prost::Message as _;

use crate::error::Error;

/// The most characters of a receiver's text that are shown.
const MAX_SHOWN: usize = 200;

/// `google.rpc.Status`: what both protocols have in an answer that is an error.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<RpcDetail>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RpcDetail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RpcDuration>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RpcDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The error for a request that was not taken.
pub(super) fn refused(what: &str, why: &str, is_retryable: bool, after: Option<Duration>) -> Error {
    let why = short(why);
    let message = if why.is_empty() { what.to_owned() } else { format!("{what}: {why}") };
    match (is_retryable, after) {
        (false, _) => Error::permanent(message),
        (true, Some(delay)) => Error::write(message).retry_after(delay),
        (true, None) => Error::write(message),
    }
}

/// A receiver's text on one line, not too long.
pub(super) fn short(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The message in a `google.rpc.Status`; `None` when these bytes are none.
pub(super) fn message(bytes: &[u8]) -> Option<String> {
    RpcStatus::decode(bytes).ok().map(|status| status.message).filter(|message| !message.is_empty())
}

/// When a `google.rpc.Status` asks for the next try.
pub(super) fn retry_delay(bytes: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(bytes).ok()?;
    let detail = status.details.into_iter().find(|detail| detail.type_url.ends_with("google.rpc.RetryInfo"))?;
    let delay = RetryInfo::decode(detail.value.as_slice()).ok()?.retry_delay.unwrap_or_default();
    Some(Duration::new(u64::try_from(delay.seconds).ok()?, u32::try_from(delay.nanos).ok()?))
}

/// HTTP's `Retry-After`: seconds, or a date, which counts from `now_ms` (since 1970).
pub(super) fn retry_after(text: &str, now_ms: i64) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
    Some(Duration::from_millis(u64::try_from(date.timestamp().as_millisecond().saturating_sub(now_ms)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 120 ", 0), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:10 GMT", 4_000), Some(Duration::from_secs(6)));
        assert_eq!(retry_after("Thu, 01 Jan 1970 00:00:10 GMT", 40_000), Some(Duration::ZERO), "it is past");
        assert_eq!(retry_after("soon", 0), None);
    }

    #[test]
    fn a_status_tells_its_message_and_when_to_come_back() {
        let info = RetryInfo { retry_delay: Some(RpcDuration { seconds: 1, nanos: 500_000_000 }) };
        let detail = |type_url: &str, value| RpcDetail { type_url: type_url.to_owned(), value };
        let details = vec![
            detail("type.googleapis.com/google.rpc.Help", vec![1]),
            detail("type.googleapis.com/google.rpc.RetryInfo", info.encode_to_vec()),
        ];
        let bytes = RpcStatus { message: "full".to_owned(), details }.encode_to_vec();
        assert_eq!(message(&bytes).as_deref(), Some("full"));
        assert_eq!(retry_delay(&bytes), Some(Duration::from_millis(1500)));
        assert_eq!((message(b"<html>"), retry_delay(b"<html>"), retry_delay(b"")), (None, None, None));
    }

    #[test]
    fn texts_are_cut_to_a_line() {
        assert_eq!(short(" a\n b\t"), "a b");
        assert_eq!(short(&"é".repeat(300)).chars().count(), 201);
    }
}
