//! Wall time, and the CPU time that this process spent meanwhile.

use std::time::{Duration, Instant};

/// Ticks of the CPU times in `/proc`, a second: the same on all Linux machines.
const TICKS_A_SECOND: u64 = 100;

/// What writing took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) wall: Duration,
    /// Of all threads of this process, to 10 ms; `None` where there is no `/proc`.
    pub(crate) cpu: Option<Duration>,
}

pub(crate) struct Clock {
    wall: Instant,
    cpu: Option<Duration>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { cpu: cpu(), wall: Instant::now() }
    }

    pub(crate) fn stop(&self) -> Measure {
        let wall = self.wall.elapsed();
        Measure { wall, cpu: self.cpu.zip(cpu()).map(|(before, after)| after.saturating_sub(before)) }
    }
}

/// CPU time in user and kernel mode since the process began.
fn cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold spaces; what follows does not.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_A_SECOND))
}
