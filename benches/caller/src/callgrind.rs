//! Instructions on the caller's thread, counted by valgrind: the same in each run, however busy the machine is.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::measure::{Case, output, sibling};

/// Chunks that are counted.
const CHUNKS: u32 = 5;

/// The function within which instructions count, with and without the hash behind its name.
const MEASURED: [&str; 2] = ["caller_bench*::workload::measured", "caller_bench*::workload::measured::h*"];

/// Whether there is a valgrind.
#[must_use]
pub fn is_here() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Instructions a unit.
///
/// # Errors
/// When valgrind or the measured process fails.
pub fn instructions(case: Case) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--separate-threads=yes"])
        .args(MEASURED.map(|function| format!("--toggle-collect={function}")))
        .arg(format!("--callgrind-out-file={}", folder.path().join("out").display()))
        .arg(sibling("caller_bench")?)
        .args([case.way.name(), case.workload.name(), "work"])
        .arg(CHUNKS.to_string());
    output(&mut command)?;
    // The caller is the first thread; all others count nothing.
    let counted = total(&folder.path().join("out-01"))?;
    Ok(counted / f64::from(CHUNKS * case.workload.chunk()))
}

fn total(file: &Path) -> Result<f64> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
    let Some(line) = text.lines().rev().find_map(|line| line.strip_prefix("totals: ")) else {
        bail!("callgrind wrote no totals");
    };
    line.trim().parse().context("callgrind's totals")
}
