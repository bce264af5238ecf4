//! The asynchronous repository: the same answers, on any executor, and nothing left behind by a call that is given up.

mod database;
mod executor;

use std::time::{Duration, SystemTime};

use database::{Database, databases, servers};
use executor::{EXECUTORS, Executor, poll_some, run};
use tracing_agents::model::{SpanId, TraceId};
use tracing_agents::{
    AgentTracing, AsyncTraceRepository, Group, Price, PriceTable, SessionFilter, SpanFilter, StatsQuery, TraceFilter,
    TraceRepository,
};

/// A future that any executor may run on any of its threads.
fn send<F: Future + Send>(future: F) -> F {
    future
}

fn all() -> TraceFilter {
    TraceFilter::new().limit(1000)
}

fn open(database: &Database) -> AsyncTraceRepository {
    run(Executor::Plain, AsyncTraceRepository::open(&database.url)).unwrap()
}

/// Every answer of the blocking repository, as text; then every one of the asynchronous one, on an executor.
fn answers(blocking: &TraceRepository) -> Vec<String> {
    let mut filter: TraceFilter = "agent:Researcher,Writer session:s0,s1,s2 tokens>1".parse().unwrap();
    filter = filter.limit(3);
    let page = blocking.traces(&filter).unwrap();
    let (trace, next) = (page.items[0].trace_id, page.next.clone().unwrap());
    let tree = blocking.trace(trace).unwrap();
    let spans: SpanFilter = "kind:tool".parse().unwrap();
    let sessions = SessionFilter::new();
    let (by_span, by_trace) = questions();
    let unknown = (TraceId::from_bytes([9; 16]), SpanId::from_bytes([9; 8]));
    vec![
        format!("{page:?}"),
        format!("{:?}", blocking.traces(&filter.clone().after(next.clone()))),
        format!("{:?}", blocking.count_traces(&filter)),
        format!("{tree:?}"),
        format!("{:?}", blocking.find_trace(unknown.0)),
        format!("{:?}", blocking.trace(unknown.0)),
        format!("{:?}", blocking.spans(&spans)),
        format!("{:?}", blocking.spans(&"agent:Editor".parse().unwrap())),
        format!("{:?}", blocking.span(trace, tree.spans[1].span_id)),
        format!("{:?}", blocking.span(trace, unknown.1)),
        format!("{:?}", blocking.requested_tool_calls(trace)),
        format!("{:?}", blocking.requested_tool_calls(unknown.0)),
        format!("{:?}", blocking.sessions(&sessions)),
        format!("{:?}", blocking.session("s1")),
        format!("{:?}", blocking.find_session("s9")),
        format!("{:?}", blocking.session("s9")),
        format!("{:?}", blocking.stats(&by_span)),
        format!("{:?}", blocking.stats(&by_trace)),
        format!("{:?}", blocking.processes()),
        // The cursor of another list.
        format!("{:?}", blocking.sessions(&sessions.clone().after(next))),
    ]
}

async fn async_answers(repository: AsyncTraceRepository) -> Vec<String> {
    let mut filter: TraceFilter = "agent:Researcher,Writer session:s0,s1,s2 tokens>1".parse().unwrap();
    filter = filter.limit(3);
    let page = repository.traces(&filter).await.unwrap();
    let (trace, next) = (page.items[0].trace_id, page.next.clone().unwrap());
    let tree = repository.trace(trace).await.unwrap();
    let spans: SpanFilter = "kind:tool".parse().unwrap();
    let sessions = SessionFilter::new();
    let (by_span, by_trace) = questions();
    let unknown = (TraceId::from_bytes([9; 16]), SpanId::from_bytes([9; 8]));
    vec![
        format!("{page:?}"),
        format!("{:?}", repository.traces(&filter.clone().after(next.clone())).await),
        format!("{:?}", repository.count_traces(&filter).await),
        format!("{tree:?}"),
        format!("{:?}", repository.find_trace(unknown.0).await),
        format!("{:?}", repository.trace(unknown.0).await),
        format!("{:?}", repository.spans(&spans).await),
        format!("{:?}", repository.spans(&"agent:Editor".parse().unwrap()).await),
        format!("{:?}", repository.span(trace, tree.spans[1].span_id).await),
        format!("{:?}", repository.span(trace, unknown.1).await),
        format!("{:?}", repository.requested_tool_calls(trace).await),
        format!("{:?}", repository.requested_tool_calls(unknown.0).await),
        format!("{:?}", repository.sessions(&sessions).await),
        format!("{:?}", repository.session("s1").await),
        format!("{:?}", repository.find_session("s9").await),
        format!("{:?}", repository.session("s9").await),
        format!("{:?}", repository.stats(&by_span).await),
        format!("{:?}", repository.stats(&by_trace).await),
        format!("{:?}", repository.processes().await),
        format!("{:?}", repository.sessions(&sessions.clone().after(next)).await),
    ]
}

