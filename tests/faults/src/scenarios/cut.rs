//! Connections that end in the middle of a batch, at any byte; answers that come late, and answers to COMMIT that never come.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tracing_agents::AgentTracing;

use crate::PATIENCE;
use crate::World;
use crate::proxy::Proxy;
use crate::report::Row;
use crate::server::Server;
use crate::spans::Run;
use crate::stored::Stored;

/// Spans of a batch.
const BATCH: u64 = 3;

pub(super) fn run(world: &World) -> Result<Vec<Row>> {
    // Prime numbers, so that it does not meet the same fields each time. At each single byte it would take hours.
    let stride = i64::try_from(world.times(211, 7))?;
    let late = world.times(40, 500);
    Ok(world.on_each_server(|server| {
        let writer = Writer::open(world, server)?;
        Ok(vec![at_each_byte(writer, stride)?, late_and_lost_answers(Writer::open(world, server)?, late)?])
    }))
}

struct Writer<'a> {
    server: &'a Server,
    proxy: Proxy,
    tracing: AgentTracing,
    run: Run,
    accepted: u64,
    wrong_looks: u64,
}

impl<'a> Writer<'a> {
    fn open(world: &World, server: &'a Server) -> Result<Self> {
        let proxy = Proxy::to(server.address)?;
        let tracing = AgentTracing::builder(&server.url_by(proxy.address))
            .spool_folder(world.folder("cut")?)
            .scheduled_delay(Duration::from_millis(2))
            .open()?;
        let mut writer = Self { server, proxy, tracing, run: Run::new(), accepted: 0, wrong_looks: 0 };
        // Statements that a connection prepares are no part of a batch later.
        writer.write()?;
        writer.write()?;
        Ok(writer)
    }

    fn write(&mut self) -> Result<()> {
        for _ in 0..BATCH {
            self.tracing.inlet().accept(self.run.span(self.accepted)).context("not accepted")?;
            self.accepted += 1;
        }
        self.tracing.force_flush(PATIENCE)?;
        self.wrong_looks += u64::from(!self.tracing.health().adds_up());
        Ok(())
    }

    fn row(self, what: &str, figures: &str) -> Result<Row> {
        let health = self.tracing.health();
        self.tracing.shutdown(PATIENCE)?;
        let stored = Stored::of(&self.server.url, self.run)?;
        let mut row = Row::new(format!("{}, {what}", self.server.name)).figures(figures);
        row.accepted = self.accepted;
        row.stored = stored.len();
        row.lost = (0..self.accepted).filter(|number| !stored.has(*number)).count() as u64;
        row.twice = stored.twice();
        Ok(row.clone().promise(&[
            (row.lost == 0, "every accepted span is stored"),
            (row.twice == 0, "nothing is there twice"),
            (health.stored == self.accepted && health.accepted == self.accepted, "the counters say so"),
            (self.wrong_looks == 0, "the counters add up"),
            (stored.wrong_summaries == 0, "the summaries of traces fit their spans"),
        ]))
    }
}

fn at_each_byte(mut writer: Writer<'_>, stride: i64) -> Result<Row> {
    let (mut at, mut cuts, mut missed) = (0, 0, 0);
    // The batch is over before so many bytes: three times, since a sign of life of the process may come in between.
    while missed < 3 {
        writer.proxy.cut_after(at);
        writer.write()?;
        if writer.proxy.was_cut() {
            (cuts, missed) = (cuts + 1, 0);
        } else {
            missed += 1;
        }
        at += stride;
    }
    ensure!(cuts > 0, "nothing was cut");
    let figures = format!("a batch of {BATCH} spans exchanges about {} bytes", at - 3 * stride);
    writer.row(&format!("{cuts} connections cut, each {stride} bytes later in a batch's exchange"), &figures)
}

fn late_and_lost_answers(mut writer: Writer<'_>, rounds: u64) -> Result<Row> {
    for round in 0..rounds {
        if round % 2 == 0 {
            writer.proxy.take_answer();
        } else {
            writer.proxy.delay(Duration::from_millis(10));
        }
        writer.write()?;
        writer.proxy.delay(Duration::ZERO);
    }
    let taken = writer.proxy.answers_taken();
    ensure!(taken > 0, "no COMMIT was seen");
    writer.row(&format!("{taken} answers to COMMIT never came, {} batches were late", rounds / 2), "")
}
