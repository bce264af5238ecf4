//! Log records that are events of spans: over HTTP and gRPC, in each encoding.

use std::io::Write as _;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Status};
use tracing_agents::TraceRepository;
use tracing_agents::model::{SpanRecord, TraceId};
use tracing_agents::wire;

use super::client::{Answer, Client};
use super::server::{PATIENCE, Server, database, repository};
use super::spans::{JSON, PROTOBUF, span};

/// A model's call that says nothing itself.
fn call() -> SpanRecord {
    let mut call = span("chat m");
    call.attributes.push("gen_ai.operation.name", "chat");
    call.attributes.push("gen_ai.request.model", "m");
    call
}

fn text(text: &str) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::StringValue(text.to_owned())) })
}

fn entry(key: &str, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: key.to_owned(), value, key_strindex: 0 }
}

fn map(entries: Vec<KeyValue>) -> Option<AnyValue> {
    Some(AnyValue { value: Some(Value::KvlistValue(KeyValueList { values: entries })) })
}

/// A call's prompt and its answer, and a line of a log that is neither.
fn records(call: &SpanRecord) -> Vec<LogRecord> {
    let event = |name: &str, time, body| LogRecord {
        trace_id: call.trace_id.to_bytes().to_vec(),
        span_id: call.span_id.to_bytes().to_vec(),
        event_name: name.to_owned(),
        time_unix_nano: time,
        body,
        ..LogRecord::default()
    };
    vec![
        event("gen_ai.user.message", 1, map(vec![entry("content", text("2 and 2?"))])),
        event("gen_ai.choice", 2, map(vec![entry("message", map(vec![entry("content", text("It is 4."))]))])),
    ]
}

fn line() -> LogRecord {
    LogRecord { body: text("started"), ..LogRecord::default() }
}

fn request(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

/// The same as [`records`] in JSON.
fn json(call: &SpanRecord) -> Vec<u8> {
    let record = |name: &str, time: u32, body: serde_json::Value| {
        serde_json::json!({
            "traceId": call.trace_id.to_string(), "spanId": call.span_id.to_string(),
            "timeUnixNano": time.to_string(), "body": body,
            "attributes": [{ "key": "event.name", "value": { "stringValue": name } }],
        })
    };
    let map = |key: &str, value: serde_json::Value| serde_json::json!({ "kvlistValue": { "values": [{ "key": key, "value": value }] } });
    let text = |text: &str| serde_json::json!({ "stringValue": text });
    let records = [
        record("gen_ai.user.message", 1, map("content", text("2 and 2?"))),
        record("gen_ai.choice", 2, map("message", map("content", text("It is 4.")))),
    ];
    serde_json::json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": records }] }] }).to_string().into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn post(client: &mut Client, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    client.send("POST /v1/logs", headers, body);
    client.answer()
}

fn previews(repository: &TraceRepository, trace: TraceId) -> (String, String) {
    let trace = repository.trace(trace).unwrap().trace;
    (trace.input_preview.unwrap_or_default(), trace.output_preview.unwrap_or_default())
}

fn check(file: &std::path::Path, call: &SpanRecord) {
    let repository = repository(file);
    let both = ("2 and 2?".to_owned(), "It is 4.".to_owned());
    assert_eq!(previews(&repository, call.trace_id), both);
    let content = repository.span(call.trace_id, call.span_id).unwrap().content;
    assert_eq!((content.input.unwrap_or_default(), content.output.unwrap_or_default()), both);
    assert_eq!(content.events.len(), 2);
}

#[test]
fn prompts_and_answers_are_stored_before_the_answer_in_each_encoding() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut client = Client::connect(server.http);
    for (encoding, compression, events_first) in
        [(PROTOBUF, "identity", true), (PROTOBUF, "gzip", false), (JSON, "gzip", true), (JSON, "identity", false)]
    {
        let call = call();
        let payload = wire::encode(std::slice::from_ref(&call));
        let body = if encoding == JSON { json(&call) } else { request(records(&call)).encode_to_vec() };
        let packed = if compression == "gzip" { gzip(&body) } else { body };
        if !events_first {
            assert_eq!(client.post(&[PROTOBUF], &payload).status, 200);
        }
        for _ in 0..2 {
            let answer = post(&mut client, &[encoding, ("content-encoding", compression)], &packed);
            let whole = if encoding == JSON { "{}" } else { "" };
            assert_eq!((answer.status, answer.text().as_str()), (200, whole), "{encoding:?} {compression}");
        }
        if events_first {
            assert_eq!(client.post(&[PROTOBUF], &payload).status, 200);
        }
        check(&file, &call);
    }
}

