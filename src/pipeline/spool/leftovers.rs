//! Segments that processes left behind: finding them, taking them over, listing them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::segment::{Frame, Header, SegmentReader};
use super::settings::{SpoolDatabase, SpoolSettings};
use super::{Chunk, try_lock};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Loss, LossReason, ProcessId};

/// How often the folder is looked into.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// A file that has not got its name after this time never will.
const UNNAMED_AFTER: Duration = Duration::from_secs(60);

/// What processes of the same database left, and how far this one has come with it.
#[derive(Debug)]
pub(in crate::pipeline) struct Leftovers {
    folder: PathBuf,
    process: ProcessId,
    database: SpoolDatabase,
    next_look: Instant,
    /// The segment that is being read. Its lock is held until its spans are stored and it is deleted.
    current: Option<(PathBuf, SegmentReader)>,
    /// Spans of it that are damaged, of which nothing was told yet.
    damaged: u64,
    /// Segments that the disk did not give, or that could not be deleted: not to be tried again and again.
    failed: Vec<PathBuf>,
}

/// What stood next in a segment.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Found {
    pub(in crate::pipeline) chunk: Chunk,
    pub(in crate::pipeline) losses: Vec<Loss>,
    pub(in crate::pipeline) torn_bytes: u64,
}

impl Leftovers {
    pub(in crate::pipeline) fn new(settings: &SpoolSettings, process: ProcessId) -> Self {
        Self {
            folder: settings.folder.clone(),
            process,
            database: settings.database.clone(),
            next_look: Instant::now(),
            current: None,
            damaged: 0,
            failed: Vec::new(),
        }
    }

    /// Whether there is a segment to read.
    pub(in crate::pipeline) const fn is_reading(&self) -> bool {
        self.current.is_some()
    }

    /// Looks for a segment to take over, now and then, once it is known which database this is.
    pub(in crate::pipeline) fn look(&mut self, now: Instant) {
        let Some(identity) = self.database.identity.get().copied() else { return };
        if self.current.is_some() || now < self.next_look {
            return;
        }
        self.current = self.take_over(identity);
        if self.current.is_none() {
            self.next_look = now + LOOK_EVERY;
        }
    }

    fn take_over(&self, identity: [u8; 16]) -> Option<(PathBuf, SegmentReader)> {
        files(&self.folder).ok()?.into_iter().find_map(|path| {
            if self.failed.contains(&path) {
                return None;
            }
            if path.extension().is_some_and(|extension| extension == "new") {
                remove_unnamed(&path);
                return None;
            }
            let file = open(&path).ok()?;
            if !try_lock(&file).ok()? || !path.exists() {
                // Its process lives, or has just deleted it.
                return None;
            }
            let reader = SegmentReader::of(file).ok()??;
            let header = reader.header();
            (header.process != self.process && header.is_for(self.database.fingerprint, identity))
                .then_some((path, reader))
        })
    }

    /// The next spans of the segment, some hundred; `None` at its end. Then all before are to be accounted for before [`done`](Self::done).
    pub(in crate::pipeline) fn next(&mut self, max_spans: usize, max_bytes: usize) -> Option<Found> {
        let (path, reader) = self.current.as_mut()?;
        let (mut found, mut bytes, mut is_over) = (Found::default(), 0, true);
        while found.chunk.records.len() < max_spans && bytes < max_bytes {
            match reader.next() {
                Ok(Some(Frame::Spans { count, payload })) => {
                    bytes += payload.len();
                    found.chunk.add(count, &payload);
                }
                Ok(Some(Frame::Damaged { count })) => found.chunk.damaged += u64::from(count),
                Ok(Some(Frame::Losses(losses))) => found.losses.append(&mut super::losses::decode(&losses)),
                Ok(Some(Frame::Torn { bytes })) => found.torn_bytes += bytes,
                Ok(None) if self.damaged > 0 => {
                    found.losses.push(damage(reader.header(), std::mem::take(&mut self.damaged)))
                }
                Ok(None) => break,
                Err(_) => {
                    // The disk may give it another time, to another process.
                    self.failed.push(path.clone());
                    self.current = None;
                    break;
                }
            }
            is_over = false;
        }
        self.damaged += found.chunk.damaged;
        (!is_over).then_some(found)
    }

    /// All spans of the segment are stored or accounted for.
    pub(in crate::pipeline) fn done(&mut self) {
        if let Some((path, _reader)) = self.current.take()
            && fs::remove_file(&path).is_err()
            && path.exists()
        {
            self.failed.push(path);
        }
    }
}

