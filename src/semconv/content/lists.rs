//! What `OpenInference` spreads over attributes besides messages, one for each leaf: the documents of a search or ranking
//! (`retrieval.documents.0.document.content`), the texts of an embedding (`embedding.embeddings.0.embedding.text`).

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::super::coerce::{AsJson, is_blank};
use super::flattened::indexed;
use super::messages::structured;
use crate::model::Attributes;

/// Where documents that were found stand.
const DOCUMENTS: &[&str] = &["retrieval.documents.", "reranker.output_documents."];

/// The documents that were found, as a JSON list of objects (`id`, `content`, `score`, `metadata`), which is OpenTelemetry's form.
pub(super) fn documents(attributes: &Attributes) -> Option<String> {
    DOCUMENTS.iter().find_map(|prefix| {
        let mut documents: BTreeMap<usize, Map<String, Json>> = BTreeMap::new();
        for (index, path, json) in leaves(attributes, prefix) {
            if let Some(leaf) = path.strip_prefix("document.") {
                // Only metadata is a structure that was put into a text; a document may be JSON and stays the text that it is.
                let json = if leaf == "metadata" { structured(json) } else { json };
                documents.entry(index).or_default().insert(leaf.to_owned(), json);
            }
        }
        let documents: Vec<Json> = documents.into_values().map(Json::Object).collect();
        (!documents.is_empty()).then(|| Json::Array(documents).to_string())
    })
}

/// The texts that were embedded: the text itself where it is one, else a JSON list. Vectors stay attributes.
pub(super) fn embedded(attributes: &Attributes) -> Option<String> {
    // An error without text is a value, but no text.
    let texts = leaves(attributes, "embedding.embeddings.")
        .filter(|(_, path, json)| *path == "embedding.text" && json.as_str() != Some(""));
    let texts: BTreeMap<usize, Json> = texts.map(|(index, _, text)| (index, text)).collect();
    let mut texts: Vec<Json> = texts.into_values().collect();
    match texts.as_mut_slice() {
        [] => None,
        [Json::String(text)] => Some(std::mem::take(text)),
        _ => Some(Json::Array(texts).to_string()),
    }
}

/// The values under `prefix` (which ends in a dot): index, the path below it, value. As hostile indexes are ignored, no more is held
/// than there are attributes.
fn leaves<'a>(attributes: &'a Attributes, prefix: &'a str) -> impl Iterator<Item = (usize, &'a str, Json)> {
    attributes.iter().filter(|(_, value)| !is_blank(value)).filter_map(move |(key, value)| {
        let (index, path) = indexed(key.strip_prefix(prefix)?)?;
        Some((index, path, serde_json::to_value(AsJson(value, 0)).ok()?))
    })
}