#[test]
fn what_is_no_event_is_counted_and_the_rest_is_stored() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut client = Client::connect(server.http);
    let call = call();
    assert_eq!(client.post(&[PROTOBUF], &wire::encode(std::slice::from_ref(&call))).status, 200);
    let mut all = records(&call);
    all.insert(1, line());
    let answer = post(&mut client, &[PROTOBUF], &request(all).encode_to_vec());
    assert_eq!(answer.status, 200);
    let partial = ExportLogsServiceResponse::decode(&*answer.body).unwrap().partial_success.unwrap();
    let message = "log record 1 (\"\"): only events whose name begins with \"gen_ai.\" are kept";
    assert_eq!((partial.rejected_log_records, partial.error_message.as_str()), (1, message));
    check(&file, &call);

    let lines = br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}},
        {"eventName":"gen_ai.choice","traceId":"","spanId":"0000000000000000"}]}]}]}"#;
    let answer = post(&mut client, &[JSON], lines).json();
    assert_eq!(answer["partialSuccess"]["rejectedLogRecords"], "2");
    let message = answer["partialSuccess"]["errorMessage"].as_str().unwrap();
    assert!(message.contains("it names no trace"), "{message}");

    let answer = post(&mut client, &[PROTOBUF], b"no protobuf at all");
    assert!(answer.status == 400 && answer.text().contains("this is no OTLP logs payload"), "{}", answer.text());
    let missing = client.get("/v1/metrics").text();
    assert!(missing.contains("logs to /v1/logs"), "{missing}");
}

#[test]
fn nobody_logs_without_the_token_and_nothing_larger_than_the_limits() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--token", "s3cret", "--max-body-mib", "1", "--max-unpacked-mib", "1"]);
    let body = request(records(&call())).encode_to_vec();
    assert_eq!(post(&mut Client::connect(server.http), &[PROTOBUF], &body).status, 401);
    let token = ("authorization", "Bearer s3cret");
    assert_eq!(post(&mut Client::connect(server.http), &[PROTOBUF, token], &body).status, 200);
    let bomb = gzip(&vec![0; 2 * 1024 * 1024]);
    let answer = post(&mut Client::connect(server.http), &[PROTOBUF, token, ("content-encoding", "gzip")], &bomb);
    assert_eq!(answer.status, 413);

    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(export(&server, None, vec![line()])).unwrap_err().code(), Code::Unauthenticated);
}

/// Exports over gRPC, with gzip, as OpenTelemetry's exporters do.
async fn export(
    server: &Server,
    token: Option<&'static str>,
    records: Vec<LogRecord>,
) -> Result<ExportLogsServiceResponse, Status> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut client = LogsServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    let mut call = Request::new(request(records));
    if let Some(token) = token {
        call.metadata_mut().insert("authorization", token.parse().unwrap());
    }
    Ok(client.export(call).await?.into_inner())
}

#[test]
fn an_exporter_over_grpc_with_gzip_and_a_token() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--token", "s3cret"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let call = call();
    let token = ("authorization", "Bearer s3cret");
    let payload = wire::encode(std::slice::from_ref(&call));
    assert_eq!(Client::connect(server.http).post(&[PROTOBUF, token], &payload).status, 200);
    let mut all = records(&call);
    let send = |records| runtime.block_on(export(&server, Some("Bearer s3cret"), records)).unwrap().partial_success;
    assert_eq!(send(all.clone()), None);
    all.push(line());
    assert_eq!(send(all).unwrap().rejected_log_records, 1);
    check(&file, &call);
}

#[test]
fn while_the_database_is_locked_clients_are_told_to_come_again_with_their_events() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--answer-within", "1"]);
    let mut client = Client::connect(server.http);
    let call = call();
    assert_eq!(client.post(&[PROTOBUF], &wire::encode(std::slice::from_ref(&call))).status, 200);
    let mut lock = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    lock.batch_execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").unwrap();
    let body = request(records(&call)).encode_to_vec();
    for _ in 0..2 {
        let answer = post(&mut client, &[PROTOBUF], &body);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(export(&server, None, records(&call))).unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    lock.batch_execute("COMMIT").unwrap();
    let start = std::time::Instant::now();
    while post(&mut client, &[PROTOBUF], &body).status != 200 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    check(&file, &call);
}
