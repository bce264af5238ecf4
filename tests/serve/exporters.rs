//! The standard OTLP exporters of OpenTelemetry's SDK.

use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::{Compression, SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::trace::SpanData;
use tracing_agents::model::{Kind, TraceId};

use super::export::{Program, choose_tls, export};
use super::server::{Server, database, repository};

fn trace_of(spans: &[SpanData]) -> TraceId {
    TraceId::from_bytes(spans[0].span_context.trace_id().to_bytes())
}

fn check(file: &std::path::Path, trace: TraceId) {
    let tree = repository(file).trace(trace).unwrap();
    assert_eq!((tree.trace.name.as_str(), tree.spans.len()), ("invoke_agent Tester", 4));
    assert_eq!(tree.spans.iter().filter(|span| span.kind == Kind::Model).count(), 3);
    assert_eq!(tree.trace.usage.input, Some(30));
}

#[test]
fn an_exporter_over_http_with_and_without_gzip() {
    choose_tls();
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let program = Program::new();
    for compression in [None, Some(Compression::Gzip)] {
        let mut builder = SpanExporter::builder().with_http().with_endpoint(server.endpoint());
        if let Some(compression) = compression {
            builder = builder.with_compression(compression);
        }
        let exporter = builder.build().unwrap();
        let spans = program.run(3);
        export(&exporter, spans.clone()).unwrap();
        check(&file, trace_of(&spans));
        export(&exporter, spans.clone()).unwrap();
        check(&file, trace_of(&spans));
    }
}

#[test]
fn an_exporter_over_grpc_with_gzip_and_a_token_and_none_without() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--token", "s3cret", "--max-body-mib", "1"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let exporter = |token: &'static str| {
        let metadata = MetadataMap::from_headers(
            [(axum::http::header::AUTHORIZATION, axum::http::HeaderValue::from_static(token))].into_iter().collect(),
        );
        let builder = SpanExporter::builder().with_tonic().with_endpoint(format!("http://{}", server.grpc));
        builder.with_compression(Compression::Gzip).with_metadata(metadata).build().unwrap()
    };
    let program = Program::new();
    let spans = program.run(3);
    let refused = export(&exporter("Bearer wrong"), spans.clone()).unwrap_err().to_string();
    assert!(refused.contains("Unauthenticated") || refused.contains("this is not the token"), "{refused}");
    export(&exporter("Bearer s3cret"), spans.clone()).unwrap();
    check(&file, trace_of(&spans));

    let mut large = program.run(3);
    large[0].name = "x".repeat(2 * 1024 * 1024).into();
    let refused = export(&exporter("Bearer s3cret"), large).unwrap_err().to_string();
    assert!(refused.contains("ResourceExhausted") || refused.contains("size limit"), "{refused}");
}