fn questions() -> (StatsQuery, StatsQuery) {
    let by_span = StatsQuery::spans(SpanFilter::new()).group_by(Group::Model);
    let by_trace = StatsQuery::traces(TraceFilter::new()).group_by(Group::Tool).bucket(Duration::from_secs(1));
    (by_span, by_trace)
}

#[test]
fn the_answers_are_those_of_the_blocking_repository() {
    for database in databases() {
        let database = database.filled(24, 10);
        let expected = answers(&TraceRepository::open(&database.url).unwrap());
        assert!(expected[0].contains("Researcher"), "{}", expected[0]);
        assert!(expected.last().unwrap().contains("InvalidInput"), "{expected:?}");
        for executor in EXECUTORS {
            let repository = open(&database);
            let found = run(executor, send(async_answers(repository)));
            assert_eq!(found, expected, "{} on {executor:?}", database.url);
        }
    }
}

#[test]
fn a_database_that_is_not_there_is_the_same_error() {
    let folder = tempfile::tempdir().unwrap();
    let url = crate::support::url_in(&folder);
    let expected = TraceRepository::open(&url).unwrap_err();
    for executor in EXECUTORS {
        let url = url.clone();
        let error = run(executor, async move { AsyncTraceRepository::open(&url).await.unwrap_err() });
        assert_eq!(format!("{error:?}"), format!("{expected:?}"));
    }
}

#[test]
fn the_handle_gives_one() {
    for database in databases() {
        let tracing = AgentTracing::open(&database.url).unwrap();
        let repository = tracing.async_repository();
        for executor in EXECUTORS {
            let repository = repository.clone();
            assert_eq!(run(executor, async move { repository.count_traces(&all()).await.unwrap() }), 0);
        }
        let memory = AgentTracing::open("sqlite::memory:").unwrap().async_repository();
        assert_eq!(run(Executor::Plain, async move { memory.count_traces(&all()).await.unwrap() }), 0);
    }
}

#[test]
fn deleting_and_pruning_do_what_they_say() {
    for database in databases() {
        let database = database.filled(9, 1);
        let repository = open(&database);
        let (deleted, pruned, left) = run(Executor::CurrentThread, async move {
            let ids: Vec<TraceId> =
                repository.traces(&all()).await.unwrap().items.iter().take(4).map(|trace| trace.trace_id).collect();
            let deleted = send(repository.delete_traces(&ids)).await.unwrap();
            let pruned = send(repository.prune(SystemTime::now() + Duration::from_secs(60))).await.unwrap();
            (deleted, pruned, repository.count_traces(&all()).await.unwrap())
        });
        assert_eq!((deleted, pruned.traces, pruned.spans, left), (4, 5, 15, 0), "{}", database.url);
    }
}

/// What a call of each sort asks: few statements, many, and one with many rows.
async fn ask(repository: &AsyncTraceRepository, sort: usize) -> String {
    match sort {
        0 => format!("{:?}", repository.traces(&all()).await),
        1 => format!("{:?}", repository.traces(&"agent:Writer session:s1 model:m tool:web".parse().unwrap()).await),
        _ => format!("{:?}", repository.stats(&StatsQuery::spans(SpanFilter::new()).group_by(Group::Agent)).await),
    }
}