/// What its process does not know: that the disk did not keep its spans. The number is one that the process itself never comes to, and the
/// same for whoever reads the segment.
fn damage(header: &Header, spans: u64) -> Loss {
    let number = 1 << 62 | header.created_ns.unsigned_abs();
    let mut loss = Loss::new(header.process, number, LossReason::DiskError, spans);
    (loss.from_ns, loss.to_ns) = (header.created_ns, header.created_ns);
    loss
}

/// How a segment is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentState {
    /// Its process lives and stores it.
    InUse,
    /// Its process is gone: the next one that opens the database stores it.
    Left,
    /// It is no segment, or one of a later version.
    Unreadable,
}

/// A file in a spool's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolSegment {
    /// The file.
    pub path: PathBuf,
    /// How it is found.
    pub state: SegmentState,
    /// Whose spans it has; `None` where it cannot be read.
    pub process: Option<ProcessId>,
    /// The hash of the address of the database that they are for: [`Store::fingerprint`](crate::store::Store::fingerprint).
    pub fingerprint: [u8; 16],
    /// The id of the database that they are for, where the process had reached it.
    pub database: Option<[u8; 16]>,
    /// When it was begun, nanoseconds since 1970.
    pub created_ns: i64,
    /// Its size.
    pub bytes: u64,
    /// Spans in it.
    pub spans: u64,
    /// Spans that are damaged.
    pub damaged: u64,
    /// Bytes at its end that are no spans: what its process was writing when it was killed, or is writing now.
    pub torn_bytes: u64,
}

impl SpoolSegment {
    /// Whether its spans belong into the database of this address and this id: that is the one which a process that is to store them has open.
    /// What cannot be read belongs nowhere.
    #[must_use]
    pub fn is_for(&self, fingerprint: [u8; 16], database: Option<[u8; 16]>) -> bool {
        self.process.is_some() && self.database.map_or(self.fingerprint == fingerprint, |known| Some(known) == database)
    }
}

/// The files in a spool's folder, the oldest first; none where there is no such folder. Takes no lock for longer than it looks, and changes nothing.
///
/// # Errors
/// [`ErrorKind::Query`] when the folder cannot be read.
pub fn segments(folder: &Path) -> Result<Vec<SpoolSegment>> {
    let explain =
        |error| Error::with_source(ErrorKind::Query, format!("cannot read the folder {}", folder.display()), error);
    let files = files(folder).map_err(explain)?;
    let segments = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "seg"));
    Ok(segments.filter_map(|path| describe(path).ok()).collect())
}

/// An error where the file went away meanwhile, or cannot be read.
fn describe(path: PathBuf) -> io::Result<SpoolSegment> {
    let file = File::open(&path)?;
    let is_free = file.try_lock_shared().is_ok();
    if is_free {
        file.unlock()?;
    }
    let mut segment = SpoolSegment {
        path,
        state: if is_free { SegmentState::Left } else { SegmentState::InUse },
        process: None,
        fingerprint: [0; 16],
        database: None,
        created_ns: 0,
        bytes: file.metadata()?.len(),
        spans: 0,
        damaged: 0,
        torn_bytes: 0,
    };
    let Some(mut reader) = SegmentReader::of(file)? else {
        segment.state = SegmentState::Unreadable;
        return Ok(segment);
    };
    let header = *reader.header();
    (segment.process, segment.created_ns) = (Some(header.process), header.created_ns);
    (segment.fingerprint, segment.database) = (header.fingerprint, header.database);
    while let Some(frame) = reader.next()? {
        match frame {
            Frame::Spans { count, .. } => segment.spans += u64::from(count),
            Frame::Damaged { count } => segment.damaged += u64::from(count),
            Frame::Torn { bytes } => segment.torn_bytes += bytes,
            Frame::Losses(_) => {}
        }
    }
    Ok(segment)
}

/// The files of a folder by their names, which begin with the time of their making.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort_unstable();
    Ok(files)
}

/// Never by a link: who can write into the folder could point it at another's file.
fn open(path: &Path) -> io::Result<File> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    OpenOptions::new().read(true).write(true).open(path)
}

/// A process was killed while it made this file.
fn remove_unnamed(path: &Path) {
    let age = fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let is_old =
        age.and_then(|made| SystemTime::now().duration_since(made).ok()).is_some_and(|age| age > UNNAMED_AFTER);
    if is_old && open(path).and_then(|file| try_lock(&file)).unwrap_or(false) {
        let _ = fs::remove_file(path);
    }
}
