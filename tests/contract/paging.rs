//! Pages: by place and not by number, to the end, whatever is written meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use tracing_agents::model::Cursor;
use tracing_agents::{ErrorKind, SessionFilter, SpanFilter, TraceFilter};

use crate::sketch::{DAWN, SECOND, at, span, trace_number};
use crate::walk;
use crate::world::{World, Writer};

crate::cases!(
    traces_in_pages_of_any_size,
    traces_of_one_start_time,
    spans_in_pages_of_any_size,
    spans_of_one_start_time,
    sessions_in_pages_of_any_size,
    sessions_of_one_time_in_the_order_of_their_bytes,
    pages_do_not_shift_while_spans_are_written,
    pages_of_spans_do_not_shift_while_spans_are_written,
    pages_of_sessions_do_not_shift_while_spans_are_written,
    a_full_last_page_has_no_next,
    limits_stay_in_bounds,
    a_search_stops_at_its_budget_and_can_be_resumed,
    cursors_of_other_lists_are_refused,
    counting_goes_on_from_a_cursor,
);

fn traces_in_pages_of_any_size(world: &World) {
    let repository = world.with((0..150).map(|n| span(n, 0).agent(if n % 2 == 0 { "even" } else { "odd" })));
    let all: Vec<u64> = (0..150).rev().collect();
    let even: Vec<u64> = all.iter().copied().filter(|n| n % 2 == 0).collect();
    for limit in [1, 7, 149, 150, 1_000] {
        let filter = TraceFilter::new().limit(limit);
        assert_eq!(walk::traces(&repository, &filter), all, "{limit} a page");
        assert_eq!(walk::traces(&repository, &filter.clone().agent("even")), even, "{limit} a page");
        assert_eq!(walk::traces(&repository, &filter.clone().agent("even").agent("odd")), all, "{limit} a page");
        assert_eq!(walk::traces(&repository, &filter.not_agent("odd")), even, "{limit} a page");
    }
}

fn traces_of_one_start_time(world: &World) {
    let repository = world.with(
        (0..57).map(|n| span(n, 0).starting(at(i64::from(n >= 40))).agent(["a", "b"][usize::try_from(n % 2).unwrap()])),
    );
    let all: Vec<u64> = (0..57).rev().collect();
    for limit in [1, 7, 57, 58] {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().limit(limit)), all);
        assert_eq!(walk::traces(&repository, &TraceFilter::new().limit(limit).agent("a").agent("b")), all);
    }
}

fn spans_in_pages_of_any_size(world: &World) {
    let repository = world.with((0..20).flat_map(|trace| (0..5).map(move |number| span(trace, number).agent("A"))));
    let all: Vec<(u64, u64)> =
        (0..20).rev().flat_map(|trace| (0..5).rev().map(move |number| (trace, number))).collect();
    for limit in [1, 7, 99, 1_000] {
        let filter = SpanFilter::new().limit(limit);
        assert_eq!(walk::spans(&repository, &filter), all, "{limit} a page");
        assert_eq!(walk::spans(&repository, &filter.clone().agent("A")), all, "{limit} a page");
        assert_eq!(walk::spans(&repository, &filter.clone().not_agent("B")), all, "{limit} a page");
        let third: Vec<_> = all.iter().copied().filter(|(_, number)| *number == 3).collect();
        assert_eq!(walk::spans(&repository, &filter.name("span 3")), third, "{limit} a page");
    }
}

fn spans_of_one_start_time(world: &World) {
    // More at one nanosecond than a page holds, over several traces.
    let repository = world.with(
        (0..30).flat_map(|trace| (0..4).map(move |number| span(trace, number).starting(at(i64::from(trace >= 20))))),
    );
    let all: Vec<(u64, u64)> =
        (0..30).rev().flat_map(|trace| (0..4).rev().map(move |number| (trace, number))).collect();
    for limit in [1, 7, 13, 80, 1_000] {
        assert_eq!(walk::spans(&repository, &SpanFilter::new().limit(limit)), all, "{limit} a page");
    }
}

fn sessions_in_pages_of_any_size(world: &World) {
    let repository = world.with((0..80).map(|n| span(n, 0).session(&format!("s{n:02}")).agent("A")));
    let all: Vec<String> = (0..80).rev().map(|n| format!("s{n:02}")).collect();
    for limit in [1, 7, 80, 1_000] {
        let filter = SessionFilter::new().limit(limit);
        assert_eq!(walk::sessions(&repository, &filter), all, "{limit} a page");
        assert_eq!(walk::sessions(&repository, &filter.clone().agent("A")), all, "{limit} a page");
        assert_eq!(walk::sessions(&repository, &filter.not_agent("B")), all, "{limit} a page");
    }
}

