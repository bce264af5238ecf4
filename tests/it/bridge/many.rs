//! Ten thousand spans.

use std::sync::atomic::{AtomicU8, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use proptest::prelude::*;
use tracing::{Span, info_span};
use tracing_agents::SpanExt;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{Both, remote};

#[test]
fn ten_thousand_spans_of_many_threads_with_remote_parents_are_the_same_on_both_sides() {
    const REQUESTS: u8 = 250;
    let both = Both::new();
    let dispatch = both.dispatch();
    let next = AtomicU8::new(1);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let _default = tracing::dispatcher::set_default(&dispatch);
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n > REQUESTS || n == 0 {
                        next.store(REQUESTS + 1, Ordering::Relaxed);
                        return;
                    }
                    request(n, &dispatch);
                }
            });
        }
    });
    both.assert_same();
    let spans = both.stored_spans();
    assert_eq!(spans.len(), usize::from(REQUESTS) * 40);
    let remote_parents = spans.iter().filter(|span| span.parent_is_remote).count();
    assert_eq!(remote_parents, usize::from(REQUESTS) * 3);
}

/// 40 spans, three of them with a parent in another process, each named in another way.
fn request(n: u8, dispatch: &tracing::Dispatch) {
    let request = info_span!("request");
    match n % 3 {
        0 => request.set_parent(Context::new().with_remote_span_context(remote(n, 1, true))).unwrap(),
        1 => {
            let traceparent = format!("00-{}-{}-01", format!("{n:02x}").repeat(16), "01".repeat(8));
            request.set_remote_parent(&traceparent, Some("vendor=1")).unwrap();
        }
        _ => {
            let _remote = Context::new().with_remote_span_context(remote(n, 1, true)).attach();
            drop(request);
            return steps(&info_span!("request"), n, dispatch);
        }
    }
    // As many as where a first span was thrown away.
    info_span!(parent: None, "other work").in_scope(|| ());
    steps(&request, n, dispatch);
}

fn steps(request: &Span, n: u8, dispatch: &tracing::Dispatch) {
    request.in_scope(|| {
        for step in 0..12_u8 {
            let step_span = info_span!("step", step).entered();
            if step % 2 == 0 {
                // The ids are given out before the span is entered.
                let call = info_span!("call");
                let traceparent = call.traceparent().unwrap();
                let served = info_span!(parent: None, "served elsewhere");
                if step < 4 {
                    served.set_remote_parent(&traceparent, None).unwrap();
                }
                std::thread::scope(|threads| {
                    threads.spawn(|| tracing::dispatcher::with_default(dispatch, || served.in_scope(|| ())));
                });
                call.in_scope(|| ());
            } else {
                drop(info_span!(parent: &*step_span, "named"));
                drop(info_span!("never entered", n));
            }
        }
    });
    drop(info_span!(parent: request, "late"));
    info_span!(parent: request, "later").in_scope(|| ());
}

/// What a program may do with spans, in any order.
#[derive(Debug, Clone)]
enum Step {
    New(Option<usize>),
    Enter(usize),
    Exit,
    Drop(usize),
    Ask(usize),
    Follow(usize, usize),
    Remote(usize),
    Set(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => proptest::option::of(0..6_usize).prop_map(Step::New),
        4 => (0..6_usize).prop_map(Step::Enter),
        3 => Just(Step::Exit),
        3 => (0..6_usize).prop_map(Step::Drop),
        1 => (0..6_usize).prop_map(Step::Ask),
        2 => (0..6_usize, 0..6_usize).prop_map(|(of, to)| Step::Follow(of, to)),
        2 => (0..6_usize).prop_map(Step::Remote),
        2 => (0..6_usize).prop_map(Step::Set),
    ]
}

fn play(steps: &[Step]) {
    let mut spans: Vec<Span> = Vec::new();
    let mut entered: Vec<tracing::span::EnteredSpan> = Vec::new();
    for step in steps {
        let at = |place: &usize| spans.get(*place);
        match step {
            Step::New(None) => spans.push(info_span!("span", set = tracing::field::Empty)),
            Step::New(Some(parent)) => match at(parent).and_then(Span::id) {
                Some(parent) => spans.push(info_span!(parent: parent, "span", set = tracing::field::Empty)),
                None => spans.push(info_span!(parent: None, "span", set = tracing::field::Empty)),
            },
            Step::Enter(place) => entered.extend(at(place).map(|span| span.clone().entered())),
            Step::Exit => drop(entered.pop()),
            Step::Drop(place) if *place < spans.len() => drop(spans.remove(*place)),
            Step::Ask(place) => drop(at(place).and_then(|span| span.traceparent())),
            Step::Follow(of, to) if of != to => {
                if let (Some(of), Some(to)) = (at(of), at(to)) {
                    of.follows_from(to);
                }
            }
            Step::Remote(place) => {
                let _ = at(place)
                    .map(|span| span.set_remote_parent(&format!("00-{}-{}-01", "5".repeat(32), "6".repeat(16)), None));
            }
            Step::Set(place) => {
                if let Some(span) = at(place) {
                    span.set_attribute("key", "by OpenTelemetry");
                    span.record("set", 7_u64);
                    span.record_attribute("beside", "by the extension");
                }
            }
            _ => {}
        }
    }
    while entered.pop().is_some() {}
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn in_whatever_order_things_happen_both_sides_say_the_same(steps in proptest::collection::vec(step(), 1..60)) {
        let both = Both::new();
        both.run(|| {
            info_span!("at least one").in_scope(|| ());
            play(&steps);
        });
        both.assert_same();
        let mut exported: Vec<_> = both.exported().iter().map(|span| {
            let count = |key| super::exported_values(span, key).len();
            (span.span_context.span_id().to_string(), count("key"), count("set"), count("beside"), span.links.len())
        }).collect();
        let mut stored: Vec<_> = both.stored().iter().map(|span| {
            let count = |key| super::stored_values(span, key).len();
            (span.span.span_id.to_string(), count("key"), count("set"), count("beside"), span.content.links.len())
        }).collect();
        exported.sort();
        stored.sort();
        prop_assert_eq!(exported, stored);
    }
}
