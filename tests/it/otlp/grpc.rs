//! The same over gRPC, to a receiver made with tonic.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::runtime::Runtime;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Response, Status};
use tracing_agents::otel::Otlp;

use super::{base, ended, free_port, open, sink};
use crate::support::PATIENCE;

type Answer = Result<ExportTraceServiceResponse, Status>;

/// The key, the encoding and the message of each request.
type Seen = Arc<Mutex<Vec<(Option<String>, Option<String>, ExportTraceServiceRequest)>>>;

/// Keeps what comes and answers as it is told.
struct Receiver {
    calls: AtomicUsize,
    seen: Seen,
    answer: Box<dyn Fn(usize) -> Answer + Send + Sync>,
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let header = |name: &str| request.metadata().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (key, encoding) = (header("api-key"), header("grpc-encoding"));
        self.seen.lock().unwrap().push((key, encoding, request.into_inner()));
        (self.answer)(self.calls.fetch_add(1, Ordering::SeqCst)).map(Response::new)
    }
}

/// Takes all.
pub(super) struct Yes;

#[tonic::async_trait]
impl TraceService for Yes {
    async fn export(
        &self,
        _: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn serve(address: SocketAddr, answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (Runtime, Seen) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let seen = Seen::default();
    let receiver = Receiver { calls: AtomicUsize::new(0), seen: Arc::clone(&seen), answer: Box::new(answer) };
    let service = TraceServiceServer::new(receiver).accept_compressed(CompressionEncoding::Gzip);
    runtime.spawn(tonic::transport::Server::builder().add_service(service).serve(address));
    (runtime, seen)
}

#[test]
fn a_grpc_receiver_gets_the_spans_with_metadata_and_gzip_also_when_it_is_down_at_first() {
    let address = free_port();
    let tracing = open(Otlp::grpc(base(address)).header("api-key", "k").gzip(true));
    tracing.inlet().accept(ended("a")).unwrap();
    let late = tracing.force_flush(std::time::Duration::from_millis(200)).unwrap_err().to_string();
    assert!(late.contains("1 spans still wait for sink otlp http://"), "{late}");
    let (_runtime, seen) = serve(address, |_| Ok(ExportTraceServiceResponse::default()));
    tracing.force_flush(PATIENCE).unwrap();
    let seen = seen.lock().unwrap();
    let [(key, encoding, request)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!((key.as_deref(), encoding.as_deref()), (Some("k"), Some("gzip")));
    assert_eq!(request.resource_spans[0].scope_spans[0].spans[0].name, "a");
    assert_eq!((sink(&tracing).written, sink(&tracing).failed), (1, 0));
}

#[test]
fn codes_that_pass_are_tried_again_and_the_others_are_not() {
    let address = free_port();
    let (_runtime, seen) = serve(address, |number| match number {
        0 => Err(Status::new(Code::Unavailable, "starting")),
        2 => Err(Status::new(Code::InvalidArgument, "not this one")),
        3 => Err(Status::new(Code::ResourceExhausted, "quota")),
        4 => Ok(ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess { rejected_spans: 1, error_message: "no".to_owned() }),
        }),
        _ => Ok(ExportTraceServiceResponse::default()),
    });
    let tracing = open(Otlp::grpc(base(address)));
    let flush = |name: &str| {
        tracing.inlet().accept(ended(name)).unwrap();
        tracing.force_flush(PATIENCE).map_err(|error| error.to_string())
    };
    // The server may still be on its way up: that counts as a try that failed, too.
    flush("a").unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
    assert!(flush("b").unwrap_err().contains("InvalidArgument: not this one"));
    assert!(flush("c").unwrap_err().contains("ResourceExhausted: quota"), "nobody said when it has more");
    assert!(flush("d").unwrap_err().contains("refused 1 spans: no"));
    flush("e").unwrap();
    assert_eq!((seen.lock().unwrap().len(), sink(&tracing).written, sink(&tracing).failed), (6, 2, 3));
}
