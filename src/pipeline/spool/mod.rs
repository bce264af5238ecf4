//! Spans that wait on a disk: what the process writes there, reads back, deletes; and what it takes over from processes that are gone.
//!
//! A thread before the worker makes records of spans, has them redacted, and appends them to a segment of this process, some
//! milliseconds after they ended. Then they go on in memory, as long as there is room; beyond that they are only on the disk, and the
//! worker reads them back when the store has taken the others. A segment is deleted when each of its spans is stored or accounted for.
//! Nothing notes how far that came: whoever finds a segment reads all of it, and the store knows spans that it has.
//!
//! As long as a process lives, it holds locks on its segments. One whose lock is free was left by a process that is gone, and is
//! [adopted](leftovers) by any process that has the same database open.

mod disk;
mod leftovers;
pub(super) mod losses;
mod segment;
mod settings;
mod syncing;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

pub(super) use self::disk::{Group, Unwritten};
pub(super) use self::leftovers::{Found, Leftovers};
pub use self::leftovers::{SegmentState, SpoolSegment, segments};
pub use self::settings::{Durability, Fsync, SpoolDatabase, SpoolSettings, WhenFull};

use self::disk::{Disk, Removed};
use self::segment::{Frame, Kind, SegmentReader, push_frame};
use super::isolation::isolated;
use super::preparing::Unread;
use crate::error::Result;
use crate::model::time::now_ns;
use crate::model::{Loss, ProcessId, SpanRecord};
use crate::wire;

/// Spans in one frame, at most, and their bytes, roughly, unless it is a single one: what reading holds in memory at once.
const FRAME_SPANS: usize = 256;
const FRAME_BYTES: usize = 1 << 20;

/// Where spans wait on a disk, and how that goes. In [`Health`](super::Health).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolHealth {
    /// What the pipeline promises.
    pub durability: Durability,
    /// Why nothing can be written to the disk now; spans wait in memory meanwhile. `None` while all is well.
    pub failure: Option<String>,
    /// Files of this process.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of torn ends of files that were adopted: what a process was writing when it was killed.
    pub torn_bytes: u64,
}

/// The spool of one pipeline.
#[derive(Debug)]
pub(super) struct Spool {
    disk: Mutex<Disk>,
    pub(super) durability: Durability,
    pub(super) when_full: WhenFull,
}

/// Spans that were read back.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<SpanRecord>,
    /// Spans that could not be: the file gave back something else than was written.
    pub(super) damaged: u64,
}

impl Spool {
    pub(super) fn new(settings: SpoolSettings, process: ProcessId) -> Self {
        let (durability, when_full) = (settings.durability, settings.when_full);
        Self { disk: Mutex::new(Disk::new(settings, process)), durability, when_full }
    }

    /// Taken before the pipeline's own lock, where both are.
    pub(super) fn lock(&self) -> DiskGuard<'_> {
        DiskGuard(self.disk.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads spans back, some hundred; `None` when all are in memory again.
    ///
    /// # Errors
    /// When the disk cannot be read now. What it will never give back is in the answer, as damaged.
    pub(super) fn read_back(&self, max_spans: usize, max_bytes: usize) -> io::Result<Option<Chunk>> {
        let Some(place) = self.lock().0.first_unread() else { return Ok(None) };
        let (mut chunk, mut bytes, mut offset) = (Chunk::default(), 0, place.bytes.start);
        let mut read = || {
            let mut reader = SegmentReader::open(&place.path)?.ok_or(io::ErrorKind::InvalidData)?;
            reader.seek(offset, place.bytes.end)?;
            while chunk.records.len() < max_spans && bytes < max_bytes {
                match reader.next()? {
                    Some(Frame::Spans { count, payload }) => {
                        bytes += payload.len();
                        chunk.add(count, &payload);
                    }
                    Some(Frame::Damaged { count }) => chunk.damaged += u64::from(count),
                    Some(Frame::Losses(_)) => {}
                    Some(Frame::Torn { .. }) => return Err(io::ErrorKind::InvalidData.into()),
                    None => break,
                }
                offset = reader.offset();
            }
            Ok(())
        };
        let outcome: io::Result<()> = read();
        let is_lost = match outcome.map_err(|error| (error.kind(), error)) {
            Ok(()) => false,
            Err((io::ErrorKind::InvalidData | io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof, _)) => true,
            // What was read before is read once more, when that goes.
            Err((_, error)) => return Err(error),
        };
        let mut guard = self.lock();
        if !guard.0.read_until(&place, offset, chunk.records.len() as u64 + chunk.damaged) {
            return Ok(Some(Chunk::default()));
        }
        guard.0.settle_damaged(&place.path, chunk.damaged);
        if is_lost {
            chunk.damaged += guard.0.give_up_unread(&place.path);
        }
        guard.0.remove_settled();
        drop(guard);
        self.sweep();
        Ok(Some(chunk))
    }

    /// Deletes what nobody needs. Not to be called with the spool held.
    pub(super) fn sweep(&self) {
        let removed = self.lock().0.take_removed();
        removed.into_iter().for_each(Removed::delete);
    }

    /// Leaves what is there to other processes, with what this one could tell nobody any more. Where somebody is writing just now, it is
    /// not waited for.
    pub(super) fn leave(&self, losses: &[Loss]) {
        let mut disk = match self.disk.try_lock() {
            Ok(disk) => disk,
            Err(TryLockError::Poisoned(disk)) => disk.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(payload) = losses::encode(losses) {
            let mut frame = Vec::new();
            push_frame(&mut frame, Kind::Losses, 0, &payload);
            // A disk that fails now takes the news of what was lost with it.
            let _ = disk.leave(frame, now_ns());
        }
        disk.release();
    }
}

impl Chunk {
    fn add(&mut self, count: u32, payload: &[u8]) {
        match decode(payload) {
            Ok(mut records) => {
                self.damaged += u64::from(count).saturating_sub(records.len() as u64);
                self.records.append(&mut records);
            }
            Err(_) => self.damaged += u64::from(count),
        }
    }
}

/// The files, held.
pub(super) struct DiskGuard<'a>(MutexGuard<'a, Disk>);

impl DiskGuard<'_> {
    /// Writes spans to the disk.
    pub(super) fn append(&mut self, group: &Group) -> Result<(), Unwritten> {
        self.0.append(group, now_ns())
    }

