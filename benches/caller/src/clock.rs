//! Times, which depend on what else the machine does: read their ratios within one run.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::measure::{Case, WARM_UP};
use crate::way::Way;
use crate::workload::Workload;

/// Nanoseconds a unit on each of `threads`, of each chunk.
///
/// # Errors
/// When the way cannot be set up or a queue not be emptied.
pub fn times(case: Case, threads: u32, chunks: u32) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    // Together the threads do one chunk, which any queue has room for.
    let units = case.workload.chunk() / threads;
    let installed = case.way.install()?;
    for chunk in 0..chunks + WARM_UP {
        let barrier = Barrier::new(usize::try_from(threads)?);
        let work = || {
            let mut spent = Duration::ZERO;
            case.workload.run(case.way, units, |work| {
                barrier.wait();
                let begun = Instant::now();
                work();
                spent = begun.elapsed();
            });
            spent
        };
        let spent: Vec<Duration> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            others.into_iter().filter_map(|other| other.join().ok()).chain([own]).collect()
        });
        installed.flush()?;
        if chunk >= WARM_UP {
            times.extend(spent.iter().map(|spent| spent.as_secs_f64() * 1e9 / f64::from(units)));
        }
    }
    Ok(times)
}

/// Spans a second of agents that never rest, for 1.5 s, and which part of them did not come out at the other end.
///
/// # Errors
/// When the way cannot be set up or a queue not be emptied.
pub fn rate(way: Way) -> Result<[f64; 2]> {
    let installed = way.install()?;
    Workload::Agent.run(way, Workload::Agent.chunk(), |work| work());
    installed.flush()?;
    let (before, begun, mut made) = (installed.reported(), Instant::now(), 0_u32);
    while begun.elapsed() < Duration::from_millis(1500) {
        Workload::Agent.run(way, 100, |work| work());
        made += 100;
    }
    let spent = begun.elapsed();
    installed.flush()?;
    let came = u32::try_from(installed.reported() - before)?;
    Ok([f64::from(made) / spent.as_secs_f64(), 1.0 - f64::from(came) / f64::from(made)])
}
