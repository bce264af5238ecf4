//! What became of the cases, and why one failed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Duration;

use crate::api::Api;
use crate::database::ENGINES;

thread_local! {
    /// The last panic of this thread: what it said, and where.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps what a panic says and its place for [`caught`], beside printing it as ever.
pub(crate) fn tell_panics_with_their_place() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANIC.set(Some(panic.to_string()));
        print(panic);
    }));
}

/// Runs a case; what its panic said.
pub(crate) fn caught(case: impl FnOnce()) -> Result<(), String> {
    PANIC.set(None);
    catch_unwind(AssertUnwindSafe(case))
        .map_err(|_| PANIC.take().unwrap_or_else(|| "a thread of the case panicked".into()))
}

/// How many cases passed and failed, by database and way of asking.
#[derive(Default)]
pub(crate) struct Report {
    counts: Mutex<BTreeMap<(&'static str, &'static str), Count>>,
    skipped: Mutex<BTreeMap<&'static str, String>>,
    /// The cases that took longest, of all databases together.
    slowest: Mutex<BTreeSet<(Duration, String)>>,
    /// What the cases of a room took on each database.
    rooms: Mutex<BTreeMap<&'static str, BTreeMap<&'static str, Duration>>>,
}

/// Has the time that each room took told too.
const TIMES: &str = "TRACING_AGENTS_TEST_TIMES";

/// Cases whose time is told.
const SLOWEST: usize = 3;

#[derive(Default, Clone, Copy)]
struct Count {
    passed: usize,
    failed: usize,
}

impl Report {
    /// A case has run.
    pub(crate) fn add(&self, engine: &'static str, api: Api, has_passed: bool) {
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry((engine, api.name())).or_default();
        *(if has_passed { &mut count.passed } else { &mut count.failed }) += 1;
    }

    /// A case took so long.
    pub(crate) fn time(&self, engine: &'static str, room: &'static str, test: &str, time: Duration) {
        *self.rooms.lock().unwrap().entry(room).or_default().entry(engine).or_default() += time;
        let mut slowest = self.slowest.lock().unwrap();
        slowest.insert((time, test.to_owned()));
        if slowest.len() > SLOWEST {
            slowest.pop_first();
        }
    }

    /// Seconds that each room took on each database.
    fn write_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<16}", "seconds")?;
        ENGINES.iter().try_for_each(|engine| write!(f, " {:>20}", engine.name))?;
        for (room, times) in &*self.rooms.lock().unwrap() {
            write!(f, "\n  {room:<16}")?;
            for engine in &ENGINES {
                let time = times.get(engine.name).copied().unwrap_or_default();
                write!(f, " {:>20.1}", time.as_secs_f64())?;
            }
        }
        writeln!(f)
    }

    /// A database is not there.
    pub(crate) fn skip(&self, engine: &'static str, reason: &str) {
        self.skipped.lock().unwrap().insert(engine, reason.to_owned());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counts, skipped) = (self.counts.lock().unwrap(), self.skipped.lock().unwrap());
        writeln!(f, "contract, cases:")?;
        for engine in &ENGINES {
            if let Some(reason) = skipped.get(engine.name) {
                writeln!(f, "  {:<22} SKIPPED: {reason}", engine.name)?;
                continue;
            }
            write!(f, "  {:<22}", engine.name)?;
            for api in Api::ALL {
                let Count { passed, failed } = counts.get(&(engine.name, api.name())).copied().unwrap_or_default();
                write!(f, " {:<6} {passed:>3} passed, {failed} failed;", api.name())?;
            }
            writeln!(f)?;
        }
        for (time, test) in self.slowest.lock().unwrap().iter().rev() {
            writeln!(f, "  slow: {test}, {:.1} s", time.as_secs_f64())?;
        }
        if std::env::var_os(TIMES).is_some() { self.write_times(f) } else { Ok(()) }
    }
}
