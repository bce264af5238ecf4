//! Who may write.

use std::process::Stdio;

use super::client::Client;
use super::server::{Server, command, database};
use super::spans::{PROTOBUF, payload};

#[test]
fn without_the_token_nothing_is_taken() {
    let (_folder, file) = database();
    let server = Server::start(&file, &["--token", "s3cret"]);
    let mut client = Client::connect(server.http);
    let (_, bytes) = payload("span");
    let none = client.post(&[PROTOBUF], &bytes);
    assert_eq!((none.status, none.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(client.post(&[PROTOBUF, ("authorization", "Bearer s3cre")], &bytes).status, 401);
    assert_eq!(client.post(&[PROTOBUF, ("authorization", "Bearer s3cret")], &bytes).status, 200);
    assert_eq!(client.get("/healthz").status, 200, "who watches over it needs no token");
}

#[test]
fn web_pages_are_turned_away() {
    let (_folder, file) = database();
    let server = Server::start(&file, &[]);
    let mut client = Client::connect(server.http);
    let (_, bytes) = payload("span");
    assert_eq!(client.post(&[PROTOBUF, ("origin", "https://example.com")], &bytes).status, 403);
    client.send("OPTIONS /v1/traces", &[("origin", "https://example.com")], b"");
    let preflight = client.answer();
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (403, None));
}

#[test]
fn an_address_that_others_reach_is_refused_without_a_token() {
    let (_folder, file) = database();
    let refused = |options: &[&str]| {
        let output = command(&file).arg("serve").args(options).stderr(Stdio::piped()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, message) = refused(&["--http", "0.0.0.0:0", "--grpc", "none"]);
    assert_eq!(code, Some(2));
    assert!(message.contains("AGENT_TRACES_TOKEN") && message.contains("--insecure-no-token"), "{message}");
    let (code, message) = refused(&["--http", "none", "--grpc", "none"]);
    assert!(code == Some(2) && message.contains("nothing to listen on"), "{message}");
    let (code, message) = refused(&["--http", "4318"]);
    assert!(code == Some(2) && message.contains("\"4318\" is no address"), "{message}");
    assert!(!file.exists(), "nothing was begun");

    let open = Server::start_at(&file, ["0.0.0.0:0", "127.0.0.1:0"], &["--insecure-no-token"]);
    assert_eq!(Client::connect(([127, 0, 0, 1], open.http.port()).into()).get("/healthz").status, 200);

    let taken = open.grpc.to_string();
    let (code, message) = refused(&["--http", &taken, "--grpc", "none"]);
    assert!(code == Some(1) && message.contains(&format!("cannot listen on {taken}")), "{message}");
}
