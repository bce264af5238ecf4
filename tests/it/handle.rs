//! The handle's end, wherever it comes: last clone, runtimes, callbacks, a database that does not answer, tracing turned off.

use std::process::Command;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use tempfile::TempDir;
use tracing::{Dispatch, info_span};
use tracing_agents::model::Usage;
use tracing_agents::pipeline::Durability;
use tracing_agents::{AgentTracing, SpanExt, TraceFilter, TraceRepository, model_span};
use tracing_subscriber::prelude::*;

use crate::support::{PATIENCE, connect, url_in};

fn dispatch(tracing: &AgentTracing) -> Dispatch {
    Dispatch::new(tracing_subscriber::registry().with(tracing.layer()))
}

/// The names of the traces in the database, oldest first.
fn stored(folder: &TempDir) -> Vec<String> {
    let traces = TraceRepository::open(&url_in(folder)).unwrap().traces(&TraceFilter::new()).unwrap().items;
    traces.into_iter().rev().map(|trace| trace.name).collect()
}

#[test]
fn the_last_handle_writes_what_waits_and_layers_live_on_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    let inlet = tracing.inlet();
    let dispatch = dispatch(&tracing);
    tracing::dispatcher::with_default(&dispatch, || {
        let other = tracing.clone();
        drop(info_span!("one"));
        drop(other);
        drop(info_span!("two"));
        drop(tracing);
        assert_eq!(stored(&folder), ["one", "two"]);
        let late = info_span!("late");
        late.in_scope(|| tracing::info!("nobody listens"));
        late.record_usage(Usage::new(1, 2));
    });
    let health = inlet.health();
    assert_eq!((health.stored, health.rejected.after_shutdown), (2, 1));
    assert_eq!(stored(&folder), ["one", "two"]);
}

#[test]
fn it_flushes_and_ends_inside_every_kind_of_runtime() {
    let runtimes = [
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap(),
    ];
    for runtime in runtimes {
        let folder = tempfile::tempdir().unwrap();
        runtime.block_on(async {
            let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
            let dispatch = dispatch(&tracing);
            tracing::dispatcher::with_default(&dispatch, || drop(info_span!("flushed")));
            tracing.force_flush(PATIENCE).unwrap();
            assert_eq!(stored(&folder), ["flushed"]);
            let in_task = tracing.clone();
            let task = tokio::spawn(async move {
                tracing::dispatcher::with_default(&dispatch, || drop(info_span!("task")));
                in_task.force_flush(PATIENCE).unwrap();
                tracing::dispatcher::with_default(&dispatch, || drop(info_span!("dropped")));
                drop(in_task);
            });
            drop(tracing);
            task.await.unwrap();
        });
        assert_eq!(stored(&folder), ["flushed", "task", "dropped"]);
    }
}

#[test]
fn what_a_last_handle_cannot_write_is_reported_and_stored_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let on_error = {
        let heard = Arc::clone(&heard);
        move |error: &tracing_agents::Error| heard.lock().unwrap().push(error.to_string())
    };
    let timeout = Duration::from_millis(100);
    let tracing = AgentTracing::builder(&url_in(&folder)).on_error(on_error).shutdown_timeout(timeout).open().unwrap();
    let mut other = connect(&folder.path().join("traces.db"));
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    tracing::dispatcher::with_default(&dispatch(&tracing), || drop(info_span!("late")));
    let inlet = tracing.inlet();
    drop(tracing);
    let health = inlet.health();
    assert_eq!((health.spooled, health.dropped.total()), (1, 0));
    let said = heard.lock().unwrap().clone();
    assert!(said.iter().any(|error| error.contains("1 spans could not be stored, and wait on the disk")), "{said:?}");

    other.batch_execute("ROLLBACK").unwrap();
    let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    let begun = std::time::Instant::now();
    while tracing.health().stored == 0 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(stored(&folder), ["late"]);
    tracing.shutdown(PATIENCE).unwrap();
    assert!(!folder.path().join("traces.db-spool").exists());
}

#[test]
fn in_memory_what_a_last_handle_cannot_write_is_lost_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let on_error = {
        let heard = Arc::clone(&heard);
        move |error: &tracing_agents::Error| heard.lock().unwrap().push(error.to_string())
    };
    let builder = AgentTracing::builder(&url_in(&folder)).durability(Durability::Memory);
    let tracing = builder.on_error(on_error).shutdown_timeout(Duration::from_millis(100)).open().unwrap();
    let mut other = connect(&folder.path().join("traces.db"));
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    tracing::dispatcher::with_default(&dispatch(&tracing), || drop(info_span!("lost")));
    let inlet = tracing.inlet();
    drop(tracing);
    assert_eq!(inlet.health().dropped.shutdown_timeout, 1);
    let heard = heard.lock().unwrap();
    assert!(heard.iter().any(|error| error.contains("100ms") && error.contains("1 spans still wait")), "{heard:?}");
}

