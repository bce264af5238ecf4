//! Ids that come with OpenTelemetry baggage.

use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt as _};

use crate::model::{Identity, IdentityField};
use crate::semconv::identity_of;

/// The ids and names under `keys` in the current context's baggage.
pub(crate) fn ids_in_current_baggage(keys: &[String]) -> Identity {
    Context::map_current(|context| ids_in_baggage(context.baggage(), keys))
}

/// The ids and names under `keys`. Of several keys for one field the strongest counts, as among a span's attributes; a key that names no id
/// gives none.
pub(crate) fn ids_in_baggage(baggage: &Baggage, keys: &[String]) -> Identity {
    let mut ranks: [Option<u8>; IdentityField::ALL.len()] = Default::default();
    let mut identity = Identity::default();
    for key in keys {
        let (Some((field, rank)), Some(value)) = (identity_of(key), baggage.get(key)) else { continue };
        let Some(known) = ranks.get_mut(field as usize) else { continue };
        if known.is_none_or(|known| rank < known) {
            *known = Some(rank);
            identity.set(field, value.as_str());
        }
    }
    identity
}
