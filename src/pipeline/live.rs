//! Spans that are still open: who knows them, and which of their versions were written.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::health::HiddenContent;
use super::inlet::{LiveSpans, OpenSpan};
use super::isolation::isolated;
use super::settings::Settings;
use crate::error::Error;
use crate::model::{SpanId, SpanRecord, SpanState, TraceId};

/// The layers that can be asked for open spans. They are not kept alive.
#[derive(Default)]
pub(super) struct LiveSources {
    sources: Mutex<Vec<Weak<dyn LiveSpans>>>,
    /// Whoever flushes now wants open spans out too.
    is_wanted: AtomicBool,
}

impl fmt::Debug for LiveSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSources").finish_non_exhaustive()
    }
}

impl LiveSources {
    pub(super) fn register(&self, source: &Arc<dyn LiveSpans>) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|known| known.strong_count() > 0);
        sources.push(Arc::downgrade(source));
    }

    /// Has the next flush write open spans.
    pub(super) fn want(&self) {
        self.is_wanted.store(true, Ordering::Release);
    }

    /// Whether that was asked for since the last time.
    pub(super) fn take_wanted(&self) -> bool {
        self.is_wanted.swap(false, Ordering::AcqRel)
    }

    /// What all sources answer together; one that panics is passed to `failed` and left out.
    fn ask<T>(&self, question: impl Fn(&dyn LiveSpans) -> Vec<T>, mut failed: impl FnMut(String)) -> Vec<T> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut answers = Vec::new();
        for source in sources {
            match isolated(|| source.upgrade().map(|source| question(&*source))) {
                Ok(answer) => answers.extend(answer.into_iter().flatten()),
                Err(panic) => failed(panic),
            }
        }
        answers
    }

    /// Content that filters hide. A filter may panic; it is another layer's.
    pub(super) fn hidden_content(&self, mut failed: impl FnMut(Error)) -> Vec<HiddenContent> {
        let failed = |panic| failed(Error::write(format!("filters could not be asked what they hide: {panic}")));
        self.ask(|source| source.hidden_content(), failed)
    }

    /// All open spans, or those that have been open for some time.
    pub(super) fn open(&self, min_age: Option<Duration>, mut failed: impl FnMut(Error)) -> Vec<OpenSpan> {
        let failed = |panic| failed(Error::write(format!("open spans could not be read: {panic}")));
        self.ask(|source| source.open(min_age), failed)
    }
}

/// The record of a span that was open a moment ago; none when it has ended since: then its last version is in the queue.
pub(super) fn record_of(open: &OpenSpan) -> Result<Option<SpanRecord>, String> {
    let record = isolated(|| open.span.record())?;
    Ok(Some(record).filter(|record| record.end_ns.is_none() && record.state != SpanState::Closed))
}

type Key = (TraceId, SpanId);

/// A version that was seen to.
#[derive(Debug)]
struct Written {
    /// None where the store has no version: it is not to have one yet, or cannot.
    changes: Option<u64>,
    at: Instant,
    /// The last look that found the span open.
    look: u64,
}

/// When open spans were looked at last, and the versions of them that the store has.
///
/// A look costs a comparison for each span that has been open for some time; a record is made of those alone that have changed, and of
/// each at most once in [`Settings::live_every`]. Spans that end before they have been open for [`Settings::live_after`] are never seen here.
#[derive(Debug, Default)]
pub(super) struct WrittenVersions {
    versions: HashMap<Key, Written>,
    looks: u64,
    next_look: Option<Instant>,
}

impl WrittenVersions {
    /// Whether it is time to look; then the next time is one tick later.
    pub(super) fn is_due(&mut self, now: Instant, settings: &Settings) -> bool {
        if !settings.live || self.next_look.is_some_and(|next| now < next) {
            return false;
        }
        self.next_look = now.checked_add(settings.shortest_tick());
        true
    }

    /// The store refused what was new: it is left in peace for a while.
    pub(super) fn put_off(&mut self, now: Instant, settings: &Settings) {
        self.next_look = now.checked_add(settings.live_every);
    }

