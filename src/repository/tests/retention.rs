use std::time::{Duration, UNIX_EPOCH};

use super::sample::{SECOND, World, span, trace_id};
use crate::error::ErrorKind;
use crate::repository::{SessionFilter, SpanFilter, TraceFilter, TraceRepository};
use crate::store::{Retention, Store};

fn left(repository: &TraceRepository) -> (u64, usize) {
    let spans = repository.spans(&SpanFilter::new().limit(1_000)).unwrap().items.len();
    (repository.count_traces(&TraceFilter::new()).unwrap(), spans)
}

#[test]
fn deleted_traces_leave_nothing_behind() {
    let spans = [
        span(0, 0).session("both").agent("A"),
        span(0, 1),
        span(1, 0).session("both").agent("A"),
        span(2, 0).session("alone"),
    ];
    let repository = World::with(spans).repository;
    assert_eq!(repository.delete_traces(&[trace_id(0), trace_id(2), trace_id(77)]).unwrap(), 2);
    assert_eq!(left(&repository), (1, 1));
    assert_eq!(repository.session("both").unwrap().trace_count, 1);
    assert_eq!(repository.session("both").unwrap().span_count, 1);
    assert_eq!(repository.find_session("alone").unwrap(), None);
    assert_eq!(repository.count_traces(&TraceFilter::new().agent("A")).unwrap(), 1);
    assert_eq!(repository.span(trace_id(0), super::sample::span_id(1)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(repository.delete_traces(&[]).unwrap(), 0);
}

#[test]
fn pruning_goes_by_the_last_activity() {
    let mut spans: Vec<_> = (0..500).flat_map(|trace| (0..5).map(move |number| span(trace, number))).collect();
    // Begun early, active late; begun early and still running without an end; too large for one transaction.
    spans.push(span(3, 9).lasting(1_000 * SECOND));
    spans.push(span(600, 0).starting(SECOND).running());
    spans.extend((0..4_500).map(|number| span(700, number).starting(5 * SECOND).session("large")));
    let repository = World::with(spans).repository;
    let retention = Retention::from(UNIX_EPOCH + Duration::from_secs(400)).running_too();
    let pruned = repository.prune(&retention).unwrap();
    // Traces end a second after they start: those of the seconds 0 to 398 but the one that went on, the running and the large one.
    assert_eq!((pruned.traces, pruned.spans), (398 + 2, 398 * 5 + 1 + 4_500));
    assert_eq!(left(&repository), (102, 511));
    assert!(repository.find_trace(trace_id(3)).unwrap().is_some());
    assert_eq!(repository.sessions(&SessionFilter::new()).unwrap().items, []);
    let again = repository.prune(&retention).unwrap();
    assert_eq!((again.traces, again.spans), (0, 0));
}

#[test]
fn large_traces_are_deleted_in_pieces() {
    let spans = (0..4_100).map(|number| span(0, number)).chain([span(1, 0)]);
    let repository = World::with(spans).repository;
    assert_eq!(repository.delete_traces(&[trace_id(1), trace_id(0)]).unwrap(), 2);
    assert_eq!(left(&repository), (0, 0));
}

#[test]
fn pruning_gives_space_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("traces.db");
    let store = Store::open(&format!("sqlite://{}", path.display())).unwrap();
    let mut sink = crate::store::StoreSink::new(store.clone(), crate::model::ProcessId::generate(), String::new());
    let items: Vec<_> = (0..3_000)
        .map(|trace| {
            let span = span(trace, 0);
            let mut record =
                crate::model::SpanRecord::new(span.trace_id, span.span_id, "x".repeat(1_000), span.start_ns);
            record.end_ns = span.end_ns;
            crate::model::InterpretedSpan::new(record, span)
        })
        .collect();
    crate::pipeline::Sink::write(&mut sink, &items).unwrap();
    let repository = TraceRepository::new(store);
    let pages = |what: &str| {
        use diesel::RunQueryDsl as _;
        #[derive(diesel::QueryableByName)]
        struct Pages {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            pages: i64,
        }
        let query = format!("SELECT {what} AS pages FROM pragma_{what}");
        let read = repository.store.read(|connection| {
            Ok(crate::store::dispatch!(connection, c => diesel::sql_query(&query).get_result::<Pages>(c))?)
        });
        read.unwrap().pages
    };
    let before = pages("page_count");
    assert_eq!(repository.prune(UNIX_EPOCH + Duration::from_secs(10_000)).unwrap().traces, 3_000);
    assert_eq!(pages("freelist_count"), 0);
    assert!(pages("page_count") * 4 < before, "{before} {}", pages("page_count"));
}

#[test]
fn only_existing_databases_are_opened_to_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite://{}/{name}", folder.path().display());
    let error = TraceRepository::open(&url("none.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("none.db does not exist"), "{error}");
    assert!(!folder.path().join("none.db").exists());

    std::fs::write(folder.path().join("empty.db"), "").unwrap();
    let error = TraceRepository::open(&url("empty.db")).unwrap_err();
    assert!(error.to_string().contains("holds no traces"), "{error}");
    assert_eq!(std::fs::metadata(folder.path().join("empty.db")).unwrap().len(), 0);

    std::fs::write(folder.path().join("notes.txt"), "these are my notes, not a database").unwrap();
    assert!(TraceRepository::open(&url("notes.txt")).unwrap_err().to_string().contains("no SQLite database"));
    assert_eq!(TraceRepository::open("sqlite::memory:").unwrap_err().kind(), ErrorKind::Connect);
    assert_eq!(TraceRepository::open(&url("a/b.db")).unwrap_err().kind(), ErrorKind::Connect);

    drop(Store::open(&url("traces.db")).unwrap());
    assert_eq!(left(&TraceRepository::open(&url("traces.db")).unwrap()), (0, 0));
}

#[test]
fn a_trace_in_which_a_span_has_begun_lately_is_not_old() {
    let spans = [span(0, 0).running(), span(0, 1).starting(900 * SECOND).running(), span(1, 0).running()];
    let repository = World::with(spans).repository;
    let prune = |seconds| {
        let retention = Retention::from(UNIX_EPOCH + Duration::from_secs(seconds)).running_too();
        repository.prune(retention).unwrap().traces
    };
    assert_eq!(prune(500), 1);
    assert_eq!(left(&repository), (1, 2));
    assert_eq!(prune(901), 1);
}
