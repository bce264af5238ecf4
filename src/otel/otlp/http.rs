//! Protobuf over HTTP.

use std::error::Error as _;
use std::io::Write as _;
use std::net::IpAddr;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message as _;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url};

use super::answer;
use super::environment::Resolved;
use crate::error::{Error, ErrorKind, Result};
use crate::model::time::now_ns;

/// The most of an answer that is read: OTLP's own limit.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Answers after which OTLP has a request sent again. Every other one would be the same again.
const RETRYABLE: [u16; 4] = [429, 502, 503, 504];

pub(super) struct Http {
    client: Client,
    endpoint: Url,
    headers: HeaderMap,
    gzip: bool,
}

impl Http {
    pub(super) fn new(settings: &Resolved) -> Result<Self> {
        let mut builder = Client::builder()
            .user_agent(super::USER_AGENT)
            .timeout(settings.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .tls_backend_preconfigured(settings.trust.config()?);
        if is_loopback(&settings.endpoint) {
            // A proxy could not reach it.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| {
            Error::new(ErrorKind::Connect, format!("the HTTP client of `otlp` could not be made: {}", chain(&error)))
        })?;
        let mut headers = settings.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if settings.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        Ok(Self { client, endpoint: settings.endpoint.clone(), headers, gzip: settings.gzip })
    }

    pub(super) async fn send(&self, request: &ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse> {
        let body = self.body(request)?;
        let sent = self.client.post(self.endpoint.clone()).headers(self.headers.clone()).body(body).send().await;
        let mut response = sent.map_err(failure)?;
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let answer = read(&mut response).await;
        if status.is_success() {
            // Whatever it says, it has the spans; many answer with no or another body.
            return Ok(ExportTraceServiceResponse::decode(answer?.as_slice()).unwrap_or_default());
        }
        let answer = answer.unwrap_or_default();
        let why = answer::message(&answer).unwrap_or_else(|| String::from_utf8_lossy(&answer).into_owned());
        let after = after.and_then(|text| answer::retry_after(&text, now_ns() / 1_000_000));
        Err(answer::refused(
            &format!("the receiver answered {status}"),
            &why,
            RETRYABLE.contains(&status.as_u16()),
            after,
        ))
    }

    fn body(&self, request: &ExportTraceServiceRequest) -> Result<Vec<u8>> {
        let body = request.encode_to_vec();
        if !self.gzip {
            return Ok(body);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let compressed = encoder.write_all(&body).and_then(|()| encoder.finish());
        compressed.map_err(|error| Error::permanent(format!("the request could not be compressed: {error}")))
    }
}

/// The body, as much of it as is allowed.
async fn read(response: &mut Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A request without an answer. The URL, which may hold a secret, is left out.
fn failure(error: reqwest::Error) -> Error {
    let is_ours = error.is_builder();
    let message = format!("the receiver could not be reached: {}", chain(&error.without_url()));
    if is_ours { Error::permanent(message) } else { Error::write(message) }
}

/// An error and its causes, which reqwest does not say by itself.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}
