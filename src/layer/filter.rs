//! What the layer sees of a program that traces more than its agents.

use std::sync::Arc;

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
    /// Targets and span names that are left out.
    left_out: Arc<LeftOut>,
}

#[derive(Debug, Clone, Default)]
struct LeftOut {
    targets: Vec<String>,
    names: Vec<String>,
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
    pub(crate) fn of(profiles: Profiles, goes_deep: bool) -> Self {
        Self { is_on: true, profiles, goes_deep, left_out: Arc::default() }
    }

    /// Leaves out spans and events of a target and those below it (`hyper`: also `hyper::client`). What happens below such a span is recorded
    /// as the child of the nearest span around it that is not left out.
    #[must_use]
    pub fn without_target(mut self, target: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.left_out).targets.push(target.into());
        self
    }

    /// Leaves out spans that have this name at their callsite, in the same way.
    #[must_use]
    pub fn without_name(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.left_out).names.push(name.into());
        self
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
        if !self.is_on || is_within(target, "tracing_agents") || target.starts_with("opentelemetry") {
            return false;
        }
        if self.left_out.targets.iter().any(|left_out| is_within(target, left_out))
            || (metadata.is_span() && self.left_out.names.iter().any(|name| name == metadata.name()))
        {
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

/// Whether a target is `module` or below it; `tracing_agents_demo` is not below `tracing_agents`.
fn is_within(target: &str, module: &str) -> bool {
    target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
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
