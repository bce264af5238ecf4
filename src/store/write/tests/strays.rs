//! Spans that a framework recorded elsewhere than where they ran stand where they ran, as far as times tell.

use super::*;

/// A run or step of which it is known that it may lose what it does.
fn adrift(span: u16, parent: Option<u16>, kind: Kind, (start, end): (i64, i64)) -> Sketch {
    Sketch { kind, start, end: Some(end), tells: Some((Tells::Adrift, start)), ..model(span, parent, None) }
}

fn call(span: u16, parent: u16, (start, end): (i64, i64)) -> Sketch {
    Sketch { start, end: Some(end), ..model(span, Some(parent), Some(5)) }
}

/// What each span stands under, in the order of their numbers; the same whichever comes first.
fn places(batch: &[Sketch]) -> Vec<Option<u16>> {
    let found = |batch: &[Sketch]| {
        let store = Store::open("sqlite::memory:").unwrap();
        for sketch in batch {
            write(&store, std::slice::from_ref(sketch));
        }
        let number = |id: &Vec<u8>| u16::from_be_bytes([id[6], id[7]]) - 1;
        dump(&store).spans.iter().map(|row| row.stands_under().map(number)).collect::<Vec<_>>()
    };
    let forth = found(batch);
    let back: Vec<Sketch> = batch.iter().rev().cloned().collect();
    assert_eq!(found(&back), forth);
    forth
}

const LIFE: (i64, i64) = (0, 40);

#[test]
fn what_runs_beside_a_run_is_the_innermost_ones() {
    let batch = [
        adrift(0, None, Kind::Step, LIFE),
        adrift(1, Some(0), Kind::Team, (1, 30)),
        call(2, 0, (2, 3)),
        adrift(3, Some(0), Kind::Agent, (5, 20)),
        call(4, 0, (6, 7)),
        call(5, 0, (21, 22)),
        call(6, 0, (31, 32)),
    ];
    assert_eq!(places(&batch), [None, Some(0), Some(1), Some(1), Some(3), Some(1), Some(0)]);
}

#[test]
fn a_run_that_kept_its_place_has_what_lost_it() {
    let batch = [
        adrift(0, None, Kind::Step, LIFE),
        adrift(1, Some(0), Kind::Team, (1, 30)),
        adrift(2, Some(1), Kind::Agent, (2, 20)),
        call(3, 0, (3, 4)),
    ];
    assert_eq!(places(&batch), [None, Some(0), Some(1), Some(2)]);
}

#[test]
fn of_members_at_the_same_time_a_call_may_be_anyones() {
    let batch = [
        adrift(0, None, Kind::Step, LIFE),
        adrift(1, Some(0), Kind::Team, (1, 30)),
        adrift(2, Some(1), Kind::Agent, (2, 20)),
        adrift(3, Some(1), Kind::Agent, (4, 10)),
        call(4, 0, (5, 6)),
    ];
    assert_eq!(places(&batch)[4], Some(1), "the team's");
    let teams = [
        adrift(0, None, Kind::Step, LIFE),
        adrift(1, Some(0), Kind::Team, (1, 20)),
        adrift(2, Some(0), Kind::Team, (4, 30)),
        call(3, 0, (5, 6)),
    ];
    assert_eq!(places(&teams)[3], Some(0), "nobody's: it stays where it was recorded");
}

#[test]
fn what_keeps_its_context_stays_where_it_was_recorded() {
    let agent = Sketch { tells: None, ..adrift(1, Some(0), Kind::Agent, (1, 30)) };
    assert_eq!(places(&[adrift(0, None, Kind::Step, LIFE), agent.clone(), call(2, 0, (2, 3))])[2], Some(0));
    assert_eq!(places(&[adrift(0, None, Kind::Agent, LIFE), agent, call(2, 1, (35, 36))])[2], Some(1));
}

#[test]
fn what_begins_after_its_parent_is_of_who_still_runs() {
    let batch = [
        adrift(0, None, Kind::Team, LIFE),
        adrift(1, Some(0), Kind::Team, (1, 30)),
        call(2, 1, (30, 31)),
        call(3, 1, (31, 32)),
    ];
    assert_eq!(places(&batch), [None, Some(0), Some(1), Some(0)]);
}

#[test]
fn a_run_after_everything_has_none_of_the_ids_before_it() {
    let team = Sketch { session: Some("s1"), user: Some("u1"), ..adrift(0, None, Kind::Team, (0, 10)) };
    let after = Sketch { kind: Kind::Agent, agent: Some("B"), session: Some("s2"), ..call(1, 0, (11, 20)) };
    let batch = [team, after, call(2, 1, (12, 13)), call(3, 0, (12, 13))];
    assert_eq!(places(&batch), [None, None, Some(1), Some(0)], "a call has no ids of its own, and keeps its parent's");
    let store = Store::open("sqlite::memory:").unwrap();
    write(&store, &batch);
    let rows = dump(&store).spans;
    let of = |place: usize| (rows[place].session_id.as_deref(), rows[place].user_id.as_deref());
    assert_eq!([of(1), of(2), of(3)], [(Some("s2"), None), (Some("s2"), None), (Some("s1"), Some("u1"))]);
}

#[test]
fn a_run_without_an_answer_fails_with_its_last_call() {
    let run = |calls: &[Sketch]| {
        let store = Store::open("sqlite::memory:").unwrap();
        let run = Sketch { tells: Some((Tells::Unanswered, 0)), ..adrift(0, None, Kind::Agent, LIFE) };
        write(&store, &[run]);
        write(&store, calls);
        dump(&store).spans[0].status_code
    };
    let (good, bad) =
        (|span| call(span, 0, (span.into(), 30)), |span| Sketch { error: true, ..call(span, 0, (span.into(), 30)) });
    assert_eq!(run(&[good(1), bad(2)]), StatusCode::Error.otlp());
    assert_eq!(run(&[bad(1), good(2)]), StatusCode::Unset.otlp(), "it was tried again");
    assert_eq!(run(&[]), StatusCode::Unset.otlp());
}