fn sessions_of_one_time_in_the_order_of_their_bytes(world: &World) {
    let mut ids: Vec<String> =
        ["a", "B", "b", "ä", "Z", "é", "e\u{301}", "_", "10", "9", "🦀", "\u{ffff}", "ß", "ss", " x", "x "]
            .into_iter()
            .map(str::to_owned)
            .chain((0..60).map(|n| format!("s{n}")))
            .collect();
    let spans: Vec<_> = ids
        .iter()
        .zip(0..)
        .map(|(id, n)| span(n, 0).starting(DAWN).of(tracing_agents::model::IdentityField::SessionId, id).agent("A"))
        .collect();
    let repository = world.with(spans);
    ids.sort_unstable_by(|a, b| b.cmp(a));
    for limit in [1, 7, 1_000] {
        assert_eq!(walk::sessions(&repository, &SessionFilter::new().limit(limit)), ids, "{limit} a page");
        assert_eq!(walk::sessions(&repository, &SessionFilter::new().limit(limit).agent("A")), ids, "{limit} a page");
        let named = ids.iter().fold(SessionFilter::new().limit(limit), |filter, id| filter.session(id));
        assert_eq!(walk::sessions(&repository, &named), ids, "{limit} a page, named");
    }
}

/// Writes a batch after the other, the first one before `read` begins, until `read` is done.
fn while_writing(writer: &Writer, mut write: impl FnMut(&Writer, u64) + Send, read: impl FnOnce()) {
    let is_done = AtomicBool::new(false);
    let (begun, has_begun) = std::sync::mpsc::channel();
    /// Says that reading is over, also where it panics.
    struct Done<'a>(&'a AtomicBool);
    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    std::thread::scope(|scope| {
        let _done = Done(&is_done);
        scope.spawn(|| {
            for round in 0.. {
                if is_done.load(Ordering::Acquire) {
                    break;
                }
                write(writer, round);
                let _ = begun.send(());
            }
        });
        has_begun.recv().unwrap();
        read();
    });
}

/// Traces 0 to 119 stand at even seconds before anything else is written.
const BEFORE: u64 = 120;

fn stands(number: u64) -> i64 {
    at(i64::try_from(number).unwrap() * 2)
}

fn pages_do_not_shift_while_spans_are_written(world: &World) {
    let writer = world.writer();
    writer.write((0..BEFORE).map(|n| span(n, 0).starting(stands(n)).agent("A")));
    let repository = world.repository();
    let write = |writer: &Writer, round: u64| {
        // New traces before, after and between the old ones, and news of the old ones.
        let new = 10_000 + round * 10;
        writer.write([
            span(new, 0).starting(at(1_000 + i64::try_from(round).unwrap())).agent("A"),
            span(new + 1, 0).starting(at(-1 - i64::try_from(round).unwrap())).agent("A"),
            span(new + 2, 0).starting(stands(round * 7 % BEFORE) + SECOND).agent("A"),
            span(round * 11 % BEFORE, round + 1).starting(stands(round * 11 % BEFORE) + 5),
        ]);
    };
    let old = || (0..BEFORE).rev().collect::<Vec<_>>();
    while_writing(&writer, write, || {
        for filter in [
            TraceFilter::new().limit(7),
            TraceFilter::new().agent("A").limit(7),
            TraceFilter::new().not_agent("B").limit(3),
        ] {
            let found = walk::traces(&repository, &filter);
            let mut each = found.clone();
            each.sort_unstable();
            each.dedup();
            assert_eq!(each.len(), found.len(), "{filter}: some twice");
            let of_old: Vec<u64> = found.into_iter().filter(|number| *number < BEFORE).collect();
            assert_eq!(of_old, old(), "{filter}");
        }
    });
}

fn pages_of_spans_do_not_shift_while_spans_are_written(world: &World) {
    let writer = world.writer();
    writer.write((0..BEFORE).flat_map(|n| (0..2).map(move |number| span(n, number).starting(stands(n)).agent("A"))));
    let repository = world.repository();
    let write = |writer: &Writer, round: u64| {
        let place = stands(round * 7 % BEFORE);
        writer.write([
            span(10_000 + round * 2, 0).starting(place + SECOND).agent("A"),
            span(round * 11 % BEFORE, round + 100).starting(stands(round * 11 % BEFORE) + 5).agent("A"),
            span(10_001 + round * 2, 0).starting(place).agent("A"),
        ]);
    };
    let old: Vec<(u64, u64)> = (0..BEFORE).rev().flat_map(|n| [(n, 1), (n, 0)]).collect();
    while_writing(&writer, write, || {
        for filter in [SpanFilter::new().limit(7), SpanFilter::new().agent("A").limit(9)] {
            let found = walk::spans(&repository, &filter);
            let mut each = found.clone();
            each.sort_unstable();
            each.dedup();
            assert_eq!(each.len(), found.len(), "{filter}: some twice");
            let of_old: Vec<_> = found.into_iter().filter(|(trace, number)| *trace < BEFORE && *number < 2).collect();
            assert_eq!(of_old, old, "{filter}");
        }
    });
}

