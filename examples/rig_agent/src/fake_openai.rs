//! A server on loopback that speaks OpenAI's Chat Completions, unary and as server-sent events.
//!
//! What it says is a script: first tool calls (those of [`CALLS`], or that of another agent where it is offered as a tool), then an answer
//! made of their results. It counts its answers, and each costs the same [`Tokens::PER_ANSWER`](crate::tokens::Tokens::PER_ANSWER): what a trace must add up to is known exactly.

pub use crate::script::CALLS;
use crate::script::{Answer, ChatRequest, Turn};
use futures::StreamExt;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

/// How long the model thinks, so that its calls have a duration to see.
const THINKING: Duration = Duration::from_millis(20);

/// How long it takes from one streamed chunk to the next.
const CHUNK_PAUSE: Duration = Duration::from_millis(1);

type Body = BoxBody<Bytes, Infallible>;

/// The running server. It ends when this is dropped.
#[derive(Debug)]
pub struct FakeOpenAi {
    address: SocketAddr,
    answers: Arc<AtomicU64>,
    task: AbortHandle,
}

impl FakeOpenAi {
    /// Starts the server on a free port of 127.0.0.1, on the current tokio runtime.
    ///
    /// # Errors
    /// When loopback cannot be listened on.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let answers = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(serve(listener, Arc::clone(&answers))).abort_handle();
        Ok(Self { address, answers, task })
    }

    /// The base URL to give to a client of OpenAI's API.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The answers given so far.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::SeqCst)
    }
}

impl Drop for FakeOpenAi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves each connection in a task of a set that ends with this one.
async fn serve(listener: TcpListener, answers: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Chunks are small: held back for the last one's acknowledgement, they would come in bursts of 40 ms.
        let _ = stream.set_nodelay(true);
        let answers = Arc::clone(&answers);
        let service = service_fn(move |request| respond(request, Arc::clone(&answers)));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn respond(request: Request<Incoming>, answers: Arc<AtomicU64>) -> Result<Response<Body>, hyper::Error> {
    if (request.method(), request.uri().path()) != (&Method::POST, "/v1/chat/completions") {
        return Ok(refusal(StatusCode::NOT_FOUND, "only POST /v1/chat/completions is served"));
    }
    let body = request.into_body().collect().await?.to_bytes();
    let request: ChatRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return Ok(refusal(StatusCode::BAD_REQUEST, &error.to_string())),
    };
    tokio::time::sleep(THINKING).await;
    let number = answers.fetch_add(1, Ordering::SeqCst) + 1;
    let answer = Answer { number, model: &request.model, turn: Turn::after(&request) };
    Ok(if request.stream { events(&answer.chunks()) } else { json_response(StatusCode::OK, &answer.completion()) })
}

/// Server-sent events, one a chunk, closed as OpenAI closes them.
fn events(chunks: &[Value]) -> Response<Body> {
    let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).chain(["data: [DONE]\n\n".to_owned()]);
    let frames = futures::stream::iter(events.collect::<Vec<_>>()).then(async |event| {
        tokio::time::sleep(CHUNK_PAUSE).await;
        Ok(Frame::data(Bytes::from(event)))
    });
    response(StatusCode::OK, "text/event-stream", BoxBody::new(StreamBody::new(frames)))
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    json_response(status, &json!({"error": {"message": message, "type": "invalid_request_error"}}))
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    response(status, "application/json", BoxBody::new(Full::from(value.to_string())))
}

fn response(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
