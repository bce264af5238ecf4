//! OpenTelemetry's batch span processor and this crate's pipeline, each in front of the same receiver that fails.
//!
//! A program of its own: `faults exporters theirs|ours FAULT FOLDER` says `a NUMBER` for each span that it offers and `d COUNT` for
//! spans that were delivered (where it is to be killed), and at the end `result OFFERED ACCEPTED DELIVERED WHAT-WAS-REPORTED`.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing_agents::error::Error;
use tracing_agents::model::{InterpretedSpan, ProcessId};
use tracing_agents::pipeline::{Pipeline, Settings, Sink, SpoolDatabase, SpoolSettings};
use tracing_agents::semconv;

use crate::spans::Run;

/// What is wrong with the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its second call panics.
    Panic,
    /// It takes 20 ms, and all spans come at once.
    Burst,
    /// Nobody listens for the first two seconds.
    Dead,
    /// The process is killed while it takes 20 ms.
    Kill,
}

impl Fault {
    pub(crate) const ALL: [(&str, Self); 4] =
        [("panic", Self::Panic), ("burst", Self::Burst), ("dead", Self::Dead), ("kill", Self::Kill)];

    /// Spans, and how many of them come in a millisecond.
    fn spans(self) -> (u64, u64) {
        match self {
            Self::Panic => (5_000, 5),
            Self::Burst => (20_000, 20_000),
            Self::Dead => (3_000, 1),
            Self::Kill => (u64::MAX, 3),
        }
    }
}

/// Where spans are to go.
#[derive(Debug)]
struct Receiver {
    fault: Fault,
    begun: Instant,
    calls: AtomicU64,
    delivered: AtomicU64,
    /// A port at which nobody listens.
    nobody: std::net::SocketAddr,
}

impl Receiver {
    fn new(fault: Fault) -> Result<Arc<Self>> {
        let nobody = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let (calls, delivered) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Arc::new(Self { fault, begun: Instant::now(), calls, delivered, nobody }))
    }

    #[expect(clippy::panic, reason = "to panic is what it is for")]
    fn take(&self, spans: usize) -> std::io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::Panic if call == 1 => panic!("the exporter panics"),
            Fault::Dead if self.begun.elapsed() < Duration::from_secs(2) => {
                std::net::TcpStream::connect(self.nobody)?;
            }
            Fault::Burst | Fault::Kill => std::thread::sleep(Duration::from_millis(20)),
            Fault::Panic | Fault::Dead => {}
        }
        self.delivered.fetch_add(spans as u64, Ordering::Relaxed);
        if self.fault == Fault::Kill {
            say(&format!("d {spans}"));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Exporter(Arc<Receiver>);

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.take(batch.len()).map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }
}

struct Store(Arc<Receiver>);

impl Sink for Store {
    fn name(&self) -> &'static str {
        "receiver"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> tracing_agents::Result<()> {
        let taken = self.0.take(batch.len());
        taken.map_err(|error| Error::write(error.to_string()))
    }

    fn probe(&mut self) -> tracing_agents::Result<()> {
        if self.0.fault == Fault::Dead && self.0.begun.elapsed() < Duration::from_secs(2) {
            return Err(Error::write("nobody listens"));
        }
        Ok(())
    }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Offers the spans at their pace; how many there were.
fn offer(fault: Fault, mut offer: impl FnMut(u64)) -> u64 {
    let (count, pace) = fault.spans();
    for number in 0..count {
        offer(number);
        if fault == Fault::Kill {
            say(&format!("a {number}"));
        }
        if number % pace == pace - 1 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    count
}

pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let (side, fault, folder) = (arguments.next(), arguments.next(), arguments.next());
    let fault = fault.and_then(|fault| Fault::ALL.into_iter().find(|(name, _)| *name == fault));
    let (_, fault) = fault.context("which fault?")?;
    let receiver = Receiver::new(fault)?;
    let (offered, accepted, reported) = match side.as_deref() {
        Some("theirs") => theirs(fault, &receiver),
        Some("ours") => ours(fault, &receiver, &folder.context("which folder?")?)?,
        _ => bail!("whose side?"),
    };
    let delivered = receiver.delivered.load(Ordering::Relaxed);
    say(&format!("result {offered} {accepted} {delivered} {}", reported.replace('\n', " ")));
    Ok(())
}

fn theirs(fault: Fault, receiver: &Arc<Receiver>) -> (u64, u64, String) {
    let provider = SdkTracerProvider::builder().with_batch_exporter(Exporter(Arc::clone(receiver))).build();
    let tracer = provider.tracer("faults");
    let offered = offer(fault, |_| tracer.start("span").end());
    let flushed = provider.force_flush();
    let closed = provider.shutdown();
    // It tells nobody what it refuses.
    (offered, offered, format!("force_flush {flushed:?}, shutdown {closed:?}"))
}

fn ours(fault: Fault, receiver: &Arc<Receiver>, folder: &str) -> Result<(u64, u64, String)> {
    let mut settings = Settings::default();
    settings.spool = Some(SpoolSettings::new(folder, SpoolDatabase::default()));
    let store = Box::new(Store(Arc::clone(receiver)));
    let pipeline = Pipeline::start(settings, store, Vec::new(), semconv::interpret, None, ProcessId::generate())?;
    let (inlet, run) = (pipeline.inlet(), Run::new());
    let offered = offer(fault, |number| {
        // Who is refused is counted in the health.
        let _ = inlet.accept(run.span(number));
    });
    let flushed = pipeline.force_flush(Duration::from_secs(60));
    let closed = pipeline.shutdown(Duration::from_secs(5));
    let health = pipeline.health();
    let (refused, dropped) = (health.rejected.total(), health.dropped.total() + health.dead_lettered.total());
    let words = format!("force_flush {flushed:?}, shutdown {closed:?}; refused {refused}, dropped {dropped}");
    Ok((offered, health.accepted, words))
}
