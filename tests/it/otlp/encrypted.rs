//! Receivers that are known by an authority of their own, and want to know who sends.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tracing_agents::AgentTracing;
use tracing_agents::otel::Otlp;

use super::{ended, open, sink};
use crate::support::PATIENCE;

/// Made for these tests: an authority that nobody else knows, and a server's and a client's certificate from it, until the year 2126.
fn file(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/otlp/tls")).join(name)
}

fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file(name)).unwrap().map(Result::unwrap).collect()
}

/// Answers each request with 200, if who asks shows a certificate of the authority.
fn serve() -> SocketAddr {
    let mut roots = RootCertStore::empty();
    certificates("authority.pem").into_iter().for_each(|authority| roots.add(authority).unwrap());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(clients).with_single_cert(certificates("server.pem"), key).unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            // Who is refused in the handshake sends nothing that can be read.
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                request.extend_from_slice(&buffer[..read]);
                if is_whole(&request) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                    stream.write_all(answer).unwrap();
                    stream.conn.send_close_notify();
                    drop(stream.flush());
                    break;
                }
            }
        }
    });
    address
}

/// Whether the body is there.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse::<usize>().unwrap();
    let start = request.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    request.len() >= start + length
}

fn refusal(otlp: Otlp) -> String {
    let tracing = open(otlp);
    tracing.inlet().accept(ended("a")).unwrap();
    let error = tracing.force_flush(Duration::from_millis(500)).unwrap_err().to_string();
    assert_eq!(sink(&tracing).written, 0);
    error
}

#[test]
fn a_receiver_is_known_by_its_authority_and_we_by_our_certificate() {
    let endpoint = format!("https://{}", serve());
    let known = || Otlp::http(&endpoint).certificate(file("authority.pem"));

    let tracing = open(known().client_certificate(file("client.pem"), file("client.key")));
    tracing.inlet().accept(ended("a")).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!((sink(&tracing).written, sink(&tracing).failed), (1, 0));

    let stranger = refusal(Otlp::http(&endpoint).client_certificate(file("client.pem"), file("client.key")));
    assert!(stranger.contains("UnknownIssuer"), "the public authorities do not know it: {stranger}");
    let nobody = refusal(known());
    assert!(nobody.contains("CertificateRequired"), "{nobody}");
}

#[cfg(feature = "cli")]
#[test]
fn over_grpc_too() {
    use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
    use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

    let read = |name| std::fs::read(file(name)).unwrap();
    let address = super::free_port();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(read("server.pem"), read("server.key")))
        .client_ca_root(Certificate::from_pem(read("authority.pem")));
    let mut server = runtime.block_on(async { Server::builder().tls_config(tls).unwrap() });
    runtime.spawn(server.add_service(TraceServiceServer::new(super::grpc::Yes)).serve(address));

    // Without a scheme it is encrypted.
    let known = || Otlp::grpc(address.to_string()).certificate(file("authority.pem"));
    let tracing = open(known().client_certificate(file("client.pem"), file("client.key")));
    tracing.inlet().accept(ended("a")).unwrap();
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!((sink(&tracing).written, sink(&tracing).failed), (1, 0));
    refusal(known());
    refusal(Otlp::grpc(format!("https://{address}")));
}

#[test]
fn files_that_are_of_no_use_are_told_when_tracing_is_opened() {
    let open = |otlp: Otlp| AgentTracing::builder("sqlite::memory:").otlp(otlp).open().unwrap_err().to_string();
    let https = || Otlp::http("https://127.0.0.1:1");
    for (otlp, wrong) in [
        (https().certificate("/nowhere/ca.pem"), "the certificate of `otlp`, /nowhere/ca.pem, cannot be read"),
        (https().certificate(file("server.key")), "server.key is of no use: it holds no certificate in PEM form"),
        (
            https().client_certificate(file("client.pem"), file("client.pem")),
            "client.pem is of no use: it holds no private key in PEM form",
        ),
        (Otlp::grpc("https://127.0.0.1:1").certificate(file("server.key")), "holds no certificate"),
    ] {
        let error = open(otlp);
        assert!(error.contains(wrong), "{error}");
    }
}
