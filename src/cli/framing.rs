//! Many OTLP messages in one file, as the Collector's file exporter writes them and its file receiver reads them: in JSON a message a line, in
//! protobuf each behind its length, four bytes with the highest first.

use std::io::{self, BufRead, ErrorKind, Read as _, Write};

use clap::ValueEnum;

/// The longest protobuf message that is read. So the first byte of a length is never one that JSON begins with, spaces included.
const MAX_PROTOBUF: usize = 128 * 1024 * 1024;
/// The longest JSON message that is read: the same in JSON can be several times as long.
const MAX_JSON: usize = 1024 * 1024 * 1024;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// JSON, one message a line.
    #[value(name = "otlp-json")]
    Json,
    /// Protobuf, each message behind its length (4 bytes, big-endian).
    #[value(name = "otlp")]
    Protobuf,
}

impl Format {
    /// Which of the two a file is; none when it is empty.
    pub(super) fn of(input: &mut impl BufRead) -> io::Result<Option<Self>> {
        let first = input.fill_buf()?.first().copied();
        Ok(first.map(|first| if first == b'{' || first.is_ascii_whitespace() { Self::Json } else { Self::Protobuf }))
    }

    pub(super) fn write(self, out: &mut impl Write, message: &[u8]) -> io::Result<()> {
        match self {
            Self::Json => {
                out.write_all(message)?;
                out.write_all(b"\n")
            }
            Self::Protobuf => {
                let length = u32::try_from(message.len()).map_err(|_| too_long(message.len()))?;
                out.write_all(&length.to_be_bytes())?;
                out.write_all(message)
            }
        }
    }

    /// The next message; none at the end. A JSON message may take several lines.
    pub(super) fn read(self, input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Json => read_json(input),
            Self::Protobuf => read_protobuf(input),
        }
    }
}

fn read_protobuf(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    if input.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_PROTOBUF {
        // No writer of such files makes messages of this size: it is the start of something else.
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "this is neither JSON nor protobuf behind its length in 4 bytes, as `agent-traces export` and Collectors write it",
        ));
    }
    // Read as it comes: the length may be wrong, and memory is not to be had for the asking.
    let mut message = Vec::new();
    input.take(length as u64).read_to_end(&mut message)?;
    if message.len() < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(Some(message)) }
}

/// Reads up to where the first value closes: all that has to be known of JSON for that are its brackets and texts.
fn read_json(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let (mut message, mut depth, mut in_text, mut is_escaped) = (Vec::new(), 0_usize, false, false);
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return if message.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        let mut taken = 0;
        let mut is_whole = false;
        for byte in buffer {
            taken += 1;
            if message.is_empty() && depth == 0 && byte.is_ascii_whitespace() {
                continue;
            }
            message.push(*byte);
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_text => is_escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
                // What is no object is a message to its line's end, so that it is refused as one.
                b'\n' if depth == 0 && !in_text => is_whole = true,
                _ => {}
            }
            is_whole |= depth == 0 && matches!(byte, b'}' | b']') && !in_text;
            if is_whole {
                break;
            }
        }
        input.consume(taken);
        if is_whole {
            return Ok(Some(message));
        }
        if message.len() > MAX_JSON {
            return Err(too_long(MAX_JSON));
        }
    }
}

fn too_long(most: usize) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("a message is longer than {} MiB", most / 1024 / 1024))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read_all(bytes: &[u8]) -> io::Result<Vec<String>> {
        // A buffer of few bytes, so that messages do not fit into it.
        let mut input = BufReader::with_capacity(3, bytes);
        let mut messages = Vec::new();
        let Some(format) = Format::of(&mut input)? else { return Ok(messages) };
        while let Some(message) = format.read(&mut input)? {
            messages.push(String::from_utf8(message).unwrap());
        }
        Ok(messages)
    }

    #[test]
    fn what_is_written_is_told_apart_and_read_again() {
        let messages = [r#"{"a":"}{\"[\\"}"#, "{}", r#"{"b":[{"c":[]}]}"#];
        for format in [Format::Json, Format::Protobuf] {
            let mut bytes = Vec::new();
            for message in messages {
                format.write(&mut bytes, message.as_bytes()).unwrap();
            }
            assert_eq!(read_all(&bytes).unwrap(), messages, "{format:?}");
        }
        assert_eq!(read_all(b"").unwrap(), [""; 0]);
        assert_eq!(read_all(&[0, 0, 0, 0]).unwrap(), [""], "a message of no bytes");
    }

    #[test]
    fn json_may_be_laid_out_for_people() {
        assert_eq!(read_all(b"\n {\n  \"a\": [\n  1 ]\n}\n\n{} \n").unwrap(), ["{\n  \"a\": [\n  1 ]\n}", "{}"]);
    }

    #[test]
    fn a_file_that_breaks_off_or_holds_something_else_is_an_error() {
        for bytes in
            [&b"{\"a\":"[..], b"{\"", &[0, 0, 0, 5, 1, 2], &[0, 0], &[0xff, 0xff, 0xff, 0xff, 0], b"PK\x03\x04"]
        {
            assert!(read_all(bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(read_all(b"{} no json\n{}").unwrap(), ["{}", "no json\n", "{}"]);
    }
}
