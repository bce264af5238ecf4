//! The program that is watched: makes numbered spans, and says of each when it was accepted.
//!
//! It writes lines to its output, and does what lines of its input tell it:
//!
//! ```text
//! ready                     it is open, and begins
//! a NUMBER NS               this span was accepted, at this time
//! look …                    the counters, fifty times a second, as `Look` writes them
//! stop                      makes no more spans                          → done
//! flush MS                                                               → done, or failed WHY
//! measure inlet|layer N FILE  N spans more; what each took goes to the file → done, and what was met
//! finish MS MS              stops, flushes and shuts down, each with its deadline → a last look, done MS WHY (the shutdown's), and it ends
//! ```

use std::io::{BufRead as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tracing_agents::AgentTracing;
use tracing_agents::pipeline::{Durability, Health, Inlet};

use crate::door::Door;
use crate::spans::{Run, now_ns};

/// How the program is to be.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) url: String,
    pub(crate) folder: String,
    pub(crate) durability: Durability,
    pub(crate) run: Run,
    /// The number of the first span.
    pub(crate) first: u64,
    /// Spans a second; none makes none by itself.
    pub(crate) rate: u64,
    /// Whether each accepted span is told.
    pub(crate) tells: bool,
    pub(crate) spool_bytes: u64,
    /// Spans that wait in memory; 0 for as many as by default.
    pub(crate) queue: usize,
    /// Whether another thread shows what the machine has left for one: see [`beat`].
    pub(crate) beats: bool,
}

impl Load {
    pub(crate) fn arguments(&self) -> Vec<String> {
        let durability = match self.durability {
            Durability::Journal => "journal",
            Durability::Memory => "memory",
            _ => "spool",
        };
        let flags = [u64::from(self.tells), u64::from(self.beats)];
        let numbers = [self.run.0, self.first, self.rate, self.spool_bytes, self.queue as u64];
        let mut arguments = vec!["load".to_owned(), self.url.clone(), self.folder.clone(), durability.to_owned()];
        arguments.extend(numbers.iter().chain(&flags).map(u64::to_string));
        arguments
    }

    fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let arguments: Vec<_> = arguments.collect();
        let [url, folder, durability, numbers @ ..] = arguments.as_slice() else { bail!("load needs arguments") };
        let numbers: Vec<u64> = numbers.iter().map(|number| number.parse()).collect::<Result<_, _>>()?;
        let [run, first, rate, spool_bytes, queue, tells, beats] = numbers.as_slice() else {
            bail!("load needs seven numbers")
        };
        Ok(Self {
            url: url.clone(),
            folder: folder.clone(),
            durability: match durability.as_str() {
                "journal" => Durability::Journal,
                "memory" => Durability::Memory,
                _ => Durability::Spool,
            },
            run: Run(*run),
            first: *first,
            rate: *rate,
            tells: *tells != 0,
            spool_bytes: *spool_bytes,
            queue: usize::try_from(*queue)?,
            beats: *beats != 0,
        })
    }

    /// Beside the spool, and on the same disk.
    pub(crate) fn beats_file(&self) -> String {
        format!("{}.beats", self.folder)
    }
}

/// The counters, as they were at one look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) adds_up: bool,
    pub(crate) offered: u64,
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) spooled: u64,
    /// Lost and counted: dropped or dead-lettered.
    pub(crate) dropped: u64,
    pub(crate) disk_full: u64,
    pub(crate) queue_full: u64,
    /// Whether the spool has said why it cannot write.
    pub(crate) has_failure: bool,
    /// Resident memory, in KiB.
    pub(crate) memory: u64,
}

impl Look {
    fn of(health: &Health) -> Self {
        Self {
            adds_up: health.adds_up(),
            offered: health.offered,
            // What was adopted is accepted a second time.
            accepted: health.accepted - health.adopted,
            stored: health.stored,
            spooled: health.spooled,
            dropped: health.dropped.total() + health.dead_lettered.total(),
            disk_full: health.rejected.disk_full,
            queue_full: health.rejected.queue_full,
            has_failure: health.spool.failure.is_some(),
            memory: resident_kib(),
        }
    }

    fn line(&self) -> String {
        let flags = [u64::from(self.adds_up), u64::from(self.has_failure)];
        let counts = [self.offered, self.accepted, self.stored, self.spooled, self.dropped];
        let rest = [self.disk_full, self.queue_full, self.memory];
        let numbers = flags.iter().chain(&counts).chain(&rest).map(u64::to_string);
        format!("look {}", numbers.collect::<Vec<_>>().join(" "))
    }

