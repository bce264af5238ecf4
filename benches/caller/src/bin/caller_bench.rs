//! What tracing costs the threads of the program: this crate beside other ways.
//!
//! ```text
//! caller_bench                                   the whole table
//! caller_bench --gates                           what must hold, and nothing else; ends with 1 where something does not
//! caller_bench WAY WORKLOAD work CHUNKS          does the work: for callgrind
//! caller_bench WAY WORKLOAD times THREADS CHUNKS
//! caller_bench WAY agent rate
//! ```

#![expect(clippy::print_stdout, reason = "the program's output")]

use anyhow::{Context as _, Result, bail};
use caller_bench::measure::Case;
use caller_bench::workload::measured;
use caller_bench::{clock, gates, report};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => {
            println!("{}", report::make()?.join("\n"));
            Ok(())
        }
        ["--gates"] => {
            let (lines, failed) = gates::check()?;
            println!("{}", lines.join("\n"));
            match failed {
                0 => Ok(()),
                _ => bail!("{failed} of the gates do not hold"),
            }
        }
        [way, workload, ref question @ ..] => answer(Case::named(way, workload)?, question),
        _ => bail!("usage: caller_bench [--gates]"),
    }
}

/// Prints figures of one case.
fn answer(case: Case, question: &[&str]) -> Result<()> {
    let figures = match *question {
        ["work", chunks] => {
            case.run(chunks.parse().context("CHUNKS")?, measured)?;
            Vec::new()
        }
        ["times", threads, chunks] => clock::times(case, threads.parse()?, chunks.parse()?)?,
        ["rate"] => clock::rate(case.way)?.to_vec(),
        _ => bail!("work, times or rate"),
    };
    println!("{}", figures.iter().map(f64::to_string).collect::<Vec<_>>().join(" "));
    Ok(())
}
