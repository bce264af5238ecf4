//! When spans end, and how a panic shows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tracing::{Instrument, Span, info_span, instrument};
use tracing_subscriber::layer::SubscriberExt;

use super::{capture, capture_async, layer, text};
use crate::layer::Limits;
use crate::model::{SpanRecord, StatusCode};

/// Long against the time between two statements, short against a test's patience.
const WAIT: Duration = Duration::from_millis(30);

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap()
}

fn duration(record: &SpanRecord) -> i64 {
    record.end_ns.unwrap() - record.start_ns
}

#[test]
fn a_span_ends_when_its_last_handle_goes() {
    let records = capture(|| {
        let span = info_span!("stream");
        span.in_scope(|| ());
        let handle = span.clone();
        drop(span);
        std::thread::sleep(WAIT);
        drop(handle);
    });
    assert!(duration(records.named("stream")) >= nanoseconds(WAIT));
}

#[test]
fn a_parent_that_only_its_child_kept_open_ends_at_its_last_exit() {
    let records = capture(|| {
        let parent = info_span!("parent");
        let child = parent.in_scope(|| info_span!("child"));
        drop(parent);
        std::thread::sleep(WAIT);
        drop(child);
    });
    let (parent, child) = (records.named("parent"), records.named("child"));
    assert!(parent.end_ns.unwrap() < child.end_ns.unwrap() - nanoseconds(WAIT) / 2);
    assert!(duration(child) >= nanoseconds(WAIT));
}

#[test]
fn a_whole_line_of_ancestors_ends_at_its_last_exits() {
    let records = capture(|| {
        let grandparent = info_span!("grandparent");
        let parent = grandparent.in_scope(|| info_span!("parent"));
        let child = parent.in_scope(|| info_span!("child"));
        drop((grandparent, parent));
        std::thread::sleep(WAIT);
        drop(child);
        // The thread's mark is gone: the next span ends as usual.
        let next = info_span!("next");
        next.in_scope(|| ());
        std::thread::sleep(WAIT);
    });
    let child_end = records.named("child").end_ns.unwrap();
    for name in ["parent", "grandparent"] {
        assert!(records.named(name).end_ns.unwrap() < child_end - nanoseconds(WAIT) / 2, "{name}");
    }
    assert!(duration(records.named("next")) >= nanoseconds(WAIT));
}

#[test]
fn a_parent_whose_handle_outlives_the_child_ends_with_the_handle() {
    let records = capture(|| {
        let parent = info_span!("parent");
        let child = parent.in_scope(|| info_span!("child"));
        std::thread::sleep(WAIT);
        drop(child);
        drop(parent);
    });
    let (parent, child) = (records.named("parent"), records.named("child"));
    assert!(parent.end_ns.unwrap() >= child.end_ns.unwrap());
}

#[test]
fn a_parent_that_was_never_entered_ends_with_its_last_child() {
    let records = capture(|| {
        let parent = info_span!("parent");
        let child = info_span!(parent: &parent, "child");
        drop(parent);
        std::thread::sleep(WAIT);
        drop(child);
    });
    let (parent, child) = (records.named("parent"), records.named("child"));
    assert!(parent.end_ns.unwrap() >= child.end_ns.unwrap());
}

#[test]
fn two_agent_layers_end_the_same_parent_alike() {
    let (first, first_records) = layer(Limits::default());
    let (second, second_records) = layer(Limits::default());
    let (third, third_records) = layer(Limits::default());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(first).with(second).with(third), || {
        let parent = info_span!("parent");
        let child = parent.in_scope(|| info_span!("child"));
        drop(parent);
        std::thread::sleep(WAIT);
        drop(child);
    });
    for records in [first_records, second_records, third_records] {
        let records = records.records();
        let (parent, child) = (records.named("parent"), records.named("child"));
        assert!(parent.end_ns.unwrap() < child.end_ns.unwrap() - nanoseconds(WAIT) / 2);
    }
}

#[test]
fn a_detached_task_does_not_lengthen_its_caller() {
    let records = capture_async(async {
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let mut task = None;
        async {
            let work = async { wait.await.unwrap() };
            task = Some(tokio::spawn(work.instrument(info_span!("detached"))));
        }
        .instrument(info_span!("caller"))
        .await;
        std::thread::sleep(WAIT);
        go.send(()).unwrap();
        task.unwrap().await.unwrap();
    });
    let (caller, detached) = (records.named("caller"), records.named("detached"));
    assert_eq!(detached.parent_span_id, Some(caller.span_id));
    assert!(caller.end_ns.unwrap() < detached.end_ns.unwrap() - nanoseconds(WAIT) / 2);
}

#[instrument]
fn fails() {
    panic!("on purpose")
}

fn assert_panicked(record: &SpanRecord) {
    assert_eq!(record.status.code, StatusCode::Error, "{}", record.name);
    assert_eq!(record.status.message, "panicked");
    assert_eq!(record.attributes.get("error.type"), Some(&text("panic")));
}

fn assert_unharmed(record: &SpanRecord) {
    assert_eq!(record.status.code, StatusCode::Unset, "{}", record.name);
    assert_eq!(record.attributes.get("error.type"), None);
}

#[test]
fn a_panic_marks_the_spans_that_it_went_through() {
    let records = capture(|| {
        let outer = info_span!("outer").entered();
        let _ = catch_unwind(|| {
            let _middle = info_span!("middle").entered();
            fails();
        });
        drop(outer);
    });
    assert_panicked(records.named("fails"));
    assert_panicked(records.named("middle"));
    assert_unharmed(records.named("outer"));
}

#[test]
fn a_panicking_task_marks_its_span() {
    let records = capture_async(async {
        let result = tokio::spawn(async { fails() }.instrument(info_span!("task"))).await;
        assert!(result.unwrap_err().is_panic());
    });
    assert_panicked(records.named("task"));
    assert_panicked(records.named("fails"));
}

#[test]
fn a_panic_that_a_wrapper_catches_marks_the_span_inside() {
    let records = capture(|| {
        let span = info_span!("request");
        let _ = catch_unwind(AssertUnwindSafe(|| span.in_scope(|| panic!("on purpose"))));
        // Closes only here, long after the unwinding.
        drop(span);
    });
    assert_panicked(records.named("request"));
}

#[test]
fn spans_made_or_entered_during_an_unwinding_are_unharmed() {
    struct Cleanup(Span);
    impl Drop for Cleanup {
        fn drop(&mut self) {
            assert!(std::thread::panicking());
            self.0.in_scope(|| drop(info_span!("cleanup").entered()));
        }
    }
    let records = capture(|| {
        let bystander = info_span!("bystander");
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _cleanup = Cleanup(bystander.clone());
            fails();
        }));
    });
    assert_panicked(records.named("fails"));
    assert_unharmed(records.named("cleanup"));
    assert_unharmed(records.named("bystander"));
}

#[test]
fn a_detached_child_that_panics_harms_no_parent_that_has_ended() {
    let records = capture(|| {
        let entered = info_span!("entered");
        let child = entered.in_scope(|| info_span!("child"));
        let never_entered = info_span!("never entered");
        let other = info_span!(parent: &never_entered, "other child");
        drop((entered, never_entered));
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let (_child, _other) = (child.entered(), other.entered());
            panic!("on purpose")
        }));
    });
    for name in ["child", "other child"] {
        assert_panicked(records.named(name));
    }
    for name in ["entered", "never entered"] {
        assert_unharmed(records.named(name));
    }
}
