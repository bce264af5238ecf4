//! What was recorded comes back as it was, whatever the store made of it.

use proptest::prelude::*;

use super::sample::{World, span_id, trace_id};
use crate::error::ErrorKind;
use crate::model::{SpanRecord, SpanState};
use crate::repository::SpanFilter;
use crate::wire::{payloads, strategy};

/// Records of two traces, each with an id of its own.
fn records() -> impl Strategy<Value = Vec<SpanRecord>> {
    strategy::records(false).prop_map(|mut records| {
        for (number, record) in (0..).zip(&mut records) {
            record.trace_id = trace_id(number % 2);
            record.span_id = span_id(number);
            // Columns of a row count to here.
            if let Some(origin) = &mut record.origin {
                origin.sequence &= i64::MAX.unsigned_abs();
            }
        }
        records
    })
}

fn sorted(mut records: Vec<SpanRecord>) -> Vec<SpanRecord> {
    records.sort_by_key(|record| (record.trace_id, record.span_id));
    records
}

fn all(world: &World, filter: SpanFilter) -> Vec<SpanRecord> {
    let (mut filter, mut records) = (filter, Vec::new());
    loop {
        let page = world.repository.span_records(&filter).unwrap();
        records.extend(page.items);
        let Some(next) = page.next else { return records };
        filter = filter.after(next);
    }
}

proptest! {
    #![proptest_config(payloads::cases(48))]

    #[test]
    fn any_record_comes_back_as_it_was(records in records()) {
        let mut world = World::new();
        world.record(&records);
        prop_assert_eq!(&sorted(all(&world, SpanFilter::new().limit(2))), &sorted(records.clone()));
        for number in 0..2 {
            let of_trace: Vec<_> =
                records.iter().filter(|record| record.trace_id == trace_id(number)).cloned().collect();
            if of_trace.is_empty() {
                continue;
            }
            let found = world.repository.records(trace_id(number)).unwrap();
            prop_assert!(found.is_sorted_by_key(|record| (record.start_ns, record.span_id)));
            prop_assert_eq!(sorted(found), sorted(of_trace));
        }
    }
}

#[test]
fn a_page_ends_before_it_fills_the_memory() {
    let large: Vec<SpanRecord> = (0..40)
        .map(|number| {
            let mut record = SpanRecord::new(trace_id(0), span_id(number), "large", i64::try_from(number).unwrap());
            record.attributes.push("text", "x".repeat(1 << 20));
            (record.end_ns, record.state) = (Some(100), SpanState::Closed);
            record
        })
        .collect();
    let mut world = World::new();
    world.record(&large);
    let first = world.repository.span_records(&SpanFilter::new().limit(1_000)).unwrap();
    assert!(first.items.len() < 40 && first.next.is_some(), "{}", first.items.len());
    let all = all(&world, SpanFilter::new().limit(1_000));
    assert_eq!(all.iter().map(|record| record.start_ns).collect::<Vec<_>>(), (0..40).rev().collect::<Vec<i64>>());
}

#[test]
fn an_unknown_trace_has_no_records() {
    let world = World::new();
    assert_eq!(world.repository.records(trace_id(1)).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(all(&world, SpanFilter::new()), []);
}
