//! What was found, for people.

use std::io::{self, Write};

use tracing_agents::insight::Printable;
use tracing_agents::pipeline::SegmentState;

use super::super::json::time;
use super::super::output;
use super::super::table::{Side, Table};
use super::findings::{Contents, Findings, Life};

/// Processes that are listed one by one.
const MAX_LISTED: usize = 20;

pub(super) fn write(findings: &Findings, out: &mut impl Write) -> io::Result<()> {
    let database = &findings.database;
    line(out, "database", &database.url)?;
    line(out, "answers", &format!("{}, after {} ms", database.server, database.answered_in.as_millis()))?;
    let state = match (database.newer.len(), database.pending.len()) {
        (0, 0) => "up to date".to_owned(),
        (0, pending) => format!("{pending} migrations pending"),
        (newer, _) => format!("{newer} migrations of a newer version"),
    };
    line(out, "schema", &format!("{state} ({} applied)", database.applied.len()))?;
    if let Some(contents) = &findings.contents {
        write_contents(contents, out)?;
    }
    if let Some(spool) = &findings.spool {
        let [in_use, left] =
            [SegmentState::InUse, SegmentState::Left].map(|state| (spool.spans(state), spool.files(state)));
        let what = format!("{} spans in {} files in use, {} in {} left behind", in_use.0, in_use.1, left.0, left.1);
        line(out, "spool", &format!("{what} ({})", spool.folder.display()))?;
    }
    for (name, value) in &findings.environment {
        line(out, "environment", &format!("{name}={}", Printable(value)))?;
    }
    writeln!(out)?;
    if findings.attention.is_empty() {
        return writeln!(out, "All is well.");
    }
    writeln!(out, "Needs attention:")?;
    findings.attention.iter().try_for_each(|sentence| writeln!(out, "  - {}", Printable(sentence)))
}

fn write_contents(contents: &Contents, out: &mut impl Write) -> io::Result<()> {
    let identity = contents.identity.map(|identity| format!("{:032x}", u128::from_be_bytes(identity)));
    line(out, "identity", identity.as_deref().unwrap_or("none yet"))?;
    let count = |life| contents.count(life);
    let (runs, ended, died) = (count(Life::Runs), count(Life::Ended), count(Life::Died));
    line(out, "processes", &format!("{runs} running, {ended} ended, {died} died"))?;
    let [accepted, settled] = [contents.sum(|account| account.accepted), contents.sum(|account| account.settled)];
    let (underway, missing) = (contents.underway(), contents.missing());
    line(out, "spans", &format!("{accepted} accepted, {settled} settled, {underway} under way, {missing} missing"))?;
    line(out, "dead letters", &contents.sum(|account| account.dead_letters).to_string())?;
    for (reason, count) in contents.losses() {
        line(out, "losses", &format!("{count} {reason}"))?;
    }
    let checked = &contents.checked;
    let all = if checked.is_all { "all" } else { "the latest" };
    let (wrong, repaired) = (checked.wrong.len(), checked.repaired);
    line(out, "summaries", &format!("{all} {} checked, {wrong} wrong, {repaired} repaired", checked.traces))?;
    for trace in checked.wrong.iter().take(MAX_LISTED) {
        line(out, "", &format!("wrong: trace {trace}"))?;
    }
    line(
        out,
        "content",
        &format!("of {all} {} traces, {} spans unreadable", checked.traces, checked.unreadable.len()),
    )?;
    for (trace, span) in checked.unreadable.iter().take(MAX_LISTED) {
        line(out, "", &format!("unreadable: span {span} of trace {trace}"))?;
    }
    write_processes(contents, out)
}

/// The processes of which there is something to say.
fn write_processes(contents: &Contents, out: &mut impl Write) -> io::Result<()> {
    let mut table = Table::new([
        ("PROCESS", Side::Left),
        ("PID", Side::Right),
        ("STATE", Side::Left),
        ("LAST HEARD OF", Side::Left),
        ("ACCEPTED", Side::Right),
        ("SETTLED", Side::Right),
        ("LOST", Side::Right),
        ("MISSING", Side::Right),
        ("HOST", Side::Left),
    ]);
    let speaks = |(life, account): &&(Life, _)| {
        let account: &tracing_agents::model::Account = account;
        *life != Life::Ended || account.missing() > 0 || account.lost > 0
    };
    let mut listed = contents.processes.iter().filter(speaks).peekable();
    if listed.peek().is_none() {
        return Ok(());
    }
    for (life, account) in listed.take(MAX_LISTED) {
        table.push([
            account.process.process_id.to_string(),
            account.process.pid.to_string(),
            life.as_str().to_owned(),
            time(account.process.heartbeat_ns),
            account.accepted.to_string(),
            account.settled.to_string(),
            account.lost.to_string(),
            account.missing().to_string(),
            Printable(&account.process.host).to_string(),
        ]);
    }
    writeln!(out)?;
    table.write(out, output::columns())
}

fn line(out: &mut impl Write, name: &str, what: &str) -> io::Result<()> {
    writeln!(out, "{name:<13} {}", Printable(what))
}
