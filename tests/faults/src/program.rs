//! The other side of a [`load`](crate::load): starts it, listens to it, ends it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::PATIENCE;
use crate::load::{Load, Look};
use crate::spans::now_ns;

/// What a program has said so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// When each span was accepted, by number.
    pub(crate) accepted: BTreeMap<u64, u64>,
    pub(crate) looks: u64,
    /// Looks at which the counters did not add up.
    pub(crate) wrong_looks: u64,
    pub(crate) last: Look,
}

pub(crate) struct Program {
    process: Child,
    input: Option<ChildStdin>,
    said: Arc<Mutex<Said>>,
    answers: Receiver<String>,
    listener: Option<JoinHandle<()>>,
}

impl Program {
    pub(crate) fn start(load: &Load) -> Result<Self> {
        let program = std::env::current_exe()?;
        Self::start_as(Command::new(program).args(load.arguments()))
    }

    /// With no file larger than so many KiB.
    pub(crate) fn start_limited(load: &Load, kib: u64) -> Result<Self> {
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"");
        let program = std::env::current_exe()?;
        Self::start_as(Command::new("bash").args(["-c", &script, "bash"]).arg(program).args(load.arguments()))
    }

    /// As another program's, which runs it.
    pub(crate) fn start_under(load: &Load, runner: &[String]) -> Result<Self> {
        let (program, arguments) = runner.split_first().context("no program to run it")?;
        Self::start_as(Command::new(program).args(arguments).arg(std::env::current_exe()?).args(load.arguments()))
    }

    fn start_as(command: &mut Command) -> Result<Self> {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("no output")?;
        let (said, (sender, answers)) = (Arc::new(Mutex::new(Said::default())), channel());
        let listener = {
            let said = Arc::clone(&said);
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    hear(&line, &mut said.lock().unwrap_or_else(PoisonError::into_inner), |answer| {
                        let _ = sender.send(answer);
                    });
                }
            })
        };
        let input = process.stdin.take();
        let program = Self { process, input, said, answers, listener: Some(listener) };
        ensure!(program.answer(PATIENCE)? == "ready", "the program does not begin with `ready`");
        Ok(program)
    }

    fn answer(&self, patience: Duration) -> Result<String> {
        self.answers.recv_timeout(patience).context("the program ended or does not answer")
    }

    pub(crate) fn tell(&mut self, what: &str) -> Result<()> {
        Ok(writeln!(self.input.as_mut().context("no input")?, "{what}")?)
    }

    /// Tells it to do something, and waits for its answer, without the `done`.
    pub(crate) fn ask(&mut self, what: &str) -> Result<String> {
        self.tell(what)?;
        let answer = self.answer(PATIENCE)?;
        answer.strip_prefix("done").map(|rest| rest.trim().to_owned()).with_context(|| format!("{what}: {answer}"))
    }

    pub(crate) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until what it said is so.
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&Said) -> bool) -> Result<()> {
        let begun = Instant::now();
        while !holds(&self.said()) {
            if begun.elapsed() > PATIENCE {
                bail!("waited too long until {what}: {:?}", self.said().last);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// SIGKILL. Tells when it was certainly sent, and everything the program had said by then.
    pub(crate) fn kill(mut self) -> Result<(Said, u64)> {
        self.process.kill()?;
        let killed = now_ns();
        self.process.wait()?;
        Ok((self.heard(), killed))
    }

    /// Stops, flushes and shuts down: how many milliseconds the shutdown took, and what it and the flush said.
    pub(crate) fn finish(mut self, flush: u64, shutdown: u64) -> Result<(Said, u64, String)> {
        let answer = self.ask(&format!("finish {flush} {shutdown}"))?;
        let (took, words) = answer.split_once(' ').context("no time of the shutdown")?;
        let took = took.parse()?;
        let status = self.end()?;
        ensure!(status.success(), "the program ended with {status}");
        Ok((self.heard(), took, words.to_owned()))
    }

    fn end(&mut self) -> Result<ExitStatus> {
        self.input = None;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > PATIENCE {
                bail!("the program does not end");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn heard(&mut self) -> Said {
        self.listener.take().map(JoinHandle::join);
        self.said().clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn hear(line: &str, said: &mut Said, answer: impl FnOnce(String)) {
    if let Some(accepted) = line.strip_prefix("a ") {
        // A line that was cut by the program's end says nothing.
        let numbers =
            accepted.split_once(' ').and_then(|(n, at)| Some((n.parse::<u64>().ok()?, at.parse::<u64>().ok()?)));
        said.accepted.extend(numbers);
    } else if let Some(look) = line.strip_prefix("look ").and_then(Look::read) {
        said.looks += 1;
        said.wrong_looks += u64::from(!look.adds_up);
        said.last = look;
    } else if !line.starts_with("look ") {
        answer(line.to_owned());
    }
}
