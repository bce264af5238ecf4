//! The form of a segment: a file of frames, each with checksums, written from its start to its end and then deleted.
//!
//! ```text
//! header   magic 8 · version u32 · process 16 · fingerprint 16 · database 16 (zeros: not known yet) · created i64 · crc u32
//! frame    length u32 · spans u32 · kind u8 · crc of the payload u32 · crc of these 13 bytes u32 · payload
//! ```
//!
//! Integers are little-endian, checksums CRC-32. The payload of a frame of spans is what [`wire::encode`](crate::wire::encode) makes of
//! them, so a later version reads it. Nothing in a segment is ever changed, and no file says how far it was read: spans are known by
//! their ids, so to read one twice is harmless.
//!
//! A frame's own checksum makes its length and count certain: where only the payload is damaged, it is known how many spans are lost,
//! and reading goes on behind it. Where the frame itself is damaged, the rest of the file is a torn tail, the place at which a
//! process was killed or a disk filled up.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::model::ProcessId;

/// Who wrote a segment, and for which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The process whose spans these are.
    pub(crate) process: ProcessId,
    /// What the process knows of the database without having reached it: a hash of its address.
    pub(crate) fingerprint: [u8; 16],
    /// The database's own id, where it was reached before.
    pub(crate) database: Option<[u8; 16]>,
    /// Nanoseconds since 1970.
    pub(crate) created_ns: i64,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Spans, as OTLP protobuf.
    Spans = 1,
    /// What the process lost and could tell nobody, as JSON.
    Losses = 2,
}

/// What reading comes to next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Spans.
    Spans { count: u32, payload: Vec<u8> },
    /// Losses.
    Losses(Vec<u8>),
    /// A frame whose payload is damaged, or of a kind that only a later version knows: so many spans cannot be read.
    Damaged { count: u32 },
    /// So many bytes at the end are no frames. Nothing follows.
    Torn { bytes: u64 },
}

const MAGIC: [u8; 8] = *b"AGTSPOOL";
const VERSION: u32 = 1;
/// Bytes of a segment before its first frame.
pub(super) const HEADER_BYTES: usize = 8 + 4 + 16 * 3 + 8 + 4;
/// Bytes of a frame before its payload.
const FRAME_BYTES: usize = 4 + 4 + 1 + 4 + 4;

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(self.process.as_bytes());
        bytes.extend_from_slice(&self.fingerprint);
        bytes.extend_from_slice(&self.database.unwrap_or_default());
        bytes.extend_from_slice(&self.created_ns.to_le_bytes());
        let crc = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are no header of this version.
    fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (said, crc) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(said) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (magic, rest) = said.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        if *magic != MAGIC || u32::from_le_bytes(*version) != VERSION {
            return None;
        }
        let (process, rest) = rest.split_first_chunk::<16>()?;
        let (fingerprint, rest) = rest.split_first_chunk::<16>()?;
        let (database, rest) = rest.split_first_chunk::<16>()?;
        let (created, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            process: ProcessId::from_bytes(*process),
            fingerprint: *fingerprint,
            database: (*database != [0; 16]).then_some(*database),
            created_ns: i64::from_le_bytes(*created),
        })
    }

    /// Whether the spans belong into the database of this id at this address. A process that never reached its database had only the address.
    pub(crate) fn is_for(&self, fingerprint: [u8; 16], database: [u8; 16]) -> bool {
        self.database.map_or(self.fingerprint == fingerprint, |known| known == database)
    }
}

/// Appends a frame to `out`. A payload beyond 4 GiB has no frame; `false` then.
pub(super) fn push_frame(out: &mut Vec<u8>, kind: Kind, count: u32, payload: &[u8]) -> bool {
    let Ok(length) = u32::try_from(payload.len()) else { return false };
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.push(kind as u8);
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    let crc = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(payload);
    true
}

/// Reads a segment frame by frame; never holds more than one.
#[derive(Debug)]
pub(crate) struct SegmentReader<R = File> {
    file: BufReader<R>,
    header: Header,
    /// Where the next frame begins.
    offset: u64,
    /// Where reading ends, as far as is known; the file may be shorter.
    end: u64,
}

impl SegmentReader {
    /// Opens a segment; `None` where the file is none, or of a later version.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        Self::of(File::open(path)?)
    }
}

impl<R: Read + Seek> SegmentReader<R> {
    /// Reads what is open already, from its start.
    pub(super) fn of(file: R) -> io::Result<Option<Self>> {
        let mut file = BufReader::new(file);
        let end = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut bytes = [0; HEADER_BYTES];
        match file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        Ok(Header::decode(&bytes).map(|header| Self { file, header, offset: HEADER_BYTES as u64, end }))
    }

    pub(crate) const fn header(&self) -> &Header {
        &self.header
    }

    /// Where the next frame begins.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on from `offset`, where a frame begins, to `end`.
    pub(super) fn seek(&mut self, offset: u64, end: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        (self.offset, self.end) = (offset, end);
        Ok(())
    }

