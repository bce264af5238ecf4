//! How much memory a program has while it traces, over the same program without this crate.
//!
//! Each measurement is a process of its own, which runs this program with the name of a situation. `benches/run memory` says what they are.

#![expect(clippy::print_stdout, reason = "the program's output")]

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bench_goals::Goals;
use tracing_agents::AgentTracing;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Spans a second under load.
const RATE: u32 = 5_000;
/// How long there is load.
const LOAD: Duration = Duration::from_secs(10);
/// Spans that are made while the database is stuck: more than its memory may hold.
const STUCK: u32 = 150_000;
/// Bytes of a span's prompt.
const PROMPT: usize = 1_300;
/// How long a program is left alone before it counts as being at rest.
const REST: Duration = Duration::from_secs(2);

/// The situations, the first being the program without tracing into a database.
const SITUATIONS: [&str; 4] = ["host", "rest", "load", "stuck"];

fn main() -> Result<()> {
    if let Some(situation) = std::env::args().nth(1) {
        return be_in(&situation);
    }
    let program = std::env::current_exe()?;
    let mut host = [0; 2];
    let mut goals = Goals::default();
    println!("| situation | resident, MB | most, MB | most over the host, MB | |");
    println!("|---|---|---|---|---|");
    for situation in SITUATIONS {
        let folder = tempfile::tempdir()?;
        let output = Command::new(&program)
            .arg(situation)
            .current_dir(folder.path())
            // What waits for the database waits in this folder, and not in the user's.
            .env("XDG_STATE_HOME", folder.path())
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        anyhow::ensure!(output.status.success(), "{situation}: {}", String::from_utf8_lossy(&output.stderr));
        let mut words = text.trim_end().splitn(3, ' ');
        let mut kilobytes = || words.next().and_then(|word| word.parse::<u64>().ok()).context("no figure");
        let (now, most) = (kilobytes()?, kilobytes()?);
        let note = words.next().unwrap_or_default();
        if situation == "host" {
            host = [now, most];
        }
        let over = [now.saturating_sub(host[0]), most.saturating_sub(host[1])].map(|kilobytes| kilobytes / 1024);
        println!("| {situation} | {} | {} | {} | {note} |", now / 1024, most / 1024, over[1]);
        match situation {
            "rest" => goals.figure("resident memory over the host, MB, at rest", over[0], "≤ 25"),
            "load" => goals.figure("resident memory over the host, MB, at most, under load", over[1], "-"),
            // What it has at rest, and the 64 MiB that may wait for the database.
            "stuck" => {
                goals.figure("resident memory over the host, MB, at most, with a stuck database", over[1], "≤ 89")
            }
            _ => {}
        }
    }
    println!("\n{goals}");
    Ok(())
}

/// Gets into a situation, and prints the memory that it takes: now, and at most.
fn be_in(situation: &str) -> Result<()> {
    if situation == "host" {
        tracing_subscriber::registry().init();
        make_spans(1_000, None);
        return print("a program with `registry()` alone");
    }
    let tracing = AgentTracing::builder("sqlite://traces.db").open()?;
    tracing_subscriber::registry().with(tracing.layer()).init();
    make_spans(100, None);
    tracing.force_flush(Duration::from_secs(60))?;
    match situation {
        "rest" => {
            sleep(REST);
            print("100 spans are stored, nothing happens")
        }
        "load" => {
            make_spans(u32::try_from(LOAD.as_secs())? * RATE, Some(RATE));
            let health = tracing.health();
            print(&format!("{RATE} spans a second of {PROMPT} bytes; {} of {} stored", health.stored, health.accepted))
        }
        _ => {
            let _lock = locked(Path::new("traces.db"))?;
            make_spans(STUCK, None);
            sleep(REST);
            let health = tracing.health();
            print(&format!(
                "somebody holds the database's lock; {} spans accepted, {} dropped",
                health.accepted,
                health.dropped.total()
            ))
        }
    }?;
    // What waits is not what is measured: nobody need wait for it.
    std::process::exit(0)
}

/// The right to write, held until the connection is dropped.
fn locked(path: &Path) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    Ok(connection)
}

/// Makes agent-like spans, so many a second.
fn make_spans(count: u32, rate: Option<u32>) {
    let prompt = "What did the customer order, and when? ".repeat(PROMPT / 39);
    let begun = Instant::now();
    for number in 0..count {
        let run = tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-5",
            session.id = "session-1",
            gen_ai.prompt = prompt.as_str(),
            number,
            gen_ai.usage.input_tokens = tracing::field::Empty,
        );
        run.record("gen_ai.usage.input_tokens", 800);
        drop(run);
        if let Some(rate) = rate
            && number % 100 == 99
        {
            let due = Duration::from_secs_f64(f64::from(number) / f64::from(rate));
            sleep(due.saturating_sub(begun.elapsed()));
        }
    }
}

fn print(what: &str) -> Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").context("only where there is /proc")?;
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()).context("no figure")
    };
    println!("{} {} {what}", kilobytes("VmRSS:")?, kilobytes("VmHWM:")?);
    Ok(())
}
