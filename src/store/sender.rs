//! Who sent a span: resources and scopes ↔ their rows.
//!
//! A row's id is the hash of all that it says, so that two which differ in anything are two rows. What only some of them have stands in
//! `extra` and `verbatim`; the ids of all others are what they were before there were these columns.

use super::column::{hash128, key_text};
use super::convert::key;
use super::rows::{ResourceRow, ScopeRow};
use crate::error::Result;
use crate::model::canonical::{SenderExtra, decode, to_json};
use crate::model::{Resource, Scope, Value};

/// `service.name`, which names the program that a resource stands for.
pub(super) fn service_name(resource: &Resource) -> Option<String> {
    key(resource.attributes.get("service.name").and_then(Value::as_str))
}

/// The original of a text, where its column holds another one.
fn original(text: &str, column: &str) -> Option<String> {
    (text != column).then(|| text.to_owned())
}

/// As the column holds it; nothing where there is nothing.
fn encode(extra: &SenderExtra) -> Result<Option<Vec<u8>>> {
    if *extra == SenderExtra::default() { Ok(None) } else { to_json(extra).map(Some) }
}

fn extra_of(column: Option<&[u8]>) -> Result<SenderExtra> {
    column.map_or_else(|| Ok(SenderExtra::default()), |bytes| decode("particulars of a sender", bytes))
}

/// What a sender says, as the id that it has.
fn id(mut said: Vec<u8>, extra: Option<&Vec<u8>>, verbatim: Option<&Vec<u8>>) -> Vec<u8> {
    for part in [extra, verbatim].into_iter().flatten() {
        said.extend_from_slice(&(part.len() as u64).to_le_bytes());
        said.extend_from_slice(part);
    }
    hash128(&said).to_vec()
}

impl ResourceRow {
    pub(super) fn new(resource: &Resource) -> Result<Self> {
        let schema_url = key_text(&resource.schema_url);
        let extra = encode(&SenderExtra {
            schema_url: original(&resource.schema_url, &schema_url),
            dropped_attributes: resource.dropped_attributes,
            entity_refs: resource.entity_refs.clone(),
            ..SenderExtra::default()
        })?;
        Ok(Self {
            resource_id: id(to_json(resource)?, extra.as_ref(), resource.verbatim.as_ref()),
            service_name: service_name(resource),
            attributes: to_json(&resource.attributes)?,
            schema_url,
            extra,
            verbatim: resource.verbatim.clone(),
        })
    }
}

impl ScopeRow {
    pub(super) fn new(scope: &Scope) -> Result<Self> {
        let [name, version, schema_url] = [&scope.name, &scope.version, &scope.schema_url].map(|text| key_text(text));
        let extra = encode(&SenderExtra {
            name: original(&scope.name, &name),
            version: original(&scope.version, &version),
            schema_url: original(&scope.schema_url, &schema_url),
            dropped_attributes: scope.dropped_attributes,
            ..SenderExtra::default()
        })?;
        Ok(Self {
            scope_id: id(to_json(scope)?, extra.as_ref(), scope.verbatim.as_ref()),
            name,
            version,
            attributes: to_json(&scope.attributes)?,
            schema_url,
            extra,
            verbatim: scope.verbatim.clone(),
        })
    }
}

impl TryFrom<ResourceRow> for Resource {
    type Error = crate::error::Error;

    fn try_from(row: ResourceRow) -> Result<Self> {
        let extra = extra_of(row.extra.as_deref())?;
        Ok(Self {
            attributes: decode("resource attributes", &row.attributes)?,
            schema_url: extra.schema_url.unwrap_or(row.schema_url),
            dropped_attributes: extra.dropped_attributes,
            entity_refs: extra.entity_refs,
            verbatim: row.verbatim,
        })
    }
}

impl TryFrom<ScopeRow> for Scope {
    type Error = crate::error::Error;

    fn try_from(row: ScopeRow) -> Result<Self> {
        let extra = extra_of(row.extra.as_deref())?;
        Ok(Self {
            name: extra.name.unwrap_or(row.name),
            version: extra.version.unwrap_or(row.version),
            attributes: decode("scope attributes", &row.attributes)?,
            schema_url: extra.schema_url.unwrap_or(row.schema_url),
            dropped_attributes: extra.dropped_attributes,
            verbatim: row.verbatim,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EntityRef, Value};

    fn resources() -> Vec<Resource> {
        let plain = Resource::default();
        let entity = EntityRef { kind: "host".to_owned(), id_keys: vec!["host.id".to_owned()], ..EntityRef::default() };
        let nan = |bits| [("n".into(), Value::F64(f64::from_bits(bits)))].into_iter().collect();
        vec![
            plain.clone(),
            Resource { dropped_attributes: 1, ..plain.clone() },
            Resource { entity_refs: vec![entity], ..plain.clone() },
            Resource { verbatim: Some(vec![]), ..plain.clone() },
            Resource { verbatim: Some(vec![1]), ..plain.clone() },
            Resource { schema_url: "u".repeat(300), ..plain.clone() },
            Resource { schema_url: "a\0".to_owned(), ..plain.clone() },
            Resource { schema_url: "a\u{2400}".to_owned(), ..plain.clone() },
            Resource { attributes: nan(f64::NAN.to_bits()), ..plain.clone() },
            Resource { attributes: nan(f64::NAN.to_bits() + 1), ..plain },
        ]
    }

    #[test]
    fn resources_that_differ_in_anything_are_two_rows_and_come_back() {
        let mut ids = std::collections::BTreeSet::new();
        for resource in resources() {
            let row = ResourceRow::new(&resource).unwrap();
            assert!(ids.insert(row.resource_id.clone()), "{resource:?}");
            assert_eq!(format!("{:?}", Resource::try_from(row).unwrap()), format!("{resource:?}"));
        }
    }

    #[test]
    fn scopes_come_back_whole() {
        let scope = Scope {
            name: "n\0".repeat(200),
            version: "\0".to_owned(),
            schema_url: "s".repeat(256),
            dropped_attributes: u32::MAX,
            verbatim: Some(vec![0, 255]),
            ..Scope::default()
        };
        let row = ScopeRow::new(&scope).unwrap();
        assert_ne!(row.scope_id, ScopeRow::new(&Scope { dropped_attributes: 0, ..scope.clone() }).unwrap().scope_id);
        assert_eq!(Scope::try_from(row).unwrap(), scope);
    }

    #[test]
    fn ids_that_databases_hold_stay() {
        let resource = Resource { schema_url: "https://example.org/1".to_owned(), ..Resource::default() };
        assert_eq!(ResourceRow::new(&resource).unwrap().resource_id, hash128(&to_json(&resource).unwrap()));
    }
}
