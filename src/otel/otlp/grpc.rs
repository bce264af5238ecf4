//! gRPC.

use std::error::Error as _;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::answer;
use super::environment::Resolved;
use crate::error::{Error, ErrorKind, Result};

pub(super) struct Grpc {
    client: TraceServiceClient<Channel>,
    metadata: MetadataMap,
}

impl Grpc {
    /// A client that connects when it is first used. Called where a runtime can be found.
    pub(super) fn new(settings: &Resolved) -> Result<Self> {
        let wrong = |error: tonic::transport::Error| {
            let mut message = format!("the gRPC client of `otlp` could not be made: {error}");
            if let Some(cause) = error.source() {
                message = format!("{message}: {cause}");
            }
            Error::new(ErrorKind::Connect, message)
        };
        let mut endpoint = Endpoint::from_shared(settings.endpoint.as_str().to_owned())
            .and_then(|endpoint| endpoint.user_agent(super::USER_AGENT))
            .map_err(wrong)?
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout);
        if settings.endpoint.scheme() == "https" {
            endpoint = endpoint.tls_config(settings.trust.grpc_config()?).map_err(wrong)?;
        }
        let mut client = TraceServiceClient::new(endpoint.connect_lazy());
        if settings.gzip {
            client = client.send_compressed(CompressionEncoding::Gzip).accept_compressed(CompressionEncoding::Gzip);
        }
        Ok(Self { client, metadata: MetadataMap::from_headers(settings.headers.clone()) })
    }

    pub(super) async fn send(&self, request: ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse> {
        let mut request = Request::new(request);
        *request.metadata_mut() = self.metadata.clone();
        let sent = self.client.clone().export(request).await;
        sent.map(tonic::Response::into_inner).map_err(|status| failure(&status))
    }
}

fn failure(status: &Status) -> Error {
    let after = answer::retry_delay(status.details());
    let mut why = status.message().to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    let what = format!("the receiver answered {:?}", status.code());
    answer::refused(&what, &why, is_retryable(status.code(), after.is_some()), after)
}

/// OTLP's table of codes. An exhausted resource is one that comes back only where the receiver says when.
const fn is_retryable(code: Code, says_when: bool) -> bool {
    match code {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::ResourceExhausted => says_when,
        _ => false,
    }
}
