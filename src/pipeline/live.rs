//! Spans that are still open: who knows them, and which of their versions were written.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::health::HiddenContent;
use super::inlet::LiveSpans;
use super::isolation::isolated;
use crate::error::Error;
use crate::model::{SpanId, SpanRecord, SpanState, TraceId};

/// The layers that can be asked for open spans. They are not kept alive.
#[derive(Default)]
pub(super) struct LiveSources(Mutex<Vec<Weak<dyn LiveSpans>>>);

impl fmt::Debug for LiveSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSources").finish_non_exhaustive()
    }
}

impl LiveSources {
    pub(super) fn register(&self, source: &Arc<dyn LiveSpans>) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|known| known.strong_count() > 0);
        sources.push(Arc::downgrade(source));
    }

    /// What all sources answer together; one that panics is passed to `failed` and left out.
    fn ask<T>(&self, question: impl Fn(&dyn LiveSpans) -> Vec<T>, mut failed: impl FnMut(String)) -> Vec<T> {
        let sources = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
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
    pub(super) fn snapshot(&self, min_age: Option<Duration>, mut failed: impl FnMut(Error)) -> Vec<SpanRecord> {
        let failed = |panic| failed(Error::write(format!("open spans could not be read: {panic}")));
        let mut open =
            self.ask(|source| min_age.map_or_else(|| source.snapshot(), |age| source.snapshot_after(age)), failed);
        // A span may have ended since: then its last version is in the queue.
        open.retain(|record| record.end_ns.is_none() && record.state != SpanState::Closed);
        open
    }
}

type Key = (TraceId, SpanId);

/// What tells two versions of an open span apart. Attributes, events and links are only ever added.
type Version = (usize, usize, usize, usize);

fn key(record: &SpanRecord) -> Key {
    (record.trace_id, record.span_id)
}

fn version(record: &SpanRecord) -> Version {
    (record.attributes.len(), record.events.len(), record.links.len(), record.size())
}

/// The versions of open spans that the store has.
#[derive(Debug, Default)]
pub(super) struct WrittenVersions(HashMap<Key, Version>);

impl WrittenVersions {
    /// Those of `open` that have been open for `min_age` at `now_ns` and are not stored as they are now. Forgets spans that ended.
    pub(super) fn news(&mut self, open: Vec<SpanRecord>, now_ns: i64, min_age: Duration) -> Vec<SpanRecord> {
        let min_age_ns = i64::try_from(min_age.as_nanos()).unwrap_or(i64::MAX);
        let known = std::mem::take(&mut self.0);
        let mut news = Vec::new();
        for record in open {
            let written = known.get(&key(&record)).copied();
            if let Some(version) = written {
                self.0.insert(key(&record), version);
            }
            if written != Some(version(&record)) && now_ns.saturating_sub(record.start_ns) >= min_age_ns {
                news.push(record);
            }
        }
        news
    }

    /// The store has taken this version.
    pub(super) fn add(&mut self, record: &SpanRecord) {
        self.0.insert(key(record), version(record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    fn open(name: &str, start_ns: i64) -> SpanRecord {
        SpanRecord::new(TraceId::generate(0), SpanId::generate(), name, start_ns)
    }

    #[test]
    fn a_version_is_news_once_and_again_when_it_changed() {
        let mut versions = WrittenVersions::default();
        let mut record = open("old", 0);
        let young = open("young", 90);
        let news = |versions: &mut WrittenVersions, record: &SpanRecord| {
            let news = versions.news(vec![record.clone(), young.clone()], 100, Duration::from_nanos(50));
            news.into_iter().map(|record| record.name).collect::<Vec<_>>()
        };
        assert_eq!(news(&mut versions, &record), ["old"]);
        assert_eq!(news(&mut versions, &record), ["old"], "it was not stored");
        versions.add(&record);
        assert!(news(&mut versions, &record).is_empty());
        record.attributes.push("key", Value::I64(1));
        assert_eq!(news(&mut versions, &record), ["old"]);
        versions.news(Vec::new(), 100, Duration::ZERO);
        assert!(versions.0.is_empty(), "ended spans are forgotten");
    }

    #[test]
    fn sources_are_not_kept_alive_and_may_panic() {
        struct Source(bool);
        impl LiveSpans for Source {
            fn snapshot(&self) -> Vec<SpanRecord> {
                assert!(self.0, "a source's bug");
                let mut ended = open("ended", 0);
                ended.end_ns = Some(1);
                vec![open("open", 0), ended]
            }
        }
        let sources = LiveSources::default();
        let good: Arc<dyn LiveSpans> = Arc::new(Source(true));
        let bad: Arc<dyn LiveSpans> = Arc::new(Source(false));
        sources.register(&good);
        sources.register(&bad);
        let mut failures = Vec::new();
        let names: Vec<_> =
            sources.snapshot(None, |error| failures.push(error)).into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["open"]);
        assert!(failures.first().unwrap().to_string().contains("a source's bug"));
        drop((good, bad));
        assert!(sources.snapshot(None, |error| panic!("{error}")).is_empty());
    }
}
