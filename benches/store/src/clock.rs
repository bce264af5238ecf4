//! Wall time, and the CPU time that this process and a server spent meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

/// Ticks of the CPU times in `/proc`, a second: the same on all Linux machines.
const TICKS_A_SECOND: u64 = 100;

/// What writing took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) wall: Duration,
    /// Of all threads of this process, to 10 ms; `None` where there is no `/proc`.
    pub(crate) cpu: Option<Duration>,
    /// The same of the server, all of its processes; `None` for SQLite, and where the server's processes are not to be seen.
    pub(crate) server: Option<Duration>,
}

pub(crate) struct Clock {
    wall: Instant,
    cpu: Option<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { cpu: own_cpu(), wall: Instant::now() }
    }

    pub(crate) fn stop(&self) -> Measure {
        let wall = self.wall.elapsed();
        Measure { wall, cpu: self.cpu.zip(own_cpu()).map(|(before, after)| after.saturating_sub(before)), server: None }
    }
}

fn own_cpu() -> Option<Duration> {
    Some(ticks(Process::read("self")?.own))
}

/// Bytes that this process has handed to the system to be written, in all.
pub(crate) fn written() -> Option<u64> {
    let counters = std::fs::read_to_string("/proc/self/io").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("wchar: "))?.parse().ok()
}

/// CPU time of a process, of those that it started, and of those of them that have ended.
pub(crate) fn family_cpu(parent: u32) -> Option<Duration> {
    let first = Process::read(&parent.to_string())?;
    let others = std::fs::read_dir(Path::new("/proc")).ok()?.filter_map(|entry| {
        let process = Process::read(entry.ok()?.file_name().to_str()?)?;
        (process.parent == parent).then_some(process.own)
    });
    Some(ticks(first.own + first.ended_children + others.sum::<u64>()))
}

/// The process that started `child`.
pub(crate) fn parent_of(child: u32) -> Option<u32> {
    Some(Process::read(&child.to_string())?.parent)
}

/// A line of `/proc`; times are ticks in user and kernel mode.
struct Process {
    parent: u32,
    own: u64,
    ended_children: u64,
}

impl Process {
    fn read(id: &str) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name, in parentheses, may hold spaces; what follows does not: the state, the parent, and ten on the times.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        let time = |place: usize| fields.get(place)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            own: time(11)? + time(12)?,
            ended_children: time(13)? + time(14)?,
        })
    }
}

fn ticks(count: u64) -> Duration {
    Duration::from_millis(count * 1000 / TICKS_A_SECOND)
}
