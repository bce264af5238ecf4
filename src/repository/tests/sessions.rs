use super::sample::{SECOND, World, span};
use crate::error::ErrorKind;
use crate::model::{Cursor, IdentityField};
use crate::repository::{SessionFilter, TraceRepository};

fn all(repository: &TraceRepository, filter: &SessionFilter) -> Vec<String> {
    let mut found = Vec::new();
    let mut filter = filter.clone();
    loop {
        let page = repository.sessions(&filter).unwrap();
        found.extend(page.items.into_iter().map(|session| session.session_id));
        let Some(next) = page.next else { return found };
        filter = filter.after(next);
    }
}

#[test]
fn the_latest_activity_comes_first() {
    let spans = [
        span(0, 0).session("old").agent("A").being(IdentityField::UserId, "u1"),
        span(1, 0).session("middle").agent("B").failing(),
        span(2, 0).session("new").agent("A").tool("search"),
        span(3, 0).session("old").being(IdentityField::UserId, "u2"),
    ];
    let repository = World::with(spans).repository;
    for (filter, expected) in [
        ("", vec!["old", "new", "middle"]),
        ("agent:A", vec!["old", "new"]),
        ("agent:A,B", vec!["old", "new", "middle"]),
        ("agent:A tool:search", vec!["new"]),
        ("user:u2", vec!["old"]),
        ("session:middle,old,none", vec!["old", "middle"]),
        ("session:middle,old agent:A", vec!["old"]),
        ("since:1970-01-01T00:00:03Z", vec!["old", "new"]),
        ("until:1970-01-01T00:00:01Z", vec!["old"]),
        ("agent:C", vec![]),
        ("-agent:A", vec!["middle"]),
        ("-user:u2 -session:middle", vec!["new"]),
        ("session:middle,old -agent:A", vec!["middle"]),
    ] {
        for limit in [1, 2, 20] {
            let filter = filter.parse::<SessionFilter>().unwrap().limit(limit);
            assert_eq!(all(&repository, &filter), expected, "{filter}");
        }
    }
    let old = repository.session("old").unwrap();
    assert_eq!((old.trace_count, old.span_count, old.last_ns), (2, 2, 4 * SECOND));
    assert_eq!(repository.session("middle").unwrap().error_trace_count, 1);
    assert_eq!(repository.session("none").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn pages_over_equal_times_lose_and_repeat_nothing() {
    let spans = (0..450).map(|n| span(n, 0).starting(SECOND).session(&format!("s{n:03}")).agent("A"));
    let repository = World::with(spans).repository;
    let expected: Vec<String> = (0..450).rev().map(|n| format!("s{n:03}")).collect();
    assert_eq!(all(&repository, &SessionFilter::new().limit(13)), expected);
    assert_eq!(all(&repository, &SessionFilter::new().limit(13).agent("A")), expected);
}

#[test]
fn long_ids_fit_into_cursors() {
    let id = |n: u64| format!("{n}{}", "🦀".repeat(254));
    let repository = World::with((0..3).map(|n| span(n, 0).session(&id(n)))).repository;
    let filter: SessionFilter = "limit:1".parse().unwrap();
    let page = repository.sessions(&filter).unwrap();
    let next: Cursor = page.next.unwrap().to_string().parse().unwrap();
    assert_eq!(repository.sessions(&filter.after(next)).unwrap().items[0].session_id, id(1));
}

#[test]
fn hostile_cursors_are_refused() {
    let repository = World::with([span(0, 0).session("s")]).repository;
    for id in [vec![0xff; 4], vec![0]] {
        let filter = SessionFilter::new().after(Cursor { time_ns: 5, id });
        assert_eq!(repository.sessions(&filter).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn processes_are_listed() {
    let repository = World::with([span(0, 0)]).repository;
    let processes = repository.processes().unwrap();
    assert_eq!(processes.len(), 1);
    assert_eq!((processes[0].host.as_str(), processes[0].pid), ("host", u64::from(std::process::id())));
}