#[test]
fn a_callback_may_drop_the_last_handle() {
    let folder = tempfile::tempdir().unwrap();
    let slot: Arc<Mutex<Option<AgentTracing>>> = Arc::default();
    let (told, tells) = channel();
    let on_error = {
        let slot = Arc::clone(&slot);
        move |_: &tracing_agents::Error| {
            // The lock is held while the handle drops: were the callback called again from there, it would wait for itself.
            drop(slot.lock().unwrap().take());
            let _ = told.send(());
        }
    };
    let tracing = AgentTracing::builder(&url_in(&folder)).on_error(on_error).open().unwrap();
    let mut other = connect(&folder.path().join("traces.db"));
    other
        .batch_execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON spans WHEN NEW.name = 'poison' BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .unwrap();
    let inlet = tracing.inlet();
    let dispatch = dispatch(&tracing);
    tracing::dispatcher::with_default(&dispatch, || {
        for name in ["poison", "fine"] {
            if name == "poison" { drop(info_span!("poison")) } else { drop(info_span!("fine")) }
        }
    });
    *slot.lock().unwrap() = Some(tracing);
    let _ = inlet.force_flush(PATIENCE);
    tells.recv_timeout(PATIENCE).unwrap();
    inlet.force_flush(PATIENCE).unwrap();
    assert!(slot.lock().unwrap().is_none());
    let health = inlet.health();
    assert_eq!((health.stored, health.dead_lettered.poison), (1, 1));
    assert!(health.adds_up());
}

#[test]
fn two_databases_get_all_that_is_said_of_a_span() {
    let [one, two] = [(); 2].map(|()| AgentTracing::open("sqlite::memory:").unwrap());
    let subscriber = tracing_subscriber::registry().with(one.layer()).with(two.layer());
    tracing::subscriber::with_default(subscriber, || {
        model_span!("m").record_usage(Usage::new(17, 9)).record_session("s1");
    });
    for tracing in [one, two] {
        tracing.force_flush(PATIENCE).unwrap();
        let traces = tracing.repository().traces(&TraceFilter::new().session("s1")).unwrap().items;
        assert_eq!(traces.len(), 1);
        assert_eq!(traces[0].usage.input, Some(17));
    }
}

/// Starts this test again in a process with that variable.
pub(crate) fn again_with(test: &str, name: &str, value: &str) -> bool {
    const CHILD: &str = "TRACING_AGENTS_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, "1")
        .env(name, value)
        .status()
        .unwrap();
    assert!(status.success());
    false
}

#[test]
fn a_disabled_sdk_records_nothing_through_any_layer() {
    if !again_with("handle::a_disabled_sdk_records_nothing_through_any_layer", "OTEL_SDK_DISABLED", "true") {
        return;
    }
    let tracing = AgentTracing::open("sqlite::memory:").unwrap();
    let subscriber = tracing_subscriber::registry().with(tracing.layer()).with(tracing.unfiltered_layer());
    tracing::subscriber::with_default(subscriber, || {
        let span = info_span!("span");
        span.in_scope(|| drop(info_span!("child")));
        assert_eq!(span.record_session("s").traceparent(), None);
    });
    tracing.force_flush(PATIENCE).unwrap();
    assert_eq!(tracing.health().offered, 0);
    assert!(tracing.repository().traces(&TraceFilter::new()).unwrap().items.is_empty());
}

#[test]
fn variables_reach_the_pipeline_and_the_layer() {
    if !again_with("handle::variables_reach_the_pipeline_and_the_layer", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1") {
        return;
    }
    let dropped = |limits: Option<tracing_agents::Limits>| {
        let builder = AgentTracing::builder("sqlite::memory:");
        let tracing = if let Some(limits) = limits { builder.limits(limits) } else { builder }.open().unwrap();
        tracing::dispatcher::with_default(&dispatch(&tracing), || drop(info_span!("span", a = 1, b = 2, c = 3)));
        tracing.force_flush(PATIENCE).unwrap();
        let repository = tracing.repository();
        let tree = repository.trace(repository.traces(&TraceFilter::new()).unwrap().items[0].trace_id).unwrap();
        tree.spans[0].dropped_count
    };
    assert_eq!(dropped(None), 2);
    assert_eq!(dropped(Some(tracing_agents::Limits::default())), 0, "what the program says wins");
}
