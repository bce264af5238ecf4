//! Out over OTLP: to Phoenix, Langfuse, Jaeger, a Collector, another of this crate's receivers.
//!
//! Spans leave as [`wire`](crate::wire) writes them, so bytes, maps and 64-bit integers arrive as what they are, which the SDK's own
//! types cannot hold. What the receiver answers decides what becomes of a batch: taken, taken in part, to be sent again (and when), or
//! refused for good.

mod answer;
mod environment;
mod grpc;
mod http;
mod settings;
mod tls;

use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;

pub use settings::{Otlp, Protocol};

use super::drive::Driver;
use crate::error::{Error, Result};
use crate::model::{InterpretedSpan, Resource, Scope, SpanRecord};
use crate::pipeline::Sink;
use crate::semconv::outgoing;
use crate::wire;
use grpc::Grpc;
use http::Http;

/// Who receivers are told that we are.
const USER_AGENT: &str = concat!("tracing-agents/", env!("CARGO_PKG_VERSION"));

/// A receiver of OTLP as a sink.
pub(crate) struct OtlpSink {
    name: String,
    transport: Transport,
    driver: Driver,
}

enum Transport {
    Http(Box<Http>),
    Grpc(Box<Grpc>),
}

impl OtlpSink {
    /// Adds to `misunderstood` what the environment says and nobody understands.
    ///
    /// # Errors
    /// An endpoint, a header or a client that cannot be: what is wrong, and where it was said.
    pub(crate) fn open(otlp: Otlp, misunderstood: &mut Vec<Error>) -> Result<Self> {
        let resolved = environment::resolve(otlp, |name| std::env::var(name).ok(), misunderstood)?;
        let driver = Driver::new()?;
        let name = format!("otlp {}", resolved.shown_endpoint());
        let transport = match resolved.protocol {
            Protocol::HttpProtobuf => Transport::Http(Box::new(Http::new(&resolved)?)),
            Protocol::Grpc => Transport::Grpc(Box::new(driver.enter(|| Grpc::new(&resolved))?)),
        };
        Ok(Self { name, transport, driver })
    }
}

impl Sink for OtlpSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> Result<()> {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        let mut records: Vec<_> = batch.iter().map(outgoing).collect();
        // Whatever said that the parent is remote says it in OTLP's own place.
        records.iter_mut().for_each(|record| record.parent_is_remote |= wire::is_remote(record.flags));
        group(&mut records);
        let request = wire::request(&records);
        let response = match &self.transport {
            Transport::Http(http) => self.driver.block_on(http.send(&request)),
            Transport::Grpc(grpc) => self.driver.block_on(grpc.send(request)),
        }?;
        partial_success(response)
    }

    fn probe(&mut self) -> Result<()> {
        Ok(())
    }

    fn takes_open_spans(&self) -> bool {
        false
    }
}

/// Whether the receiver took all of it. What it refuses out of a request it would refuse again (OTLP: "the client MUST NOT retry").
fn partial_success(response: ExportTraceServiceResponse) -> Result<()> {
    match response.partial_success {
        Some(partial) if partial.rejected_spans > 0 => {
            let lost = usize::try_from(partial.rejected_spans).unwrap_or(usize::MAX);
            let why = answer::short(&partial.error_message);
            Err(Error::partial(format!("the receiver refused {lost} spans: {why}"), lost))
        }
        _ => Ok(()),
    }
}

/// Puts spans of one resource and scope together, as the message has them; else it would have to tell their order.
fn group(records: &mut [SpanRecord]) {
    let mut seen: Vec<(Arc<Resource>, Arc<Scope>)> = Vec::new();
    records.sort_by_cached_key(|record| {
        let is_of = |(resource, scope): &(Arc<Resource>, Arc<Scope>)| {
            (Arc::ptr_eq(resource, &record.resource) || *resource == record.resource)
                && (Arc::ptr_eq(scope, &record.scope) || *scope == record.scope)
        };
        let resource = seen.iter().position(|(resource, _)| *resource == record.resource).unwrap_or(seen.len());
        let place = seen.iter().position(is_of).unwrap_or_else(|| {
            seen.push((Arc::clone(&record.resource), Arc::clone(&record.scope)));
            seen.len() - 1
        });
        (resource, place)
    });
}