#[test]
fn a_call_can_be_given_up_at_any_point() {
    for database in databases() {
        let database = database.filled(24, 20);
        let repository = open(&database);
        for sort in 0..3 {
            let expected = run(Executor::Plain, {
                let repository = repository.clone();
                async move { ask(&repository, sort).await }
            });
            assert!(expected.starts_with("Ok("), "{expected}");
            // On this thread without any runtime, and inside of one that belongs to the caller.
            for inside in [false, true] {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                let _inside = inside.then(|| runtime.enter());
                let mut polls = 0;
                while let Err(()) = poll_some(ask(&repository, sort), polls) {
                    polls += 1;
                }
                assert!(polls > 0, "the call of sort {sort} never waited");
            }
            let after = run(Executor::Plain, {
                let repository = repository.clone();
                async move { ask(&repository, sort).await }
            });
            assert_eq!(after, expected, "{}", database.url);
        }
        database.expect_quiet();
    }
}

#[test]
fn a_server_stops_working_for_a_call_that_is_given_up() {
    for database in servers() {
        let database = database.filled(3, 1);
        let repository = open(&database);
        let lock = database.lock();
        for _ in 0..6 {
            // More than there are connections, each waiting at the lock.
            let calls: Vec<_> = (0..4)
                .map(|_| {
                    let mut call = Box::pin(async { repository.traces(&all()).await });
                    executor::poll_until_idle(call.as_mut());
                    call
                })
                .collect();
            drop(calls);
        }
        // The lock is held on: nothing but the news that nobody waits ends their statements.
        database.expect_quiet();
        lock.release();
        assert_eq!(run(Executor::Plain, async move { repository.count_traces(&all()).await.unwrap() }), 3);
    }
}

#[test]
fn a_reader_that_waits_gets_the_place_of_a_call_that_is_given_up() {
    for database in servers() {
        let database = database.filled(1, 0);
        let tracing = AgentTracing::open(&database.url).unwrap();
        let (blocking, repository) = (tracing.repository(), tracing.async_repository());
        let lock = database.lock();
        let mut calls: Vec<_> = (0..4).map(|_| Box::pin(async { repository.traces(&all()).await })).collect();
        calls.iter_mut().for_each(|call| executor::poll_until_idle(call.as_mut()));
        std::thread::scope(|scope| {
            // This table is not locked.
            let reader = scope.spawn(|| blocking.processes());
            std::thread::sleep(Duration::from_millis(300));
            assert!(!reader.is_finished(), "there was a connection left");
            drop(calls);
            assert_eq!(reader.join().unwrap().unwrap().len(), 1, "{}", database.url);
        });
        lock.release();
    }
}

#[test]
fn other_tasks_of_the_only_thread_go_on() {
    for database in databases() {
        let database = database.filled(3, 1);
        let repository = open(&database);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let id = repository.traces(&all()).await.unwrap().items[0].trace_id;
            let lock = std::thread::scope(|scope| scope.spawn(|| database.lock()).join().unwrap());
            let waiting = tokio::spawn(async move {
                // A server's readers wait at the lock, as SQLite's writers do.
                let deleted = repository.delete_traces(&[id]).await.unwrap();
                (deleted, repository.count_traces(&all()).await.unwrap())
            });
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert!(!waiting.is_finished());
            lock.release();
            assert_eq!(waiting.await.unwrap(), (1, 2), "{}", database.url);
        });
    }
}

