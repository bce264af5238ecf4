//! What all spans of a layer have in common, and what they take from it and give back.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Metadata;
use tracing::callsite::Identifier;

use super::buffers::Buffers;
use super::filter::AgentFilter;
use super::limits::Limits;
use super::lineage::Ambient;
use super::spares::Spares;
use crate::model::{Callsite, Resource, Scope};
use crate::pipeline::companion::Companion;
use crate::semconv::Profiles;

/// Callsites are static and so few; this bounds those that a program makes at run time.
const KEPT_CALLSITES: usize = 8192;

/// What a layer puts on all its spans, how much it keeps of them, and what it knows of frameworks.
#[derive(Clone, Default)]
pub(crate) struct Capture {
    pub(crate) limits: Limits,
    pub(crate) scope: Arc<Scope>,
    pub(crate) resource: Arc<Resource>,
    pub(crate) ambient: Option<Ambient>,
    /// The keys of ids that may come and go as baggage.
    pub(crate) baggage_keys: Arc<[String]>,
    pub(crate) profiles: Profiles,
    /// What stands before the layer, if it is known: what it lets through should arrive.
    pub(crate) filter: Option<AgentFilter>,
    /// What gives spans their ids; without, the layer does.
    pub(crate) companion: Option<&'static dyn Companion>,
}

/// Settings, spare slots and known callsites of one layer. Every trace holds it, so that a record can be made after the layer is
/// gone; it holds no span.
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) scope: Arc<Scope>,
    pub(super) resource: Arc<Resource>,
    pub(super) ambient: Option<Ambient>,
    #[cfg_attr(not(feature = "opentelemetry"), allow(dead_code, reason = "baggage is OpenTelemetry's"))]
    pub(super) baggage_keys: Arc<[String]>,
    pub(super) profiles: Profiles,
    pub(super) filter: Option<AgentFilter>,
    pub(super) companion: Option<&'static dyn Companion>,
    pub(super) spares: Option<Spares>,
    /// Ids and names that spans got after they had begun. By it each span knows which of its ancestors' came in its own time.
    pub(super) late_ids: AtomicU64,
    callsites: Mutex<HashMap<Identifier, Arc<Callsite>>>,
    /// Of these, spans of frameworks that tell content by events.
    frameworks: Mutex<Vec<&'static Metadata<'static>>>,
}

impl Shared {
    pub(super) fn new(capture: Capture) -> Self {
        Self { spares: Some(Spares::new()), ..Self::without_spares(capture) }
    }

    /// The same, which keeps no slots.
    pub(super) fn without_spares(capture: Capture) -> Self {
        let Capture { limits, scope, resource, ambient, baggage_keys, profiles, filter, companion } = capture;
        Self {
            limits: limits.bounded(),
            scope,
            resource,
            ambient,
            baggage_keys,
            profiles,
            filter,
            companion,
            spares: None,
            late_ids: AtomicU64::new(0),
            callsites: Mutex::default(),
            frameworks: Mutex::default(),
        }
    }

    /// A callsite's place in the program. Called on the worker.
    pub(super) fn callsite(&self, metadata: &'static Metadata<'static>) -> Arc<Callsite> {
        let mut callsites = self.callsites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = callsites.get(&metadata.callsite()) {
            return Arc::clone(known);
        }
        let callsite = Arc::new(Callsite {
            name: metadata.name().to_owned(),
            target: metadata.target().to_owned(),
            level: metadata.level().as_str().to_owned(),
            file: metadata.file().map(str::to_owned),
            line: metadata.line(),
            fields: metadata.fields().iter().map(|field| field.name().to_owned()).collect(),
        });
        if callsites.len() < KEPT_CALLSITES {
            callsites.insert(metadata.callsite(), Arc::clone(&callsite));
            if metadata.is_span() && self.is_told_of(metadata) {
                self.frameworks.lock().unwrap_or_else(PoisonError::into_inner).push(metadata);
            }
        }
        callsite
    }

    /// Whether events are to tell the content of such a span.
    pub(super) fn is_told_of(&self, span: &Metadata<'_>) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.content_of(span.target()).is_some())
    }

    /// Callsites of spans of which that holds, and which were recorded.
    pub(super) fn frameworks(&self) -> Vec<&'static Metadata<'static>> {
        self.frameworks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// Runs `use_it` with empty buffers of this thread. A nested call, as from a `Debug` that traces, gets buffers of its own.
pub(super) fn with_scratch<T>(use_it: impl FnOnce(&mut Buffers) -> T) -> T {
    // A thread that is ending has no scratch any more.
    let mut buffers = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let result = use_it(&mut buffers);
    if buffers.is_worth_keeping() {
        buffers.clear();
        let _ = SCRATCH.try_with(|scratch| scratch.set(Some(buffers)));
    }
    result
}
