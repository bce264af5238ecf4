//! What did not become a stored span: losses, dead letters, and what is missing.

use tracing_agents::model::{
    Account, DeadLetter, DeadLetterReason, Loss, LossReason, Origin, Process, ProcessId, SpanRecord,
};
use tracing_agents::pipeline::Sink;
use tracing_agents::store::Store;
use tracing_agents::{ErrorKind, TraceFilter, semconv, wire};

use crate::sketch::{at, moment, span, span_id, trace_id};
use crate::world::World;

crate::cases!(
    losses_that_are_told_twice_are_told_once,
    losses_come_page_by_page_the_latest_first,
    dead_letters_come_page_by_page_and_their_spans_whole,
    a_dead_letter_whose_span_could_not_be_read_says_so,
    texts_of_dead_letters_are_the_same_everywhere,
    what_is_stored_told_or_kept_is_not_missing,
    deleted_spans_are_not_missing,
    spans_that_another_process_takes_over_count_for_the_first,
    pruning_forgets_what_was_lost_before,
);

/// So large that once for each database is enough.
pub(crate) const LARGE: &[crate::Case] = &[crate::Case {
    name: "a_dead_letter_larger_than_any_packet_comes_back_whole",
    run: a_dead_letter_larger_than_any_packet_comes_back_whole,
}];

const OWN: u8 = 1;

fn process(number: u8) -> ProcessId {
    ProcessId::from_bytes([number; 16])
}

fn sink(world: &World, number: u8) -> Box<dyn Sink> {
    Store::open(world.database.url()).unwrap().sink(process(number), "host")
}

fn loss(number: u64, reason: LossReason, count: u64) -> Loss {
    let mut loss = Loss::new(process(OWN), number, reason, count);
    let time = at(i64::try_from(number).unwrap());
    (loss.from_ns, loss.to_ns) = (time - 5, time);
    loss
}

/// A letter of the span with this number.
fn letter(sequence: u64) -> DeadLetter {
    let record: SpanRecord = span(sequence, 0).with("why", "poison").into();
    let mut letter = DeadLetter::new(process(OWN), sequence, DeadLetterReason::Poison, "value too long");
    (letter.trace_id, letter.span_id) = (Some(record.trace_id), Some(record.span_id));
    letter.name.clone_from(&record.name);
    letter.time_ns = at(i64::try_from(sequence).unwrap());
    letter.payload = wire::encode(&[record]);
    letter
}

/// Spans as a process numbers them.
fn write(sink: &mut dyn Sink, process: ProcessId, numbers: impl IntoIterator<Item = u64>) {
    let record = |sequence| {
        let mut record: SpanRecord = span(sequence, 0).into();
        record.origin = Some(Origin { process, sequence });
        semconv::interpret(record)
    };
    sink.write(&numbers.into_iter().map(record).collect::<Vec<_>>()).unwrap();
}

fn account(world: &World, number: u8) -> Account {
    world.repository().account(process(number)).unwrap()
}

fn losses_that_are_told_twice_are_told_once(world: &World) {
    let mut sink = sink(world, OWN);
    let told: Vec<Loss> =
        (0_u64..).zip(LossReason::ALL).map(|(number, reason)| loss(number, *reason, number + 1)).collect();
    for told in [&told[..3], &told, &told] {
        sink.report_losses(told).unwrap();
    }
    let mut stored = world.repository().losses(None, 100).unwrap();
    stored.items.reverse();
    assert_eq!((stored.items, stored.next), (told, None));
}

