//! The segments of this process: written, settled span by span, deleted whole.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::segment::{HEADER_BYTES, Header};
use super::settings::{Fsync, SpoolSettings};
use super::syncing::Syncer;
use crate::model::ProcessId;

/// Why spans were not written.
#[derive(Debug)]
pub(in crate::pipeline) enum Unwritten {
    /// The spool has as many bytes as it may.
    Full,
    /// The disk is full, gone or read-only.
    Failed(io::Error),
}

/// Spans that are written together.
#[derive(Debug)]
pub(in crate::pipeline) struct Group {
    /// Their frames.
    pub(in crate::pipeline) frames: Vec<u8>,
    /// How many they are.
    pub(in crate::pipeline) count: u64,
    /// The first one's number, and the one after the last one's. Some between may be missing.
    pub(in crate::pipeline) numbers: Range<u64>,
}

/// A file of this process.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    /// Locked as long as it is open: so others know that its process lives.
    file: File,
    numbers: Range<u64>,
    bytes: u64,
    spans: u64,
    /// Of these, spans that need it no more.
    settled: u64,
    /// Nothing is written to it any more.
    sealed: bool,
    /// Where the spans stand that are in no memory and were not read back yet.
    unread: Range<u64>,
    /// How many these are.
    unread_spans: u64,
}

/// A place in a segment to read from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) bytes: Range<u64>,
}

/// A segment that nobody needs. It is deleted outside the spool's lock, since that can take a disk some time.
#[derive(Debug)]
pub(super) struct Removed {
    path: PathBuf,
    _lock: File,
}

