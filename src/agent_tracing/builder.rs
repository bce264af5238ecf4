//! Every option, its default and its environment variable.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "opentelemetry")]
use opentelemetry_sdk::trace::{SdkTracerProvider, ShouldSample};

use super::durability::DurabilityOptions;
use super::environment::{self, Environment};
use super::{AgentTracing, Inner};
use crate::error::{Error, Result};
use crate::layer::{AgentFilter, Ambient, Capture, Limits};
use crate::model::{Attributes, Kind, ProcessId, Resource, Scope, SpanRecord, Value};
use crate::pipeline::{Durability, Fsync, OnError, Pipeline, Protect, Settings, Sink, TailSampling, WhenFull};
use crate::policy::{self, CapturePolicy, Place, Policy, Redactor};
use crate::semconv::{self, PriceTable, Prices, Profiles, profile::Profile};
use crate::store::{HEARTBEAT, Retention, Store, StoreSink};

/// How long dropping the last handle may take.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Makes a sink when the database is opened, which can tell what is wrong with it; adds what it does not understand of the environment.
type MakeSink = Box<dyn FnOnce(&mut Vec<Error>) -> Result<Box<dyn Sink>> + Send>;

/// Options of [`AgentTracing`]. An option set here wins over its environment variable; a variable that cannot be understood is
/// reported to [`on_error`](Self::on_error) and ignored, as OpenTelemetry asks.
#[must_use = "a builder does nothing until `open`"]
pub struct Builder {
    url: String,
    max_queue_size: Option<usize>,
    max_queue_bytes: Option<usize>,
    max_export_batch_size: Option<usize>,
    scheduled_delay: Option<Duration>,
    immediate: bool,
    live: bool,
    heartbeat: Duration,
    limits: Option<Limits>,
    service_name: Option<String>,
    resource: Attributes,
    ambient: Option<Ambient>,
    baggage_keys: Arc<[String]>,
    #[cfg(feature = "opentelemetry")]
    provider: Option<SdkTracerProvider>,
    #[cfg(feature = "opentelemetry")]
    sampler: Option<Box<dyn ShouldSample>>,
    profiles: Vec<Profile>,
    trace_payloads: bool,
    without_targets: Vec<String>,
    without_names: Vec<String>,
    without_kinds: Vec<Kind>,
    tail_sampling: Option<TailSampling>,
    durability: DurabilityOptions,
    policy: policy::Options,
    prices: PriceTable,
    retention: Option<Retention>,
    is_compressed: bool,
    sinks: Vec<MakeSink>,
    on_error: Option<OnError>,
    shutdown_timeout: Duration,
    connects_in_background: bool,
}

