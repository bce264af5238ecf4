//! Any order, any repetition, any batches and any writers: the same tables, to the byte.
//!
//! A round writes some histories ([`history`]) at once, so that each batch also has traces that have nothing to do with each other: every
//! thing that is told comes once or more, all of them shuffled, cut into batches anywhere, each batch written by any of several processes.
//! The tables must be what one process makes of the same histories, one after the other, in as few batches as can be. Wherever SQLite is
//! built in, that process writes into SQLite: so the tables are also the same on all databases.
//!
//! All rows are compared that come of spans and events, every column of them but `created_ns`, which says when a row was written. Of the
//! tables that say who wrote: processes by their ids, and `settled_sequences`, whose rows are transactions, by the numbers that they
//! tell together. `TRACING_AGENTS_TEST_PERMUTATIONS` says how many permutations are to be tried, and `TRACING_AGENTS_TEST_SEED` repeats a
//! round. One that differs is made as small as is cheap before it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing_agents::model::{InterpretedSpan, LoggedEvent, ProcessId};
use tracing_agents::pipeline::Sink;
use tracing_agents::store::Store;

use crate::database::{Database, Dialect, ENGINES, Place};
use crate::history::{News, history};
use crate::rollups;
use crate::sketch::Dice;
use crate::tables::{assert_same, empty, rows_but};
use crate::world::World;

crate::cases!(any_order_of_any_history_ends_in_the_same_bytes);

/// Permutations in the ordinary run.
const PERMUTATIONS: u64 = 240;
/// Histories that are written at once, each in an order of its own: a permutation each.
const AT_ONCE: u64 = 60;
/// Processes that write.
const WRITERS: u64 = 3;
/// Tries to make a history smaller that comes out differently.
const TRIES: usize = 200;

/// Each batch, and which process writes it.
type Batches = Vec<(u64, Vec<News>)>;

fn any_order_of_any_history_ends_in_the_same_bytes(world: &World) {
    let variable = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seed = variable("TRACING_AGENTS_TEST_SEED");
    let wanted = variable("TRACING_AGENTS_TEST_PERMUTATIONS").unwrap_or(PERMUTATIONS);
    let rounds = if seed.is_some() { 1 } else { wanted.div_ceil(AT_ONCE) };
    let straight = straight_place(world).database();
    let (mut news, mut batches) = (0, 0);
    for _ in 0..rounds {
        let seed = seed.unwrap_or_else(|| fastrand::u64(..));
        let histories: Vec<Vec<News>> = (0..AT_ONCE).map(|number| history(seed, number)).collect();
        let order = shuffled(seed, &histories);
        news += order.iter().map(|(_, batch)| batch.len()).sum::<usize>();
        batches += order.len();
        let expected = rows_after(&straight, &at_once(&histories.concat()));
        let found = rows_after(&world.database, &order);
        if found != expected {
            println!("TRACING_AGENTS_TEST_SEED={seed}");
            tell_the_smallest(world, &straight, &histories, &order);
            assert_same(&found, &expected, &format!("TRACING_AGENTS_TEST_SEED={seed}"));
        }
        rollups::assert_agree(&world.repository(), &format!("TRACING_AGENTS_TEST_SEED={seed}"));
    }
    let permutations = rounds * AT_ONCE;
    println!("{}: {permutations} permutations of {news} versions and events in {batches} batches", world.engine());
}

/// Where the expected tables are made: SQLite, if it is there.
fn straight_place(world: &World) -> Arc<Place> {
    let sqlite = ENGINES.iter().find(|engine| engine.dialect == Dialect::Sqlite);
    let place = sqlite.and_then(|engine| Place::find(engine).ok()).map(Arc::new);
    place.unwrap_or_else(|| Arc::clone(world.database.place()))
}

/// All of it by one process, in one batch.
fn at_once(news: &[News]) -> Batches {
    vec![(0, news.to_vec())]
}

/// What is told in some histories, in any order, some of it more than once, in batches of any length by any process.
fn shuffled(seed: u64, histories: &[Vec<News>]) -> Batches {
    let mut dice = Dice::new(!seed);
    let mut order = Vec::new();
    for news in histories.iter().flatten() {
        let times = 1 + dice.below(3) / 2 + dice.below(8) / 7;
        order.extend((0..times).map(|_| news.clone()));
    }
    dice.shuffle(&mut order);
    let mut batches = Vec::new();
    while !order.is_empty() {
        // One by one, some, or many.
        let most = [1, 30, 200][usize::try_from(dice.below(8).saturating_sub(5)).unwrap()];
        let length = usize::try_from(1 + dice.below(most)).unwrap().min(order.len());
        batches.push((dice.below(WRITERS), order.split_off(order.len() - length)));
    }
    batches
}

