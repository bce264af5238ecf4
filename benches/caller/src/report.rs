//! The whole table.

use anyhow::Result;
use bench_goals::Spread;

use crate::callgrind;
use crate::measure::Case;
use crate::way::Way;
use crate::workload::Workload;

/// Rounds of times, in each of which all ways take turns.
const ROUNDS: usize = 5;
const CHUNKS: u32 = 40;

/// What one way costs in one workload.
struct Cost {
    case: Case,
    /// None where there is no valgrind.
    instructions: Option<f64>,
    allocations: f64,
    bytes: f64,
    /// The middle chunk of each round, by the number of threads.
    times: [Vec<f64>; 2],
}

/// Measures everything, which takes some minutes, and answers the lines to print.
///
/// # Errors
/// When something cannot be measured.
pub fn make() -> Result<Vec<String>> {
    let mut lines = vec![
        "| work | traced by | instructions | allocations | bytes | ns, 1 thread | ns, 2 threads |".to_owned(),
        "|---|---|---:|---:|---:|---:|---:|".to_owned(),
    ];
    let mut goals = vec!["| what | ours | beside | ratio | goal |".to_owned(), "|---|---:|---:|---:|---|".to_owned()];
    for workload in Workload::ALL {
        let costs = costs(workload)?;
        lines.extend(costs.iter().map(line));
        goals.extend(goals_of(workload, &costs));
    }
    goals.extend(rates()?);
    lines.push(String::new());
    lines.append(&mut goals);
    Ok(lines)
}

fn costs(workload: Workload) -> Result<Vec<Cost>> {
    let ways = Way::ALL.into_iter().filter(|way| workload.fits(*way));
    let mut costs = ways.map(|way| cost(Case { way, workload })).collect::<Result<Vec<_>>>()?;
    for round in 0..ROUNDS {
        // Who is first changes.
        let places = (0..costs.len()).cycle().skip(round).take(costs.len()).collect::<Vec<_>>();
        for place in places {
            let Some(cost) = costs.get_mut(place) else { continue };
            for (threads, times) in (1..).zip(&mut cost.times) {
                let question = ["times".to_owned(), threads.to_string(), CHUNKS.to_string()];
                let chunks = Spread::of(cost.case.ask("caller_bench", &question)?);
                times.extend(chunks.map(|chunks| chunks.median));
            }
        }
    }
    Ok(costs)
}

fn cost(case: Case) -> Result<Cost> {
    let instructions = if callgrind::is_here() { Some(callgrind::instructions(case)?) } else { None };
    let figures = case.ask("caller_allocations", &["20".to_owned()])?;
    let [allocations, bytes] = figures[..] else { anyhow::bail!("two figures were to come: {figures:?}") };
    Ok(Cost { case, instructions, allocations, bytes, times: Default::default() })
}

fn line(cost: &Cost) -> String {
    let Case { way, workload } = cost.case;
    let instructions = cost.instructions.map_or("-".to_owned(), |count| format!("{count:.0}"));
    let [one, two] = cost
        .times
        .each_ref()
        .map(|times| Spread::of(times.iter().copied()).map_or(String::new(), |spread| format!("{spread:.0}")));
    let (title, allocations, bytes) = (way.title(), cost.allocations, cost.bytes);
    format!("| {} | {title} | {instructions} | {allocations:.2} | {bytes:.0} | {one} | {two} |", workload.name())
}

fn goals_of(workload: Workload, costs: &[Cost]) -> Vec<String> {
    let of = |way| costs.iter().find(|cost| cost.case.way == way);
    let instructions = |what: &str, way, goal: &str| {
        let (ours, theirs) = (of(Way::Ours)?.instructions?, of(way)?.instructions?);
        Some(format!("| {what}, instructions | {ours:.0} | {theirs:.0} | {:.2} | {goal} |", ours / theirs))
    };
    let times = |what: &str, goal: &str| {
        let (ours, theirs) = (&of(Way::Ours)?.times[0], &of(Way::OpenTelemetry)?.times[0]);
        let ratios = Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))?;
        let middle = |times: &[f64]| Spread::of(times.iter().copied()).map_or(0.0, |spread| spread.median);
        Some(format!("| {what}, ns | {:.0} | {:.0} | {ratios} | {goal} |", middle(ours), middle(theirs)))
    };
    let lines = match workload {
        Workload::Agent => vec![
            instructions(
                "an agent's span beside tracing-opentelemetry + batch",
                Way::OpenTelemetry,
                "≤ 0.25, aim 0.19",
            ),
            instructions("the same beside fastrace", Way::Fastrace, "aim below 1"),
            times("the same beside tracing-opentelemetry + batch", "-"),
            of(Way::Ours).map(|ours| {
                format!("| the same, heap allocations | {:.2} | - | - | ≤ 1, aim 0.15 |", ours.allocations)
            }),
        ],
        Workload::Instrument => {
            vec![instructions(
                "a span of `#[instrument]` beside tracing-opentelemetry + batch",
                Way::OpenTelemetry,
                "-",
            )]
        }
        Workload::Big => vec![times("20 kB of messages beside tracing-opentelemetry + batch", "≤ 0.5")],
        Workload::Poll => {
            vec![instructions("an enter and exit beside an empty layer in a per-layer filter", Way::Empty, "≤ 1.25")]
        }
        Workload::Disabled => vec![instructions("a disabled span beside no subscriber", Way::Nothing, "the same")],
    };
    lines.into_iter().flatten().collect()
}

/// Spans a second that a thread can make for 1.5 s.
fn rates() -> Result<Vec<String>> {
    let ask = |way| -> Result<[f64; 2]> {
        let figures = Case { way, workload: Workload::Agent }.ask("caller_bench", &["rate".to_owned()])?;
        let [rate, lost] = figures[..] else { anyhow::bail!("two figures were to come: {figures:?}") };
        Ok([rate, lost])
    };
    let theirs = (0..ROUNDS).map(|_| ask(Way::OpenTelemetry)).collect::<Result<Vec<_>>>()?;
    let ours = (0..ROUNDS).map(|_| ask(Way::OursToNothing)).collect::<Result<Vec<_>>>()?;
    let fastrace = (0..ROUNDS).map(|_| ask(Way::Fastrace)).collect::<Result<Vec<_>>>()?;
    let shown = |rates: &[[f64; 2]]| {
        let rate = Spread::of(rates.iter().map(|[rate, _]| *rate)).map_or(0.0, |spread| spread.median);
        let lost = Spread::of(rates.iter().map(|[_, lost]| *lost)).map_or(0.0, |spread| spread.greatest);
        format!("{rate:.0} ({:.1} % lost)", lost * 100.0)
    };
    let beside = |what: &str, theirs: &[[f64; 2]], goal: &str| {
        let ratios = Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours[0] / theirs[0]));
        let ratios = ratios.map_or(String::new(), |ratios| ratios.to_string());
        format!(
            "| spans a second, sustained, beside {what} | {} | {} | {ratios} | {goal} |",
            shown(&ours),
            shown(theirs)
        )
    };
    Ok(vec![beside("tracing-opentelemetry + batch", &theirs, "≥ 4, none lost"), beside("fastrace", &fastrace, "-")])
}
