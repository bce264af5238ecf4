//! Noticing that the program's filters hide what frameworks tell.
//!
//! Frameworks tell content by events at `DEBUG`, which the layer's own filter lets through and a filter for the whole program often does
//! not. Nobody tells the layer of an event that it does not get. Two things can be known for certain:
//!
//! - `tracing` tells the layer of an event's callsite when the program comes to it. Then the subscriber as a whole can be asked for its
//!   interest: with `never`, no such event can arrive. `sometimes` says nothing: a filter may look at the spans around.
//! - What is above the most verbose level of the program never happens, in no place. (That level is the highest that any layer asks for,
//!   this one included, so it is rarely too low: where `tracing` was built with a `max_level_…` feature, say.)
//!
//! Both count only for a framework whose spans are recorded. It is sure to be noticed where the layer was added last: a filter for the
//! whole program that comes after it does not pass on the callsites that it hides, and any other layer that does turns `never` into
//! `sometimes`. All is done on the worker, and once for each callsite; a span costs nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::dispatcher::WeakDispatch;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Dispatch, Metadata};

use super::filter::AgentFilter;
use crate::pipeline::HiddenContent;

/// Callsites that wait to be asked about, at most.
const MAX_WAITING: usize = 1024;

type Callsite = &'static Metadata<'static>;

/// The subscriber that the layer is part of, and callsites of content that it was not asked about yet.
#[derive(Default)]
pub(super) struct Watch {
    subscriber: Mutex<Option<WeakDispatch>>,
    waiting: Mutex<Vec<Callsite>>,
}

impl Watch {
    /// The layer is part of `subscriber`.
    pub(super) fn join(&self, subscriber: &Dispatch) {
        *lock(&self.subscriber) = Some(subscriber.downgrade());
    }

    /// The program came to an event that carries content, or its filters changed since.
    pub(super) fn add(&self, event: Callsite) {
        let mut waiting = lock(&self.waiting);
        if waiting.len() < MAX_WAITING && !waiting.contains(&event) {
            waiting.push(event);
        }
    }

    /// The most verbose level that anything in the program can have. It includes what this subscriber asks for, as long as that lives.
    pub(super) fn most_verbose() -> LevelFilter {
        STATIC_MAX_LEVEL.min(LevelFilter::current())
    }

    /// What does not come to a layer behind `filter`, of the frameworks that `recorded` spans are of. Those are asked for only where
    /// there is something to find out. What is found by a callsite is answered once.
    pub(super) fn look(
        &self,
        filter: &AgentFilter,
        most_verbose: LevelFilter,
        recorded: impl FnOnce() -> Vec<Callsite>,
    ) -> Vec<HiddenContent> {
        let Some(subscriber) = lock(&self.subscriber).as_ref().and_then(WeakDispatch::upgrade) else {
            return Vec::new();
        };
        let waiting = lock(&self.waiting).clone();
        if waiting.is_empty() && most_verbose >= filter.deepest() {
            return Vec::new();
        }
        let mut hidden = Vec::new();
        let mut frameworks = Vec::new();
        for span in recorded() {
            let Some((framework, level)) = filter.content_of(span.target()) else { continue };
            frameworks.push(framework);
            if most_verbose < level {
                hidden.push(HiddenContent::new(framework, span.target(), level));
            }
        }
        let is_recorded = |event: &Callsite| {
            filter.content_of(event.target()).is_some_and(|(framework, _)| frameworks.contains(&framework))
        };
        let asked: Vec<_> = waiting.into_iter().filter(is_recorded).collect();
        for event in &asked {
            // Asks other layers, so under no lock; also this one, which adds the callsite again.
            if subscriber.register_callsite(event).is_never()
                && let Some((framework, _)) = filter.content_of(event.target())
            {
                hidden.push(HiddenContent::new(framework, event.target(), *event.level()));
            }
        }
        lock(&self.waiting).retain(|event| !asked.contains(event));
        hidden
    }
}

/// Callsites and a reference are whole whatever panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