#[test]
fn many_calls_share_few_connections() {
    for database in databases() {
        let database = database.filled(12, 5);
        let repository = open(&database);
        for mut builder in [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
        {
            let runtime = builder.build().unwrap();
            let calls: Vec<_> = (0..50)
                .map(|number| {
                    let repository = repository.clone();
                    runtime.spawn(async move { ask(&repository, number % 3).await })
                })
                .collect();
            let found: Vec<String> = runtime.block_on(async {
                let mut found = Vec::new();
                for call in calls {
                    found.push(call.await.unwrap());
                }
                found
            });
            for (number, answer) in found.iter().enumerate() {
                assert!(answer.starts_with("Ok(") && *answer == found[number % 3], "{}: {answer}", database.url);
            }
        }
        database.expect_quiet();
    }
}

#[test]
fn runtimes_come_and_go() {
    for database in databases() {
        let database = database.filled(6, 3);
        let repository = open(&database);
        for round in 0..10 {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
            let count = runtime.block_on(repository.count_traces(&all())).unwrap();
            assert_eq!(count, 6, "{} in round {round}", database.url);
            // These end with their runtime, wherever they are.
            for number in 0..6 {
                let repository = repository.clone();
                runtime.spawn(async move { ask(&repository, number % 3).await });
            }
            runtime.shutdown_background();
        }
        database.expect_quiet();
    }
}

#[test]
fn the_blocking_repository_gets_its_connections_while_calls_are_given_up() {
    for database in databases() {
        let database = database.filled(6, 3);
        let tracing = AgentTracing::open(&database.url).unwrap();
        let (blocking, repository) = (tracing.repository(), tracing.async_repository());
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..6)
                .map(|_| scope.spawn(|| (0..60).for_each(|_| assert_eq!(blocking.count_traces(&all()).unwrap(), 6))))
                .collect();
            let mut polls = 0;
            while readers.iter().any(|reader| !reader.is_finished()) {
                let _ = poll_some(ask(&repository, polls % 3), polls % 11);
                polls += 1;
            }
        });
        database.expect_quiet();
    }
}

#[test]
fn the_blocking_repository_works_inside_of_runtimes() {
    for database in databases() {
        let database = database.filled(24, 10);
        let expected = answers(&TraceRepository::open(&database.url).unwrap());
        for executor in EXECUTORS {
            let url = database.url.clone();
            let found = run(executor, async move { answers(&TraceRepository::open(&url).unwrap()) });
            assert_eq!(found, expected, "{} on {executor:?}", database.url);
        }
    }
}

#[test]
fn pruning_that_is_given_up_stops_after_its_transaction() {
    const TRACES: u64 = 700;
    /// What one transaction deletes at most.
    const PIECE: u64 = 200;
    let database = Database::sqlite().filled(TRACES, 0);
    let tracing = AgentTracing::open(&database.url).unwrap();
    let (blocking, repository) = (tracing.repository(), tracing.async_repository());
    let lock = database.lock();
    let late = SystemTime::now() + Duration::from_secs(60);
    assert!(poll_some(repository.prune(late), 1).is_err());
    lock.release();
    // These need the connection that pruning has.
    for _ in 0..20 {
        assert_eq!(blocking.delete_traces(&[TraceId::from_bytes([9; 16])]).unwrap(), 0);
    }
    let left = blocking.count_traces(&all()).unwrap();
    assert!([TRACES, TRACES - PIECE].contains(&left), "{left} are left");
    // The next call goes on.
    let pruned = run(Executor::Plain, async move { repository.prune(late).await.unwrap() });
    assert_eq!((pruned.traces, blocking.count_traces(&all()).unwrap()), (left, 0));
}

#[test]
fn pricing_anew_that_is_given_up_is_finished_by_the_next_call() {
    const TRACES: u64 = 300;
    /// Traces of one transaction at most.
    const PIECE: u64 = 100;
    const COST: u64 = 2_000;
    let database = Database::sqlite().filled(TRACES, 1);
    let tracing = AgentTracing::open(&database.url).unwrap();
    let (blocking, repository) = (tracing.repository(), tracing.async_repository());
    let prices = PriceTable::new("mine", [Price::new("m").output(1.0)]).unwrap();
    let lock = database.lock();
    assert!(poll_some(repository.reprice(&all(), &prices), 1).is_err());
    lock.release();
    // These need the connection that pricing has.
    for _ in 0..20 {
        assert_eq!(blocking.delete_traces(&[TraceId::from_bytes([9; 16])]).unwrap(), 0);
    }
    let cost = blocking.stats(&StatsQuery::spans(SpanFilter::new())).unwrap()[0].cost_nano_usd;
    let priced = u64::try_from(cost.unwrap_or(0)).unwrap() / COST;
    assert!([0, PIECE].contains(&priced), "{priced} are priced");
    let done = run(Executor::Plain, async move { send(repository.reprice(&all(), &prices)).await.unwrap() });
    assert_eq!((done.priced, done.changed, done.unpriced), (TRACES, TRACES - priced, 0));
}
