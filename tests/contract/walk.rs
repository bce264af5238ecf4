//! Lists, read to their end.

use tracing_agents::model::{Cursor, Page};
use tracing_agents::{SessionFilter, SpanFilter, TraceFilter};

use crate::api::Repository;
use crate::sketch::{span_number, trace_number};

/// All pages, one after the other; each cursor goes through its text form, as in a URL.
#[track_caller]
fn pages<T>(mut page_after: impl FnMut(Option<Cursor>) -> Page<T>) -> Vec<T> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = page_after(after);
        found.extend(page.items);
        let Some(next) = page.next else { return found };
        after = Some(next.to_string().parse().unwrap());
    }
}

/// The numbers of the traces that pass, page by page.
#[track_caller]
pub(crate) fn traces(repository: &Repository, filter: &TraceFilter) -> Vec<u64> {
    let list = |after: Option<Cursor>| repository.traces(&filter.clone().after(after)).unwrap();
    pages(list).into_iter().map(|trace| trace_number(trace.trace_id)).collect()
}

/// The numbers of trace and span of the spans that pass, page by page.
#[track_caller]
pub(crate) fn spans(repository: &Repository, filter: &SpanFilter) -> Vec<(u64, u64)> {
    let list = |after: Option<Cursor>| repository.spans(&filter.clone().after(after)).unwrap();
    pages(list).into_iter().map(|span| (trace_number(span.trace_id), span_number(span.span_id))).collect()
}

/// The ids of the sessions that pass, page by page.
#[track_caller]
pub(crate) fn sessions(repository: &Repository, filter: &SessionFilter) -> Vec<String> {
    let list = |after: Option<Cursor>| repository.sessions(&filter.clone().after(after)).unwrap();
    pages(list).into_iter().map(|session| session.session_id).collect()
}

/// Asserts what a filter finds, given as text: also a page at a time, read back from its own text, and counted.
#[track_caller]
pub(crate) fn expect_traces(repository: &Repository, filter: &str, expected: &[u64]) {
    let parsed: TraceFilter = filter.parse().unwrap();
    assert_eq!(traces(repository, &parsed), expected, "{filter}");
    assert_eq!(traces(repository, &parsed.clone().limit(1)), expected, "{filter}, one a page");
    assert_eq!(traces(repository, &parsed.to_string().parse().unwrap()), expected, "{filter} as {parsed}");
    assert_eq!(repository.count_traces(&parsed).unwrap(), expected.len() as u64, "{filter}, counted");
}

/// The same for spans.
#[track_caller]
pub(crate) fn expect_spans(repository: &Repository, filter: &str, expected: &[(u64, u64)]) {
    let parsed: SpanFilter = filter.parse().unwrap();
    assert_eq!(spans(repository, &parsed), expected, "{filter}");
    assert_eq!(spans(repository, &parsed.clone().limit(2)), expected, "{filter}, two a page");
    assert_eq!(spans(repository, &parsed.to_string().parse().unwrap()), expected, "{filter} as {parsed}");
}

/// The same for sessions.
#[track_caller]
pub(crate) fn expect_sessions(repository: &Repository, filter: &str, expected: &[&str]) {
    let parsed: SessionFilter = filter.parse().unwrap();
    assert_eq!(sessions(repository, &parsed), expected, "{filter}");
    assert_eq!(sessions(repository, &parsed.clone().limit(1)), expected, "{filter}, one a page");
    assert_eq!(sessions(repository, &parsed.to_string().parse().unwrap()), expected, "{filter} as {parsed}");
}
