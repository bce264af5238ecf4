//! Ids and names on their way from a span to its descendants: early, when a child starts, and late, when it closes.

use std::sync::Arc;

use super::slot::{Recorded, Slot};
use crate::model::Identity;

/// Ids that surround the caller and stand on no span, such as OpenTelemetry baggage: asked at the start of each span.
pub(crate) type Ambient = Arc<dyn Fn() -> Identity + Send + Sync>;

/// What a span has from its ancestors, and what it passes on.
///
/// The texts and the whole set are shared: a child of a span that names nothing itself takes over its parent's set.
#[derive(Default)]
pub(super) struct Lineage {
    inherited: Option<Arc<Identity>>,
    /// What surrounded the span at its start. It is in `inherited` already, behind the ancestors' ids.
    ambient: Option<Arc<Identity>>,
    /// The trace's id version that `inherited` is of.
    version: u64,
    /// `inherited` with the span's own ids before it; made when a child asks.
    passed_on: Option<Arc<Identity>>,
    /// Whether a child took `passed_on`: only then must a change of the own ids be told.
    has_children: bool,
}

impl Lineage {
    /// The ancestors' ids as of the last look; the span's own are attributes.
    pub(super) fn inherited(&self) -> Option<&Identity> {
        self.inherited.as_deref()
    }

    /// The same with what surrounds the span, for what no ancestor names.
    pub(super) fn surrounded_by(mut self, ambient: Identity) -> Self {
        if !ambient.is_empty() {
            let mut identity = self.inherited.as_deref().cloned().unwrap_or_default();
            identity.inherit(&ambient);
            self.inherited = Some(Arc::new(identity));
            let mut all = ambient;
            if let Some(before) = &self.ambient {
                all.inherit(before);
            }
            self.ambient = Some(Arc::new(all));
        }
        self
    }

    /// The span's own ids changed; answers whether anyone may have the old ones.
    pub(super) fn own_ids_changed(&mut self) -> bool {
        self.passed_on = None;
        self.has_children
    }
}

impl Recorded {
    /// The ancestors' ids without those that the span names itself.
    pub(super) fn inherited_only(&self) -> Identity {
        let Some(inherited) = &self.lineage.inherited else { return Identity::default() };
        if !self.buffers.has_ids() {
            return Identity::clone(inherited);
        }
        inherited.without(&self.buffers.own_ids())
    }

    /// The set that a child has from this span, shared with its other children.
    fn pass_on(&mut self) -> Option<Arc<Identity>> {
        self.lineage.has_children = true;
        if !self.buffers.has_ids() {
            return self.lineage.inherited.clone();
        }
        if self.lineage.passed_on.is_none() {
            let mut identity = self.buffers.own_ids();
            if let Some(inherited) = &self.lineage.inherited {
                identity.inherit(inherited);
            }
            self.lineage.passed_on = Some(Arc::new(identity));
        }
        self.lineage.passed_on.clone()
    }
}

impl Slot {
    /// What a child that starts now has from this span.
    pub(super) fn bequeath(&self) -> Lineage {
        // Read before the ids: when they change in between, the child looks again at its close.
        let version = self.trace.id_version();
        self.refresh();
        Lineage { inherited: self.lock().pass_on(), version, ..Lineage::default() }
    }

    /// Looks again at the ancestors when an id changed in the trace since the last look.
    ///
    /// One span's lock at a time: ancestors may be recording, closing or being read on other threads.
    pub(super) fn refresh(&self) {
        let version = self.trace.id_version();
        if self.parent.is_none() || self.lock().lineage.version == version {
            return;
        }
        let mut identity = Identity::default();
        let mut ambients: Vec<Arc<Identity>> = self.lock().lineage.ambient.iter().cloned().collect();
        let mut ancestor = self.parent.as_deref();
        while let Some(slot) = ancestor {
            let its_own = {
                let recorded = slot.lock();
                ambients.extend(recorded.lineage.ambient.clone());
                recorded.buffers.has_ids().then(|| recorded.buffers.own_ids())
            };
            if let Some(its_own) = its_own {
                identity.inherit(&its_own);
            }
            ancestor = slot.parent.as_deref();
        }
        ambients.iter().for_each(|ambient| identity.inherit(ambient));
        let mut recorded = self.lock();
        recorded.lineage.inherited = (!identity.is_empty()).then(|| Arc::new(identity));
        recorded.lineage.passed_on = None;
        recorded.lineage.version = version;
    }
}