    /// The next frame; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Frame>> {
        let left = self.end.saturating_sub(self.offset);
        if left == 0 {
            return Ok(None);
        }
        let mut head = [0; FRAME_BYTES];
        let Some((length, count, kind, crc)) = self.fill(&mut head)?.then(|| read_head(&head)).flatten() else {
            return Ok(Some(self.torn(left)));
        };
        let whole = FRAME_BYTES as u64 + u64::from(length);
        if whole > left {
            return Ok(Some(self.torn(left)));
        }
        let mut payload = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        if !self.fill(&mut payload)? {
            return Ok(Some(self.torn(left)));
        }
        self.offset += whole;
        let is_whole = crc32fast::hash(&payload) == crc;
        Ok(Some(match kind {
            kind if is_whole && kind == Kind::Spans as u8 => Frame::Spans { count, payload },
            kind if is_whole && kind == Kind::Losses as u8 => Frame::Losses(payload),
            _ => Frame::Damaged { count },
        }))
    }

    fn torn(&mut self, bytes: u64) -> Frame {
        self.offset = self.end;
        Frame::Torn { bytes }
    }

    /// Reads as many bytes as `into` has; `false` where the file ends before.
    fn fill(&mut self, into: &mut [u8]) -> io::Result<bool> {
        match self.file.read_exact(into) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Length, count, kind and the payload's checksum; `None` where these bytes are damaged.
fn read_head(head: &[u8; FRAME_BYTES]) -> Option<(u32, u32, u8, u32)> {
    let (said, crc) = head.split_last_chunk::<4>()?;
    if crc32fast::hash(said) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (length, rest) = said.split_first_chunk::<4>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first()?;
    let (payload_crc, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*length), u32::from_le_bytes(*count), *kind, u32::from_le_bytes(*payload_crc)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            process: ProcessId::from_bytes([1; 16]),
            fingerprint: [2; 16],
            database: Some([3; 16]),
            created_ns: -4,
        }
    }

    fn file_of(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn read(bytes: &[u8]) -> Option<(Header, Vec<Frame>)> {
        let mut reader = SegmentReader::of(file_of(bytes)).unwrap()?;
        let mut frames = Vec::new();
        while let Some(frame) = reader.next().unwrap() {
            frames.push(frame);
        }
        assert_eq!(reader.offset(), bytes.len() as u64);
        Some((*reader.header(), frames))
    }

    fn written(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = header().encode();
        for payload in payloads {
            assert!(push_frame(&mut bytes, Kind::Spans, 7, payload));
        }
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = written(&[b"one".to_vec(), Vec::new()]);
        push_frame(&mut bytes, Kind::Losses, 0, b"[]");
        push_frame(&mut bytes, Kind::Spans, u32::MAX, b"x");
        let expected = vec![
            Frame::Spans { count: 7, payload: b"one".to_vec() },
            Frame::Spans { count: 7, payload: Vec::new() },
            Frame::Losses(b"[]".to_vec()),
            Frame::Spans { count: u32::MAX, payload: b"x".to_vec() },
        ];
        assert_eq!(read(&bytes), Some((header(), expected)));
        let unbound = Header { database: None, ..header() };
        assert_eq!(read(&unbound.encode()), Some((unbound, Vec::new())));
    }

    #[test]
    fn a_damaged_payload_costs_its_own_spans_and_no_others() {
        let mut bytes = written(&[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        let place = HEADER_BYTES + (FRAME_BYTES + 3) + FRAME_BYTES;
        bytes[place] ^= 1;
        let (_, frames) = read(&bytes).unwrap();
        assert_eq!(frames[1], Frame::Damaged { count: 7 });
        assert_eq!(frames[2], Frame::Spans { count: 7, payload: b"three".to_vec() });
    }

    #[test]
    fn spans_belong_into_the_database_that_their_process_had() {
        let bound = header();
        assert!(bound.is_for([9; 16], [3; 16]), "by another address");
        assert!(!bound.is_for([2; 16], [4; 16]), "the same address, and another database");
        let unbound = Header { database: None, ..header() };
        assert!(unbound.is_for([2; 16], [4; 16]));
        assert!(!unbound.is_for([9; 16], [4; 16]));
    }

    proptest! {
        /// Whatever a crash or a disk makes of a segment, reading ends, and what it gives was written.
        #[test]
        fn cut_and_changed_segments_give_only_what_was_written(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            cut in any::<prop::sample::Index>(),
            change in prop::option::of((any::<prop::sample::Index>(), 1..=255_u8)),
        ) {
            let mut bytes = written(&payloads);
            bytes.truncate(cut.index(bytes.len() + 1));
            if let (Some((place, mask)), false) = (change, bytes.is_empty()) {
                let place = place.index(bytes.len());
                bytes[place] ^= mask;
            }
            let Some((_, frames)) = read(&bytes) else { return Ok(()) };
            let mut left = payloads.iter();
            for frame in frames {
                match frame {
                    Frame::Spans { payload, .. } => prop_assert_eq!(Some(&payload), left.next()),
                    Frame::Damaged { count } => {
                        prop_assert_eq!(count, 7);
                        left.next();
                    }
                    Frame::Torn { bytes } => prop_assert!(bytes > 0),
                    Frame::Losses(_) => prop_assert!(false, "none was written"),
                }
            }
        }

        #[test]
        fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut behind = header().encode();
            behind.extend_from_slice(&bytes);
            read(&behind).unwrap();
            read(&bytes);
        }
    }
}
