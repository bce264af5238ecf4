//! What waits on the disk for the database.

use std::path::{Path, PathBuf};

use tracing_agents::pipeline::{SegmentState, SpoolSegment, segments};
use tracing_agents::store::Store;

use super::super::failure::Failure;

/// A folder in which spans wait, and the files in it that are for this database or for none.
pub(super) struct Spool {
    pub(super) folder: PathBuf,
    pub(super) segments: Vec<SpoolSegment>,
}

impl Spool {
    /// `None` where there is no folder to look into.
    pub(super) fn gather(
        store: &Store,
        identity: Option<[u8; 16]>,
        folder: Option<&Path>,
    ) -> Result<Option<Self>, Failure> {
        let Some(folder) = folder.map(Path::to_path_buf).or_else(|| store.default_spool_folder()) else {
            return Ok(None);
        };
        let mut segments = segments(&folder)?;
        segments.retain(|segment| {
            segment.state == SegmentState::Unreadable || segment.is_for(store.fingerprint(), identity)
        });
        Ok(Some(Self { folder, segments }))
    }

    /// Spans in files that are found so.
    pub(super) fn spans(&self, state: SegmentState) -> u64 {
        self.of(state).map(|segment| segment.spans).sum()
    }

    pub(super) fn files(&self, state: SegmentState) -> usize {
        self.of(state).count()
    }

    fn of(&self, state: SegmentState) -> impl Iterator<Item = &SpoolSegment> {
        self.segments.iter().filter(move |segment| segment.state == state)
    }

    pub(super) fn add_attention(&self, attention: &mut Vec<String>) {
        let folder = self.folder.display();
        let left = self.spans(SegmentState::Left);
        if left > 0 {
            attention.push(format!(
                "{left} spans of processes that are gone wait in {folder}: the next program that opens the database with this spool folder stores them"
            ));
        }
        let damaged: u64 = self.of(SegmentState::Left).map(|segment| segment.damaged).sum();
        if damaged > 0 {
            attention.push(format!("{damaged} spans in {folder} are damaged, and lost"));
        }
        let unreadable = self.files(SegmentState::Unreadable);
        if unreadable > 0 {
            attention.push(format!("{unreadable} files in {folder} are no segments, or of a later version"));
        }
    }
}

pub(super) const fn state(segment: &SpoolSegment) -> &'static str {
    match segment.state {
        SegmentState::InUse => "in_use",
        SegmentState::Left => "left",
        _ => "unreadable",
    }
}
