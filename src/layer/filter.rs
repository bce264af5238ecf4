//! What the layer sees of a program that traces more than its agents.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use crate::semconv;

/// The per-layer filter of [`AgentLayer`](super::AgentLayer): `INFO` and above from everywhere, `DEBUG` from the targets in which
/// known agent frameworks record content, and nothing of this crate's own or OpenTelemetry's workings.
///
/// It decides by callsite alone, so `tracing` caches its answer: a callsite that no layer wants costs one atomic read. It says
/// nothing to other layers; a *global* filter (an `EnvFilter` that is itself a layer) can still take spans away before they come here.
#[derive(Debug, Clone, Copy, Default)]
pub struct AgentFilter {
    is_off: bool,
}

impl AgentFilter {
    /// The filter as described.
    #[must_use]
    pub const fn new() -> Self {
        Self { is_off: false }
    }

    /// A filter that lets nothing through, for a program that runs with tracing disabled (`OTEL_SDK_DISABLED`): its spans then
    /// cost no more than without the layer.
    #[must_use]
    pub const fn off() -> Self {
        Self { is_off: true }
    }

    /// The whole rule.
    fn wants(self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        if self.is_off || is_own(target) || target.starts_with("opentelemetry") {
            return false;
        }
        match *metadata.level() {
            Level::TRACE => false,
            Level::DEBUG => semconv::wants_debug(target),
            _ => true,
        }
    }
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
        Some(if self.is_off { LevelFilter::OFF } else { LevelFilter::DEBUG })
    }
}
