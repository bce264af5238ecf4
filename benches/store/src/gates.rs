//! What must hold, by figures that are the same in each run and do not depend on how the program was built: bytes written.

use anyhow::Result;

use crate::layouts::{self, Written};
use crate::tables;
use crate::{BATCH, first_write, raw, workload};

/// Enough for a tree of pages to have its usual depth.
const SPANS: usize = 10_000;
/// Bytes of a span, of those of its rows in tables without any index: as far as we have come, so that it gets no worse. The
/// goal is 1.6; it was 1.63 before contents were compressed, which took two fifths of our bytes and half of the bare rows'.
const BYTES: f64 = 2.1;

/// Measures them, prints a line each, and fails when one does not hold.
pub(crate) fn check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let workload = workload::make(SPANS);
    let mut sqlite = raw::open("sqlite", folder.path())?;
    let batches = tables::batches(&first_write(&mut *sqlite, "gates", &workload)?, BATCH)?;
    let layouts = layouts::measure(folder.path(), &workload, &batches, 1)?;
    let bytes = |written: &[Written]| {
        let total = written.first().and_then(|written| written.bytes).and_then(|bytes| u32::try_from(bytes).ok());
        total.map(|total| f64::from(total) / workload.spans())
    };
    let Some((ours, bare)) = bytes(&layouts.ours).zip(bytes(&layouts.bare)) else {
        println!("SKIPPED: store: bytes that SQLite writes: there is no /proc here");
        return Ok(());
    };
    let ratio = ours / bare;
    let verdict = if ratio <= BYTES { "ok" } else { "FAILED" };
    println!(
        "store: bytes that SQLite writes, against tables without any index: {ratio:.2}, at most {BYTES} ({ours:.0} of {bare:.0} a span) ... {verdict}"
    );
    anyhow::ensure!(ratio <= BYTES, "a gate does not hold");
    Ok(())
}
