//! Computed costs: they add up in any order, stay when spans are written once more, and can be made anew.

use super::*;
use crate::semconv::{Price, PriceTable, Prices};
use crate::store::Repriced;

/// Prices of the model that sketches call: so many nano-dollars for an input token.
fn prices(nano_usd: u32) -> Prices {
    let price = Price::new("m").input(f64::from(nano_usd) / 1e3);
    Prices::new(PriceTable::new(format!("{nano_usd} nano"), [price]).unwrap())
}

/// Writes spans as the `writer`th writing of them, by its prices.
fn write_priced(store: &Store, batch: &[Sketch], prices: &Prices, writer: u64) {
    let priced = |sketch: &Sketch| {
        let mut item = sketch.item();
        prices.apply(&mut item);
        item.span.sequence = Some(writer);
        item
    };
    let items: Vec<InterpretedSpan> = batch.iter().map(priced).collect();
    let prepared = prepare(&items, 0, true).unwrap();
    store.write(|connection| write_batch(connection, prepared, NewRows::Add, prices)).unwrap();
}

fn reprice(store: &Store, prices: &Prices) -> Repriced {
    let ids: Vec<TraceId> =
        dump(store).traces.iter().map(|trace| TraceId::from_slice(&trace.trace_id).unwrap()).collect();
    store.reprice(&ids, prices).unwrap()
}

/// Spans whose parents lead in no circle: there, what is inside of what is a matter of taste.
fn tree_sketch(traces: u16) -> impl Strategy<Value = Sketch> {
    sketch(traces).prop_map(|sketch| Sketch { parent: sketch.parent.filter(|parent| *parent < sketch.span), ..sketch })
}

/// Whether something below a span has a cost; for a model's call, another part of the same call.
fn is_explained(rows: &[SpanRow], row: &SpanRow, by_calls: bool) -> bool {
    let mut children = rows.iter().filter(|child| child.stands_under() == Some(&row.span_id));
    children.any(|child| {
        let kind = graph::kind(child);
        (child.cost_nano_usd.is_some() && (kind.is_model_call() || !by_calls))
            || (!(by_calls && kind.separates_calls()) && is_explained(rows, child, by_calls))
    })
}

fn sum(costs: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    costs.flatten().reduce(i64::saturating_add)
}

/// What a trace costs: its leaves, found by walking down from each span.
fn cost_of_leaves(rows: &[SpanRow]) -> Option<i64> {
    let leaves = rows.iter().filter(|row| !is_explained(rows, row, graph::kind(row).is_model_call()));
    sum(leaves.map(|row| row.cost_nano_usd))
}

/// That each trace costs what its leaves do, and each session what its traces do.
#[track_caller]
fn assert_costs_add_up(dump: &Dump) {
    for trace in &dump.traces {
        let rows: Vec<SpanRow> = dump.spans.iter().filter(|row| row.trace_id == trace.trace_id).cloned().collect();
        assert_eq!(trace.cost_nano_usd, cost_of_leaves(&rows));
    }
    for session in &dump.sessions {
        let of_session = |trace: &&TraceRow| trace.session_id.as_ref() == Some(&session.session_id);
        assert_eq!(session.cost_nano_usd, sum(dump.traces.iter().filter(of_session).map(|trace| trace.cost_nano_usd)));
    }
}

/// Everything but who wrote it.
fn without_writers(mut dump: Dump) -> Dump {
    for row in &mut dump.spans {
        (row.sequence, row.version_hash) = (None, 0);
    }
    dump
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn costs_add_up_in_any_order_and_however_often(
        sketches in proptest::collection::vec(tree_sketch(4), 1..24),
        order in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..5), 0..24),
    ) {
        let straight = Store::open("sqlite::memory:").unwrap();
        write_priced(&straight, &sketches, &prices(3), 0);
        let expected = dump(&straight);
        assert_costs_add_up(&expected);

        let shuffled = Store::open("sqlite::memory:").unwrap();
        for (writing, (place, length)) in (1..).zip(&order) {
            let from = place.index(sketches.len());
            let batch: Vec<Sketch> = sketches[from..].iter().take(*length).cloned().collect();
            write_priced(&shuffled, &batch, &prices(3), writing);
            assert_costs_add_up(&dump(&shuffled));
        }
        for one in sketches.iter().rev() {
            write_priced(&shuffled, std::slice::from_ref(one), &prices(3), 0);
        }
        prop_assert_eq!(without_writers(dump(&shuffled)), without_writers(expected));
    }

    /// Pricing anew is as having had the new prices from the start, and who writes the same spans again by the old ones changes nothing.
    #[test]
    fn pricing_anew_is_final_for_what_is_stored(
        sketches in proptest::collection::vec(tree_sketch(4), 1..20),
        replays in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..5), 0..12),
    ) {
        let from_the_start = Store::open("sqlite::memory:").unwrap();
        write_priced(&from_the_start, &sketches, &prices(7), 0);
        let expected = without_writers(dump(&from_the_start));

        let store = Store::open("sqlite::memory:").unwrap();
        write_priced(&store, &sketches, &prices(3), 0);
        let first = reprice(&store, &prices(7));
        prop_assert_eq!(&without_writers(dump(&store)), &expected);
        prop_assert_eq!(reprice(&store, &prices(7)), Repriced { changed: 0, ..first });

        for (writing, (place, length)) in (1..).zip(&replays) {
            let from = place.index(sketches.len());
            let batch: Vec<Sketch> = sketches[from..].iter().take(*length).cloned().collect();
            write_priced(&store, &batch, &prices(3), writing);
            prop_assert_eq!(&without_writers(dump(&store)), &expected);
        }
        recompute_all(&store);
        prop_assert_eq!(&without_writers(dump(&store)), &expected);
    }
}

#[test]
fn a_version_that_says_more_brings_its_writers_price() {
    let store = Store::open("sqlite::memory:").unwrap();
    write_priced(&store, &[model(0, None, Some(10))], &prices(3), 0);
    reprice(&store, &prices(7));
    let later = Sketch { end: Some(60), ..model(0, None, Some(10)) };
    write_priced(&store, &[later], &prices(3), 1);
    assert_eq!(dump(&store).traces[0].cost_nano_usd, Some(30));
}

#[test]
fn more_calls_than_one_transaction_takes_are_priced() {
    let store = Store::open("sqlite::memory:").unwrap();
    let calls: Vec<Sketch> = (0..1_300)
        .map(|span| Sketch { trace: span % 120, session: Some("s1"), ..model(span, None, Some(1)) })
        .collect();
    let large: Vec<Sketch> = (0..1_100).map(|span| Sketch { trace: 200, ..model(span, None, Some(1)) }).collect();
    write(&store, &calls);
    write(&store, &large);
    let done = reprice(&store, &prices(3));
    assert_eq!((done.priced, done.changed, done.unpriced), (2_400, 2_400, 0));
    let after = dump(&store);
    assert_eq!(after.sessions[0].cost_nano_usd, Some(3 * 1_300));
    assert_eq!(after.traces.last().unwrap().cost_nano_usd, Some(3 * 1_100));
    recompute_all(&store);
    assert_eq!(dump(&store), after);
}

#[test]
fn ids_that_are_not_stored_are_passed_over() {
    let store = Store::open("sqlite::memory:").unwrap();
    assert_eq!(store.reprice(&[trace_id(1), trace_id(1)], &prices(1)).unwrap(), Repriced::default());
    assert_eq!(store.reprice(&[], &prices(1)).unwrap(), Repriced::default());
}
