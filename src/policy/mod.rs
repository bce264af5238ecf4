//! What of a record may leave the process: how much content, which texts, how long.
//!
//! A policy is applied to each record on the worker, before anything else looks at it: before it is interpreted, spooled, stored or sent
//! on. Its steps, in an order that matters:
//!
//! 1. **Capture** ([`CapturePolicy`], environment): content that is not kept goes. What is content, `semconv`'s tables say.
//! 2. **Redaction** ([`Redactor`], closures): secrets are taken out of every text, names and ids too. Before the cut, since half a secret is
//!    not recognised and is still one.
//! 3. **Length**: what is too long is cut, JSON so that it stays JSON.
//!
//! It fails closed: where a redactor panics, its text is replaced; should the whole policy fail on a span, the pipeline drops the span. What
//! it does depends on the record alone and is the same when it is done again, since versions of a span merge by their hash.

mod capture;
#[cfg(test)]
mod encodings;
mod environment;
mod json_text;
mod limit;
mod media;
mod place;
mod redact;
mod redaction;
mod shared;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use capture::Hidden;
pub use capture::{CaptureLevel, CapturePolicy, ContentClass};
pub use place::{Part, Place};
pub use redact::Redactor;
pub(crate) use redaction::Rule;

use crate::model::{LoggedEvent, Resource, Scope, SpanRecord};
use crate::semconv::Profiles;
use capture::Capturing;
use redaction::Redaction;
use shared::Shared;

/// What is asked of a policy.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) capture: CapturePolicy,
    pub(crate) hidden: Hidden,
    pub(crate) rules: Vec<Rule>,
    /// Bytes of one text at most.
    pub(crate) max_value_bytes: Option<usize>,
}

/// All that is done to a record before it may leave.
#[derive(Debug)]
pub(crate) struct Policy {
    capture: Option<Capturing>,
    redaction: Redaction,
    max_value_bytes: Option<usize>,
    resources: Shared<Resource>,
    scopes: Shared<Scope>,
}

impl Policy {
    /// None where records stay as they are.
    pub(crate) fn new(options: Options, profiles: Profiles) -> Option<Self> {
        let policy = Self {
            capture: Capturing::new(options.capture, options.hidden, profiles),
            redaction: Redaction::new(options.rules),
            max_value_bytes: options.max_value_bytes,
            resources: Shared::default(),
            scopes: Shared::default(),
        };
        let does_nothing = policy.capture.is_none() && policy.redaction.is_empty() && policy.max_value_bytes.is_none();
        (!does_nothing).then_some(policy)
    }

    /// Leaves of a record what may leave.
    pub(crate) fn protect(&self, record: &mut SpanRecord) {
        if let Some(capture) = &self.capture {
            capture.record(record);
        }
        if !self.redaction.is_empty() {
            // Of others' messages it may hold what no field says, and nobody has looked at that.
            record.verbatim = None;
            self.redaction.record(record);
            record.resource = self.resources.of(&record.resource, |resource| self.redaction.resource(resource));
            record.scope = self.scopes.of(&record.scope, |scope| self.redaction.scope(scope));
        }
        if let Some(limit) = self.max_value_bytes {
            let before = record.truncated_bytes;
            limit::record(record, limit);
            if record.truncated_bytes != before {
                record.verbatim = None;
            }
        }
    }

    /// The same for an event that came as a log record.
    pub(crate) fn protect_event(&self, logged: &mut LoggedEvent) {
        let event = &mut logged.event;
        if let Some(capture) = &self.capture {
            capture.event(event);
        }
        if !self.redaction.is_empty() {
            self.redaction.event(event);
        }
        if let Some(limit) = self.max_value_bytes {
            limit::attributes(&mut event.attributes, limit);
        }
    }

    /// Texts on which a redactor of the program's panicked; each was replaced.
    pub(crate) fn failures(&self) -> u64 {
        self.redaction.failures()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("capture", &self.capture).field("hidden", &self.hidden).finish_non_exhaustive()
    }
}
