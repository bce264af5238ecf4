//! `serve`: a receiver for OTLP, which answers after the commit.
//!
//! Both listeners understand both transports: OTLP over HTTP (protobuf and JSON) and over gRPC. A request's way:
//!
//! ```text
//! http, grpc ──▶ access (origin, token) ──▶ body (limits) ──▶ ingest: decode · store · wait for the commit ──▶ answer
//! ```

mod access;
mod answer;
mod body;
mod connections;
mod grpc;
mod http;
mod ingest;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use clap::{Args, ValueEnum};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing_agents::pipeline::Durability;
use tracing_agents::{AgentTracing, CapturePolicy, Redactor};

use self::access::Access;
use self::body::Limits;
use self::ingest::Ingest;
use super::Database;
use super::failure::Failure;
use super::log;
use super::output::note;

/// Spans that wait for their transaction at most. A request brings hundreds, so many more than a program's own queue holds.
const MAX_QUEUE_SIZE: usize = 65_536;
/// Spans in one transaction at most.
const MAX_BATCH_SIZE: usize = 1_000;
/// How long the end may take: requests that are being answered, then what is in the queue.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Receives OTLP and stores it: HTTP on /v1/traces and /v1/logs (protobuf and JSON), and gRPC.
///
/// Of logs, what is kept are events with the content of model calls (gen_ai.*) that name their span.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Options {
    /// Where to listen for OTLP over HTTP, or `none`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
    http: Endpoint,
    /// Where to listen for OTLP over gRPC, or `none`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4317")]
    grpc: Endpoint,
    /// What clients must send as `Authorization: Bearer TOKEN`. Needed for any address that other machines reach.
    #[arg(long, value_name = "TOKEN", env = access::TOKEN_VARIABLE, hide_env_values = true)]
    token: Option<String>,
    /// Listens on any address without a token: whoever can reach it can write.
    #[arg(long, conflicts_with = "token")]
    insecure_no_token: bool,
    /// The largest request, as it is sent; with gRPC, also unpacked.
    #[arg(long, value_name = "MIB", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    max_body_mib: u32,
    /// The largest request over HTTP when it is unpacked.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    max_unpacked_mib: u32,
    /// How long a client may take to send the head of a request, and as long again for the rest, in seconds. A connection on which nothing
    /// is asked for so long is closed.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    read_within: u64,
    /// What is taken out of everything that is received, before it is stored.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    redact: Vec<Redact>,
    /// How much content is kept: `full`, `metadata` or `off`, and by class: `full,tool_results=metadata,prompts=off`.
    #[arg(long, value_name = "LEVELS", default_value = "full", hide_default_value = true)]
    capture: CapturePolicy,
    /// How long a request may wait for the database, in seconds, before it is answered with 503.
    #[arg(long, value_name = "SECONDS", default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=600))]
    answer_within: u64,
}

const EXAMPLES: &str = "\
Examples:
  agent-traces serve --database sqlite://traces.db
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 python your_agent.py

  agent-traces serve --redact secrets,emails --capture full,documents=off

  AGENT_TRACES_TOKEN=… agent-traces serve --database postgres://… --http 0.0.0.0:4318 --grpc none
  OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer%20…' …

A request is answered with 200 when all that it brings is committed. 503 asks the client to send it again, which never makes
two of one span.";

/// What a ready-made redactor finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Redact {
    /// API keys, tokens, private keys, passwords
    Secrets,
    /// E-mail addresses
    Emails,
    /// Numbers of payment cards
    Cards,
}

/// The redactor for what is wanted; None where nothing is.
fn redactor(wanted: &[Redact]) -> Option<Redactor> {
    wanted.first()?;
    let secrets = if wanted.contains(&Redact::Secrets) { Redactor::secrets() } else { Redactor::new() };
    let emails = if wanted.contains(&Redact::Emails) { secrets.emails() } else { secrets };
    Some(if wanted.contains(&Redact::Cards) { emails.cards() } else { emails })
}

