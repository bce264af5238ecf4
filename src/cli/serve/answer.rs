//! What clients are told, in the encoding in which they asked.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message as _;
use serde_json::json;
use tonic::{Code, Status};

/// When a client is to try again that was turned away because of the load.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Reasons that a partial success names.
const MAX_REASONS: usize = 5;

/// How a request was sent, and how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// The encoding that a request names; `None` when it is none of OTLP's.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let media_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
        [Self::Protobuf, Self::Json].into_iter().find(|encoding| media_type.eq_ignore_ascii_case(encoding.media_type()))
    }

    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Whether a request is gRPC's, which wants its refusals in another place.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// What a request brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    /// Log records, of which those are kept that are events of spans.
    Logs,
}

/// A request that was stored, as far as it can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stored {
    signal: Signal,
    rejected: u64,
    reasons: String,
}

impl Stored {
    /// Nothing was left out so far.
    pub(super) const fn of(signal: Signal) -> Self {
        Self { signal, rejected: 0, reasons: String::new() }
    }

    /// Leaves a span or a log record out, for good.
    pub(super) fn reject(&mut self, reason: &str) {
        self.rejected += 1;
        match usize::try_from(self.rejected) {
            Ok(1) => reason.clone_into(&mut self.reasons),
            Ok(2..=MAX_REASONS) => self.reasons.extend(["; ", reason]),
            _ => {}
        }
    }

    /// The number of those that were left out, and what to say of them.
    fn partial(&self) -> Option<(u64, String)> {
        (self.rejected > 0).then(|| {
            let mut message = self.reasons.clone();
            let unsaid = self.rejected.saturating_sub(MAX_REASONS as u64);
            if unsaid > 0 {
                // Writing to a `String` cannot fail.
                let _ = write!(message, "; and {unsaid} more");
            }
            (self.rejected, message)
        })
    }

    /// The message that OTLP has for it.
    pub(super) fn message(&self) -> Vec<u8> {
        let partial = self.partial().map(|(number, message)| (i64::try_from(number).unwrap_or(i64::MAX), message));
        match self.signal {
            Signal::Traces => {
                let partial_success = partial
                    .map(|(rejected_spans, error_message)| ExportTracePartialSuccess { rejected_spans, error_message });
                ExportTraceServiceResponse { partial_success }.encode_to_vec()
            }
            Signal::Logs => {
                let partial_success = partial.map(|(rejected_log_records, error_message)| ExportLogsPartialSuccess {
                    rejected_log_records,
                    error_message,
                });
                ExportLogsServiceResponse { partial_success }.encode_to_vec()
            }
        }
    }

    pub(super) fn response(&self, encoding: Encoding) -> Response {
        let body = match (encoding, self.partial()) {
            (Encoding::Protobuf, _) => self.message(),
            (Encoding::Json, None) => b"{}".to_vec(),
            // Protobuf's JSON has 64-bit numbers as text.
            (Encoding::Json, Some((rejected, message))) => {
                let rejected_key = match self.signal {
                    Signal::Traces => "rejectedSpans",
                    Signal::Logs => "rejectedLogRecords",
                };
                json!({ "partialSuccess": { rejected_key: rejected.to_string(), "errorMessage": message } })
                    .to_string()
                    .into_bytes()
            }
        };
        response(StatusCode::OK, encoding, body)
    }
}

/// A request that was not taken, not even in part.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Code,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    fn new(status: StatusCode, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), header: None }
    }

    /// It cannot be understood, and will not be the next time.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::InvalidArgument, message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument, message)
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, message)
    }

    pub(super) fn too_slow(message: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded, message)
    }

    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        let header = (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Self { header: Some(header), ..Self::new(StatusCode::UNAUTHORIZED, Code::Unauthenticated, message) }
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::PermissionDenied, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::Unimplemented, message)
    }

    /// Not now: the client is to send it again.
    pub(super) fn busy(message: impl Into<String>) -> Self {
        let header = (header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        Self { header: Some(header), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, message) }
    }

    #[cfg(test)]
    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer to a request with these headers.
    pub(super) fn response(self, headers: &HeaderMap) -> Response {
        if is_grpc(headers) {
            return self.into_status().into_http::<Body>();
        }
        // Whoever speaks none of OTLP's encodings can at least read JSON.
        let encoding = Encoding::of(headers).unwrap_or(Encoding::Json);
        let code = i32::from(self.code);
        let body = match encoding {
            Encoding::Protobuf => RpcStatus { code, message: self.message, details: Vec::new() }.encode_to_vec(),
            Encoding::Json => json!({ "code": code, "message": self.message }).to_string().into_bytes(),
        };
        let mut response = response(self.status, encoding, body);
        response.headers_mut().extend(self.header);
        response
    }

    /// The same for gRPC; whoever is to try again is told when in the place that OTLP has for it.
    pub(super) fn into_status(self) -> Status {
        if self.code != Code::Unavailable {
            return Status::new(self.code, self.message);
        }
        let seconds = i64::try_from(RETRY_AFTER.as_secs()).unwrap_or(i64::MAX);
        let retry_info = RetryInfo { retry_delay: Some(RpcDuration { seconds, nanos: 0 }) };
        let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
        let details = vec![RpcAny { type_url, value: retry_info.encode_to_vec() }];
        let message = self.message.clone();
        let details = RpcStatus { code: i32::from(self.code), message: self.message, details }.encode_to_vec();
        Status::with_details(self.code, message, details.into())
    }
}

fn response(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    response
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<RpcAny>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcAny {
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

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_success_counts_all_and_names_the_first_reasons() {
        let mut stored = Stored::of(Signal::Traces);
        assert_eq!(stored.partial(), None);
        stored.reject("span 0: no");
        assert_eq!(stored.partial(), Some((1, "span 0: no".to_owned())));
        (1..8).for_each(|number| stored.reject(&format!("span {number}: no")));
        let message = "span 0: no; span 1: no; span 2: no; span 3: no; span 4: no; and 3 more";
        assert_eq!(stored.partial(), Some((8, message.to_owned())));
    }

    #[test]
    fn media_types_are_read_as_http_has_them() {
        for (text, encoding) in [
            ("application/x-protobuf", Some(Encoding::Protobuf)),
            ("application/json", Some(Encoding::Json)),
            ("Application/JSON; charset=utf-8", Some(Encoding::Json)),
            ("text/plain", None),
            ("application/jsonl", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(text))]);
            assert_eq!(Encoding::of(&headers), encoding, "{text}");
        }
    }
}