    /// Those of `open` that are not stored as they are now, and were not written a moment ago. Forgets spans that ended.
    pub(super) fn news(&mut self, mut open: Vec<OpenSpan>, now: Instant, every: Duration) -> Vec<OpenSpan> {
        self.looks += 1;
        open.retain(|span| match self.versions.get_mut(&(span.trace_id, span.span_id)) {
            Some(written) => {
                written.look = self.looks;
                written.changes != Some(span.changes) && now.saturating_duration_since(written.at) >= every
            }
            None => true,
        });
        self.versions.retain(|_, written| written.look == self.looks);
        open
    }

    /// The store has taken this version.
    pub(super) fn add(&mut self, span: &OpenSpan, now: Instant) {
        self.see_to(span, Some(span.changes), now);
    }

    /// This version is not to be written now; that may be another matter later, though nothing changes.
    pub(super) fn pass_over(&mut self, span: &OpenSpan, now: Instant) {
        self.see_to(span, None, now);
    }

    fn see_to(&mut self, span: &OpenSpan, changes: Option<u64>, now: Instant) {
        self.versions.insert((span.trace_id, span.span_id), Written { changes, at: now, look: self.looks });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn record(name: &str) -> SpanRecord {
        SpanRecord::new(TraceId::generate(0), SpanId::generate(), name, 0)
    }

    fn open(record: SpanRecord, changes: u64) -> OpenSpan {
        OpenSpan::new(record.trace_id, record.span_id, changes, Arc::new(record))
    }

    #[test]
    fn a_version_is_news_once_and_again_when_it_changed_and_some_time_has_passed() {
        let mut versions = WrittenVersions::default();
        let (now, every) = (Instant::now(), Duration::from_secs(5));
        let record = record("run");
        let news = |versions: &mut WrittenVersions, changes, after| {
            versions.news(vec![open(record.clone(), changes)], now + Duration::from_secs(after), every).len()
        };
        assert_eq!(news(&mut versions, 1, 0), 1);
        assert_eq!(news(&mut versions, 1, 1), 1, "it was not stored");
        versions.add(&open(record.clone(), 1), now);
        assert_eq!(news(&mut versions, 1, 9), 0, "nothing has changed");
        assert_eq!(news(&mut versions, 2, 4), 0, "written a moment ago");
        assert_eq!(news(&mut versions, 2, 5), 1);
        versions.pass_over(&open(record.clone(), 2), now + Duration::from_secs(5));
        assert_eq!((news(&mut versions, 2, 9), news(&mut versions, 2, 10)), (0, 1), "it may be shown by then");
        versions.news(Vec::new(), now, every);
        assert!(versions.versions.is_empty(), "ended spans are forgotten");
    }

    #[test]
    fn a_look_is_due_once_a_tick_and_later_when_the_store_refused() {
        let settings = Settings::default();
        let mut versions = WrittenVersions::default();
        let now = Instant::now();
        let due = |versions: &mut WrittenVersions, after| versions.is_due(now + Duration::from_secs(after), &settings);
        assert!(due(&mut versions, 0) && !due(&mut versions, 0) && due(&mut versions, 1));
        versions.put_off(now + Duration::from_secs(1), &settings);
        assert!(!due(&mut versions, 5) && due(&mut versions, 6));
        assert!(!versions.is_due(now + Duration::from_secs(99), &Settings { live: false, ..settings }));
    }

    #[test]
    fn a_record_is_made_of_what_is_still_open() {
        let mut ended = record("ended");
        ended.end_ns = Some(1);
        assert!(record_of(&open(ended, 0)).unwrap().is_none());
        let mut running = record("running");
        running.attributes.push("key", Value::I64(1));
        assert_eq!(record_of(&open(running.clone(), 0)).unwrap(), Some(running));
    }

    #[test]
    fn sources_are_not_kept_alive_and_may_panic() {
        struct Source(bool);
        impl LiveSpans for Source {
            fn open(&self, _: Option<Duration>) -> Vec<OpenSpan> {
                assert!(self.0, "a source's bug");
                vec![open(record("open"), 0)]
            }
        }
        let sources = LiveSources::default();
        let good: Arc<dyn LiveSpans> = Arc::new(Source(true));
        let bad: Arc<dyn LiveSpans> = Arc::new(Source(false));
        sources.register(&good);
        sources.register(&bad);
        let mut failures = Vec::new();
        assert_eq!(sources.open(None, |error| failures.push(error)).len(), 1);
        assert!(failures.first().unwrap().to_string().contains("a source's bug"));
        drop((good, bad));
        assert!(sources.open(None, |error| panic!("{error}")).is_empty());
    }
}
