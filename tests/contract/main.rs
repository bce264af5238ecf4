//! One contract for every database: what users get must be the same on all of them, by each way of asking.
//!
//! Each case gets an empty database, which no other has at the same time. SQLite needs nothing; a server is named by `TRACING_AGENTS_TEST_POSTGRES_URL`,
//! `TRACING_AGENTS_TEST_MARIADB_URL` or `TRACING_AGENTS_TEST_MYSQL_URL`, as a user who may make databases. A server that is not named
//! is skipped, and said so at the end, unless `TRACING_AGENTS_TEST_REQUIRE` (`postgres,mariadb`) lists it.
//!
//! A test's name is `database/api/room/case`, so `cargo test --test contract postgres/` runs one database, and `/paging/` one room.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, reason = "a harness reports on the terminal")]

#[path = "../../src/wire/payloads.rs"]
mod payloads;

mod api;
mod database;
mod history;
mod report;
mod road;
mod sketch;
mod sql;
mod tables;
mod walk;
mod world;

mod compression;
mod cut;
mod deletion;
mod details;
mod filters;
mod hostile;
mod identity;
mod interrupted;
mod logged;
mod lossless;
mod lost;
mod numbers;
mod opening;
mod order;
mod outages;
mod paging;
mod partitions;
mod permutations;
mod plans;
mod poison;
mod prices;
mod processes;
mod retention;
mod rollups;
mod schema;
mod sessions;
mod sharing;
mod silence;
mod span_filters;
mod statistics;
mod structure;
mod text;
mod tls;
mod together;
mod torn;
mod trace_filters;
mod trees;
mod writing;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use libtest_mimic::{Arguments, Failed, Trial};

use api::Api;
use database::{ENGINES, Place};
use report::Report;
use world::World;

/// What must hold on every database.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    name: &'static str,
    run: fn(&World),
}

/// Lists the cases of a room. One that is not listed is dead code, which the compiler tells.
macro_rules! cases {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const CASES: &[crate::Case] = &[$(crate::Case { name: stringify!($name), run: $name }),+];
    };
}
pub(crate) use cases;

/// All cases, by the room that they stand in.
const ROOMS: &[(&str, &[Case])] = &[
    ("opening", opening::CASES),
    ("schema", schema::CASES),
    ("writing", writing::CASES),
    ("order", order::CASES),
    ("together", together::CASES),
    ("trace_filters", trace_filters::CASES),
    ("span_filters", span_filters::CASES),
    ("filters", filters::CASES),
    ("hostile", hostile::CASES),
    ("paging", paging::CASES),
    ("trees", trees::CASES),
    ("structure", structure::CASES),
    ("torn", torn::CASES),
    ("details", details::CASES),
    ("lossless", lossless::CASES),
    ("logged", logged::CASES),
    ("lost", lost::CASES),
    ("statistics", statistics::CASES),
    ("sessions", sessions::CASES),
    ("deletion", deletion::CASES),
    ("retention", retention::CASES),
    ("text", text::CASES),
    ("numbers", numbers::CASES),
    ("prices", prices::CASES),
    ("cut", cut::CASES),
    ("sharing", sharing::CASES),
    ("compression", compression::CASES),
];

/// Cases that do not depend on the way of asking: they run once for each database.
const ONCE: &[(&str, &[Case])] = &[
    ("partitions", partitions::CASES),
    ("permutations", permutations::CASES),
    ("plans", plans::CASES),
    ("processes", processes::CASES),
    ("lost", lost::LARGE),
    ("identity", identity::CASES),
    ("interrupted", interrupted::CASES),
    ("outages", outages::CASES),
    ("poison", poison::CASES),
    ("rollups", rollups::CASES),
    ("sharing", sharing::ONCE),
    ("silence", silence::CASES),
    ("tls", tls::CASES),
];

/// Rooms whose cases want a database without tables, without a size, or nobody else's after them.
const NEW: [&str; 9] =
    ["opening", "schema", "partitions", "plans", "processes", "identity", "retention", "outages", "silence"];

/// Cases that run side by side unless `--test-threads` says otherwise: servers on the same machine want some of it.
const THREADS: usize = 4;

fn main() -> ExitCode {
    if let Some(code) = processes::opened() {
        return code;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let report = Arc::new(Report::default());
    report::tell_panics_with_their_place();
    plans::heard::listen();
    let mut trials = Vec::new();
    for engine in &ENGINES {
        let place = match Place::find(engine) {
            Ok(place) => Arc::new(place),
            Err(missing) => {
                report.skip(engine.name, &missing.reason);
                if missing.is_required {
                    let failure = move || Err(Failed::from(missing.reason));
                    trials.push(Trial::test(format!("{}/is_there", engine.name), failure));
                }
                continue;
            }
        };
        for (place_in_list, api) in Api::ALL.iter().enumerate() {
            let once = if place_in_list == 0 { ONCE } else { &[] };
            for (room, cases) in ROOMS.iter().chain(once) {
                trials.extend(cases.iter().map(|case| trial(&place, *api, room, *case, &report)));
            }
        }
    }
    let is_list = arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !is_list {
        println!("{report}");
    }
    conclusion.exit_code()
}

/// A case on a database by a way of asking, as a test.
fn trial(place: &Arc<Place>, api: Api, room: &'static str, case: Case, report: &Arc<Report>) -> Trial {
    let name = format!("{}/{api}/{room}/{}", place.engine().name, case.name);
    let is_new = NEW.contains(&room);
    let (place, report) = (Arc::clone(place), Arc::clone(report));
    Trial::test(name.clone(), move || {
        let begun = Instant::now();
        let outcome = report::caught(|| (case.run)(&World::new(&place, api, is_new)));
        report.add(place.engine().name, api, outcome.is_ok());
        report.time(place.engine().name, room, &name, begun.elapsed());
        outcome.map_err(Failed::from)
    })
}
