//! Spans that leave over OTLP, and what comes of it when the receiver is not as one wishes.

mod encrypted;
#[cfg(feature = "cli")]
mod grpc;
pub(crate) mod receiver;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Otlp1;
use prost::Message as _;
use tracing_agents::model::{SpanId, SpanRecord, SpanState, TraceId, Value};
use tracing_agents::otel::Otlp;
use tracing_agents::pipeline::SinkHealth;
use tracing_agents::{AgentTracing, ErrorKind, field};

use crate::support::PATIENCE;
use receiver::{any_port, free_port, ok, serve};

fn ended(name: &str) -> SpanRecord {
    let mut record = SpanRecord::new(TraceId::generate(1), SpanId::generate(), name, 1_000);
    (record.state, record.end_ns) = (SpanState::Closed, Some(2_000));
    record
}

fn base(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn open(otlp: impl Into<Otlp>) -> AgentTracing {
    AgentTracing::builder("sqlite::memory:").service_name("shop").otlp(otlp).open().unwrap()
}

fn sink(tracing: &AgentTracing) -> SinkHealth {
    let health = tracing.health();
    assert!(health.adds_up(), "{health:?}");
    health.sinks[0].clone()
}

#[test]
fn a_receiver_gets_the_spans_with_headers_gzip_and_what_no_sdk_could_hold() {
    let (address, log) = serve(any_port(), |_| ok());
    let tracing = open(Otlp::http(base(address)).header("api-key", "k 1").gzip(true));
    let mut record = ended("chat");
    record.attributes.push(field::OPERATION, "chat");
    record.attributes.push("bytes", vec![0_u8, 255]);
    record.attributes.push("map", vec![("a".to_owned(), Value::I64(1))]);
    record.flags = 0x301;
    tracing.inlet().accept(record.clone()).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let all = log.all();
    let [seen] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(seen.line, "POST /v1/traces HTTP/1.1");
    for (name, value) in [("content-type", "application/x-protobuf"), ("content-encoding", "gzip"), ("api-key", "k 1")]
    {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
    assert!(seen.header("user-agent").unwrap().starts_with("tracing-agents/"));
    let span = &seen.request.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.span_id.as_slice(), span.flags), (record.span_id.to_bytes().as_slice(), 0x301));
    let value =
        |key: &str| span.attributes.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.clone()?.value);
    assert_eq!(value("bytes"), Some(Otlp1::BytesValue(vec![0, 255])));
    assert!(matches!(value("map"), Some(Otlp1::KvlistValue(map)) if map.values.len() == 1));
    assert_eq!(value("openinference.span.kind"), Some(Otlp1::StringValue("LLM".to_owned())));
    assert!(span.attributes.iter().all(|entry| entry.key != "agent_traces.reserved"), "nothing but what it means");
    let sink = sink(&tracing);
    assert_eq!((sink.name, sink.written), (format!("otlp {}/v1/traces", base(address)), 1));
}

#[test]
fn a_receiver_that_is_busy_is_asked_again_when_it_said_and_one_that_refuses_is_not() {
    let (address, log) = serve(any_port(), |number| match number {
        0 => ("503 Service Unavailable", "retry-after: 1\r\n", Vec::new()),
        2 => ("400 Bad Request", "", b"too   many\nletters".to_vec()),
        _ => ok(),
    });
    let tracing = open(base(address));
    tracing.inlet().accept(ended("a")).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let tries = log.all();
    assert_eq!(tries.len(), 2);
    assert!(tries[1].at - tries[0].at >= Duration::from_millis(950), "not before a second has passed");
    assert_eq!((sink(&tracing).written, sink(&tracing).retries), (1, 1));

    tracing.inlet().accept(ended("b")).unwrap();
    let failure = tracing.force_flush(PATIENCE).unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::Write);
    assert!(failure.to_string().contains("400 Bad Request: too many letters"), "{failure}");
    assert_eq!((log.all().len(), sink(&tracing).failed), (3, 1), "asked once");
    tracing.inlet().accept(ended("c")).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!((sink(&tracing).written, tracing.health().stored), (2, 3));
}

