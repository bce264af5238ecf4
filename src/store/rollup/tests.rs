//! Folding, and what is not folded yet.

use super::*;
use crate::model::DAY_NS;
use crate::store::Store;
use crate::store::schema::spans;

/// Asserts that what is rolled up is what the spans come to, by the hour before anything is folded, and by the hour and the day then.
#[track_caller]
pub(crate) fn assert_rolled_up(store: &Store) {
    let by = |length_ns: i64| {
        let facts: Vec<SpanFacts> = store
            .read(|connection| Ok(dispatch!(connection, c => spans::table.select(SpanFacts::as_select()).load(c))?))
            .unwrap();
        let mut pieces: BTreeMap<i64, Cells<'_>> = BTreeMap::new();
        for span in &facts {
            let span = Counted::from(span);
            let cells = pieces.entry(piece_of(span.start_ns, length_ns)).or_default();
            cells.sums.entry(span.place).or_default().count(&span, true);
        }
        encoded(&pieces)
    };
    let rolled = |levels: &[i16]| {
        let rows = rows(store);
        let mut pieces: BTreeMap<i64, Cells<'_>> = BTreeMap::new();
        for row in rows.iter().filter(|row| levels.contains(&row.level)) {
            pieces.entry(row.start_ns).or_default().merge(Cells::decode(&row.cells).unwrap());
        }
        encoded(&pieces)
    };
    assert!(rolled(&[level::CHANGE, level::HOUR]) == by(HOUR_NS), "hours, as they are");
    store.fold_rollups().unwrap();
    assert!(rolled(&[level::CHANGE]).is_empty(), "changes that are not folded");
    assert!(rolled(&[level::HOUR]) == by(HOUR_NS), "hours, folded");
    assert!(rolled(&[level::DAY]) == by(DAY_NS), "days");
}

fn encoded(pieces: &BTreeMap<i64, Cells<'_>>) -> Vec<(i64, Vec<u8>)> {
    pieces.iter().filter_map(|(start_ns, cells)| Some((*start_ns, cells.encode()?))).collect()
}

fn rows(store: &Store) -> Vec<RollupRow> {
    store
        .read(|connection| {
            Ok(dispatch!(connection, c => {
                rollups::table
                    .filter(rollups::level.le(level::DAY))
                    .order((rollups::level, rollups::start_ns))
                    .select(RollupRow::as_select())
                    .load(c)
            })?)
        })
        .unwrap()
}

/// A change of one call in an hour, or of its going.
fn change(store: &Store, start_ns: i64, tool: &str, count: i64) {
    let place = Place {
        kind: "tool",
        status_code: 0,
        state: 2,
        agent_id: None,
        agent_name: None,
        team_id: None,
        team_name: None,
        workflow_id: None,
        workflow_name: None,
        provider: None,
        request_model: None,
        response_model: None,
        tool_name: Some(tool),
        service_name: None,
    };
    let cells = Cells { is_coarse: false, sums: BTreeMap::from([(place, Sums { count, ..Sums::default() })]) };
    store.write(|connection| Ok(Change(BTreeMap::from([(start_ns, cells)])).write(connection)?)).unwrap();
}

/// Level, start and count of each row, with the tools that it tells apart.
fn stored(store: &Store) -> Vec<(i16, i64, i64, usize)> {
    let told = |row: &RollupRow| {
        let cells = Cells::decode(&row.cells).unwrap();
        (row.level, row.start_ns, cells.sums.values().map(|sums| sums.count).sum(), cells.sums.len())
    };
    rows(store).iter().map(told).collect()
}

#[test]
fn changes_become_hours_and_days_and_go_with_what_they_count() {
    let store = Store::open("sqlite::memory:").unwrap();
    for (hour, tool) in [(0, "a"), (0, "b"), (0, "a"), (1, "a"), (24, "a")] {
        change(&store, hour * HOUR_NS, tool, 1);
    }
    assert_eq!(stored(&store).len(), 5);
    store.fold_rollups().unwrap();
    let folded = [
        (level::HOUR, 0, 3, 2),
        (level::HOUR, HOUR_NS, 1, 1),
        (level::HOUR, DAY_NS, 1, 1),
        (level::DAY, 0, 4, 2),
        (level::DAY, DAY_NS, 1, 1),
    ];
    assert_eq!(stored(&store), folded);
    store.fold_rollups().unwrap();
    assert_eq!(stored(&store), folded);
    // What goes may be known before what it was.
    change(&store, DAY_NS, "a", -2);
    change(&store, DAY_NS, "a", 1);
    store.fold_rollups().unwrap();
    assert_eq!(stored(&store), [folded[0], folded[1], folded[3]]);
}

#[test]
fn an_hour_of_too_many_names_tells_them_no_more() {
    let store = Store::open("sqlite::memory:").unwrap();
    for tool in 0..1_100 {
        change(&store, 0, &format!("tool {tool}"), 1);
    }
    change(&store, HOUR_NS, "a", 1);
    store.fold_rollups().unwrap();
    let folded = stored(&store);
    assert_eq!(folded, [(level::HOUR, 0, 1_100, 1), (level::HOUR, HOUR_NS, 1, 1), (level::DAY, 0, 1_101, 1)]);
    // Not even when there are few again: which of them are left is not known.
    for tool in 0..1_099 {
        change(&store, 0, &format!("tool {tool}"), -1);
    }
    store.fold_rollups().unwrap();
    let cells = [(level::HOUR, 0, 1, 1), (level::HOUR, HOUR_NS, 1, 1), (level::DAY, 0, 2, 1)];
    assert_eq!(stored(&store), cells);
    change(&store, 0, "tool 1099", -1);
    store.fold_rollups().unwrap();
    assert_eq!(stored(&store)[0], (level::HOUR, 0, 0, 0));
}

#[test]
fn the_start_of_a_piece_lies_in_it_or_before_all_time() {
    assert_eq!(piece_of(-1, HOUR_NS), -HOUR_NS);
    assert_eq!(piece_of(HOUR_NS, HOUR_NS), HOUR_NS);
    assert_eq!(piece_of(i64::MIN, DAY_NS), i64::MIN);
    assert!((i64::MAX - HOUR_NS..i64::MAX).contains(&piece_of(i64::MAX, HOUR_NS)));
}
