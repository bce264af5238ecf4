//! OTLP over HTTP: encodings, limits, refusals.

use std::io::Write as _;

use flate2::write::{GzEncoder, ZlibEncoder};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tracing_agents::model::{Kind, SpanId};
use tracing_agents::wire;

use super::client::Client;
use super::server::{Server, database, repository};
use super::spans::{JSON, PROTOBUF, json_payload, payload, span};

const MIB: usize = 1024 * 1024;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[test]
fn every_encoding_and_compression_is_stored_before_the_answer_over_one_connection() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut client = Client::connect(server.http);
    for (compression, pack) in
        [("identity", <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>), ("gzip", gzip), ("deflate", zlib), ("x-gzip", gzip)]
    {
        let (trace, bytes) = payload("protobuf");
        let answer = client.post(&[PROTOBUF, ("content-encoding", compression)], &pack(&bytes));
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{compression}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(repository(&file).trace(trace).unwrap().trace.name, "protobuf");

        let (trace, bytes) = json_payload("json");
        let answer = client.post(&[JSON, ("content-encoding", compression)], &pack(&bytes));
        assert_eq!((answer.status, answer.text().as_str()), (200, "{}"), "{compression}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let tree = repository(&file).trace(trace).unwrap();
        assert_eq!((tree.spans[0].kind, tree.spans[0].usage.unwrap().input), (Kind::Model, Some(812)));
    }
    let answer = client.post(&[PROTOBUF], b"");
    assert_eq!((answer.status, answer.body.len()), (200, 0), "an empty request is one of no spans");
}

#[test]
fn spans_without_ids_are_rejected_by_name_and_the_others_stored() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut client = Client::connect(server.http);
    let (good, mut bad) = (span("good"), span("bad"));
    bad.span_id = SpanId::from_bytes([0; 8]);
    let bytes = wire::encode(&[good.clone(), bad]);

    let answer = client.post(&[PROTOBUF], &bytes);
    assert_eq!(answer.status, 200);
    let partial = ExportTraceServiceResponse::decode(&*answer.body).unwrap().partial_success.unwrap();
    let reason = "span 1 (\"bad\"): the span id is all zeros";
    assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (1, reason));
    assert_eq!(repository(&file).trace(good.trace_id).unwrap().spans.len(), 1);

    let (_, bytes) = json_payload("json");
    let bytes = String::from_utf8(bytes).unwrap().replace("\"traceId\":\"", "\"traceId\":\"ff");
    let answer = client.post(&[JSON], bytes.as_bytes());
    assert_eq!(answer.status, 200);
    let partial = &answer.json()["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1");
    assert_eq!(partial["errorMessage"], "span 0 (\"json\"): the trace id has 17 bytes, not 16");
}

#[test]
fn what_cannot_be_understood_is_said_in_the_requests_encoding() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut client = Client::connect(server.http);
    let (_, bytes) = payload("span");

    let answer = client.post(&[PROTOBUF], b"no protobuf at all");
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/x-protobuf")));
    // Of `google.rpc.Status`, the first field is the code, 3 for an invalid argument.
    assert!(answer.body.starts_with(&[0x08, 3, 0x12]), "{:?}", answer.body);
    assert!(answer.text().contains("this is no OTLP trace payload"), "{}", answer.text());

    for body in [&b"{"[..], br#"{"resourceSpans": 7}"#, b"\xff"] {
        let answer = client.post(&[JSON], body);
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/json")));
        assert_eq!(answer.json()["code"], 3);
    }
    assert_eq!(client.post(&[PROTOBUF, ("content-encoding", "gzip")], &bytes).status, 400, "it is not compressed");
    assert_eq!(client.post(&[PROTOBUF, ("content-encoding", "br")], &bytes).status, 415);
    for headers in [&[][..], &[("content-type", "text/plain")]] {
        let answer = client.post(headers, &bytes);
        assert_eq!((answer.status, answer.json()["code"].as_i64()), (415, Some(3)));
    }
    assert_eq!(client.get("/v1/traces").status, 405);
    assert_eq!(client.get("/v1/metrics").status, 404);
    assert_eq!(client.get("/healthz").text(), "ok\n");
    assert_eq!(client.post(&[PROTOBUF], &bytes).status, 200, "and the connection is as good as before");
}

#[test]
fn requests_and_bombs_over_the_limits_are_answered_with_413() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--max-body-mib", "1", "--max-unpacked-mib", "2"]);
    let answer = Client::connect(server.http).post(&[PROTOBUF], &vec![0; MIB + 1]);
    assert_eq!(answer.status, 413);
    assert!(answer.text().contains("larger than 1 MiB"), "{}", answer.text());

    let bomb = gzip(&vec![b' '; 200 * MIB]);
    assert!(bomb.len() < MIB);
    let answer = Client::connect(server.http).post(&[JSON, ("content-encoding", "gzip")], &bomb);
    assert_eq!((answer.status, answer.json()["code"].as_i64()), (413, Some(8)));

    let mut span = span("large");
    span.attributes.push("text", "x".repeat(MIB + MIB / 2));
    let answer = Client::connect(server.http)
        .post(&[PROTOBUF, ("content-encoding", "gzip")], &gzip(&wire::encode(&[span.clone()])));
    assert_eq!(answer.status, 200, "within both limits");
    assert!(repository(&file).find_trace(span.trace_id).unwrap().is_some());
}

#[test]
fn many_connections_at_once_are_all_served() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut clients: Vec<_> = (0..200).map(|_| Client::connect(server.http)).collect();
    let traces: Vec<_> = clients
        .iter_mut()
        .map(|client| {
            let (trace, bytes) = payload("one of many");
            client.send("POST /v1/traces", &[PROTOBUF], &bytes);
            trace
        })
        .collect();
    for client in &mut clients {
        assert_eq!(client.answer().status, 200);
    }
    let repository = repository(&file);
    for trace in traces {
        assert_eq!(repository.trace(trace).unwrap().spans.len(), 1);
    }
}