#[test]
fn a_part_that_the_receiver_refuses_is_counted_and_not_sent_again() {
    let partial = ExportTracePartialSuccess { rejected_spans: 2, error_message: "ids are zero".to_owned() };
    let body = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let (address, log) = serve(any_port(), move |_| ("200 OK", "", body.clone()));
    let tracing = open(base(address));
    for name in ["a", "b", "c"] {
        tracing.inlet().accept(ended(name)).unwrap();
    }
    let failure = tracing.force_flush(PATIENCE).unwrap_err().to_string();
    assert!(failure.contains("misses 2 spans") && failure.contains("ids are zero"), "{failure}");
    assert_eq!((sink(&tracing).written, sink(&tracing).failed, log.all().len()), (1, 2, 1));
}

#[test]
fn a_receiver_that_is_down_at_first_loses_nothing() {
    let address = free_port();
    let tracing = open(base(address));
    for number in 0..1000 {
        tracing.inlet().accept(ended(&number.to_string())).unwrap();
        if number % 100 == 99 {
            // The store has them at once; who waits for the receiver is told what it is about.
            let late = tracing.force_flush(Duration::from_millis(30)).unwrap_err();
            assert_eq!(late.kind(), ErrorKind::Timeout);
        }
    }
    let start = Instant::now();
    while sink(&tracing).retries == 0 {
        assert!(start.elapsed() < PATIENCE, "it was tried");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(sink(&tracing).last_error.unwrap().contains("could not be reached"));
    let (_, log) = serve(address, |_| ok());
    tracing.force_flush(PATIENCE).unwrap();
    let mut names: Vec<u32> =
        log.all().iter().flat_map(|seen| seen.names()).map(|name| name.parse().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, (0..1000).collect::<Vec<_>>(), "each once");
    let (sink, health) = (sink(&tracing), tracing.health());
    assert_eq!((sink.written, sink.failed, sink.dropped.total(), health.stored), (1000, 0, 0, 1000));
}

#[test]
fn spans_of_several_resources_and_scopes_go_in_one_request() {
    let (address, log) = serve(any_port(), |_| ok());
    let tracing = open(base(address));
    for (name, service) in [("a", "one"), ("b", "two"), ("c", "one")] {
        let mut record = ended(name);
        let mut attributes = tracing_agents::model::Attributes::new();
        attributes.push("service.name", service);
        record.resource = std::sync::Arc::new(tracing_agents::model::Resource { attributes, ..Default::default() });
        tracing.inlet().accept(record).unwrap();
    }
    tracing.force_flush(PATIENCE).unwrap();
    let all = log.all();
    let [seen] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((seen.request.resource_spans.len(), seen.names()), (2, vec!["a".into(), "c".into(), "b".into()]));
}

#[test]
fn an_endpoint_or_header_that_cannot_be_is_told_when_the_database_is_opened() {
    let open = |otlp: Otlp| AgentTracing::builder("sqlite::memory:").otlp(otlp).open().unwrap_err();
    let error = open(Otlp::http("127.0.0.1:4318"));
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    assert!(error.to_string().contains("http://127.0.0.1:4318"), "the way out: {error}");
    let error = open(Otlp::grpc("http://127.0.0.1:4317").header("bad name", "v"));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("bad name"), "{error}");
}

#[test]
fn it_works_from_inside_a_runtime_too() {
    let (address, log) = serve(any_port(), |_| ok());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tracing = open(base(address));
        tracing.inlet().accept(ended("a")).unwrap();
        tracing.force_flush(PATIENCE).unwrap();
        drop(tracing);
        let error = AgentTracing::builder("nowhere://").otlp(base(address)).open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    });
    assert_eq!(log.all().len(), 1);
}

/// OpenTelemetry's own exporter, with the client that blocks, is one of any.
#[test]
fn opentelemetrys_own_exporter_works_as_it_is() {
    use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
    let (address, log) = serve(any_port(), |_| ok());
    let client = std::thread::spawn(|| {
        reqwest::blocking::Client::builder().no_proxy().tls_certs_only([]).tls_backend_preconfigured(tls()).build()
    });
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client.join().unwrap().unwrap())
        .with_endpoint(format!("{}/v1/traces", base(address)))
        .build()
        .unwrap();
    let tracing = AgentTracing::builder("sqlite::memory:").service_name("shop").exporter(exporter).open().unwrap();
    tracing.inlet().accept(ended("a")).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    let all = log.all();
    assert_eq!((all.len(), all[0].names()), (1, vec!["a".to_owned()]));
    assert_eq!(sink(&tracing).name, "SpanExporter");
}

fn tls() -> rustls::ClientConfig {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
}
