//! How many statements a batch costs, and what a database may have put in place to lock it.

use std::sync::{Arc, Mutex};

use diesel::connection::InstrumentationEvent;

use super::*;
use crate::store::rows::TraceRow;

const DAY: i64 = 86_400_000_000_000;

/// The statements of a batch but for the rows that it puts: those are one call for each table, however a database carries it out.
fn statements(store: &Store, batch: &[Sketch]) -> Vec<String> {
    let items: Vec<InterpretedSpan> = batch.iter().map(Sketch::item).collect();
    let prepared = prepare(&items, 0, true).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let listen = move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            hear.lock().unwrap().push(query.to_string());
        }
    };
    store
        .write(|connection| {
            dispatch!(connection, c => diesel::Connection::set_instrumentation(c, listen));
            let written = write_batch(connection, prepared, NewRows::Add, &Prices::default());
            dispatch!(connection, c => diesel::Connection::set_instrumentation(c, |_: InstrumentationEvent<'_>| {}));
            written
        })
        .unwrap();
    let mut statements = heard.lock().unwrap().split_off(0);
    assert!(statements.iter().any(|statement| statement.starts_with("INSERT")), "nothing was heard");
    statements.retain(|statement| !statement.starts_with("INSERT"));
    statements
}

/// A batch for some traces, of 500 spans in all, and one that changes all that can change in them without making them anew: late
/// roots and so other starts, ids that flow down, children of what is stored and of what is new, and spans on another day.
fn batches(traces: u16) -> (Vec<Sketch>, Vec<Sketch>) {
    let spans = 500 / traces;
    let of = |trace, span| Sketch { trace, ..model(span, Some(span / 2), Some(1)) };
    let first = (0..traces).flat_map(|trace| (2..spans).step_by(2).map(move |span| of(trace, span)));
    let then = (0..traces).flat_map(|trace| {
        let root = Sketch {
            kind: Kind::Agent,
            session: Some(if trace % 2 == 0 { "s1" } else { "s2" }),
            start: -5,
            parent: None,
            ..of(trace, 0)
        };
        let moved = Sketch { start: DAY, end: Some(2 * DAY), ..of(trace, 4) };
        (1..spans).step_by(2).map(move |span| of(trace, span)).chain([root, moved])
    });
    (first.collect(), then.collect())
}

#[test]
fn a_batch_costs_as_many_statements_for_a_hundred_traces_as_for_ten() {
    let counts = [10, 100].map(|traces| {
        let store = Store::open("sqlite::memory:").unwrap();
        let (first, then) = batches(traces);
        let new = statements(&store, &first);
        let changing = statements(&store, &then);
        let after = dump(&store);
        assert_eq!(after.traces.len(), usize::from(traces));
        assert!(after.traces.iter().all(|trace| trace.start_ns == -5 && trace.session_id.is_some()));
        assert_eq!(after.spans.iter().filter(|span| span.start_day == 1).count(), usize::from(traces));
        recompute_all(&store);
        assert_eq!(dump(&store), after);
        (new, changing)
    });
    let [(new_few, few), (new_many, many)] = &counts;
    // Looking for stored summaries, of traces and of sessions, and whether anything came as log records.
    assert!(new_few.len() <= 3 && new_many.len() <= 3, "{new_many:#?}");
    // 500 keys go into one statement: of the facets there are more.
    assert!(many.len() <= 20 && many.len() <= few.len() + 5, "{}, {}: {many:#?}", few.len(), many.len());
}

#[test]
fn a_replay_reads_and_changes_nothing() {
    let store = Store::open("sqlite::memory:").unwrap();
    let (first, _) = batches(100);
    write(&store, &first);
    let before = dump(&store);
    let items: Vec<InterpretedSpan> = first.iter().map(Sketch::item).collect();
    let prepared = prepare(&items, 1, true).unwrap();
    store.write(|connection| write_batch(connection, prepared, NewRows::Add, &Prices::default())).unwrap();
    assert_eq!(dump(&store), before);
}

#[test]
fn more_traces_than_one_statement_asks_for() {
    let child = |trace| Sketch { trace, ..model(1, Some(0), Some(1)) };
    let root = |trace| Sketch { trace, kind: Kind::Agent, agent: Some("A"), start: -5, ..model(0, None, None) };
    let store = Store::open("sqlite::memory:").unwrap();
    write(&store, &(0..1_200).map(child).collect::<Vec<_>>());
    write(&store, &(0..1_200).map(root).collect::<Vec<_>>());
    let after = dump(&store);
    assert_eq!((after.traces.len(), after.spans.len()), (1_200, 2_400));
    assert!(after.spans.iter().all(|span| span.agent_name.as_deref() == Some("A")));
    recompute_all(&store);
    assert_eq!(dump(&store), after);
}

/// A database that locks by rows puts some in place to lock what is not there yet.
#[test]
fn what_a_lock_puts_in_place_counts_as_nothing() {
    let batch = [Sketch { session: Some("s1"), user: Some("u1"), ..model(0, None, Some(5)) }, model(1, Some(0), None)];
    let plain = Store::open("sqlite::memory:").unwrap();
    write(&plain, &batch);
    let expected = dump(&plain);
    let trace = TraceRow {
        span_count: 0,
        error_count: 9,
        start_ns: -9,
        input_tokens: Some(9),
        name: "none".to_owned(),
        ..expected.traces[0].clone()
    };
    let session = SessionRow { trace_count: 0, start_ns: i64::MAX, last_ns: 99, ..expected.sessions[0].clone() };
    let locked = Store::open("sqlite::memory:").unwrap();
    let items: Vec<InterpretedSpan> = batch.iter().map(Sketch::item).collect();
    let prepared = prepare(&items, 0, true).unwrap();
    let put = |connection: &mut AnyConnection| -> QueryResult<()> {
        dialect::put(connection, &[&trace])?;
        dialect::put(connection, &[&session])
    };
    locked
        .write(|connection| {
            put(connection)?;
            write_batch(connection, prepared, NewRows::Add, &Prices::default())
        })
        .unwrap();
    assert_eq!(dump(&locked), expected);
    recompute_all(&locked);
    assert_eq!(dump(&locked), expected);

    // Nor is it a trace that could be made anew or deleted.
    let empty = Store::open("sqlite::memory:").unwrap();
    let id = TraceId::from_slice(&trace.trace_id).unwrap();
    empty.write(|connection| Ok(put(connection)?)).unwrap();
    assert!(!empty.recompute_trace(id).unwrap());
    assert_eq!(dump(&empty).traces, []);
    empty.write(|connection| Ok(put(connection)?)).unwrap();
    assert_eq!(empty.delete_traces(&[id]).unwrap(), 0);
}
