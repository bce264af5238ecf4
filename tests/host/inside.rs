//! What the host's code may do while the layer is at work, and where it may do it.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use tracing::{Dispatch, Instrument as _, Span, info, info_span};
use tracing_agents::model::Value;
use tracing_agents::{AgentTracing, SpanExt, SpanFilter, TraceFilter};
use tracing_subscriber::prelude::*;

use crate::PATIENCE;

fn start() -> (AgentTracing, Dispatch) {
    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(tracing.layer()));
    (tracing, dispatch)
}

/// Waits until all is stored; how many spans of each name are.
fn names(tracing: &AgentTracing) -> Vec<String> {
    tracing.force_flush(PATIENCE).unwrap();
    let health = tracing.health();
    assert!(health.adds_up());
    assert_eq!((health.stored, health.rejected.total()), (health.offered, 0), "{health:?}");
    let spans = tracing.repository().spans(&SpanFilter::new().limit(1_000)).unwrap().items;
    let mut names: Vec<_> = spans.into_iter().map(|span| span.name).collect();
    names.sort();
    names
}

/// Panics wherever it is asked for a text.
#[derive(Clone, Copy)]
struct Explosive;

impl fmt::Debug for Explosive {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no Debug today")
    }
}

impl fmt::Display for Explosive {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no Display today")
    }
}

impl Error for Explosive {}

/// An error whose source panics.
#[derive(Debug)]
struct Outer;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        panic!("no source today")
    }
}

#[test]
fn a_value_that_panics_costs_the_host_nothing_and_the_span_only_that_value() {
    let (tracing, dispatch) = start();
    tracing::dispatcher::with_default(&dispatch, || {
        let span = info_span!("span", debug = ?Explosive, display = %Explosive, late = tracing::field::Empty);
        span.record("late", tracing::field::display(Explosive));
        span.record_error(&Explosive).record_error(&Outer);
        let _entered = span.enter();
        let (error, outer): (&dyn Error, &dyn Error) = (&Explosive, &Outer);
        info!(error, "failed");
        info!(outer, "failed");
        info!("message {}", Explosive);
        info!("after");
    });
    assert_eq!(names(&tracing), ["span"]);
    let repository = tracing.repository();
    let trace = repository.traces(&TraceFilter::new()).unwrap().items.remove(0);
    let span = repository.span(trace.trace_id, repository.trace(trace.trace_id).unwrap().spans[0].span_id).unwrap();
    for key in ["debug", "display", "late"] {
        let expected = Value::Debug("<panicked while formatting>".to_owned());
        assert_eq!(span.content.attributes.get(key), Some(&expected), "{key}");
    }
    let last = span.content.events.last().unwrap();
    assert_eq!((span.content.events.len(), last.name.as_str()), (6, "after"), "no event is lost for it");
}

#[test]
fn other_subscribers_inside_a_span_get_what_is_theirs_and_values_that_change_them_do_no_harm() {
    /// Traces to its own subscriber while it is formatted, and back.
    struct Elsewhere(Dispatch);
    impl fmt::Debug for Elsewhere {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            tracing::dispatcher::with_default(&self.0, || info_span!("within").in_scope(|| info!("within")));
            f.write_str("elsewhere")
        }
    }
    let ((first, to_first), (second, to_second)) = (start(), start());
    tracing::dispatcher::with_default(&to_first, || {
        let outer = info_span!("outer", value = ?Elsewhere(to_second.clone())).entered();
        {
            let _guard = tracing::dispatcher::set_default(&to_second);
            let other = info_span!("other").entered();
            tracing::dispatcher::with_default(&to_first, || drop(info_span!("inner")));
            drop(other);
            // Closed under another subscriber than its own.
            drop(outer);
        }
        drop(info_span!("after"));
    });
    drop((to_first, to_second));
    assert_eq!(names(&first), ["after", "inner", "outer"]);
    // What is traced inside a value reaches no scoped subscriber: `tracing` sees to that. (A global one it does reach: `tests/layer.rs`.)
    assert_eq!(names(&second), ["other"]);
}

#[test]
fn spans_that_close_while_a_thread_ends_are_stored() {
    thread_local! {
        static HELD: RefCell<Vec<Traces>> = const { RefCell::new(Vec::new()) };
    }
    /// Holds a span, and traces when it is dropped.
    struct Traces(Span, Dispatch);
    impl Drop for Traces {
        fn drop(&mut self) {
            self.0.record("value", tracing::field::debug("late"));
            self.0.record_output("late");
            let inside = || drop(info_span!("in a destructor", value = ?"formatted"));
            // `tracing` itself may be gone from this thread already; then nobody gets this span.
            tracing::dispatcher::with_default(&self.1, inside);
        }
    }
    let (tracing, dispatch) = start();
    for _ in 0..4 {
        let dispatch = dispatch.clone();
        let thread = std::thread::spawn(move || {
            let scoped = dispatch.clone();
            tracing::dispatcher::with_default(&scoped, || {
                let span = info_span!("held", value = tracing::field::Empty);
                span.in_scope(|| info!(value = ?"formatted", "the thread's scratch is made"));
                HELD.with_borrow_mut(|held| held.push(Traces(span, dispatch)));
            });
        });
        thread.join().unwrap();
    }
    let held = names(&tracing).into_iter().filter(|name| name == "held").count();
    assert_eq!(held, 4);
}

#[test]
fn a_runtime_that_is_dropped_in_the_middle_of_the_load_leaves_no_span_behind() {
    let (tracing, dispatch) = start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)))
        .build()
        .unwrap();
    for task in 0..200 {
        runtime.spawn(async move {
            // In the task's thread, which has the subscriber.
            let work = async {
                for _ in 0..10_000 {
                    async { tokio::task::yield_now().await }.instrument(info_span!("short")).await;
                }
            };
            work.instrument(info_span!("task", task)).await;
        });
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    let before = tracing.health().offered;
    drop(runtime);
    let health = tracing.health();
    assert!(health.offered >= before && health.adds_up(), "{health:?}");
    tracing.force_flush(PATIENCE).unwrap();
    let health = tracing.health();
    assert_eq!((health.stored + health.rejected.queue_full, health.queued), (health.offered, 0), "{health:?}");
    tracing.shutdown(PATIENCE).unwrap();
    let open = tracing.repository().count_traces(&"status:running".parse().unwrap()).unwrap();
    assert_eq!(open, 0, "what the runtime dropped has ended");
}

#[test]
fn a_current_thread_runtime_is_not_needed_for_a_flush_inside_of_it() {
    let (tracing, dispatch) = start();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _guard = tracing::dispatcher::set_default(&dispatch);
    runtime.block_on(async {
        async { tokio::task::yield_now().await }.instrument(info_span!("one")).await;
        tracing.force_flush(PATIENCE).unwrap();
        async { tokio::task::yield_now().await }.instrument(info_span!("two")).await;
    });
    assert_eq!(names(&tracing), ["one", "two"]);
}
