//! OTLP as JSON: protobuf's JSON mapping with OTLP's exceptions, ids in hexadecimal and enums as numbers.
//!
//! `table.rs` lists the messages and their fields, `form.rs` how each type of field is written and read, `message.rs` the walk over a
//! message. Written are lowerCamelCase names, 64-bit numbers as text, bytes as base64, and nothing for a field that has its default.
//! Read is more: names as protobuf has them, numbers as text or number, enums by number or name, base64 of either alphabet, `null` for
//! a default; unknown fields are passed over.
//!
//! JSON knows one NaN. Another one's bits travel beside it as `agentTracesBits`, which other readers pass over.

mod form;
mod message;
mod table;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use self::message::{Message, read, write};
use crate::error::{Error, ErrorKind, Result};

/// Levels of `{` and `[` that are read. The deepest payload that protobuf readers take has some 150; the limit keeps others from
/// exhausting the stack.
const MAX_NESTING: usize = 160;
/// A payload of no more levels is one that protobuf readers take too: they count messages, of which there are fewer.
const SAFE_NESTING: usize = 100;

/// The message as JSON.
///
/// # Errors
/// Never for messages: none of their parts is refused by JSON. The signature allows for serde's.
pub(super) fn encode(request: &ExportTraceServiceRequest) -> Result<Vec<u8>> {
    let mut json = Vec::with_capacity(request.encoded_len() * 2);
    write(request, &mut serde_json::Serializer::new(&mut json))
        .map_err(|error| Error::with_source(ErrorKind::Decode, "the spans cannot be written as JSON", error))?;
    Ok(json)
}

/// The message that the JSON text says; `otherwise` is said where it says none.
pub(super) fn decode<T: Message + prost::Message>(json: &[u8], otherwise: &'static str) -> Result<T> {
    let nesting = nesting(json);
    if nesting > MAX_NESTING {
        return Err(too_deep());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    deserializer.disable_recursion_limit();
    let request: T = read(&mut deserializer)
        .and_then(|request| deserializer.end().map(|()| request))
        .map_err(|error| Error::with_source(ErrorKind::Decode, otherwise, error))?;
    // What no protobuf reader takes could be stored and never be sent on.
    if nesting > SAFE_NESTING && T::decode(request.encode_to_vec().as_slice()).is_err() {
        return Err(too_deep());
    }
    Ok(request)
}

fn too_deep() -> Error {
    Error::new(ErrorKind::Decode, "the payload is nested deeper than OTLP readers take; flatten its deepest attributes")
}

/// The levels of a JSON text, without reading it: brackets outside of strings.
fn nesting(json: &[u8]) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
