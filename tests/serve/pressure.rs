//! What clients are told while the database is away, and at the end.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use super::client::Client;
use super::server::{PATIENCE, Server, database, repository};
use super::spans::{PROTOBUF, payload};

#[test]
fn while_the_database_is_locked_clients_are_told_to_come_again_and_what_they_send_twice_is_stored_once() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--answer-within", "1"]);
    let mut lock = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    lock.batch_execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").unwrap();

    let mut client = Client::connect(server.http);
    let (trace, bytes) = payload("patient");
    for _ in 0..2 {
        let answer = client.post(&[PROTOBUF], &bytes);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text());
    }
    lock.batch_execute("COMMIT").unwrap();
    let start = Instant::now();
    while client.post(&[PROTOBUF], &bytes).status != 200 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(100));
    }
    let tree = repository(&file).trace(trace).unwrap();
    assert_eq!((tree.spans.len(), tree.trace.span_count), (1, 1));
}

#[test]
fn when_told_to_end_it_answers_what_is_in_flight_stores_it_and_ends_well() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut lock = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
    lock.batch_execute("PRAGMA busy_timeout = 30000; BEGIN IMMEDIATE").unwrap();
    let mut idle = Client::connect(server.http);
    assert_eq!(idle.get("/healthz").status, 200);
    let mut client = Client::connect(server.http);
    let (trace, bytes) = payload("last");
    client.send("POST /v1/traces", &[PROTOBUF], &bytes);
    // It has the request, and waits for the database with it.
    std::thread::sleep(Duration::from_millis(300));
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(100));
    lock.batch_execute("COMMIT").unwrap();
    assert_eq!(client.answer().status, 200);
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(repository(&file).trace(trace).unwrap().trace.name, "last");
}
