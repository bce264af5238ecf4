//! How many instructions a span costs its caller, with a database that lives and without: valgrind counts them, and no other program can
//! disturb it.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::latency::{State, Watched};
use crate::World;
use crate::door::COUNTED;
use crate::program::Program;
use crate::report::Row;
use crate::server::Server;

/// What a caller's instructions may be more than with a database that lives.
const AT_MOST: f64 = 1.05;

pub(super) fn run(world: &World, server: &Server) -> Result<Vec<Row>> {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Ok(vec![
            Row::new(format!("{}, instructions", server.name)).figures("not counted: there is no valgrind"),
        ]);
    }
    let spans = usize::try_from(world.times(2_000, 20_000))?;
    let counted = std::thread::scope(|scope| {
        let states = [State::Alive, State::Gone, State::Frozen];
        let threads = states.map(|state| (state, scope.spawn(move || count(world, server, state, spans))));
        threads.map(|(state, thread)| (state, thread.join()))
    });
    let mut alive = None;
    let mut rows = Vec::new();
    for (state, thread) in counted {
        let counted = thread.ok().context("counting panicked")??;
        let a_span = counted as f64 / spans as f64;
        let alive = *alive.get_or_insert(a_span);
        let row = Row::new(format!("{}, instructions at the inlet, {}", server.name, state.name()));
        let ratio = a_span / alive;
        let row =
            row.figures(format!("{a_span:.0} a span, of {spans}: {ratio:.3} times those with the database alive"));
        rows.push(row.promise(&[(ratio <= AT_MOST, "the caller does the same work whatever the database does")]));
    }
    Ok(rows)
}

fn count(world: &World, server: &Server, state: State, spans: usize) -> Result<u64> {
    let folder = world.folder("instructions")?;
    let file = folder.join("counted");
    let valgrind = [
        "valgrind".to_owned(),
        "--quiet".to_owned(),
        "--tool=callgrind".to_owned(),
        "--collect-atstart=no".to_owned(),
        format!("--toggle-collect=*{COUNTED}*"),
        format!("--callgrind-out-file={}", file.display()),
    ];
    let mut watched = Watched::start(world, server, state, |load| Program::start_under(load, &valgrind))?;
    watched.enter_state();
    watched.turn("inlet", spans, &folder.join("turn"))?;
    watched.program.finish(1, 100)?;
    let counted = std::fs::read_to_string(&file)?;
    let total = counted.lines().find_map(|line| line.strip_prefix("totals:").or_else(|| line.strip_prefix("summary:")));
    Ok(total.context("valgrind has no total")?.trim().parse()?)
}
