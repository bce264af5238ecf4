//! What those are told who deliver spans and wait for their fate.

use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::fakes::{FakeSink, LONG, SharedLog, accept, eventually, gate, record, settings, start, start_with};
use crate::model::SpanRecord;
use crate::pipeline::{Inlet, Receipt, Refused, Settings};

/// Delivers spans of these names; where their receipt will come.
fn deliver<'a>(inlet: &Inlet, names: impl IntoIterator<Item = &'a str>) -> Result<Receiver<Receipt>, Refused> {
    let (sender, receiver) = channel();
    let records: Vec<SpanRecord> = names.into_iter().map(record).collect();
    inlet.deliver(records, move |receipt| drop(sender.send(receipt)))?;
    Ok(receiver)
}

fn stored(number: u64) -> Receipt {
    Receipt { stored: number, ..Receipt::default() }
}

#[test]
fn a_delivery_is_stored_without_waiting_for_a_full_batch_and_told_after_the_write() {
    let log = SharedLog::default();
    let pipeline = start(settings(), FakeSink::new(&log));
    for number in 1..=3 {
        let receipt = deliver(&pipeline.inlet(), ["a", "b"]).unwrap().recv_timeout(LONG).unwrap();
        assert_eq!((receipt, log.count()), (stored(2), number * 2));
    }
    assert_eq!(deliver(&pipeline.inlet(), []).unwrap().recv_timeout(LONG).unwrap(), stored(0));
}

#[test]
fn deliveries_that_come_while_a_batch_is_written_share_the_next_one() {
    let log = SharedLog::default();
    let (open, mut wait) = gate();
    let store = FakeSink::new(&log).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = start(settings(), store);
    let first = deliver(&pipeline.inlet(), ["a"]).unwrap();
    eventually("the first write has begun", || log.writes() == [1]);
    let others: Vec<_> = (0..5).map(|_| deliver(&pipeline.inlet(), ["b", "c"]).unwrap()).collect();
    assert!(first.try_recv().is_err(), "not before the store has it");
    drop(open);
    assert_eq!(first.recv_timeout(LONG).unwrap(), stored(1));
    for other in others {
        assert_eq!(other.recv_timeout(LONG).unwrap(), stored(2));
    }
    assert_eq!(log.writes(), [1, 10]);
}

#[test]
fn a_receipt_names_the_spans_that_cannot_be_stored_and_only_its_own() {
    let log = SharedLog::default();
    let store = FakeSink::new(&log).refusing(|name| name == "poison");
    let pipeline = start(Settings { max_export_batch_size: 2, ..settings() }, store);
    accept(&pipeline.inlet(), 1);
    let clean = deliver(&pipeline.inlet(), ["a"]).unwrap();
    let mixed = deliver(&pipeline.inlet(), ["a", "poison", "b", "unreadable", "c"]).unwrap();
    assert_eq!(clean.recv_timeout(LONG).unwrap(), stored(1));
    let receipt = mixed.recv_timeout(LONG).unwrap();
    let left_out: Vec<_> = receipt.left_out.iter().map(|left_out| left_out.index).collect();
    assert_eq!((receipt.stored, left_out, receipt.given_up), (3, vec![1, 3], 0));
    let reasons: Vec<_> = receipt.left_out.iter().map(|left_out| left_out.reason.as_str()).collect();
    assert!(reasons[0].ends_with("the store refuses it, alone: value out of range"), "{reasons:?}");
    assert!(reasons[1].ends_with("reading it panicked: assertion `left != right` failed: cannot be read\n  left: \"unreadable\"\n right: \"unreadable\""), "{reasons:?}");
}

#[test]
fn a_full_queue_takes_none_of_a_delivery_and_tells_nothing() {
    let log = SharedLog::default();
    let (open, mut wait) = gate();
    let store = FakeSink::new(&log).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = start(Settings { max_queue_size: 3, ..settings() }, store);
    let first = deliver(&pipeline.inlet(), ["a"]).unwrap();
    eventually("the first write has begun", || log.writes() == [1]);
    let second = deliver(&pipeline.inlet(), ["a", "b"]).unwrap();
    assert_eq!(deliver(&pipeline.inlet(), ["a", "b"]).unwrap_err(), Refused::QueueFull);
    let health = pipeline.health();
    assert_eq!((health.accepted, health.rejected.queue_full), (3, 2));
    assert!(health.adds_up());
    drop(open);
    assert_eq!((first.recv_timeout(LONG).unwrap(), second.recv_timeout(LONG).unwrap()), (stored(1), stored(2)));
    assert_eq!(log.count(), 3, "nothing of what was refused");
}

#[test]
fn a_shutdown_stores_what_was_delivered_and_a_late_one_gives_it_up() {
    let log = SharedLog::default();
    let pipeline = start(settings(), FakeSink::new(&log));
    let delivered = deliver(&pipeline.inlet(), ["a"]).unwrap();
    pipeline.shutdown(LONG).unwrap();
    assert_eq!(delivered.recv_timeout(LONG).unwrap(), stored(1));
    assert_eq!(deliver(&pipeline.inlet(), ["a"]).unwrap_err(), Refused::AfterShutdown);

    let (open, mut wait) = gate();
    let hangs = FakeSink::new(&SharedLog::default()).on_write(move |_| {
        wait();
        Ok(())
    });
    let pipeline = start_with(settings(), hangs, Vec::new(), None);
    let delivered = deliver(&pipeline.inlet(), ["a", "b"]).unwrap();
    pipeline.shutdown(Duration::from_millis(20)).unwrap_err();
    assert_eq!(delivered.recv_timeout(LONG).unwrap(), Receipt { given_up: 2, ..Receipt::default() });
    assert!(pipeline.health().adds_up());
    drop(open);
}
