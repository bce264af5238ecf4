//! Ways of tracing a program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter};
use tempfile::TempDir;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_agents::AgentTracing;
use tracing_agents::model::{InterpretedSpan, ProcessId, Span, SpanRecord};
use tracing_agents::pipeline::{Pipeline, Settings, Sink};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How a program is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Not at all: no subscriber.
    Nothing,
    /// `tracing_subscriber::registry()` alone.
    Registry,
    /// The registry and a layer without methods, in a per-layer filter.
    Empty,
    /// This crate, with a database file and all defaults.
    Ours,
    /// This crate's layer and pipeline without a spool, and a sink that keeps nothing.
    OursToNothing,
    /// As [`Ours`](Self::Ours), with a tracer provider whose exporter keeps nothing.
    OursAndExporter,
    /// `tracing-opentelemetry` with a batch processor whose exporter keeps nothing.
    OpenTelemetry,
    /// `fastrace` (without `tracing`) with a reporter that keeps nothing.
    Fastrace,
}

impl Way {
    /// All, in the order of the report.
    pub const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Registry,
        Self::Empty,
        Self::Ours,
        Self::OursToNothing,
        Self::OursAndExporter,
        Self::OpenTelemetry,
        Self::Fastrace,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Registry => "registry",
            Self::Empty => "empty",
            Self::Ours => "ours",
            Self::OursToNothing => "ours-to-nothing",
            Self::OursAndExporter => "ours-and-exporter",
            Self::OpenTelemetry => "opentelemetry",
            Self::Fastrace => "fastrace",
        }
    }

    /// The name in the report.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Nothing => "no subscriber",
            Self::Registry => "registry alone",
            Self::Empty => "registry + empty layer in a per-layer filter",
            Self::Ours => "ours to SQLite",
            Self::OursToNothing => "ours, in memory, sink keeps nothing",
            Self::OursAndExporter => "ours to SQLite + exporter",
            Self::OpenTelemetry => "tracing-opentelemetry + batch",
            Self::Fastrace => "fastrace",
        }
    }

    /// The way of that name.
    ///
    /// # Errors
    /// Of an unknown name.
    pub fn named(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|way| way.name() == name) {
            Some(way) => Ok(way),
            None => bail!("there is no way {name}"),
        }
    }

    /// Traces this process in this way from now on.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub fn install(self) -> Result<Installed> {
        let registry = tracing_subscriber::registry();
        let reported = Arc::<AtomicU64>::default();
        let is_info = LevelFilter::INFO;
        let mut folder = None;
        let outlet = match self {
            Self::Nothing => Outlet::None,
            Self::Registry => {
                registry.try_init()?;
                Outlet::None
            }
            Self::Empty => {
                registry.with(EmptyLayer.with_filter(is_info)).try_init()?;
                Outlet::None
            }
            Self::Ours => {
                let tracing = AgentTracing::builder(&database(&mut folder)?).open()?;
                registry.with(tracing.layer()).try_init()?;
                Outlet::Ours(tracing, None)
            }
            Self::OursToNothing => {
                let interpret = |record: SpanRecord| {
                    let span = Span::as_recorded(&record);
                    InterpretedSpan::new(record, span)
                };
                let mut settings = Settings::default();
                settings.live = false;
                let sink = Box::new(NoSink(Arc::clone(&reported)));
                let pipeline =
                    Pipeline::start(settings, sink, Vec::new(), interpret, None, ProcessId::from_bytes([7; 16]))?;
                registry.with(tracing_agents::__private::layer(pipeline.inlet())).try_init()?;
                Outlet::Pipeline(pipeline)
            }
            Self::OursAndExporter => {
                let provider = provider(&reported);
                let builder = AgentTracing::builder(&database(&mut folder)?).tracer_provider(provider.clone());
                let tracing = builder.open()?;
                registry.with(tracing.layer()).try_init()?;
                Outlet::Ours(tracing, Some(provider))
            }
            Self::OpenTelemetry => {
                let provider = provider(&reported);
                let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("caller"));
                registry.with(layer.with_filter(is_info)).try_init()?;
                Outlet::Provider(provider)
            }
            Self::Fastrace => {
                fastrace::set_reporter(NoReporter(Arc::clone(&reported)), fastrace::collector::Config::default());
                Outlet::Fastrace
            }
        };
        Ok(Installed { outlet, reported, _folder: folder })
    }
}

fn database(folder: &mut Option<TempDir>) -> Result<String> {
    let folder = folder.insert(tempfile::tempdir()?);
    Ok(format!("sqlite://{}", folder.path().join("traces.db").display()))
}

fn provider(reported: &Arc<AtomicU64>) -> SdkTracerProvider {
    let processor = BatchSpanProcessor::builder(NoExporter(Arc::clone(reported))).build();
    SdkTracerProvider::builder().with_span_processor(processor).build()
}

enum Outlet {
    None,
    Ours(AgentTracing, Option<SdkTracerProvider>),
    Pipeline(Pipeline),
    Provider(SdkTracerProvider),
    Fastrace,
}

/// A way that is in force.
pub struct Installed {
    outlet: Outlet,
    reported: Arc<AtomicU64>,
    _folder: Option<TempDir>,
}

impl Installed {
    /// Empties all queues, so that what follows finds room.
    ///
    /// # Errors
    /// When that fails.
    pub fn flush(&self) -> Result<()> {
        let deadline = Duration::from_secs(60);
        match &self.outlet {
            Outlet::None => {}
            Outlet::Ours(tracing, provider) => {
                tracing.force_flush(deadline)?;
                if let Some(provider) = provider {
                    provider.force_flush()?;
                }
            }
            Outlet::Pipeline(pipeline) => pipeline.force_flush(deadline)?,
            Outlet::Provider(provider) => provider.force_flush()?,
            Outlet::Fastrace => fastrace::flush(),
        }
        Ok(())
    }

    /// Spans that came out at the other end.
    #[must_use]
    pub fn reported(&self) -> u64 {
        match &self.outlet {
            Outlet::Ours(tracing, None) => tracing.health().stored,
            _ => self.reported.load(Ordering::Relaxed),
        }
    }
}

struct EmptyLayer;

impl<S: Subscriber> Layer<S> for EmptyLayer {}

#[derive(Debug)]
struct NoExporter(Arc<AtomicU64>);

impl SpanExporter for NoExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

struct NoReporter(Arc<AtomicU64>);

impl fastrace::collector::Reporter for NoReporter {
    fn report(&mut self, spans: Vec<fastrace::collector::SpanRecord>) {
        self.0.fetch_add(spans.len() as u64, Ordering::Relaxed);
    }
}

struct NoSink(Arc<AtomicU64>);

impl Sink for NoSink {
    fn name(&self) -> &str {
        "nothing"
    }

    fn write(&mut self, batch: &[InterpretedSpan]) -> tracing_agents::Result<()> {
        self.0.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn probe(&mut self) -> tracing_agents::Result<()> {
        Ok(())
    }
}
