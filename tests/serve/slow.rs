//! Clients that take their time, and more than there is room for.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use tracing_agents::model::{SpanId, SpanRecord};
use tracing_agents::{TraceFilter, wire};

use super::client::Client;
use super::server::{PATIENCE, Server, database, repository};
use super::spans::{PROTOBUF, payload, span};

/// Sends something, and then nothing more; what comes back until the connection ends.
fn stall(address: SocketAddr, begun: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(begun).unwrap();
    let mut answer = Vec::new();
    // A reset is an end too.
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the connection is kept open"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

#[test]
fn whoever_sends_nothing_or_the_beginning_of_a_request_holds_no_connection() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--read-within", "1"]);
    for address in [server.http, server.grpc] {
        for begun in
            [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n", b"POST /v1/traces HTTP/1.1\r\nhost: test\r\ncontent-le"]
        {
            let start = Instant::now();
            let answer = stall(address, begun);
            assert!(!answer.contains(" 200 "), "{answer}");
            assert!(start.elapsed() < Duration::from_secs(20), "{:?} after {begun:?}", start.elapsed());
        }
    }
    // Others are served meanwhile and afterwards.
    assert_eq!(Client::connect(server.http).post(&[PROTOBUF], &payload("span").1).status, 200);
}

#[test]
fn a_body_that_does_not_come_is_answered_with_408() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--read-within", "1"]);
    let head = "POST /v1/traces HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000\r\n\r\nab";
    let answer = stall(server.http, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("did not come within 1s"), "{answer}");
}

#[test]
fn a_connection_may_be_idle_for_a_while() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--read-within", "10"]);
    let mut client = Client::connect(server.http);
    for _ in 0..2 {
        assert_eq!(client.post(&[PROTOBUF], &payload("span").1).status, 200);
        std::thread::sleep(Duration::from_secs(2));
    }
}

/// A payload of many spans of one trace.
fn many(spans: usize) -> Vec<u8> {
    let first = span("many");
    let next = |_| {
        let mut next = first.clone();
        next.span_id = SpanId::generate();
        next
    };
    wire::encode(&(0..spans).map(next).collect::<Vec<SpanRecord>>())
}

#[test]
fn more_spans_than_the_queue_holds_are_answered_with_503_until_there_is_room() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--answer-within", "60"]);
    let bodies = [many(40_000), many(40_000)];
    let mut lock = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    lock.batch_execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").unwrap();

    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for (place, body) in bodies.iter().enumerate() {
            let (tell, address) = (tell.clone(), server.http);
            scope.spawn(move || tell.send((place, Client::connect(address).post(&[PROTOBUF], body))).unwrap());
        }
        let (refused, answer) = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
        lock.batch_execute("COMMIT").unwrap();
        let (_, answer) = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(Client::connect(server.http).post(&[PROTOBUF], &bodies[refused]).status, 200);
    });
    let traces = repository(&file).traces(&TraceFilter::new()).unwrap();
    assert_eq!(traces.iter().map(|trace| trace.span_count).collect::<Vec<_>>(), [40_000, 40_000]);
}

#[test]
fn spans_that_are_rejected_are_told_over_grpc() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let (good, mut bad) = (span("good"), span("bad"));
    bad.span_id = SpanId::from_bytes([0; 8]);
    let request = ExportTraceServiceRequest::decode(&*wire::encode(&[good.clone(), bad])).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc)).unwrap();
        let mut client = TraceServiceClient::new(endpoint.connect().await.unwrap());
        client.export(request).await.unwrap().into_inner()
    });
    let partial = answer.partial_success.unwrap();
    let reason = "span 1 (\"bad\"): the span id is all zeros";
    assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (1, reason));
    assert!(repository(&file).find_trace(good.trace_id).unwrap().is_some());
}
