//! Heap allocations on the caller's thread, and their bytes, a unit of work.
//!
//! ```text
//! caller_allocations WAY WORKLOAD CHUNKS
//! ```

#![expect(clippy::print_stdout, reason = "the program's output")]

use anyhow::{Context as _, Result};
use caller_bench::measure::Case;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("usage: caller_allocations WAY WORKLOAD CHUNKS");
    let case = Case::named(&next()?, &next()?)?;
    let chunks: u32 = next()?.parse()?;
    let (mut count, mut bytes) = (0, 0);
    case.run(chunks, |work| {
        let info = allocation_counter::measure(work);
        count += info.count_total;
        bytes += info.bytes_total;
    })?;
    let units = f64::from(chunks * case.workload.chunk());
    let a_unit = |total: u64| u32::try_from(total).map(|total| f64::from(total) / units);
    println!("{} {}", a_unit(count)?, a_unit(bytes)?);
    Ok(())
}
