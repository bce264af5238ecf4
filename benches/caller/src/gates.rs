//! What must hold, by figures that are the same in each run: instructions and allocations.

use anyhow::Result;

use crate::callgrind;
use crate::measure::Case;
use crate::way::Way;
use crate::workload::Workload;

/// Instructions that a disabled span may cost beyond one without any subscriber: `tracing` looks at the callsite's cached interest
/// where without a subscriber it stops at the level.
const DISABLED: f64 = 10.0;

/// What an agent's span costs of one by tracing-opentelemetry with a batch processor: as far as we have come, so that it gets no worse.
/// The goal is 0.25.
const AGENT: f64 = 0.4;

/// A figure and its bound.
struct Gate {
    what: &'static str,
    figure: f64,
    bound: f64,
    /// What it was made of.
    from: String,
}

impl Gate {
    /// `ours` as a part of `theirs`.
    fn ratio(what: &'static str, ours: f64, theirs: f64, bound: f64) -> Self {
        Self { what, figure: ours / theirs, bound, from: format!("{ours:.0} of {theirs:.0} instructions") }
    }

    fn holds(&self) -> bool {
        self.figure <= self.bound
    }
}

/// Measures all gates, and answers what is to be printed and how many do not hold.
///
/// # Errors
/// When something cannot be measured.
pub fn check() -> Result<(Vec<String>, usize)> {
    let mut gates = vec![allocations("allocations of an agent's span", Workload::Agent)?];
    let mut lines = Vec::new();
    if callgrind::is_here() {
        let count = |way, workload| callgrind::instructions(Case { way, workload });
        let theirs = count(Way::OpenTelemetry, Workload::Agent)?;
        let spooled = count(Way::Ours, Workload::Agent)?;
        gates.push(Gate::ratio("an agent's span, against tracing-opentelemetry", spooled, theirs, AGENT));
        let empty = count(Way::Empty, Workload::Poll)?;
        let ours = count(Way::Ours, Workload::Poll)?;
        gates.push(Gate::ratio("an enter and exit, against an empty layer in a filter", ours, empty, 1.25));
        let nothing = count(Way::Nothing, Workload::Disabled)?;
        let ours = count(Way::Ours, Workload::Disabled)?;
        let from = format!("{ours:.0} beside {nothing:.0}");
        gates.push(Gate {
            what: "instructions more of a disabled span",
            figure: ours - nothing,
            bound: DISABLED,
            from,
        });
    } else {
        lines.push("SKIPPED: gates of instructions: there is no valgrind here".to_owned());
    }
    let failed = gates.iter().filter(|gate| !gate.holds()).count();
    lines.extend(gates.iter().map(|gate| {
        let verdict = if gate.holds() { "ok" } else { "FAILED" };
        format!("caller: {}: {:.2}, at most {} ({}) ... {verdict}", gate.what, gate.figure, gate.bound, gate.from)
    }));
    Ok((lines, failed))
}

fn allocations(what: &'static str, workload: Workload) -> Result<Gate> {
    let case = Case { way: Way::Ours, workload };
    let figures = case.ask("caller_allocations", &["20".to_owned()])?;
    let [count, bytes] = figures[..] else { anyhow::bail!("two figures were to come: {figures:?}") };
    Ok(Gate { what, figure: count, bound: 1.0, from: format!("{bytes:.0} bytes") })
}
