//! What other programs send goes out of the store as it came, to the bit; grouping may change. On every database:
//! `tests/contract/lossless.rs`.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message as _;
use tracing_agents::model::SpanRecord;
use tracing_agents::{AgentTracing, SpanFilter, wire};

use crate::payloads::{self, every_field, flattened, flattened_bytes};
use crate::support::{PATIENCE, url_in};

/// The records that a fresh store has of a payload.
fn stored(request: &ExportTraceServiceRequest) -> Vec<SpanRecord> {
    let folder = tempfile::tempdir().unwrap();
    let tracing = AgentTracing::open(&url_in(&folder)).unwrap();
    for record in wire::decode_foreign(&request.encode_to_vec()).unwrap().records {
        tracing.inlet().accept(record).unwrap();
    }
    tracing.force_flush(PATIENCE).unwrap();
    let repository = tracing.repository();
    let (mut filter, mut records) = (SpanFilter::new().limit(5), Vec::new());
    loop {
        let page = repository.span_records(&filter).unwrap();
        records.extend(page.items);
        let Some(next) = page.next else { return records };
        filter = filter.after(next);
    }
}

/// Asserts that the store, and then a JSON text, give a payload back.
fn goes_out_as_it_came(request: &ExportTraceServiceRequest) -> Result<(), TestCaseError> {
    let expected = flattened(request);
    let records = stored(request);
    prop_assert_eq!(&flattened_bytes(&wire::encode_export(&records)), &expected);
    let json = wire::encode_json(&records).unwrap();
    let read = wire::decode_json(&json).unwrap();
    prop_assert_eq!(&flattened_bytes(&wire::encode_export(&read.records)), &expected);
    Ok(())
}

proptest! {
    #![proptest_config(payloads::cases(48))]

    #[test]
    fn any_payload_goes_out_of_the_store_as_it_came(request in payloads::traces()) {
        goes_out_as_it_came(&request)?;
    }
}

#[test]
fn a_span_with_every_field_goes_out_of_the_store_as_it_came() {
    goes_out_as_it_came(&every_field()).unwrap();
}
