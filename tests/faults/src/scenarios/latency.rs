//! What a span costs at the door while the database lives, is gone, is frozen, and while the spool's disk is full.
//!
//! On a machine that does much else, the slowest of a thousand spans says more of the others than of the crate. So each state has a
//! program of its own, which is measured in short turns, there and back again (alive, gone, frozen, full, full, frozen, gone, alive): what
//! the machine does meanwhile meets all alike. Ratios are of turns that were side by side, their median stands with its margin, and a
//! promise is only called broken where all of the margin is above it. Beside the time stands the processor's time of the calling thread
//! (what the system does in its name, and a virtual machine's host takes, is in that), and where there is valgrind the number of
//! instructions, which nothing can disturb: these must be the same whatever the database does.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::World;
use crate::door::{Met, Sample};
use crate::figures::{Ratio, Spread};
use crate::load::Load;
use crate::program::Program;
use crate::proxy::Proxy;
use crate::report::Row;
use crate::server::Server;
use crate::spans::Run;

/// What p99.9 with a database that is gone may be, of that with one that lives.
const AT_MOST: f64 = 1.05;
/// Spans of a turn.
const TURN: usize = 1_600;
/// There and back, twice: a group has enough spans for its p99.9, and a ratio comes of each.
const CYCLES: usize = 2;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    let server = world.servers.first().context("no server")?;
    let mut rows = Vec::new();
    // 16 groups are 102,400 spans in each state, 160 a million.
    for (door, groups) in [("inlet", world.times(16, 160)), ("layer", world.times(2, 160))] {
        let mut states = States::default();
        let mut left = groups;
        while left > 0 {
            // With programs of their own, so that where one has its memory by chance is not taken for an effect.
            let these = left.min(16);
            states.measure(world, server, door, these)?;
            left -= these;
        }
        rows.extend(states.rows(&server.name, door));
    }
    let counted = super::instructions::run(world, server);
    rows.extend(counted.unwrap_or_else(|error| vec![Row::failed("instructions", &format!("{error:#}"))]));
    Ok(rows)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Alive,
    Gone,
    Frozen,
    DiskFull,
}

impl State {
    pub(super) const ALL: [Self; 4] = [Self::Alive, Self::Gone, Self::Frozen, Self::DiskFull];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Alive => "database alive",
            Self::Gone => "database gone",
            Self::Frozen => "database frozen",
            Self::DiskFull => "database gone and disk full",
        }
    }
}

/// A program whose database is in a state, from here to its end.
pub(super) struct Watched {
    pub(super) program: Program,
    proxy: Proxy,
    state: State,
}

impl Watched {
    pub(super) fn start(
        world: &World,
        server: &Server,
        state: State,
        start: impl FnOnce(&Load) -> Result<Program>,
    ) -> Result<Self> {
        let proxy = Proxy::to(server.address)?;
        let load = super::load(world, &server.url_by(proxy.address), Run::new())?;
        // A full disk is one that has room for next to nothing: it is to be told from one that is slow by nothing else.
        let spool_bytes = if state == State::DiskFull { 64 * 1024 } else { 0 };
        let program = start(&Load { rate: 0, tells: false, spool_bytes, ..load })?;
        Ok(Self { program, proxy, state })
    }

    pub(super) fn enter_state(&self) {
        self.proxy.close(matches!(self.state, State::Gone | State::DiskFull));
        self.proxy.be_silent(self.state == State::Frozen);
    }