/// An address to listen on, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Endpoint {
    None,
    At(String),
}

impl FromStr for Endpoint {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "none" { Self::None } else { Self::At(text.to_owned()) })
    }
}

impl Endpoint {
    /// The address, if one is to be listened on. `option` is what the user wrote it behind.
    fn resolve(&self, option: &str) -> Result<Option<SocketAddr>, Failure> {
        let Self::At(text) = self else { return Ok(None) };
        let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
        let way_out = "give a host and a port, such as 127.0.0.1:4318 or [::1]:4318, or none";
        found.map(Some).ok_or_else(|| Failure::usage(format!("{option} {text:?} is no address: {way_out}")))
    }
}

pub(super) fn run(database: &Database, options: &Options) -> Result<(), Failure> {
    let url = database.url()?;
    let addresses = [options.http.resolve("--http")?, options.grpc.resolve("--grpc")?];
    if addresses == [None, None] {
        return Err(Failure::usage("there is nothing to listen on: --http and --grpc are both none"));
    }
    let access = Access::new(options.token.as_deref())?;
    access.check(addresses.iter().flatten(), options.insecure_no_token)?;

    let builder = match redactor(&options.redact) {
        Some(redactor) => AgentTracing::builder(url).redactor(redactor),
        None => AgentTracing::builder(url),
    };
    let tracing = builder
        // Whoever sends waits until the database has it, and sends it again otherwise.
        .durability(Durability::Memory)
        .capture(options.capture)
        .max_queue_size(MAX_QUEUE_SIZE)
        .max_queue_bytes(256 * 1024 * 1024)
        .max_export_batch_size(MAX_BATCH_SIZE)
        .on_error(log::errors())
        .open()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let patience = Duration::from_secs(options.read_within);
    let limits = Limits::new(options.max_body_mib, options.max_unpacked_mib, patience);
    let ingest = Ingest::new(tracing.clone(), Duration::from_secs(options.answer_within), log::errors());
    let app = http::router(Arc::new(http::App { ingest, limits, access }));
    let stopped = runtime.block_on(serve(app, addresses, patience))?;
    // Connections that are still open end here.
    runtime.shutdown_background();
    tracing.shutdown(SHUTDOWN_TIMEOUT.saturating_sub(stopped.elapsed()).max(Duration::from_secs(1)))?;
    note("stopped; all that was accepted is stored");
    Ok(())
}

/// Serves until the process is told to end, and all requests are answered; when it was told.
async fn serve(app: Router, [http, grpc]: [Option<SocketAddr>; 2], patience: Duration) -> Result<Instant, Failure> {
    let mut signals = Signals::new()?;
    let (stop, stopping) = watch::channel(false);
    let mut servers = tokio::task::JoinSet::new();
    let mut places = Vec::new();
    for (address, option) in [(http, "--http"), (grpc, "--grpc")] {
        let Some(address) = address else { continue };
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::failed(format!("cannot listen on {address}: {error}; choose another address with {option}"))
        })?;
        places.push(match (option, listener.local_addr().unwrap_or(address)) {
            ("--http", address) => format!("http://{address}/v1/traces"),
            (_, address) => format!("grpc://{address}"),
        });
        let mut stopping = stopping.clone();
        servers.spawn(connections::serve(listener, app.clone(), patience, async move {
            let _ = stopping.wait_for(|stop| *stop).await;
        }));
    }
    note(&format!("listening on {}", places.join(" and ")));
    signals.next().await;
    let told = Instant::now();
    let _ = stop.send(true);
    let answered = async { while servers.join_next().await.is_some() {} };
    tokio::select! {
        () = answered => {}
        () = tokio::time::sleep(SHUTDOWN_TIMEOUT / 2) => note("some connections stay open; they are closed now"),
        // Whoever asks twice does not want to wait.
        () = signals.next() => {}
    }
    Ok(told)
}

/// What asks the process to end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |kind| signal(kind).map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