fn losses_come_page_by_page_the_latest_first(world: &World) {
    let mut sink = sink(world, OWN);
    let mut told: Vec<Loss> = (0..25).map(|number| loss(number / 2, LossReason::QueueFull, 1)).collect();
    // Two of a time each.
    (0..).zip(&mut told).for_each(|(number, loss)| loss.number = number);
    sink.report_losses(&told).unwrap();
    let repository = world.repository();
    let (mut numbers, mut after) = (Vec::new(), None);
    loop {
        let page = repository.losses(after.as_ref(), 7).unwrap();
        assert!(page.len() <= 7);
        numbers.extend(page.items.iter().map(|loss| loss.number));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(numbers, (0..25).rev().collect::<Vec<_>>());
    let foreign = repository.traces(&TraceFilter::new()).unwrap().next;
    assert_eq!(foreign, None);
    let wrong = "AAAAAAAAAAAAAAAA".parse().unwrap();
    assert_eq!(repository.losses(Some(&wrong), 7).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(repository.dead_letters(Some(&wrong), 7).unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn dead_letters_come_page_by_page_and_their_spans_whole(world: &World) {
    let mut sink = sink(world, OWN);
    for sequence in (0..9).chain(0..4) {
        sink.dead_letter(&letter(sequence)).unwrap();
    }
    let repository = world.repository();
    let first = repository.dead_letters(None, 5).unwrap();
    let rest = repository.dead_letters(first.next.as_ref(), 5).unwrap();
    assert_eq!((first.len(), rest.len(), rest.next), (5, 4, None));
    for (entry, sequence) in first.items.iter().chain(&rest.items).zip((0..9).rev()) {
        assert_eq!((entry.process, entry.sequence, entry.time_ns), (process(OWN), sequence, letter(sequence).time_ns));
        assert_eq!((entry.trace_id, entry.span_id), (Some(trace_id(sequence)), Some(span_id(0))));
        assert_eq!((entry.reason, entry.error.as_str()), (DeadLetterReason::Poison, "value too long"));
        assert_eq!((entry.name.as_str(), entry.payload_bytes), ("span 0", letter(sequence).payload.len() as u64));
        let record = repository.dead_letter(entry.process, entry.sequence).unwrap();
        assert_eq!(wire::encode(&[record]), letter(sequence).payload);
    }
    for (number, sequence) in [(OWN, 9), (2, 0), (OWN, u64::MAX)] {
        let error = repository.dead_letter(process(number), sequence).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

fn a_dead_letter_larger_than_any_packet_comes_back_whole(world: &World) {
    let mut sink = sink(world, OWN);
    let mut large = letter(0);
    let content: String = (0..7_000_000).map(|number| format!("{number:010}")).collect();
    large.payload = wire::encode(&[span(0, 0).with("content", content).into()]);
    assert!(large.payload.len() > 70_000_000);
    sink.dead_letter(&large).unwrap();
    let repository = world.repository();
    let found = wire::encode(&[repository.dead_letter(process(OWN), 0).unwrap()]);
    assert!(found == large.payload, "{} bytes came back of {}", found.len(), large.payload.len());
    // A later telling that is shorter leaves nothing of the longer one.
    sink.dead_letter(&letter(0)).unwrap();
    assert_eq!(wire::encode(&[repository.dead_letter(process(OWN), 0).unwrap()]), letter(0).payload);
    let parts = world.database.sql().lines("SELECT CAST(COUNT(*) AS CHAR(9)) AS line FROM dead_letter_parts");
    assert_eq!(parts[0].trim(), "1");
}

fn a_dead_letter_whose_span_could_not_be_read_says_so(world: &World) {
    let mut sink = sink(world, OWN);
    let panic = DeadLetter::new(process(OWN), 3, DeadLetterReason::Panic, "index out of bounds");
    sink.dead_letter(&panic).unwrap();
    let repository = world.repository();
    let entry = repository.dead_letters(None, 10).unwrap().items.remove(0);
    assert_eq!((entry.trace_id, entry.span_id, entry.payload_bytes), (None, None, 0));
    let error = repository.dead_letter(process(OWN), 3).unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("could not be read"), "{error}");
}

fn texts_of_dead_letters_are_the_same_everywhere(world: &World) {
    let mut sink = sink(world, OWN);
    let mut odd = letter(0);
    odd.name = format!("a\0b{}", "🦀".repeat(400));
    odd.error = format!("bad\0value {}", "é\u{1}".repeat(5_000));
    sink.dead_letter(&odd).unwrap();
    let entry = world.repository().dead_letters(None, 1).unwrap().items.remove(0);
    assert!(entry.name.starts_with("a␀b🦀") && entry.name.chars().count() <= 255, "{}", entry.name);
    assert!(entry.error.starts_with("bad␀value é\u{1}") && entry.error.chars().count() <= 4_097);
}

fn what_is_stored_told_or_kept_is_not_missing(world: &World) {
    let mut sink = sink(world, OWN);
    write(&mut *sink, process(OWN), 0..10);
    assert_eq!((account(world, OWN).accepted, account(world, OWN).missing()), (10, 0));
    // 10 is a dead letter, 11 to 13 were dropped, of 17 and 18 nothing is known.
    write(&mut *sink, process(OWN), (14..20).filter(|number| !(17..19).contains(number)));
    sink.dead_letter(&letter(10)).unwrap();
    for _ in 0..2 {
        sink.report_losses(&[loss(0, LossReason::DiskError, 3), loss(1, LossReason::QueueFull, 50)]).unwrap();
        // Told again, in another order and other pieces.
        write(&mut *sink, process(OWN), [3, 1, 16, 10]);
    }
    let account = account(world, OWN);
    assert_eq!((account.accepted, account.settled, account.lost, account.missing()), (20, 15, 3, 2));
    assert_eq!((account.gaps, account.dead_letters), (vec![11..=13, 17..=18], 1));
    assert_eq!(
        account.losses.into_iter().collect::<Vec<_>>(),
        [(LossReason::QueueFull, 50), (LossReason::DiskError, 3)]
    );

    // Lost behind all that is stored, it is not taken for what is missing before.
    let mut last = loss(2, LossReason::ShutdownTimeout, 30);
    last.accepted = 50;
    sink.report_losses(&[last]).unwrap();
    let account = world.repository().account(process(OWN)).unwrap();
    assert_eq!((account.accepted, account.lost, account.missing()), (50, 33, 2));
    let unknown = world.repository().account(process(9)).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
}

fn deleted_spans_are_not_missing(world: &World) {
    let mut sink = sink(world, OWN);
    write(&mut *sink, process(OWN), 0..20);
    let repository = world.repository();
    repository.delete_traces(&(0..10).map(trace_id).collect::<Vec<_>>()).unwrap();
    repository.prune(moment(15)).unwrap();
    assert!(repository.count_traces(&TraceFilter::new()).unwrap() < 10);
    let account = account(world, OWN);
    assert_eq!((account.accepted, account.settled, account.missing()), (20, 20, 0));
}

fn spans_that_another_process_takes_over_count_for_the_first(world: &World) {
    let mut heir = sink(world, 2);
    write(&mut *heir, process(OWN), (0..8).filter(|number| *number != 5));
    let first = account(world, OWN);
    assert_eq!((first.accepted, first.settled, first.missing()), (8, 7, 1));
    let Process { started_ns, heartbeat_ns, pid, ended_ns, .. } = first.process;
    assert_eq!((started_ns, heartbeat_ns, pid, ended_ns), (at(0), at(8), 0, None));
    assert_eq!((account(world, 2).accepted, account(world, 2).process.host.as_str()), (0, "host"));
    // Both at once: a span that both write is one span.
    write(&mut *sink(world, OWN), process(OWN), 4..7);
    let first = account(world, OWN);
    assert_eq!((first.settled, first.missing(), first.process.host.as_str()), (8, 0, "host"));
}

fn pruning_forgets_what_was_lost_before(world: &World) {
    let mut heir = sink(world, 2);
    // The first process never said a word itself, and was last heard of in those days.
    write(&mut *heir, process(OWN), 0..2);
    for sequence in 2..8 {
        heir.dead_letter(&letter(sequence)).unwrap();
    }
    heir.report_losses(&[loss(0, LossReason::QueueFull, 9)]).unwrap();
    let mut own = loss(0, LossReason::QueueFull, 4);
    own.process = process(2);
    heir.report_losses(&[own]).unwrap();
    let repository = world.repository();
    repository.prune(moment(5)).unwrap();
    let left: Vec<u64> = repository.dead_letters(None, 10).unwrap().iter().map(|letter| letter.sequence).collect();
    assert_eq!(left, [7, 6, 5]);
    assert_eq!(account(world, 2).losses.into_iter().collect::<Vec<_>>(), [(LossReason::QueueFull, 4)]);
    repository.prune(moment(1_000)).unwrap();
    assert_eq!(repository.dead_letters(None, 10).unwrap().items, []);
    assert_eq!(repository.account(process(OWN)).unwrap_err().kind(), ErrorKind::NotFound);
    // Who is still there keeps his account, whatever its age.
    let losses = repository.losses(None, 10).unwrap().items;
    assert_eq!(losses.iter().map(|loss| loss.process).collect::<Vec<_>>(), [process(2)]);
    let mut sql = world.database.sql();
    for table in ["dead_letter_parts", "dead_letters", "settled_sequences"] {
        let left = sql.lines(&format!("SELECT CAST(COUNT(*) AS CHAR(9)) AS line FROM {table}"));
        assert_eq!(left[0].trim(), "0", "{table}");
    }
}