    pub(crate) fn read(line: &str) -> Option<Self> {
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        let [adds_up, has_failure, offered, accepted, stored, spooled, dropped, disk_full, queue_full, memory] =
            numbers.try_into().ok()?;
        let (adds_up, has_failure) = (adds_up == 1, has_failure == 1);
        Some(Self { adds_up, offered, accepted, stored, spooled, dropped, disk_full, queue_full, has_failure, memory })
    }
}

/// KiB of memory that this process holds; 0 where the system does not tell.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn say(line: &str) {
    // Nobody listens any more: this process is about to be ended.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

pub(crate) fn run(arguments: impl Iterator<Item = String>) -> Result<()> {
    let load = Load::read(arguments)?;
    let mut builder = AgentTracing::builder(&load.url)
        .durability(load.durability)
        .spool_folder(&load.folder)
        .scheduled_delay(Duration::from_millis(20));
    if load.spool_bytes > 0 {
        builder = builder.max_spool_bytes(load.spool_bytes);
    }
    if load.queue > 0 {
        builder = builder.max_queue_size(load.queue);
    }
    let tracing = builder.open()?;
    say("ready");
    let (stop, next) = (AtomicBool::new(load.rate == 0), AtomicU64::new(load.first));
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| make(&load, &tracing.inlet(), &stop, &next));
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                say(&Look::of(&tracing.health()).line());
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        if load.beats {
            scope.spawn(|| beat(&load.beats_file(), &is_over));
        }
        let mut maker = Some(maker);
        let door = Door::new(&load, &tracing, &next);
        let outcome = (|| {
            for line in std::io::stdin().lock().lines() {
                let line = line?;
                let words: Vec<_> = line.split(' ').collect();
                if matches!(words.as_slice(), ["stop" | "finish", ..]) {
                    stop.store(true, Ordering::Relaxed);
                    maker.take().map(std::thread::ScopedJoinHandle::join);
                }
                match words.as_slice() {
                    ["stop"] => say("done"),
                    ["flush", ms] => say(&match tracing.force_flush(milliseconds(ms)?) {
                        Ok(()) => "done".to_owned(),
                        Err(error) => format!("failed {error}"),
                    }),
                    ["measure", which, count, file] => {
                        say(&format!("done {}", door.measure(which, count.parse()?, file)?));
                    }
                    ["finish", flush, shutdown] => {
                        let flushed = tracing.force_flush(milliseconds(flush)?);
                        let begun = Instant::now();
                        let closed = tracing.shutdown(milliseconds(shutdown)?);
                        let took = begun.elapsed().as_millis();
                        is_over.store(true, Ordering::Relaxed);
                        say(&Look::of(&tracing.health()).line());
                        say(&format!("done {took} flush {flushed:?}, shutdown {closed:?}").replace('\n', " "));
                        return Ok(());
                    }
                    _ => bail!("what is {line:?}?"),
                }
            }
            Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        is_over.store(true, Ordering::Relaxed);
        outcome
    })
}

fn milliseconds(text: &str) -> Result<Duration> {
    Ok(Duration::from_millis(text.parse().context("a number of milliseconds")?))
}

/// So often a thread of the program appends to a file, and so often the spool's does.
pub(crate) const BEAT: Duration = Duration::from_millis(4);

/// Appends the time to a file again and again, and does nothing else. Where it is late, the machine had nothing left for this program,
/// and the thread that writes the spool was late too.
fn beat(file: &str, is_over: &AtomicBool) {
    let file = std::fs::File::options().create(true).append(true).open(file);
    let Ok(mut file) = file else { return };
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(BEAT);
        // One that cannot be written is late.
        let _ = file.write_all(&now_ns().to_le_bytes());
    }
}

/// Makes spans at the rate until it is to stop. What a busy machine has it fall behind, it does not make up for all at once.
fn make(load: &Load, inlet: &Inlet, stop: &AtomicBool, next: &AtomicU64) {
    let mut last = Instant::now();
    // Millionths of a span: what is due of the next one is not forgotten from turn to turn.
    let mut due = 0;
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(1));
        let now = Instant::now();
        let passed = now.duration_since(last).min(Duration::from_millis(50));
        last = now;
        due += u128::from(load.rate) * passed.as_micros();
        let whole = due / 1_000_000;
        due %= 1_000_000;
        for _ in 0..whole {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if inlet.accept(load.run.span(number)).is_ok() && load.tells {
                say(&format!("a {number} {}", now_ns()));
            }
        }
    }
}
