//! How long a span takes at the door, as its caller feels it.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::time::{ClockId, clock_gettime};
use tracing::Dispatch;
use tracing_agents::AgentTracing;
use tracing_agents::model::SpanRecord;
use tracing_agents::pipeline::Inlet;
use tracing_subscriber::prelude::*;

use crate::load::Load;

/// Spans that come together, a thousand times a second: a busy agent's step, and not a flood.
const TOGETHER: usize = 16;
/// The function whose instructions valgrind counts.
pub(crate) const COUNTED: &str = "through_the_door";

/// What one span cost its caller, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) wall: u64,
    /// Of the calling thread alone: what others had of the processor meanwhile is not in it.
    pub(crate) cpu: u64,
}

impl Sample {
    pub(crate) fn read_all(lines: &str) -> Result<Vec<Self>> {
        let read = |line: &str| {
            let (wall, cpu) = line.split_once(' ')?;
            Some(Self { wall: wall.parse().ok()?, cpu: cpu.parse().ok()? })
        };
        lines.lines().map(|line| read(line).with_context(|| format!("no sample: {line:?}"))).collect()
    }
}

/// What the calling thread met while it was measured, which no single span shows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Met {
    /// How often it slept where it had not asked to: it waited for a lock.
    pub(crate) waits: u64,
    /// Nanoseconds for which it could have run, and others had the processors.
    pub(crate) held_up: u64,
}

impl Met {
    pub(crate) fn read(words: &str) -> Result<Self> {
        let (waits, held_up) = words.split_once(' ').context("not two numbers")?;
        Ok(Self { waits: waits.parse()?, held_up: held_up.parse()? })
    }

    /// Since this thread began; the waits with the pauses that it asked for.
    fn now() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/thread-self/status")?;
        let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        let times = std::fs::read_to_string("/proc/thread-self/schedstat")?;
        let held_up = times.split_whitespace().nth(1);
        Ok(Self {
            waits: waits.context("no count of pauses")?.trim().parse()?,
            held_up: held_up.context("no time of waiting")?.parse()?,
        })
    }
}

pub(crate) struct Door<'a> {
    load: &'a Load,
    tracing: &'a AgentTracing,
    next: &'a AtomicU64,
    dispatch: OnceCell<Dispatch>,
}

impl<'a> Door<'a> {
    pub(crate) fn new(load: &'a Load, tracing: &'a AgentTracing, next: &'a AtomicU64) -> Self {
        Self { load, tracing, next, dispatch: OnceCell::new() }
    }

    /// Writes what each of `count` spans took to a file, a line each; returns what the thread met.
    pub(crate) fn measure(&self, door: &str, count: usize, file: &str) -> Result<String> {
        let samples = match door {
            "inlet" => {
                let inlet = self.tracing.inlet();
                let record = || self.load.run.span(self.next.fetch_add(1, Ordering::Relaxed));
                paced(count, record, |record| through_the_door(&inlet, record))?
            }
            "layer" => {
                let subscriber = || Dispatch::new(tracing_subscriber::registry().with(self.tracing.layer()));
                let dispatch = self.dispatch.get_or_init(subscriber);
                let span = || tracing::info_span!("measured", gen_ai.operation.name = "chat", tokens = 812);
                tracing::dispatcher::with_default(dispatch, || paced(count, span, drop))?
            }
            _ => bail!("there is no door {door}"),
        };
        let mut lines = String::new();
        for Sample { wall, cpu } in &samples.0 {
            let _ = writeln!(lines, "{wall} {cpu}");
        }
        std::fs::write(file, lines)?;
        Ok(format!("{} {}", samples.1.waits, samples.1.held_up))
    }
}

/// By itself, so that it can be found: valgrind counts what is done inside of it.
#[inline(never)]
fn through_the_door(inlet: &Inlet, record: SpanRecord) {
    // Who is refused is counted in the health.
    let _ = inlet.accept(record);
}

fn paced<T>(count: usize, make: impl Fn() -> T, mut take: impl FnMut(T)) -> Result<(Vec<Sample>, Met)> {
    let clock = (0..100).map(|_| timed(|| {}).cpu).min().unwrap_or(0);
    let mut samples = Vec::with_capacity(count + TOGETHER);
    let (before, mut pauses) = (Met::now()?, 0);
    while samples.len() < count {
        std::thread::sleep(Duration::from_millis(1));
        pauses += 1;
        for _ in 0..TOGETHER {
            let span = make();
            let Sample { wall, cpu } = timed(|| take(span));
            samples.push(Sample { wall, cpu: cpu.saturating_sub(clock) });
        }
    }
    let after = Met::now()?;
    let waits = (after.waits - before.waits).saturating_sub(pauses);
    Ok((samples, Met { waits, held_up: after.held_up - before.held_up }))
}

fn timed(act: impl FnOnce()) -> Sample {
    let (cpu, begun) = (thread_cpu(), Instant::now());
    act();
    let wall = begun.elapsed();
    Sample { wall: nanoseconds(wall), cpu: nanoseconds(thread_cpu().saturating_sub(cpu)) }
}

fn thread_cpu() -> Duration {
    // Linux has this clock.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
