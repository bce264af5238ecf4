//! A small OTLP/HTTP receiver on loopback, which answers as it is told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) at: Instant,
    pub(super) line: String,
    headers: Vec<(String, String)>,
    pub(crate) request: ExportTraceServiceRequest,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    pub(super) fn names(&self) -> Vec<String> {
        let scopes = self.request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| &scope.spans).map(|span| span.name.clone()).collect()
    }
}

/// What to answer: the status line's end, more headers, a body.
pub(crate) type Answer = (&'static str, &'static str, Vec<u8>);

pub(crate) fn ok() -> Answer {
    ("200 OK", "", Vec::new())
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }
}

/// Serves on `address` from now on; the n-th request gets `answer(n)`.
pub(crate) fn serve(address: SocketAddr, answer: impl Fn(usize) -> Answer + Send + 'static) -> (SocketAddr, Log) {
    let listener = TcpListener::bind(address).unwrap();
    let (address, log) = (listener.local_addr().unwrap(), Log::default());
    let seen = log.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let number = seen.all().len();
            // A client that goes away has its reasons.
            let _ = respond(&stream.unwrap(), &seen, answer(number));
        }
    });
    (address, log)
}

pub(crate) fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// A port where nobody listens, for now.
pub(super) fn free_port() -> SocketAddr {
    TcpListener::bind(any_port()).unwrap().local_addr().unwrap()
}

fn respond(stream: &TcpStream, log: &Log, (status, headers, body): Answer) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut seen = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        seen.push((name.to_owned(), value.to_owned()));
    }
    let of = |name: &str| seen.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    let mut payload = vec![0; of("content-length").unwrap().parse().unwrap()];
    reader.read_exact(&mut payload)?;
    if of("content-encoding") == Some("gzip") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(payload.as_slice()).read_to_end(&mut plain)?;
        payload = plain;
    }
    let request = ExportTraceServiceRequest::decode(payload.as_slice()).unwrap();
    log.0.lock().unwrap().push(Seen { at: Instant::now(), line: line.trim_end().to_owned(), headers: seen, request });
    let length = body.len();
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n")?;
    stream.write_all(&body)
}