fn pages_of_sessions_do_not_shift_while_spans_are_written(world: &World) {
    let writer = world.writer();
    writer.write((0..BEFORE).map(|n| span(n, 0).starting(stands(n)).session(&format!("old {n:03}"))));
    let repository = world.repository();
    let write = |writer: &Writer, round: u64| {
        let place = stands(round * 7 % BEFORE);
        writer.write([
            span(10_000 + round * 2, 0).starting(place + 3).session(&format!("new {round}")),
            span(10_001 + round * 2, 0).starting(place).session(&format!("new at the time of an old one {round}")),
        ]);
    };
    let old: Vec<String> = (0..BEFORE).rev().map(|n| format!("old {n:03}")).collect();
    while_writing(&writer, write, || {
        for filter in [SessionFilter::new().limit(7), SessionFilter::new().not_agent("B").limit(5)] {
            let found = walk::sessions(&repository, &filter);
            let of_old: Vec<String> = found.into_iter().filter(|id| id.starts_with("old")).collect();
            assert_eq!(of_old, old, "{filter}");
        }
    });
}

fn a_full_last_page_has_no_next(world: &World) {
    let repository = world.with((0..4).map(|n| span(n, 0).agent("a").session(&format!("s{n}"))));
    for filter in ["limit:4", "limit:4 agent:a", "limit:4 duration>0s", "limit:4 -agent:b"] {
        let page = repository.traces(&filter.parse().unwrap()).unwrap();
        assert_eq!((page.len(), page.next), (4, None), "{filter}");
    }
    let page = repository.traces(&"limit:3".parse().unwrap()).unwrap();
    assert_eq!((page.len(), page.next.is_some()), (3, true));
    for filter in ["limit:4", "limit:4 agent:a", "limit:4 kind:span"] {
        assert_eq!(repository.spans(&filter.parse().unwrap()).unwrap().next, None, "{filter}");
    }
    for filter in ["limit:4", "limit:4 agent:a", "limit:4 session:s0,s1,s2,s3"] {
        assert_eq!(repository.sessions(&filter.parse().unwrap()).unwrap().next, None, "{filter}");
    }
}

fn limits_stay_in_bounds(world: &World) {
    let repository = world.with((0..1_010).map(|n| span(n, 0)));
    let length = |filter: TraceFilter| repository.traces(&filter).unwrap().len();
    assert_eq!(length(TraceFilter::new()), 20);
    assert_eq!(length(TraceFilter::new().limit(0)), 1);
    assert_eq!(length(TraceFilter::new().limit(u32::MAX)), 1_000);
    assert_eq!(repository.spans(&SpanFilter::new()).unwrap().len(), 20);
    assert_eq!(repository.spans(&SpanFilter::new().limit(u32::MAX)).unwrap().len(), 1_000);
    assert_eq!(repository.sessions(&SessionFilter::new()).unwrap().len(), 0);
}

fn a_search_stops_at_its_budget_and_can_be_resumed(world: &World) {
    let repository = world.with((0..2_300).map(|n| span(n, 0).named(if n == 5 { "needle" } else { "hay" })));
    let filter: TraceFilter = "needle".parse().unwrap();
    let first = repository.traces(&filter).unwrap();
    assert_eq!(first.items, []);
    let second = repository.traces(&filter.clone().after(first.next)).unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
    assert_eq!(trace_number(second.items[0].trace_id), 5);
    assert_eq!(repository.count_traces(&filter).unwrap(), 1);
}

fn cursors_of_other_lists_are_refused(world: &World) {
    let repository = world.with(
        (0..3)
            .map(|n| span(n, 0).session("a session of no particular length").agent("A"))
            .chain([span(3, 0).session("t")]),
    );
    let next_of_traces = repository.traces(&TraceFilter::new().limit(1)).unwrap().next;
    let next_of_spans = repository.spans(&SpanFilter::new().limit(1)).unwrap().next;
    let next_of_sessions = repository
        .sessions(&SessionFilter::new().limit(1).session("t").session("a session of no particular length"))
        .unwrap()
        .next;
    for cursor in [&next_of_spans, &next_of_sessions] {
        let error = repository.traces(&TraceFilter::new().after(cursor.clone())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = repository.count_traces(&TraceFilter::new().agent("A").after(cursor.clone())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    for cursor in [&next_of_traces, &next_of_sessions] {
        let error = repository.spans(&SpanFilter::new().after(cursor.clone())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    // A session's cursor is a text: bytes that are none are refused.
    let hostile: Cursor = repository.traces(&TraceFilter::new().limit(1)).unwrap().next.unwrap();
    let error = repository.sessions(&SessionFilter::new().after(hostile)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

fn counting_goes_on_from_a_cursor(world: &World) {
    let repository = world.with((0..10).map(|n| span(n, 0).agent("A")));
    let next = repository.traces(&TraceFilter::new().limit(4)).unwrap().next;
    assert_eq!(repository.count_traces(&TraceFilter::new().after(next.clone())).unwrap(), 6);
    assert_eq!(repository.count_traces(&TraceFilter::new().agent("A").after(next)).unwrap(), 6);
    assert_eq!(repository.count_traces(&TraceFilter::new().limit(2)).unwrap(), 10);
}
