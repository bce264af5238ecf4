//! How long a span takes at the door while the database lives, is gone, is frozen, and while the spool's disk is full.

use anyhow::{Context as _, Result};

use crate::World;
use crate::load::Load;
use crate::program::Program;
use crate::proxy::Proxy;
use crate::report::Row;
use crate::spans::Run;

const PHASES: [&str; 4] = ["alive", "dead", "frozen", "disk full"];
/// Nanoseconds: median, p99.9, maximum.
type Times = [u64; 3];

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let rounds = world.times(3, 15);
    // Of one phase of a round.
    let spans = world.times(2_500, 10_000);
    let server = world.servers.first().context("no server")?;
    let (proxy, gone) = (Proxy::to(server.address)?, Proxy::to(server.address)?);
    let quiet = Load { rate: 0, tells: false, ..super::load(world, &server.url_by(proxy.address), Run::new())? };
    let mut program = Program::start(&quiet)?;
    // One that has room for nothing: a full disk is to be told from one that is slow by nothing else.
    let folder = world.folder("full")?.display().to_string();
    let full = Load { url: server.url_by(gone.address), folder, run: Run::new(), spool_bytes: 64 * 1024, ..quiet };
    let mut full = Program::start(&full)?;
    gone.close(true);
    for _ in 0..2 {
        full.ask(&format!("measure inlet {spans}"))?;
    }

    let mut rows = Vec::new();
    for door in ["inlet", "layer"] {
        let mut measured = PHASES.map(|_| Vec::new());
        // In turns, so that what else the machine does meets all alike.
        for _ in 0..rounds {
            for (phase, times) in PHASES.iter().zip(&mut measured) {
                proxy.close(*phase == "dead");
                proxy.be_silent(*phase == "frozen");
                let program = if *phase == "disk full" { &mut full } else { &mut program };
                times.push(numbers(&program.ask(&format!("measure {door} {spans}"))?)?);
                proxy.close(false);
                proxy.be_silent(false);
                program_is_idle(phase, program)?;
            }
        }
        let medians = measured.map(median);
        let alive = medians.first().map_or(0, |[_, p999, _]| *p999);
        for (phase, [p50, p999, max]) in PHASES.iter().zip(medians) {
            let ratio = p999 as f64 / alive.max(1) as f64;
            let micros = |ns: u64| ns as f64 / 1000.0;
            rows.push(Row::new(format!("{}, {door}, database or disk: {phase}", server.name)).figures(format!(
                "p50 {:.1} µs, p99.9 {:.1} µs, max {:.1} µs (medians of {rounds} rounds of {spans} spans); p99.9 is {ratio:.2} times that of alive",
                micros(p50),
                micros(p999),
                micros(max),
            )));
        }
    }
    Ok(rows)
}

/// What one phase left is not to disturb the next.
fn program_is_idle(phase: &str, program: &mut Program) -> Result<()> {
    if phase != "disk full" {
        program.ask("flush 60000")?;
    }
    Ok(())
}

fn numbers(answer: &str) -> Result<Times> {
    let numbers: Vec<u64> = answer.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    numbers.try_into().ok().context("not three numbers")
}

/// Of each number by itself.
fn median(rounds: Vec<Times>) -> Times {
    [0, 1, 2].map(|which: usize| {
        let mut values: Vec<_> = rounds.iter().filter_map(|times| times.get(which).copied()).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(0)
    })
}