impl Builder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            max_queue_size: None,
            max_queue_bytes: None,
            max_export_batch_size: None,
            scheduled_delay: None,
            immediate: false,
            live: true,
            heartbeat: HEARTBEAT,
            limits: None,
            service_name: None,
            resource: Attributes::new(),
            ambient: None,
            baggage_keys: Arc::default(),
            #[cfg(feature = "opentelemetry")]
            provider: None,
            #[cfg(feature = "opentelemetry")]
            sampler: None,
            profiles: Vec::new(),
            trace_payloads: false,
            without_targets: Vec::new(),
            without_names: Vec::new(),
            without_kinds: Vec::new(),
            tail_sampling: None,
            durability: DurabilityOptions::default(),
            policy: policy::Options::default(),
            prices: PriceTable::default(),
            retention: None,
            is_compressed: true,
            sinks: Vec::new(),
            on_error: None,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            connects_in_background: false,
        }
    }

    /// Spans that wait in memory for the database at most; beyond them new spans wait on the disk, or without a [spool](Self::durability) are
    /// refused and counted. By default `OTEL_BSP_MAX_QUEUE_SIZE`, else 2,048.
    pub fn max_queue_size(mut self, spans: usize) -> Self {
        self.max_queue_size = Some(spans);
        self
    }

    /// Bytes that wait in the queue at most, roughly. By default 64 MiB.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.max_queue_bytes = Some(bytes);
        self
    }

    /// Spans in one batch at most. By default `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`, else 512.
    pub fn max_export_batch_size(mut self, spans: usize) -> Self {
        self.max_export_batch_size = Some(spans);
        self
    }

    /// How long a span waits for its batch to fill at most. By default `OTEL_BSP_SCHEDULE_DELAY` (milliseconds), else 5 s.
    pub fn scheduled_delay(mut self, delay: Duration) -> Self {
        self.scheduled_delay = Some(delay);
        self
    }

    /// What the end of the process, however it comes, can cost. By default [`Durability::Spool`]: within some milliseconds a span is in a
    /// file, and whatever the database does, it is stored in the end, if not by this process then by the next one that opens the same
    /// database. For a database in memory [`Durability::Memory`], since that ends with the process.
    ///
    /// ```
    /// use tracing_agents::AgentTracing;
    /// use tracing_agents::pipeline::Durability;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let url = format!("sqlite://{}/traces.db", folder.path().display());
    /// // A span is in a file before the call that ended it returns: no kill can take it.
    /// let tracing = AgentTracing::builder(&url).durability(Durability::Journal).open()?;
    /// assert_eq!(tracing.health().spool.durability, Durability::Journal);
    /// # Ok(())
    /// # }
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability.durability = Some(durability);
        self
    }

    /// The folder in which spans wait for the database; it is made when it is needed, for its owner only. By default
    /// [`Store::default_spool_folder`]: beside a SQLite file, for a server in the user's folder for state. Processes and databases may share
    /// one; it is to be on a disk of this machine, since files on it are locked.
    pub fn spool_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.durability.folder = Some(folder.into());
        self
    }

    /// Bytes that the spans of this process may take in that folder. By default 1 GiB.
    pub fn max_spool_bytes(mut self, bytes: u64) -> Self {
        self.durability.max_bytes = Some(bytes);
        self
    }

    /// What becomes of spans when these are used up, and memory too. By default [`WhenFull::DropNewest`]; what is dropped is counted.
    pub fn when_spool_full(mut self, when_full: WhenFull) -> Self {
        self.durability.when_full = Some(when_full);
        self
    }

    /// When what waits in that folder is made to survive a power failure. By default each half second, by a thread of its own.
    pub fn spool_fsync(mut self, fsync: Fsync) -> Self {
        self.durability.fsync = Some(fsync);
        self
    }

    /// Writes each span as soon as it ends. For debugging: a transaction for each span is slow, though never on the caller's thread.
    pub fn immediate(mut self) -> Self {
        self.immediate = true;
        self
    }

    /// Also writes spans that are still open, so that long runs are visible while they run: when they have been open for a second, and again
    /// when they have changed, every five seconds at most. Spans that end before cost nothing for it. By default on; off, open spans are
    /// written at shutdown only, and what is open when the process dies is lost.
    pub fn live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// How often the process says in the database that it runs, and looks whether the others there do. By default every 10 s; at least
    /// 10 ms, at most an hour.
    ///
    /// Of a process that has not said so for six intervals, while others watched, the spans that it left open become
    /// [interrupted](crate::model::SpanState::Interrupted); of one that shut down they do at the next look. Should it come back, they are
    /// running again.
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = interval.clamp(Duration::from_millis(10), Duration::from_secs(3600));
        self
    }

    /// How much of a span is kept. By default [`Limits::default`], changed by `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`,
    /// `OTEL_SPAN_EVENT_COUNT_LIMIT`, `OTEL_SPAN_LINK_COUNT_LIMIT` and `OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT`, or the general
    /// `OTEL_ATTRIBUTE_COUNT_LIMIT`.
    ///
    /// These hold on the threads that record. Long texts are better cut by [`max_value_bytes`](Self::max_value_bytes), which knows JSON.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// The program's name among others in the same database. By default `OTEL_SERVICE_NAME`, else `service.name` in
    /// `OTEL_RESOURCE_ATTRIBUTES`, else `unknown_service:` and the executable's name.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// One more attribute of the resource, over one of the same key in `OTEL_RESOURCE_ATTRIBUTES`.
    pub fn resource_attribute(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.resource.push(key.into(), value);
        self
    }

    /// Lets spans take ids from OpenTelemetry baggage: of the entries of the current context, those with these keys (`session.id`,
    /// `user.id` …) count for what no ancestor of the span names. By default none, since baggage comes from outside: allow what you
    /// would believe.
    ///
    /// ```
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// use tracing_agents::{AgentTracing, field};
    ///
    /// let tracing = AgentTracing::builder("sqlite::memory:").baggage([field::SESSION_ID, field::USER_ID]).open()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "opentelemetry")]
    pub fn baggage(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let keys: Arc<[String]> = keys.into_iter().map(Into::into).collect();
        self.baggage_keys = Arc::clone(&keys);
        self.ambient = Some(Arc::new(move || crate::otel::ids_in_current_baggage(&keys)));
        self
    }

    /// Makes each span a span of this OpenTelemetry provider too, with the same trace and span ids on both sides. By default none.
    ///
    /// The layer then owns a `tracing_opentelemetry` layer: add no other one. What that one offers works: `OpenTelemetrySpanExt`
    /// (`set_parent`, `context`, `add_link`, `set_attribute` …), the current `opentelemetry::Context` inside of spans, remote parents; and
    /// what is set by it is stored too. The provider's sampler decides which spans are recorded; those that it leaves out are not stored
    /// either, and counted in [`Rejected::sampled_out`](crate::pipeline::Rejected::sampled_out). Ids that flow down (run, session, user, agent …)
    /// are on a span when it starts, for samplers and processors to see.
    ///
    /// The SDK gives a span its ids when it is first entered, asked for them or closed: until then it is in no
    /// [`live`](Self::live) view. Its exported copy leaves out what `tracing_opentelemetry` can add from callsites, threads and clocks
    /// (`code.*`, `thread.*`, `target`, `busy_ns`). The provider stays yours: flush it and shut it down yourself, after the last span.
    ///
    /// ```
    /// use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    /// use tracing_agents::{AgentTracing, SpanExt};
    /// use tracing_subscriber::prelude::*;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let exporter = InMemorySpanExporter::default(); // or OTLP, or any other
    /// let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    /// let tracing = AgentTracing::builder("sqlite::memory:").tracer_provider(provider).open()?;
    /// let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();
    ///
    /// let stored = tracing::info_span!("run").in_scope(|| tracing::Span::current().span_id());
    ///
    /// let exported = exporter.get_finished_spans().unwrap_or_default();
    /// assert_eq!(stored.map(|id| id.to_string()), exported.first().map(|span| span.span_context.span_id().to_string()));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "opentelemetry")]
    pub fn tracer_provider(mut self, provider: SdkTracerProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Which spans are recorded, decided at their start by an OpenTelemetry sampler: [`Sampler::ParentBased`](opentelemetry_sdk::trace::Sampler)
    /// keeps traces whole, and does as a calling process decided. By default all, or what `OTEL_TRACES_SAMPLER` (with
    /// `OTEL_TRACES_SAMPLER_ARG`) asks for. What is left out is counted in [`Rejected::sampled_out`](crate::pipeline::Rejected::sampled_out).
    ///
    /// It sees the fields that the span starts with, and the ids from its ancestors. [`tail_sampling`](Self::tail_sampling) knows more, later.
    ///
    /// ```
    /// use opentelemetry_sdk::trace::Sampler;
    /// use tracing_agents::AgentTracing;
    ///
    /// let every_tenth = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.1)));
    /// let tracing = AgentTracing::builder("sqlite::memory:").sampler(every_tenth).open()?;
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    #[cfg(feature = "opentelemetry")]
    pub fn sampler(mut self, sampler: impl Into<Box<dyn ShouldSample>>) -> Self {
        self.sampler = Some(sampler.into());
        self
    }

    /// How to read the spans of a framework of your own, or to read a known one otherwise: the first profile that holds for a span's
    /// target is asked, these before the built-in ones.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profiles.push(profile);
        self
    }

    /// Also records events at `TRACE` of the frameworks that tell requests and answers only there: of the built-in profiles that is
    /// swiftide without its feature `langfuse`. By default off, since it takes the whole program off `tracing`'s fastest way to skip
    /// what is below `DEBUG`, and the framework then writes whole requests as text.
    pub fn trace_payloads(mut self, trace_payloads: bool) -> Self {
        self.trace_payloads = trace_payloads;
        self
    }

    /// Leaves out spans and events of a target and below it, such as `hyper`; what happens below such a span is recorded as the child of the
    /// nearest span around it. It costs nothing: the callsites are switched off. By default none.
    pub fn without_target(mut self, target: impl Into<String>) -> Self {
        self.without_targets.push(target.into());
        self
    }

    /// Leaves out spans of this name, in the same way.
    pub fn without_name(mut self, name: impl Into<String>) -> Self {
        self.without_names.push(name.into());
        self
    }

    /// Leaves out spans of some kinds, unless a kept span stands below: `[Kind::Span]` keeps what agents do, and what leads there. What a span
    /// stands for is known when it ended, so this also holds for spans from other doors. [`Health::discarded`](crate::pipeline::Health::discarded)
    /// counts them. By default none.
    pub fn without_kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.without_kinds.extend(kinds);
        self
    }

    /// Keeps only some traces, decided when they are over: failed, slow or expensive ones, those of some agents or users, and a share of
    /// the rest. By default all.
    pub fn tail_sampling(mut self, sampling: TailSampling) -> Self {
        self.tail_sampling = Some(sampling);
        self
    }

    /// How much content is kept, of each class: all (the default), what it is and how long, or nothing. What holds content, the conventions'
    /// names tell, and what is known of frameworks; it is the same for spans of all doors, and for the store and all sinks. Attributes of
    /// names that nobody knows are no content: [redaction](Self::redactor) is for those.
    ///
    /// The environment can only reduce it: `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` (`false`, `NO_CONTENT`; `SPAN_ONLY` and
    /// `EVENT_ONLY` keep it out of the other) and `OpenInference`'s `OPENINFERENCE_HIDE_*` and `OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH`.
    /// [`field::WITHHELD`](crate::field::WITHHELD) says on a span what was kept out.
    ///
    /// ```
    /// use tracing_agents::{AgentTracing, CaptureLevel, CapturePolicy, ContentClass};
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let policy = CapturePolicy::full().with(ContentClass::ToolResults, CaptureLevel::Metadata);
    /// let tracing = AgentTracing::builder("sqlite::memory:").capture(policy).open()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn capture(mut self, policy: CapturePolicy) -> Self {
        self.policy.capture = policy;
        self
    }

    /// Takes what a ready-made redactor finds out of every text that is recorded, before it reaches a disk, a database or a socket. Of
    /// several, and [your own](Self::redact), each sees what the ones before it left. By default none.
    ///
    /// What a [tracer provider](Self::tracer_provider) of yours exports by itself is its own, and not redacted: give its exporter to
    /// [`exporter`](Self::exporter) instead.
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.policy.rules.push(policy::Rule::Ready(redactor));
        self
    }

    /// A redactor of your own: it is asked about every text, with [where it stands](Place), and answers what shall stand there instead, or
    /// nothing. It runs on the pipeline's threads. Where it panics the text is replaced by a fixed one, which
    /// [`AgentTracing::redactor_failures`] counts, and [`on_error`](Self::on_error) hears of it.
    ///
    /// Let it answer the same for the same text: two versions of a span are one only if they say the same.
    ///
    /// ```
    /// use tracing_agents::AgentTracing;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let tracing = AgentTracing::builder("sqlite::memory:")
    ///     .redact(|text, place| (place.key() == "user.id").then(|| format!("user-{}", text.len())))
    ///     .open()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn redact(mut self, redact: impl Fn(&str, &Place<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        self.policy.rules.push(policy::Rule::Own(Box::new(redact)));
        self
    }

    /// Bytes of one text at most, in attributes of spans, events and links, and of an event's name. A longer one is cut on the worker, after
    /// redaction: JSON in its longest texts, so that it stays JSON. What is missing is said there, and counted in
    /// [`SpanRecord::truncated_bytes`](crate::model::SpanRecord::truncated_bytes). By default `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`, or the
    /// general `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`, else no more than what [`Limits::value_bytes`] leaves.
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.policy.max_value_bytes = Some(bytes);
        self
    }

    /// Prices of your own, before the bundled ones (feature `pricing`): what a model call costs that reports tokens and no cost. By
    /// default none.
    ///
    /// A cost is computed when its span is written. New prices change nothing that is stored, unless
    /// [`TraceRepository::reprice`](crate::TraceRepository::reprice) is asked to.
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }

    /// Deletes what this retention does not keep, every hour ([`Retention::every`]) and soon after the start, on the worker's thread:
    /// in transactions of some ten milliseconds, between batches, for at most a twentieth of the time. By default nothing is deleted.
    ///
    /// Of the processes that have one database, one at a time does it. What fails is told to [`on_error`](Self::on_error) and tried again;
    /// [`TraceRepository::last_retention`](crate::TraceRepository::last_retention) tells what was done.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tracing_agents::{AgentTracing, Retention};
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let month = Duration::from_secs(30 * 86_400);
    /// let tracing = AgentTracing::builder("sqlite::memory:").retention(Retention::new().older_than(month)).open()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Whether what spans recorded is compressed where it is stored: on by default, since it takes half of the room.
    ///
    /// Switch it off for a program that reads the columns of [`span_contents`](crate::schema::span_contents) by SQL, as JSON: those of spans that end
    /// from then on, and that have at most 4 KiB each. Everything in this crate reads both forms, side by side in one trace too.
    pub const fn compression(mut self, is_on: bool) -> Self {
        self.is_compressed = is_on;
        self
    }

    /// One more place where each batch goes, after the store, on a thread of its own: what it does or fails to do never delays the
    /// store. As many spans and bytes wait for it as for the store; a batch that fails is tried again, for five minutes at most. All of
    /// it is counted in [`Health::sinks`](crate::pipeline::Health::sinks).
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sinks.push(Box::new(|_| Ok(Box::new(sink))));
        self
    }

    /// Also sends spans that ended to an OpenTelemetry exporter, as a [`sink`](Self::sink).
    ///
    /// They leave normalised, whatever framework made them: each key once, with OpenTelemetry's GenAI attributes and `OpenInference`'s,
    /// the right span kind, name and status, the ids of their ancestors, and their resource. With the feature `otlp` its futures find a
    /// tokio runtime.
    ///
    /// ```
    /// use opentelemetry_sdk::trace::InMemorySpanExporter;
    /// use tracing_agents::AgentTracing;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let tracing = AgentTracing::builder("sqlite::memory:").exporter(InMemorySpanExporter::default()).open()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "opentelemetry")]
    pub fn exporter(mut self, exporter: impl opentelemetry_sdk::trace::SpanExporter + 'static) -> Self {
        self.sinks.push(Box::new(|_| Ok(Box::new(crate::otel::ExporterSink::new(exporter)?))));
        self
    }

    /// Also sends spans that ended to a receiver of OTLP, normalised as for [`exporter`](Self::exporter): an endpoint such as
    /// `http://127.0.0.1:4318`, or [settings](crate::otel::Otlp), with ready-made ones for Phoenix and Langfuse.
    ///
    /// Spans wait for a receiver that is away, for five minutes and as many as fit.
    ///
    /// ```no_run
    /// use tracing_agents::AgentTracing;
    /// use tracing_agents::otel::Otlp;
    ///
    /// # fn main() -> Result<(), tracing_agents::Error> {
    /// let tracing = AgentTracing::builder("sqlite://traces.db").otlp(Otlp::phoenix("http://127.0.0.1:6006")).open()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "otlp")]
    pub fn otlp(mut self, otlp: impl Into<crate::otel::Otlp>) -> Self {
        let otlp = otlp.into();
        self.sinks.push(Box::new(|misunderstood| Ok(Box::new(crate::otel::OtlpSink::open(otlp, misunderstood)?))));
        self
    }

    /// Called with what goes wrong after the start: a database that is down, a span that cannot be stored. It runs on the worker
    /// thread or a sink's; for what a drop of the last handle could not write, on the dropping one.
    pub fn on_error(mut self, callback: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(callback));
        self
    }

    /// How long dropping the last handle may take to write what waits. By default 5 s.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// The environment variables that are set and have a meaning for a builder, with their values, and what cannot be understood of them.
    #[must_use]
    pub fn environment() -> (Vec<(String, String)>, Vec<Error>) {
        environment::understood()
    }

    /// Does not wait for the database: [`open`](Self::open) touches neither network nor disk and returns at once, and the worker connects and
    /// brings the tables up to date, as often as it takes. Until then spans wait, and reads say that the database was not reached yet. By
    /// default `open` connects, and says what is wrong with the database.
    ///
    /// ```
    /// use tracing_agents::AgentTracing;
    ///
    /// // A program that starts before its database does, or without it.
    /// let tracing = AgentTracing::builder("sqlite:///not/mounted/yet/traces.db").connect_in_background().open()?;
    /// assert!(tracing.repository().processes().is_err());
    /// # Ok::<(), tracing_agents::Error>(())
    /// ```
    pub fn connect_in_background(mut self) -> Self {
        self.connects_in_background = true;
        self
    }

    /// Opens the database, brings its tables up to date and starts the worker.
    ///
    /// # Errors
    /// [`InvalidUrl`](crate::ErrorKind::InvalidUrl), [`Connect`](crate::ErrorKind::Connect),
    /// [`NewerSchema`](crate::ErrorKind::NewerSchema) or [`Migration`](crate::ErrorKind::Migration), each naming the URL (without
    /// password) and the way out; [`Thread`](crate::ErrorKind::Thread) when the system gives no thread; for an OTLP receiver also
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), of a header that cannot be sent; the same of a retention without a limit.
    pub fn open(self) -> Result<AgentTracing> {
        let (environment, mut misunderstood) = Environment::read(|name| std::env::var(name).ok());
        self.retention.as_ref().map_or(Ok(()), Retention::check)?;
        let sinks = self.sinks.into_iter().map(|make| make(&mut misunderstood)).collect::<Result<Vec<_>>>()?;
        #[cfg(feature = "opentelemetry")]
        let provider = match (self.provider, self.sampler) {
            (Some(_), Some(_)) => {
                let message = "a tracer provider has a sampler of its own: give it yours, and not to the builder";
                return Err(Error::new(crate::error::ErrorKind::InvalidInput, message));
            }
            (provider, sampler) => provider.or_else(|| crate::otel::sampling(sampler, environment.has_sampler)),
        };
        let store = if self.connects_in_background { Store::open_in_background } else { Store::open }(&self.url)?;
        let spool = self.durability.settings(&store, &mut misunderstood);
        if spool.is_some() && !self.connects_in_background {
            // What other processes left belongs to a database of a known identity. Where it cannot be told now, the sink asks again.
            let _ = store.identity();
        }
        if let Some(on_error) = &self.on_error {
            misunderstood.iter().for_each(|error| on_error(error));
        }
        let process = ProcessId::generate();
        let default = Settings::default();
        let settings = Settings {
            max_queue_size: self.max_queue_size.or(environment.max_queue_size).unwrap_or(default.max_queue_size),
            max_queue_bytes: self.max_queue_bytes.unwrap_or(default.max_queue_bytes),
            max_export_batch_size: self
                .max_export_batch_size
                .or(environment.max_export_batch_size)
                .unwrap_or(default.max_export_batch_size),
            scheduled_delay: self.scheduled_delay.or(environment.scheduled_delay).unwrap_or(default.scheduled_delay),
            immediate: self.immediate,
            live: self.live,
            tick_every: self.heartbeat.min(default.tick_every),
            without_kinds: self.without_kinds,
            tail_sampling: self.tail_sampling,
            spool,
            ..default
        };
        let profiles = Profiles::with(self.profiles);
        let filter = AgentFilter::of(profiles.clone(), self.trace_payloads);
        let filter = self.without_targets.into_iter().fold(filter, AgentFilter::without_target);
        let filter = self.without_names.into_iter().fold(filter, AgentFilter::without_name);
        let policy = policy::Options {
            max_value_bytes: self.policy.max_value_bytes.or(environment.value_length),
            hidden: environment.hidden.clone(),
            ..self.policy
        };
        let policy = Policy::new(policy, profiles.clone()).map(Arc::new);
        let protect = policy.clone().map(|policy| -> Arc<dyn Protect> { policy });
        let prices = Prices::new(self.prices);
        let known = profiles.clone();
        let sink = StoreSink::new(store.clone(), process, environment::host_name())
            .with_prices(prices.clone())
            .with_heartbeat(self.heartbeat)
            .with_retention(self.retention)
            .with_compression(self.is_compressed);
        let interpret = move |record| {
            let mut item = semconv::interpret_with(&profiles, record);
            prices.apply(&mut item);
            item
        };
        let sink = Box::new(sink);
        let pipeline = Pipeline::start_protected(settings, sink, sinks, protect, interpret, self.on_error, process)?
            .with_drop_deadline(self.shutdown_timeout);
        let filter = if environment.is_disabled { AgentFilter::off() } else { filter };
        let capture = Capture {
            ambient: self.ambient,
            baggage_keys: self.baggage_keys,
            profiles: known,
            filter: None,
            #[cfg(feature = "opentelemetry")]
            companion: provider.is_some().then_some(&crate::otel::bridge::BRIDGE),
            #[cfg(not(feature = "opentelemetry"))]
            companion: None,
            limits: self.limits.unwrap_or_else(|| environment.limits()),
            scope: Arc::new(Scope { name: "tracing".to_owned(), ..Scope::default() }),
            resource: Arc::new(Resource {
                attributes: environment.resource(self.service_name, self.resource),
                ..Resource::default()
            }),
        };
        Ok(AgentTracing(Arc::new(Inner {
            pipeline,
            store,
            policy,
            capture,
            filter,
            #[cfg(feature = "opentelemetry")]
            provider,
        })))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").finish_non_exhaustive()
    }
}

impl Protect for Policy {
    fn protect(&self, record: &mut SpanRecord) {
        self.protect(record);
    }

    fn texts_given_up(&self) -> u64 {
        self.failures()
    }
}
