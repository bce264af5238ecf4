//! One way and one workload: what a process of its own measures, since a process can be traced in one way only.

use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};

use crate::way::Way;
use crate::workload::Workload;

/// Chunks that are done before anything is measured.
pub(crate) const WARM_UP: u32 = 4;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// How the program is traced.
    pub way: Way,
    /// What it does.
    pub workload: Workload,
}

impl Case {
    /// The case with these names.
    ///
    /// # Errors
    /// Of unknown names.
    pub fn named(way: &str, workload: &str) -> Result<Self> {
        Ok(Self { way: Way::named(way)?, workload: Workload::named(workload)? })
    }

    /// Does `chunks` of the work after some that are not measured; each by way of `measure`, with all queues empty.
    ///
    /// # Errors
    /// When the way cannot be set up or a queue not be emptied.
    pub fn run(self, chunks: u32, mut measure: impl FnMut(&dyn Fn())) -> Result<()> {
        let installed = self.way.install()?;
        for chunk in 0..WARM_UP + chunks {
            self.workload.run(self.way, self.workload.chunk(), |work| match chunk {
                0..WARM_UP => work(),
                _ => measure(work),
            });
            installed.flush()?;
        }
        Ok(())
    }

    /// Asks `program` of this crate, in a process of its own, for figures.
    ///
    /// # Errors
    /// When it fails or answers with anything else.
    pub fn ask(self, program: &str, question: &[String]) -> Result<Vec<f64>> {
        let mut command = Command::new(sibling(program)?);
        command.args([self.way.name(), self.workload.name()]).args(question);
        figures(&output(&mut command)?)
    }
}

/// A program of this crate.
///
/// # Errors
/// When this one's place is not known.
pub fn sibling(program: &str) -> Result<PathBuf> {
    Ok(std::env::current_exe().context("this program's place")?.with_file_name(program))
}

/// What `command` printed, if it ended well.
///
/// # Errors
/// With what it said otherwise.
pub fn output(command: &mut Command) -> Result<Output> {
    // What a user has set for his programs is not to be measured.
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.to_string_lossy().starts_with("OTEL_")) {
        command.env_remove(name);
    }
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}

fn figures(output: &Output) -> Result<Vec<f64>> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace().map(|figure| figure.parse().with_context(|| format!("no figures: {text}"))).collect()
}
