//! Ids and names on their way from a span to its descendants.
//!
//! A span has what its ancestors name until it ends. Nothing of that is done while spans run: each id says when it came, by the layer's
//! count of ids that come late, and each span which of them were there when it ended. Who makes the record puts that together.

use std::sync::Arc;

use super::slot::Slot;
use crate::model::Identity;

/// Ids that surround the caller and stand on no span, such as OpenTelemetry baggage: asked at the start of each span.
pub(crate) type Ambient = Arc<dyn Fn() -> Identity + Send + Sync>;

/// How often a span's surroundings are kept apart by the time when they came.
const MAX_SURROUNDINGS: usize = 16;

/// What a span has beside its own ids.
#[derive(Default)]
pub(super) struct Lineage {
    /// What surrounded the span, with the count of late ids when that came. It is for what no ancestor names.
    surroundings: Vec<(u64, Arc<Identity>)>,
    /// What was found out last.
    found: Option<Found>,
}

/// What a span inherits. The texts and the whole sets are shared: a child of a span that names nothing itself has its parent's set.
#[derive(Clone, Default)]
struct Found {
    /// The count of late ids that it is for.
    as_of: u64,
    /// From its ancestors' own ids.
    ids: Option<Arc<Identity>>,
    /// The same with its own before them, once a child has asked.
    passed_on: Option<Option<Arc<Identity>>>,
    /// From its surroundings, and those of its ancestors.
    around: Option<Arc<Identity>>,
}

impl Lineage {
    /// Adds what surrounds the span from now on, when the count is `late`; it counts before what did so before.
    pub(super) fn surround(&mut self, late: u64, ids: Identity) {
        if ids.is_empty() {
            return;
        }
        self.found = None;
        let is_full = self.surroundings.len() >= MAX_SURROUNDINGS;
        match self.surroundings.last_mut().filter(|_| is_full) {
            Some((_, last)) => {
                let mut all = ids;
                all.inherit(last);
                *last = Arc::new(all);
            }
            None => self.surroundings.push((late, Arc::new(ids))),
        }
    }

    /// Forgets the span.
    pub(super) fn clear(&mut self) {
        let Self { surroundings, found } = self;
        surroundings.clear();
        *found = None;
    }
}

impl Slot {
    /// What the ancestors and the surroundings name, also where the span names it itself.
    pub(super) fn inherited(&self) -> Identity {
        let Found { ids, around, .. } = self.find(self.ids_as_of());
        let mut identity = ids.map(|ids| Identity::clone(&ids)).unwrap_or_default();
        if let Some(around) = around {
            identity.inherit(&around);
        }
        identity
    }

    /// The same without what the span names itself.
    pub(super) fn inherited_only(&self) -> Identity {
        let inherited = self.inherited();
        let recorded = self.lock();
        if inherited.is_empty() || !recorded.buffers.has_ids() {
            return inherited;
        }
        inherited.without(&recorded.buffers.own_ids(u64::MAX))
    }

    /// What the span inherits of the ids that had come when the count of late ones was `as_of`.
    ///
    /// One span's lock at a time: ancestors may be recording, closing or being read on other threads. And no recursion: a trace may be deeper
    /// than a stack.
    fn find(&self, as_of: u64) -> Found {
        let (mut unknown, mut above) = (Vec::new(), None);
        let mut next = Some(self);
        while let Some(slot) = next {
            if let Some(found) = slot.found(as_of) {
                above = Some((slot, found));
                break;
            }
            unknown.push(slot);
            next = slot.parent.as_deref();
        }
        for slot in unknown.into_iter().rev() {
            let (ids, around) = above.map(|(parent, found)| parent.pass_on(found)).unwrap_or_default();
            let found = Found { as_of, ids, passed_on: None, around: slot.surrounded(around, as_of) };
            slot.lock().lineage.found = Some(found.clone());
            above = Some((slot, found));
        }
        above.map(|(_, found)| found).unwrap_or_default()
    }

    /// What surrounds the span, before what surrounds its ancestors.
    fn surrounded(&self, ancestors: Option<Arc<Identity>>, as_of: u64) -> Option<Arc<Identity>> {
        let mut all = Identity::default();
        let recorded = self.lock();
        let in_time = recorded.lineage.surroundings.iter().rev().filter(|(late, _)| *late <= as_of);
        in_time.for_each(|(_, ids)| all.inherit(ids));
        drop(recorded);
        if all.is_empty() {
            return ancestors;
        }
        if let Some(ancestors) = ancestors {
            all.inherit(&ancestors);
        }
        Some(Arc::new(all))
    }

    /// The same, if it is known.
    fn found(&self, as_of: u64) -> Option<Found> {
        self.lock().lineage.found.clone().filter(|found| found.as_of == as_of)
    }

    /// What a child has from this span, which has what was `found`: ids, and what surrounds.
    fn pass_on(&self, found: Found) -> (Option<Arc<Identity>>, Option<Arc<Identity>>) {
        let Found { as_of, ids, passed_on, around } = found;
        if let Some(passed_on) = passed_on {
            return (passed_on, around);
        }
        let mut recorded = self.lock();
        let mut own = recorded.buffers.own_ids(as_of);
        let passed_on = if own.is_empty() {
            ids
        } else {
            if let Some(inherited) = &ids {
                own.inherit(inherited);
            }
            Some(Arc::new(own))
        };
        // For its next child, unless somebody has asked for another time meanwhile.
        if let Some(found) = recorded.lineage.found.as_mut().filter(|found| found.as_of == as_of) {
            found.passed_on = Some(passed_on.clone());
        }
        (passed_on, around)
    }
}