impl Removed {
    /// Should it fail, the next process reads the segment again, and its spans are known.
    pub(super) fn delete(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// All segments of this process, in the order of their numbers.
#[derive(Debug)]
pub(super) struct Disk {
    settings: SpoolSettings,
    process: ProcessId,
    segments: VecDeque<Segment>,
    removed: Vec<Removed>,
    bytes: u64,
    /// Segments made so far.
    made: u64,
    syncer: Option<Syncer>,
}

impl Disk {
    pub(super) fn new(settings: SpoolSettings, process: ProcessId) -> Self {
        let syncer = match settings.fsync {
            Fsync::Interval(interval) => Syncer::start(interval),
            Fsync::Never | Fsync::Always => None,
        };
        Self { settings, process, segments: VecDeque::new(), removed: Vec::new(), bytes: 0, made: 0, syncer }
    }

    /// Writes spans behind all others.
    pub(super) fn append(&mut self, group: &Group, now_ns: i64) -> Result<(), Unwritten> {
        let len = group.frames.len() as u64;
        if self.bytes.saturating_add(len).saturating_add(HEADER_BYTES as u64) > self.settings.max_bytes {
            return Err(Unwritten::Full);
        }
        if self.segments.back().is_none_or(|last| last.sealed) {
            let segment = self.create(group.numbers.start, now_ns).map_err(Unwritten::Failed)?;
            self.bytes += segment.bytes;
            self.segments.push_back(segment);
        }
        let Some(segment) = self.segments.back_mut() else { return Err(Unwritten::Full) };
        let written = segment.file.write_all(&group.frames).and_then(|()| match self.settings.fsync {
            Fsync::Always => segment.file.sync_data(),
            Fsync::Never | Fsync::Interval(_) => Ok(()),
        });
        if let Err(error) = written {
            // A part of it may stand there: readers take it for a torn tail, behind which nothing is.
            segment.sealed = true;
            let _ = segment.file.set_len(segment.bytes);
            self.remove_settled();
            return Err(Unwritten::Failed(error));
        }
        segment.bytes += len;
        segment.spans += group.count;
        segment.numbers.end = group.numbers.end;
        segment.sealed = segment.bytes >= self.settings.segment_bytes;
        self.bytes += len;
        if let Some(syncer) = &self.syncer {
            syncer.wrote(&segment.path, &segment.file);
        }
        Ok(())
    }

    /// Makes the next file. Others look at it from when it has its name: by then it is locked, and says what it is.
    fn create(&mut self, first: u64, created_ns: i64) -> io::Result<Segment> {
        make_folder(&self.settings.folder)?;
        let name = format!("{created_ns:020}-{}-{}", self.process, self.made);
        self.made += 1;
        let unnamed = self.settings.folder.join(format!("{name}.new"));
        let path = self.settings.folder.join(format!("{name}.seg"));
        let header = Header {
            process: self.process,
            fingerprint: self.settings.database.fingerprint,
            database: self.settings.database.identity.get().copied(),
            created_ns,
        };
        let mut file = new_file(&unnamed)?;
        let ready = file
            .try_lock()
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(&header.encode()))
            .and_then(|()| fs::rename(&unnamed, &path));
        if let Err(error) = ready {
            let _ = fs::remove_file(&unnamed);
            return Err(error);
        }
        Ok(Segment {
            path,
            file,
            numbers: first..first,
            bytes: HEADER_BYTES as u64,
            spans: 0,
            settled: 0,
            sealed: false,
            unread: 0..0,
            unread_spans: 0,
        })
    }

    /// Writes what stays there for the next process.
    pub(super) fn leave(&mut self, frames: Vec<u8>, now_ns: i64) -> Result<(), Unwritten> {
        let end = self.segments.back().map_or(0, |last| last.numbers.end);
        self.append(&Group { frames, count: 0, numbers: end..end }, now_ns)
    }

    /// The group that was written last is in no memory: it is to be read back.
    pub(super) fn leave_to_disk(&mut self, group: &Group) {
        if let Some(segment) = self.segments.back_mut() {
            if segment.unread.is_empty() {
                segment.unread.start = segment.bytes - group.frames.len() as u64;
            }
            segment.unread.end = segment.bytes;
            segment.unread_spans += group.count;
        }
    }

    /// Whether there are spans that are in no memory.
    pub(super) fn has_unread(&self) -> bool {
        self.segments.iter().any(|segment| !segment.unread.is_empty())
    }

    /// Where the first of them stand.
    pub(super) fn first_unread(&self) -> Option<Place> {
        let segment = self.segments.iter().find(|segment| !segment.unread.is_empty())?;
        Some(Place { path: segment.path.clone(), bytes: segment.unread.clone() })
    }

    /// So many of them, which stand before `offset`, were read back or are known to be lost. `false` where they were dropped meanwhile.
    pub(super) fn read_until(&mut self, place: &Place, offset: u64, spans: u64) -> bool {
        let segment = self.segments.iter_mut().find(|segment| segment.path == place.path);
        let Some(segment) = segment.filter(|segment| segment.unread.start == place.bytes.start) else { return false };
        segment.unread.start = offset.min(segment.unread.end);
        segment.unread_spans = segment.unread_spans.saturating_sub(spans);
        true
    }

    /// The spans of a segment that are in no memory are given up; how many they are.
    pub(super) fn give_up_unread(&mut self, path: &Path) -> u64 {
        let Some(segment) = self.segments.iter_mut().find(|segment| segment.path == path) else { return 0 };
        let spans = std::mem::take(&mut segment.unread_spans);
        segment.unread = 0..0;
        segment.settled += spans;
        self.remove_settled();
        spans
    }

    /// Drops the oldest segment that is in no memory at all; how many spans it had.
    pub(super) fn drop_oldest(&mut self) -> Option<u64> {
        let is_untouched =
            |segment: &Segment| segment.sealed && segment.unread_spans == segment.spans - segment.settled;
        let path = self.segments.iter().find(|segment| segment.unread_spans > 0 && is_untouched(segment))?.path.clone();
        Some(self.give_up_unread(&path))
    }

    /// A span needs its segment no more; whether it is in one. To be said once of each.
    pub(super) fn settle(&mut self, number: u64) -> bool {
        let place = self.segments.partition_point(|segment| segment.numbers.end <= number);
        match self.segments.get_mut(place) {
            Some(segment) if segment.numbers.contains(&number) => {
                segment.settled += 1;
                true
            }
            _ => false,
        }
    }

    /// So many spans of a segment were found damaged.
    pub(super) fn settle_damaged(&mut self, path: &Path, spans: u64) {
        if let Some(segment) = self.segments.iter_mut().find(|segment| segment.path == path) {
            segment.settled += spans;
        }
    }

    /// Takes out the segments that nobody needs; they are to be deleted.
    pub(super) fn remove_settled(&mut self) {
        let is_settled = |segment: &Segment| segment.settled >= segment.spans && (segment.spans > 0 || segment.sealed);
        let mut at = 0;
        while let Some(segment) = self.segments.get(at) {
            if is_settled(segment)
                && let Some(segment) = self.segments.remove(at)
            {
                self.bytes = self.bytes.saturating_sub(segment.bytes);
                self.removed.push(Removed { path: segment.path, _lock: segment.file });
            } else {
                at += 1;
            }
        }
    }

    /// What was taken out since it was asked for the last time.
    pub(super) fn take_removed(&mut self) -> Vec<Removed> {
        std::mem::take(&mut self.removed)
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.segments.len()
    }

    /// Leaves the segments to other processes, and the folder, if it is empty, to nobody.
    pub(super) fn release(&mut self) {
        self.syncer = None;
        self.segments.clear();
        self.take_removed().into_iter().for_each(Removed::delete);
        self.bytes = 0;
        let _ = fs::remove_dir(&self.settings.folder);
    }
}

/// Makes a folder for its owner only, whatever the umask.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a file that nobody else can read.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
