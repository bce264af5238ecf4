//! OTLP over gRPC: the calls `TraceService/Export` and `LogsService/Export`. The message goes on as bytes, so that it is decoded where those
//! of HTTP are.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use prost::bytes::{Buf as _, BufMut as _};
use tokio::sync::OwnedSemaphorePermit;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, UnaryService};
use tonic::{Request as Call, Response as Answer, Status};

use super::answer::{Encoding, Refusal, Signal, is_grpc};
use super::body::Compression;
use super::http::{App, refuse};
use super::ingest::Payload;

/// Where OpenTelemetry's clients call with spans.
pub(super) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// Where they call with log records.
pub(super) const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

pub(super) async fn traces(State(app): State<Arc<App>>, request: Request) -> Response {
    take(app, Signal::Traces, request).await
}

pub(super) async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    take(app, Signal::Logs, request).await
}

async fn take(app: Arc<App>, signal: Signal, request: Request) -> Response {
    if !is_grpc(request.headers()) {
        return refuse(&app, request, Refusal::unsupported("the content type is not application/grpc")).await;
    }
    let memory = match app.limits.reserve(request.headers()).await {
        Ok(memory) => memory,
        Err(refusal) => return refuse(&app, request, refusal).await,
    };
    let mut grpc =
        Grpc::new(Bytes).accept_compressed(CompressionEncoding::Gzip).max_decoding_message_size(app.limits.body);
    let longest = app.limits.read + app.ingest.patience;
    let (headers, read) = (request.headers().clone(), app.limits.read);
    match tokio::time::timeout(longest, grpc.unary(Export { app, signal, memory: Some(memory) }, request)).await {
        Ok(answer) => answer.map(axum::body::Body::new),
        Err(_) => Refusal::too_slow(format!("the request did not come within {read:?}")).response(&headers),
    }
}

/// One call.
struct Export {
    app: Arc<App>,
    signal: Signal,
    memory: Option<OwnedSemaphorePermit>,
}

impl UnaryService<Vec<u8>> for Export {
    type Response = Vec<u8>;
    type Future = Pin<Box<dyn Future<Output = Result<Answer<Vec<u8>>, Status>> + Send>>;

    fn call(&mut self, call: Call<Vec<u8>>) -> Self::Future {
        let (app, signal, memory) = (Arc::clone(&self.app), self.signal, self.memory.take());
        Box::pin(async move {
            let memory = memory.ok_or_else(|| Status::internal("one request was made two calls"))?;
            let payload = Payload {
                bytes: call.into_inner(),
                // What was compressed is unpacked by now.
                compression: Compression::Identity,
                encoding: Encoding::Protobuf,
                limit: app.limits.body,
                memory,
            };
            let stored = app.ingest.store(signal, payload).await.map_err(Refusal::into_status)?;
            Ok(Answer::new(stored.message()))
        })
    }
}

/// Messages as they are.
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        Self
    }

    fn decoder(&mut self) -> Self::Decoder {
        Self
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Self::Error> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Self::Error> {
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
