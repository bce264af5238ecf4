//! Spans that live as long as a connection or a program: a trace ends above them, and another one begins below.

use std::sync::OnceLock;

use tracing::Metadata;
use tracing::callsite::Identifier;

/// The callsites of such spans that the program has come to.
///
/// Who adds one has compared names, when `tracing` registered the callsite; who starts a span only compares identities with a few, and
/// takes no lock. The question is asked when a *child* starts: two threads may come to a new callsite at once, and the second then
/// starts its span before the first has registered it, but no child of it.
#[derive(Default)]
pub(super) struct Boundaries(OnceLock<Box<Boundary>>);

struct Boundary {
    callsite: Identifier,
    next: Boundaries,
}

impl Boundaries {
    /// Spans of this callsite are boundaries. It may be told more than once.
    pub(super) fn add(&self, metadata: &'static Metadata<'static>) {
        let callsite = metadata.callsite();
        let mut place = self;
        loop {
            let last = || Box::new(Boundary { callsite: callsite.clone(), next: Self::default() });
            let known = place.0.get_or_init(last);
            if known.callsite == callsite {
                return;
            }
            place = &known.next;
        }
    }

    /// Whether a span and its child are of different traces.
    pub(super) fn part(&self, parent: &Metadata<'_>, child: &Metadata<'_>) -> bool {
        // Most programs have none.
        self.0.get().is_some() && (self.has(parent) || self.has(child))
    }

    fn has(&self, metadata: &Metadata<'_>) -> bool {
        let callsite = metadata.callsite();
        let mut known = self.0.get();
        while let Some(boundary) = known {
            if boundary.callsite == callsite {
                return true;
            }
            known = boundary.next.0.get();
        }
        false
    }
}
