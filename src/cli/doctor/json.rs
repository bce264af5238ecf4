//! What was found, for programs. Every field is always there; what is not known is `null`.

use serde_json::{Map, Value, json};
use tracing_agents::model::{Account, DeadLetterEntry, LossReason};
use tracing_agents::pipeline::SpoolSegment;

use super::super::json::time;
use super::findings::{Contents, Findings, Life};
use super::spool;

pub(super) fn findings(findings: &Findings) -> Value {
    let database = &findings.database;
    let environment: Map<String, Value> =
        findings.environment.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let contents = findings.contents.as_ref();
    json!({
        "database": {
            "url": database.url,
            "server": database.server,
            "answered_in_ms": u64::try_from(database.answered_in.as_millis()).unwrap_or(u64::MAX),
            "migrations": { "applied": database.applied, "pending": database.pending, "newer": database.newer },
            "identity": contents
                .and_then(|contents| contents.identity)
                .map(|identity| format!("{:032x}", u128::from_be_bytes(identity))),
        },
        "spans": contents.map(spans),
        "losses": contents.map(|contents| by_reason(contents.losses())),
        "summaries": contents.map(|contents| json!({
            "checked": contents.checked.traces,
            "is_all": contents.checked.is_all,
            "wrong": contents.checked.wrong.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "repaired": contents.checked.repaired,
        })),
        "unreadable_content": contents.map(|contents| contents.checked.unreadable.iter().map(|(trace, span)| json!({
            "trace_id": trace.to_string(),
            "span_id": span.to_string(),
        })).collect::<Vec<_>>()),
        "processes": contents.map(|contents| contents.processes.iter().map(process).collect::<Vec<_>>()),
        "spool": findings.spool.as_ref().map(|spool| json!({
            "folder": spool.folder.display().to_string(),
            "segments": spool.segments.iter().map(segment).collect::<Vec<_>>(),
        })),
        "environment": environment,
        "findings": findings.attention,
    })
}

fn spans(contents: &Contents) -> Value {
    json!({
        "accepted": contents.sum(|account| account.accepted),
        "settled": contents.sum(|account| account.settled),
        "lost": contents.sum(|account| account.lost),
        "dead_letters": contents.sum(|account| account.dead_letters),
        "under_way": contents.underway(),
        "missing": contents.missing(),
    })
}

fn process((life, account): &(Life, Account)) -> Value {
    let process = &account.process;
    json!({
        "process_id": process.process_id.to_string(),
        "pid": process.pid,
        "host": process.host,
        "state": life.as_str(),
        "started": time(process.started_ns),
        "started_ns": process.started_ns,
        "heartbeat": time(process.heartbeat_ns),
        "heartbeat_ns": process.heartbeat_ns,
        "ended": process.ended_ns.map(time),
        "ended_ns": process.ended_ns,
        "accepted": account.accepted,
        "settled": account.settled,
        "lost": account.lost,
        "missing": account.missing(),
        "dead_letters": account.dead_letters,
        "losses": by_reason(account.losses.iter().map(|(reason, count)| (*reason, *count))),
        "gaps": account.gaps.iter().map(|gap| json!([gap.start(), gap.end()])).collect::<Vec<_>>(),
    })
}

fn segment(segment: &SpoolSegment) -> Value {
    json!({
        "file": segment.path.file_name().map(|name| name.to_string_lossy()),
        "state": spool::state(segment),
        "process_id": segment.process.map(|process| process.to_string()),
        "created_ns": segment.created_ns,
        "bytes": segment.bytes,
        "spans": segment.spans,
        "damaged": segment.damaged,
        "torn_bytes": segment.torn_bytes,
    })
}

/// A dead letter, but for its span.
pub(super) fn letter(letter: &DeadLetterEntry) -> Map<String, Value> {
    let value = json!({
        "process_id": letter.process.to_string(),
        "sequence": letter.sequence,
        "trace_id": letter.trace_id.map(|id| id.to_string()),
        "span_id": letter.span_id.map(|id| id.to_string()),
        "name": letter.name,
        "reason": letter.reason.as_str(),
        "error": letter.error,
        "time": time(letter.time_ns),
        "time_ns": letter.time_ns,
        "payload_bytes": letter.payload_bytes,
    });
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn by_reason(losses: impl IntoIterator<Item = (LossReason, u64)>) -> Value {
    losses.into_iter().map(|(reason, count)| (reason.as_str().to_owned(), json!(count))).collect::<Map<_, _>>().into()
}
