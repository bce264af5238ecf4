//! Bytes in less room: zstd frames, made with a dictionary of what recorded content is made of.
//!
//! A span's attributes are a kilobyte or two, too short to compress well by what stands in them alone. The dictionary knows how content
//! is written down and how its keys are called. Each frame says which dictionary it needs, how long its content is, and has a checksum.

use std::cell::RefCell;
use std::sync::LazyLock;

use zstd_safe::{CCtx, CDict, CParameter, DCtx, DDict};

/// Where it comes from: `dictionary/make`. It never changes, since what databases hold is read with it.
const DICTIONARY: &[u8] = include_bytes!("dictionary/40001.zdict");
/// The number that stands in the dictionary, and in frames.
const DICTIONARY_ID: u32 = 40_001;
/// What frames of zstd begin with.
const MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// Fewer bytes than these are left as they are: a frame has 15 of its own.
const LEAST: usize = 48;
/// Of spans with 1.8 kB of content, the third level makes frames that are 4 % shorter in half as much time again, the fourth 8 % in three times
/// the time.
const LEVEL: i32 = 1;

static WRITING: LazyLock<Option<CDict<'static>>> = LazyLock::new(|| CDict::try_create(DICTIONARY, LEVEL));
static READING: LazyLock<Option<DDict<'static>>> = LazyLock::new(|| DDict::try_create(DICTIONARY));

thread_local! {
    /// Some hundred kilobytes that are not taken anew for each span.
    static WRITER: RefCell<Option<CCtx<'static>>> = RefCell::new(writer());
    static READER: RefCell<Option<DCtx<'static>>> = RefCell::new(DCtx::try_create());
}

/// None where there is no memory for one: then nothing is compressed.
fn writer() -> Option<CCtx<'static>> {
    let mut context = CCtx::try_create()?;
    context.set_parameter(CParameter::ChecksumFlag(true)).ok()?;
    context.ref_cdict(WRITING.as_ref()?).ok()?;
    Some(context)
}

/// A frame of these bytes; nothing where it would be no shorter.
pub(super) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.len() < LEAST {
        return None;
    }
    let mut frame = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
    let written =
        WRITER.try_with(|context| context.borrow_mut().as_mut()?.compress2(&mut frame, bytes).ok()).ok().flatten()?;
    // What is kept of a batch is what is in the frames, not the room that they might have taken.
    (written < bytes.len()).then(|| frame.as_slice().to_vec())
}

/// Whether bytes may be a frame.
pub(super) fn is_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The content of a frame, if that is no longer than `most`; else what is wrong with it.
pub(super) fn decompress(frame: &[u8], most: u64) -> Result<Vec<u8>, String> {
    match zstd_safe::get_dict_id_from_frame(frame).map(std::num::NonZeroU32::get) {
        None | Some(DICTIONARY_ID) => {}
        Some(other) => {
            return Err(format!("it is compressed with the dictionary {other}, which is of a newer version"));
        }
    }
    let damaged = |what: &str| format!("its compressed form is damaged ({what})");
    let length = zstd_safe::get_frame_content_size(frame).ok().flatten();
    let length = length.filter(|length| is_frame(frame) && *length <= most);
    let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| damaged("no length"))?;
    let mut content = Vec::with_capacity(length);
    let read = |context: &RefCell<Option<DCtx<'static>>>| {
        let mut context = context.borrow_mut();
        let (context, dictionary) = context.as_mut().zip(READING.as_ref()).ok_or("there is no memory to read it")?;
        context
            .decompress_using_ddict(&mut content, frame, dictionary)
            .map_err(|code| damaged(zstd_safe::get_error_name(code)))
    };
    READER.try_with(read).map_err(|_| "its thread is ending")??;
    if content.len() == length { Ok(content) } else { Err(damaged("another length")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::content::entry::Name;

    const ROOM: u64 = 1 << 20;
    const TOOL: &[u8] = br#"[["gen_ai.operation.name","str","execute_tool"],["gen_ai.tool.name","str","search"],["gen_ai.tool.call.id","str","call_7"]]"#;

    #[test]
    fn the_dictionary_knows_what_content_is_made_of() {
        let frame = compress(TOOL).unwrap();
        assert!(frame.len() * 2 < TOOL.len(), "{} of {} bytes", frame.len(), TOOL.len());
        assert_eq!(decompress(&frame, ROOM).unwrap(), TOOL);
        assert_eq!(compress(b"[]"), None);
        assert_eq!(compress(b"0c3f9a61be87d2451f6a0b9c8e7d5432f1e0a9b8c7d6e5f4a3b2"), None);
    }

    #[test]
    fn the_dictionary_never_changes() {
        assert_eq!(zstd_safe::get_dict_id_from_dict(DICTIONARY).map(u32::from), Some(DICTIONARY_ID));
        // What databases hold is read with it.
        assert_eq!(Name::of(false, DICTIONARY).to_string(), "73dd29298451c8ccd91569cd1f39e5c68b374696");
    }

    #[test]
    fn a_damaged_frame_is_told_and_never_becomes_something_else() {
        let frame = compress(TOOL).unwrap();
        for place in 0..frame.len() {
            assert!(decompress(&frame[..place], ROOM).is_err(), "{place}");
            for bit in 0..8 {
                let mut damaged = frame.clone();
                damaged[place] ^= 1 << bit;
                // One bit of a frame's head is not used.
                assert!(decompress(&damaged, ROOM).map_or(true, |content| content == TOOL), "{place} {bit}");
            }
        }
        let after = [frame.as_slice(), b"x"].concat();
        assert!(decompress(&after, ROOM).is_err() && decompress(&[frame.clone(), frame].concat(), ROOM).is_err());
        assert!(decompress(b"", ROOM).is_err() && decompress(TOOL, ROOM).is_err());
    }

    #[test]
    fn a_frame_that_becomes_too_long_is_refused_before_it_is_read() {
        let bomb = compress(&vec![b'x'; 8 << 20]).unwrap();
        assert!(bomb.len() < 2_000, "{}", bomb.len());
        assert!(decompress(&bomb, ROOM).unwrap_err().contains("damaged"));
        assert!(decompress(&bomb, 8 << 20).is_ok());
    }

    #[test]
    fn a_dictionary_of_a_newer_version_is_named() {
        let newer = CDict::create(&[&DICTIONARY[..4], &40_002_u32.to_le_bytes(), &DICTIONARY[8..]].concat(), LEVEL);
        let mut frame = Vec::with_capacity(1_000);
        CCtx::create().compress_using_cdict(&mut frame, TOOL, &newer).unwrap();
        let error = decompress(&frame, ROOM).unwrap_err();
        assert!(error.contains("40002") && error.contains("newer"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..4_000), copies in 1..20_usize) {
            let content = bytes.repeat(copies);
            if let Some(frame) = compress(&content) {
                prop_assert!(frame.len() < content.len() && is_frame(&frame));
                prop_assert_eq!(decompress(&frame, ROOM).unwrap(), content);
            }
        }

        #[test]
        fn any_bytes_are_a_frame_or_refused(bytes in any::<Vec<u8>>(), is_like_one in any::<bool>()) {
            let bytes = if is_like_one { [MAGIC, &bytes].concat() } else { bytes };
            let _ = decompress(&bytes, ROOM);
        }
    }
}
