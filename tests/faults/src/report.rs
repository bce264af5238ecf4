//! Figures as they were measured, a line and a row each.

use std::fmt::Write as _;
use std::process::Command;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    Broken,
    /// Of others, or a figure without a bound: nothing is promised.
    Figure,
}

/// What came of one scenario on one database.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    scenario: String,
    /// The database, the level, what was done.
    what: String,
    /// Spans that were taken over, those that are stored, those of them that are in neither place nor account, and stored ones
    /// that are there more than once.
    pub(crate) accepted: u64,
    pub(crate) stored: u64,
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    /// Everything else, in words.
    pub(crate) figures: String,
    pub(crate) verdict: Verdict,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            scenario: String::new(),
            what: what.into(),
            accepted: 0,
            stored: 0,
            lost: 0,
            twice: 0,
            figures: String::new(),
            verdict: Verdict::Figure,
        }
    }

    /// The scenario could not be run to its end.
    pub(crate) fn failed(what: &str, why: &str) -> Self {
        Self { figures: why.replace('\n', " "), verdict: Verdict::Broken, ..Self::new(what) }
    }

    pub(crate) fn of(mut self, scenario: &str) -> Self {
        scenario.clone_into(&mut self.scenario);
        self
    }

    pub(crate) fn figures(mut self, figures: impl Into<String>) -> Self {
        self.figures = figures.into();
        self
    }

    /// What is not fulfilled is said in the figures.
    pub(crate) fn promise(mut self, promises: &[(bool, &str)]) -> Self {
        self.verdict = Verdict::Holds;
        self.and_promise(promises)
    }

    /// More promises than those that were made already.
    pub(crate) fn and_promise(mut self, promises: &[(bool, &str)]) -> Self {
        for (_, what) in promises.iter().filter(|(holds, _)| !holds) {
            self.verdict = Verdict::Broken;
            let _ = write!(self.figures, "; BROKEN: {what}");
        }
        self
    }

    pub(crate) fn line(&self) -> String {
        let Self { scenario, what, accepted, stored, lost, twice, figures, .. } = self;
        let verdict = self.verdict();
        format!(
            "{scenario}, {what}: accepted {accepted}, stored {stored}, lost {lost}, twice {twice}; {figures} … {verdict}"
        )
    }

    fn verdict(&self) -> &'static str {
        match self.verdict {
            Verdict::Holds => "holds",
            Verdict::Broken => "BROKEN",
            Verdict::Figure => "–",
        }
    }
}

pub(crate) fn table(rows: &[Row]) -> String {
    let mut table =
        "| scenario | what | accepted | stored | lost | twice | figures | |\n|---|---|--:|--:|--:|--:|---|---|\n"
            .to_owned();
    for row in rows {
        let Row { scenario, what, accepted, stored, lost, twice, figures, .. } = row;
        let _ = writeln!(
            table,
            "| {scenario} | {what} | {accepted} | {stored} | {lost} | {twice} | {} | {} |",
            figures.replace('|', "/"),
            row.verdict()
        );
    }
    table
}

/// The last long run, to be kept.
pub(crate) fn page(table: &str) -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "# Faults: the last long run\n\n`tests/faults/run --long` of {}, on {processors} processors, load at the end {}, {} \
         build. `accepted` are the spans that the crate took over; `lost` those of them that are neither stored nor counted as \
         dropped or dead-lettered; `twice` stored ones that are there more than once.\n\n{table}",
        said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        load.split(' ').take(3).collect::<Vec<_>>().join(" "),
        if cfg!(debug_assertions) { "unoptimised" } else { "optimised" },
    )
}