    /// One turn; what it left to do is done when this returns.
    pub(super) fn turn(&mut self, door: &str, spans: usize, file: &Path) -> Result<(Vec<Sample>, Met)> {
        let met = Met::read(&self.program.ask(&format!("measure {door} {spans} {}", file.display()))?)?;
        if self.state == State::Alive {
            self.program.ask("flush 60000")?;
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok((Sample::read_all(&std::fs::read_to_string(file)?)?, met))
    }
}

/// What was measured in each state.
#[derive(Default)]
struct States {
    wall: [Vec<u64>; 4],
    cpu: [Vec<u64>; 4],
    met: [Met; 4],
    /// p99.9 of each group, of that of its neighbour with the database alive.
    wall_ratios: [Vec<f64>; 4],
    cpu_ratios: [Vec<f64>; 4],
}

impl States {
    fn measure(&mut self, world: &World, server: &Server, door: &str, groups: u64) -> Result<()> {
        let file = world.folder("samples")?.join("turn");
        let mut programs = Vec::new();
        for state in State::ALL {
            let mut program = Watched::start(world, server, state, Program::start)?;
            program.enter_state();
            // Until its memory, and its disk, are as full as they get.
            program.turn(door, 2 * TURN, &file)?;
            programs.push(program);
        }
        for _ in 0..groups {
            let mut group = [const { Vec::new() }; 4];
            for place in (0..CYCLES).flat_map(|_| [0, 1, 2, 3, 3, 2, 1, 0]) {
                let (Some(program), Some(found)) = (programs.get_mut(place), group.get_mut(place)) else { continue };
                let (samples, met) = program.turn(door, TURN, &file)?;
                found.extend(samples);
                if let Some(sum) = self.met.get_mut(place) {
                    (sum.waits, sum.held_up) = (sum.waits + met.waits, sum.held_up + met.held_up);
                }
            }
            let wall = group.each_ref().map(|samples| samples.iter().map(|sample| sample.wall).collect());
            let cpu = group.each_ref().map(|samples| samples.iter().map(|sample| sample.cpu).collect());
            add_group(wall, &mut self.wall, &mut self.wall_ratios);
            add_group(cpu, &mut self.cpu, &mut self.cpu_ratios);
        }
        Ok(())
    }

    fn rows(self, server: &str, door: &str) -> Vec<Row> {
        let Self { wall, cpu, met, wall_ratios, cpu_ratios } = self;
        let times = wall.into_iter().zip(cpu).zip(wall_ratios.into_iter().zip(cpu_ratios));
        let states = State::ALL.into_iter().zip(met).zip(times);
        states
            .map(|((state, met), ((wall, cpu), (wall_ratios, cpu_ratios)))| {
                let (spans, groups) = (wall.len(), wall_ratios.len());
                let (in_wall, in_cpu) = (Ratio::of(wall_ratios), Ratio::of(cpu_ratios));
                let mut figures = format!(
                    "{spans} spans: {}; of the caller's processor {}; it waited for a lock {} times, for a processor {:.1} ms",
                    Spread::of(wall),
                    Spread::of(cpu),
                    met.waits,
                    met.held_up as f64 / 1e6
                );
                if state != State::Alive {
                    figures = format!(
                        "{figures}; p99.9 of that with the database alive, in {groups} pairs: {in_wall}, of the processor {in_cpu}"
                    );
                }
                let row = Row::new(format!("{server}, {door}, {}", state.name())).figures(figures);
                // With a full disk a span is refused, which is something else.
                if door == "inlet" && matches!(state, State::Gone | State::Frozen) {
                    row.promise(&[(!in_wall.is_above(AT_MOST), "p99.9 is at most 1.05 times that with the database alive")])
                } else {
                    row
                }
            })
            .collect()
    }
}

/// Adds the times of a group in each state to all others, and how they compare.
fn add_group(group: [Vec<u64>; 4], all: &mut [Vec<u64>; 4], ratios: &mut [Vec<f64>; 4]) {
    let p999 = group.each_ref().map(|times| Spread::of(times.clone()).p999);
    let alive = p999.first().copied().unwrap_or(0).max(1);
    for (((times, all), ratios), p999) in group.into_iter().zip(all).zip(ratios).zip(p999) {
        all.extend(times);
        ratios.push(p999 as f64 / alive as f64);
    }
}