/// Writes batches into an empty database, and reads what there is then.
fn rows_after(database: &Database, batches: &Batches) -> Vec<String> {
    let store = Store::open(database.url()).unwrap();
    empty(database);
    let mut writers: BTreeMap<u64, Box<dyn Sink>> = BTreeMap::new();
    for (writer, batch) in batches {
        let writer = writers.entry(*writer).or_insert_with(|| store.sink(writer_id(*writer), "here"));
        let mut spans: Vec<InterpretedSpan> = Vec::new();
        let mut logged: Vec<LoggedEvent> = Vec::new();
        for news in batch {
            match news {
                News::Version(item) => spans.push((**item).clone()),
                News::Logged(event) => logged.push(event.clone()),
            }
        }
        writer.write(&spans).unwrap();
        store.write_events(&logged).unwrap();
    }
    drop(writers);
    let mut rows = rows_but(database, &["created_ns"]);
    rows.extend(told_of_processes(database));
    rows
}

fn writer_id(writer: u64) -> ProcessId {
    ProcessId::from_bytes((u128::MAX - u128::from(writer)).to_be_bytes())
}

/// The processes that the spans are of, and which of their numbers were stored.
fn told_of_processes(database: &Database) -> Vec<String> {
    let mut sql = database.sql();
    let hex = |column: &str| database.dialect().text_of("Binary", column);
    let processes = sql.lines(&format!("SELECT {} AS line FROM processes", hex("process_id")));
    let writers: Vec<String> = (0..WRITERS).map(|writer| format!("{:032X}", u128::MAX - u128::from(writer))).collect();
    let first = database.dialect().text_of("BigInt", "first_sequence");
    let query = format!(
        "SELECT concat_ws('|', {}, {first}, {}) AS line FROM settled_sequences",
        hex("process_id"),
        hex("runs")
    );
    let mut numbers: BTreeMap<String, BTreeSet<u64>> = processes
        .into_iter()
        .filter(|process| !writers.contains(process))
        .map(|process| (process, BTreeSet::new()))
        .collect();
    for line in sql.lines(&query) {
        let parts: Vec<&str> = line.split('|').collect();
        let mut next = parts[1].parse::<u64>().unwrap();
        // Few numbers: each run, and each gap, is a byte.
        for (place, run) in parts[2].as_bytes().chunks(2).enumerate() {
            let length = u64::from_str_radix(std::str::from_utf8(run).unwrap(), 16).unwrap();
            assert!(length < 0x80, "a run of more than a byte: {line}");
            if place % 2 == 0 {
                numbers.get_mut(parts[0]).unwrap().extend(next..next + length);
            }
            next += length;
        }
    }
    numbers.into_iter().map(|(process, numbers)| format!("process|{process}|{numbers:?}")).collect()
}

/// Looks for the first history that comes out differently by itself, takes away of it what is not needed for that, and prints the rest.
fn tell_the_smallest(world: &World, straight: &Database, histories: &[Vec<News>], order: &Batches) {
    let differs = |order: &Batches| {
        let all: Vec<News> = order.iter().flat_map(|(_, batch)| batch.clone()).collect();
        rows_after(&world.database, order) != rows_after(straight, &at_once(&all))
    };
    let of_history = |number: usize| -> Batches {
        let mine: BTreeSet<String> = histories[number].iter().map(|news| format!("{news:?}")).collect();
        let keep = |batch: &[News]| batch.iter().filter(|news| mine.contains(&format!("{news:?}"))).cloned().collect();
        let batches = order.iter().map(|(writer, batch)| (*writer, keep(batch)));
        batches.filter(|(_, batch): &(u64, Vec<News>)| !batch.is_empty()).collect()
    };
    let Some(mut smallest) = (0..histories.len()).map(of_history).find(differs) else {
        println!("no history differs by itself: what is told of one changes another one");
        return;
    };
    let mut tries = TRIES;
    let mut has_shrunk = true;
    while has_shrunk {
        has_shrunk = false;
        let mut place = 0;
        while let Some(shorter) = without(&smallest, place).filter(|_| tries > 0) {
            tries -= 1;
            if differs(&shorter) {
                (smallest, has_shrunk) = (shorter, true);
            } else {
                place += 1;
            }
        }
    }
    for (writer, batch) in &smallest {
        println!("process {writer} writes {batch:#?}");
    }
    let all: Vec<News> = smallest.iter().flat_map(|(_, batch)| batch.clone()).collect();
    let (found, expected) = (rows_after(&world.database, &smallest), rows_after(straight, &at_once(&all)));
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|row| !those.contains(row)).cloned().collect()
    };
    println!("only found: {:#?}\nonly expected: {:#?}", only(&found, &expected), only(&expected, &found));
}

/// The batches without one of the things told; none behind the last.
fn without(batches: &Batches, mut place: usize) -> Option<Batches> {
    let mut shorter = batches.clone();
    for batch in &mut shorter {
        if place < batch.1.len() {
            batch.1.remove(place);
            shorter.retain(|(_, batch)| !batch.is_empty());
            return Some(shorter);
        }
        place -= batch.1.len();
    }
    None
}