    /// What was appended last is in no memory.
    pub(super) fn leave_to_disk(&mut self, group: &Group) {
        self.0.leave_to_disk(group);
    }

    /// Whether there are spans that are in no memory: then new ones must not overtake them.
    pub(super) fn has_unread(&self) -> bool {
        self.0.has_unread()
    }

    /// Makes room, where old spans are only on the disk; how many were dropped.
    pub(super) fn drop_oldest(&mut self) -> Option<u64> {
        self.0.drop_oldest()
    }

    /// Spans met their fate; how many of them were on the disk.
    pub(super) fn settle(&mut self, numbers: impl Iterator<Item = u64>) -> u64 {
        let settled = numbers.filter(|number| self.0.settle(*number)).count() as u64;
        if settled > 0 {
            self.0.remove_settled();
        }
        settled
    }

    /// Files and their bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.0.len() as u64, self.0.bytes())
    }
}

/// Encodes records that have their numbers, in order, to be written together. Takes out those that cannot be encoded.
pub(super) fn encode(records: &mut Vec<SpanRecord>, numbers: Range<u64>) -> (Group, Vec<Unread>) {
    let mut group = Group { frames: Vec::new(), count: 0, numbers };
    let mut failed = Vec::new();
    let mut start = 0;
    while let Some(rest) = records.get(start..).filter(|rest| !rest.is_empty()) {
        let mut bytes = 0;
        let fitting = rest.iter().take(FRAME_SPANS).take_while(|record| {
            bytes += record.size();
            bytes <= FRAME_BYTES
        });
        let fitting = fitting.count().max(1);
        let part = rest.get(..fitting).unwrap_or_default();
        if !push(&mut group, part) {
            // Each alone, so that one takes no other with it.
            failed.extend(part.iter().filter(|record| !push(&mut group, std::slice::from_ref(*record))).map(number));
        }
        start += fitting;
    }
    if !failed.is_empty() {
        records.retain(|record| !failed.contains(&number(record)));
    }
    let reason = || "a span is left out: it cannot be encoded; please report this".to_owned();
    (group, failed.into_iter().map(|number| Unread { number, reason: reason(), is_unprotected: false }).collect())
}

fn number(record: &SpanRecord) -> u64 {
    record.origin.map_or(0, |origin| origin.sequence)
}

fn push(group: &mut Group, records: &[SpanRecord]) -> bool {
    let Ok(payload) = isolated(|| wire::encode(records)) else { return false };
    let Ok(count) = u32::try_from(records.len()) else { return false };
    let is_pushed = push_frame(&mut group.frames, Kind::Spans, count, &payload);
    group.count += u64::from(is_pushed) * u64::from(count);
    is_pushed
}

fn decode(payload: &[u8]) -> Result<Vec<SpanRecord>> {
    isolated(|| wire::decode(payload)).unwrap_or_else(|panic| Err(crate::error::Error::write(panic)))
}

/// For the fuzz targets: reads a segment to its end, and gives how many spans it has.
pub(crate) fn spans_of_segment(bytes: &[u8]) -> usize {
    let Ok(Some(mut reader)) = SegmentReader::of(io::Cursor::new(bytes)) else { return 0 };
    let mut chunk = Chunk::default();
    while let Ok(Some(frame)) = reader.next() {
        match frame {
            Frame::Spans { count, payload } => chunk.add(count, &payload),
            Frame::Losses(payload) => drop(losses::decode(&payload)),
            Frame::Damaged { .. } | Frame::Torn { .. } => {}
        }
    }
    chunk.records.len()
}

/// Whether nobody holds the file's lock; then it is held.
fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(std::fs::TryLockError::WouldBlock) => Ok(false),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}
