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
//! Both count only for a framework whose spans are recorded; and a filter that lets some events of a target through, and others not, has
//! been written by somebody who knows which of them matter. It is sure to be noticed where the layer was added last: a filter for the
//! whole program that comes after it does not pass on the callsites that it hides, and any other layer that does turns `never` into
//! `sometimes`. All is done on the worker, and once for each callsite; a span costs nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::dispatcher::WeakDispatch;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Dispatch, Level, Metadata};

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
    /// Targets of profiles from which events of a level arrive.
    let_through: Mutex<BTreeSet<(String, Level)>>,
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
            let Some(content) = filter.content_of(span.target()) else { continue };
            frameworks.push(content.framework);
            if most_verbose < content.level {
                hidden.push(HiddenContent::new(content.framework, span.target(), content.level));
            }
        }
        let mut asked = Vec::new();
        let mut refused = Vec::new();
        for event in waiting {
            let Some(content) = filter.content_of(event.target()) else { continue };
            if !frameworks.contains(&content.framework) {
                continue;
            }
            asked.push(event);
            // Asks other layers, so under no lock; also this one, which adds the callsite again.
            if subscriber.register_callsite(event).is_never() {
                refused.push((event, content));
            } else {
                lock(&self.let_through).insert((content.source.to_owned(), *event.level()));
            }
        }
        lock(&self.waiting).retain(|event| !asked.contains(event));
        let let_through = lock(&self.let_through);
        refused.retain(|(event, content)| !let_through.contains(&(content.source.to_owned(), *event.level())));
        hidden.extend(
            refused
                .iter()
                .map(|(event, content)| HiddenContent::new(content.framework, event.target(), *event.level())),
        );
        hidden
    }
}

/// No value here is ever half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
