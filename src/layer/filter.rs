//! What the layer sees of a program that traces more than its agents.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use crate::semconv::Profiles;

/// The per-layer filter of [`AgentLayer`](super::AgentLayer): `INFO` and above from everywhere, `DEBUG` from the targets in which
/// known agent frameworks record content, and nothing of this crate's own or OpenTelemetry's workings.
///
/// It decides by callsite alone, so `tracing` caches its answer: a callsite that no layer wants costs one atomic read. It says
/// nothing to other layers; a *global* filter (an `EnvFilter` that is itself a layer) can still take spans away before they come here.
#[derive(Debug, Clone)]
pub struct AgentFilter {
    is_on: bool,
    profiles: Profiles,
    /// Whether payload events at TRACE are wanted too.
    goes_deep: bool,
}

impl Default for AgentFilter {
    fn default() -> Self {
        Self::new()
    }
}

impl AgentFilter {
    /// The filter as described above.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Profiles::default(), false)
    }

    /// The same with profiles of the program's own, and with payload events at `TRACE` if they are wanted.
    pub(crate) const fn of(profiles: Profiles, goes_deep: bool) -> Self {
        Self { is_on: true, profiles, goes_deep }
    }

    /// A filter that lets nothing through: what `OTEL_SDK_DISABLED=true` puts in its place.
    #[must_use]
    pub fn off() -> Self {
        Self { is_on: false, ..Self::new() }
    }

    /// Whether it lets anything through.
    pub(crate) const fn is_on(&self) -> bool {
        self.is_on
    }

    /// The most verbose level of anything that it lets through.
    pub(super) const fn deepest(&self) -> LevelFilter {
        match self {
            Self { is_on: false, .. } => LevelFilter::OFF,
            Self { goes_deep: true, .. } => LevelFilter::TRACE,
            Self { .. } => LevelFilter::DEBUG,
        }
    }

    /// Whether it lets events through for the content that they carry.
    pub(super) fn wants_content(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() > Level::INFO && self.wants(metadata)
    }

    /// What events of a target tell below `INFO`, as far as it lets them through.
    pub(super) fn content_of(&self, target: &str) -> Option<Content<'_>> {
        let (framework, source) = self.profiles.content_of(target).filter(|_| self.is_on)?;
        let is_deep = self.goes_deep && self.profiles.wants_events(target, true);
        Some(Content { framework, source, level: if is_deep { Level::TRACE } else { Level::DEBUG } })
    }

    /// The whole rule.
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        if !self.is_on || is_own(target) || target.starts_with("opentelemetry") {
            return false;
        }
        match *metadata.level() {
            // A payload is an event; spans this deep are inner workings.
            Level::TRACE => self.goes_deep && metadata.is_event() && self.profiles.wants_events(target, true),
            Level::DEBUG => self.profiles.wants_events(target, false),
            _ => true,
        }
    }
}

/// Events in which a framework tells content.
pub(super) struct Content<'a> {
    /// The name of the framework's profile.
    pub(super) framework: &'a str,
    /// The target that the profile names; the events' own may be below it.
    pub(super) source: &'a str,
    /// Their most verbose level.
    pub(super) level: Level,
}

/// Whether a target is this crate's; a user's `tracing_agents_demo` is not.
fn is_own(target: &str) -> bool {
    target.strip_prefix("tracing_agents").is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

impl<S: Subscriber> Filter<S> for AgentFilter {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.deepest())
    }
}
