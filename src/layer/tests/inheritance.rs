//! Ids and names flow down, early and late, and never to another run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::{Instrument, field as value, info_span};

use super::{capture, capture_async};
use crate::field;
use crate::layer::SpanExt;
use crate::model::{IdentityField, SpanRecord};

fn inherited(record: &SpanRecord) -> Vec<(IdentityField, &str)> {
    record.inherited.iter().collect()
}

#[test]
fn early_ids_reach_all_descendants_and_stay_out_of_attributes() {
    let records = capture(|| {
        let _run = info_span!("run", { field::SESSION_ID } = "s1", { field::USER_ID } = 7).entered();
        let _agent = info_span!("agent", { field::AGENT_NAME } = "Researcher").entered();
        let _tool = info_span!("tool").entered();
    });
    assert_eq!(inherited(records.named("run")), [], "its own ids are attributes, not inherited");
    assert_eq!(inherited(records.named("agent")), [(IdentityField::SessionId, "s1"), (IdentityField::UserId, "7")]);
    let tool = records.named("tool");
    assert_eq!(
        inherited(tool),
        [(IdentityField::SessionId, "s1"), (IdentityField::UserId, "7"), (IdentityField::AgentName, "Researcher")]
    );
    assert!(tool.attributes.is_empty());
}

#[test]
fn the_nearest_ancestor_wins() {
    let records = capture(|| {
        let _outer = info_span!("outer", { field::AGENT_NAME } = "Outer", { field::AGENT_ID } = "1").entered();
        let _inner = info_span!("inner", { field::AGENT_NAME } = "Inner").entered();
        drop(info_span!("tool"));
    });
    assert_eq!(inherited(records.named("tool")), [(IdentityField::AgentName, "Inner")], "no other agent's id");
}

#[test]
fn a_late_id_reaches_descendants_that_close_after_it() {
    let records = capture(|| {
        let run = info_span!("run", { field::SESSION_ID } = value::Empty).entered();
        drop(info_span!("before"));
        let step = info_span!("step").entered();
        let open = info_span!("open").entered();
        run.record(field::SESSION_ID, "late");
        drop(info_span!("after"));
        drop(info_span!(parent: &*run, "child"));
        drop(open);
        run.record(field::SESSION_ID, "later");
        drop(info_span!("last"));
        drop(info_span!(parent: &*run, "last child"));
        drop(step);
    });
    assert_eq!(inherited(records.named("before")), []);
    let late = ["after", "child", "open"].map(|name| (name, "late"));
    let later = ["last", "last child", "step"].map(|name| (name, "later"));
    for (name, session) in late.into_iter().chain(later) {
        assert_eq!(inherited(records.named(name)), [(IdentityField::SessionId, session)], "{name}");
    }
}

#[test]
fn the_stronger_name_wins_and_an_empty_value_erases_nothing() {
    let records = capture(|| {
        let run = info_span!("run").entered();
        run.record_attribute("agent.name", "weak").record_attribute(field::AGENT_NAME, "strong");
        run.record_attribute("agent.name", "weak again").record_attribute(field::AGENT_NAME, "");
        run.record_session("first")
            .record_session("second")
            .record_attribute(field::USER_ID, crate::model::Value::Null);
        drop(info_span!("child"));
    });
    assert_eq!(
        inherited(records.named("child")),
        [(IdentityField::SessionId, "second"), (IdentityField::AgentName, "strong")]
    );
}

#[test]
fn quoted_and_optional_ids_are_read() {
    let records = capture(|| {
        let _run = info_span!("run", { field::SESSION_ID } = ?"s1", { field::USER_ID } = ?Some("u1")).entered();
        drop(info_span!("child"));
    });
    assert_eq!(inherited(records.named("child")), [(IdentityField::SessionId, "s1"), (IdentityField::UserId, "u1")]);
}

#[test]
fn a_child_that_outlives_its_parent_keeps_the_ids() {
    let records = capture_async(async {
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let mut task = None;
        async {
            let work = async {
                wait.await.unwrap();
                drop(info_span!("grandchild"));
            };
            task = Some(tokio::spawn(work.instrument(info_span!("child"))));
        }
        .instrument(info_span!("run", { field::SESSION_ID } = "s1"))
        .await;
        go.send(()).unwrap();
        task.unwrap().await.unwrap();
    });
    for name in ["child", "grandchild"] {
        assert_eq!(inherited(records.named(name)), [(IdentityField::SessionId, "s1")], "{name}");
    }
}

#[test]
fn fifty_runs_at_once_never_mix_their_sessions() {
    const RUNS: usize = 50;
    const STEPS: usize = 20;
    let progress = Arc::new(AtomicUsize::new(0));
    let records = capture_async(async {
        let runs: Vec<_> = (0..RUNS)
            .map(|run| {
                let progress = Arc::clone(&progress);
                let work = async move {
                    // Half of the runs name their session early, half late.
                    let span = tracing::Span::current();
                    if run % 2 == 0 {
                        span.record_session(&format!("session {run}"));
                    }
                    let mut tasks = Vec::new();
                    for step in 0..STEPS {
                        let work = async move {
                            tokio::task::yield_now().await;
                            info_span!("tool", run).in_scope(|| ());
                        };
                        tasks.push(tokio::spawn(work.instrument(info_span!("step", run, step))));
                        progress.fetch_add(1, Ordering::Relaxed);
                        tokio::task::yield_now().await;
                    }
                    span.record_session(&format!("session {run}"));
                    for task in tasks {
                        task.await.unwrap();
                    }
                };
                tokio::spawn(work.instrument(info_span!("run", run)))
            })
            .collect();
        for run in runs {
            run.await.unwrap();
        }
    });
    assert_eq!(progress.load(Ordering::Relaxed), RUNS * STEPS);
    assert_eq!(records.0.len(), RUNS * (1 + 2 * STEPS));

    let run_of = |record: &SpanRecord| match record.attributes.get("run") {
        Some(crate::model::Value::U64(run)) => *run,
        other => panic!("{other:?}"),
    };
    let roots: std::collections::HashMap<_, _> =
        records.0.iter().filter(|r| r.name == "run").map(|r| (run_of(r), r)).collect();
    for record in records.0.iter().filter(|record| record.name != "run") {
        let run = run_of(record);
        let session = format!("session {run}");
        assert_eq!(record.trace_id, roots[&run].trace_id);
        match record.inherited.session() {
            Some(inherited) => assert_eq!(inherited, session),
            // Closed before its run named the session.
            None => assert!(run % 2 == 1, "an early session reaches every span"),
        }
    }
}
