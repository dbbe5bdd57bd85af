//! What stands in the rows of tables, for people.

use serde::{
    Serialize, Serializer,
    de::DeserializeOwned,
    ser::{Error, SerializeStruct},
};
use tidelog_core::{
    ServiceName, TableId,
    message::{Outcome, decode_row},
    state::{Table, TableKey},
};

use crate::{
    coalescing::rows as notified,
    device::rows as devices,
    entity_storage::{forgetting, learning, rows as entities, walk},
    exactly_once::{clients, completions, expiry, keys},
    response_accumulator::rows as aggregates,
    schema_learning::rows as learners,
    schema_storage::rows as schemas,
    zone_watch::rows as zones,
};

/// Gives key and row of a service's table to a serializer, as `key` and `row`. A row that was removed is
/// none.
///
/// # Errors
///
/// If this release cannot read them, or the serializer fails.
pub fn serialize_row<S: Serializer>(
    service: ServiceName,
    table: TableId,
    key: &[u8],
    row: Option<&[u8]>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match table {
        TableId::Entities => both(&entities::ENTITIES, key, row, to),
        TableId::Zones => both(&entities::ZONES, key, row, to),
        TableId::LearningEpochs => both(&learning::EPOCHS, key, row, to),
        TableId::Walks => both(&learning::WALKS, key, row, to),
        TableId::WalkLessons => both(&walk::LESSONS, key, row, to),
        TableId::Completions => both(&completions::COMPLETIONS, key, row, to),
        TableId::Clients => both(&clients::CLIENTS, key, row, to),
        TableId::IdempotencyKeys if service == ServiceName::EntityBatch => {
            both(&keys::table::<()>(), key, row, to)
        }
        TableId::IdempotencyKeys => both(&keys::table::<Outcome>(), key, row, to),
        TableId::Expiries => both(&expiry::EXPIRIES, key, row, to),
        TableId::Sweep if service == ServiceName::ResponseAccumulator => {
            both(&aggregates::SWEEP, key, row, to)
        }
        TableId::Sweep => both(&expiry::SWEEP, key, row, to),
        TableId::Databases => both(&schemas::DATABASES, key, row, to),
        TableId::Definitions => both(&schemas::DEFINITIONS, key, row, to),
        TableId::LearningSwitches => both(&schemas::SWITCHES, key, row, to),
        TableId::Aggregates => both(&aggregates::AGGREGATES, key, row, to),
        TableId::AggregateParts => both(&aggregates::PARTS, key, row, to),
        TableId::Deadlines => both(&aggregates::DEADLINES, key, row, to),
        TableId::Learners => both(&learners::LEARNERS, key, row, to),
        TableId::Models => both(&learners::MODELS, key, row, to),
        TableId::WalkEnds => both(&learners::ENDS, key, row, to),
        TableId::LessonSources => both(&learners::SOURCES, key, row, to),
        TableId::LearnersDue => both(&learners::DUE, key, row, to),
        TableId::Openings => both(&learners::OPENINGS, key, row, to),
        TableId::Feeds => both(&zones::FEEDS, key, row, to),
        TableId::ZoneChanges => both(&zones::CHANGES, key, row, to),
        TableId::Subscriptions => both(&zones::SUBSCRIPTIONS, key, row, to),
        TableId::EndedSubscriptions => both(&zones::ENDED, key, row, to),
        TableId::FanOuts => both(&zones::FAN_OUTS, key, row, to),
        TableId::ChangeSources => both(&zones::SOURCES, key, row, to),
        TableId::Notified => both(&notified::NOTIFIED, key, row, to),
        TableId::Unread => both(&notified::UNREAD, key, row, to),
        TableId::Told => both(&notified::TOLD, key, row, to),
        TableId::Devices => both(&devices::DEVICES, key, row, to),
        TableId::Leases => both(&devices::LEASES, key, row, to),
        TableId::DeviceKeeper => both(&devices::KEEPER, key, row, to),
        TableId::ForgottenZones => both(&forgetting::FORGOTTEN, key, row, to),
    }
}

fn both<K, V, S>(
    _table: &Table<K, V>,
    key: &[u8],
    row: Option<&[u8]>,
    to: S,
) -> Result<S::Ok, S::Error>
where
    K: TableKey + Serialize,
    V: Serialize + DeserializeOwned,
    S: Serializer,
{
    let key = K::from_bytes(key).ok_or_else(|| S::Error::custom("its key cannot be read"))?;
    let row = row.map(decode_row::<V>).transpose().map_err(S::Error::custom)?;
    let mut both = to.serialize_struct("Row", 2)?;
    both.serialize_field("key", &key)?;
    both.serialize_field("row", &row)?;
    both.end()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tidelog_core::{Timestamp, message::encode_row};

    use super::*;

    fn value(service: ServiceName, table: TableId, key: &[u8], row: Option<&[u8]>) -> Value {
        serialize_row(service, table, key, row, serde_json::value::Serializer).expect("a row")
    }

    #[test]
    fn a_document_is_shown_as_it_is_and_a_removed_row_as_none() {
        let row = b"\x01\xac\x02\x01\x07{\"n\":1}";
        let (service, table) = (ServiceName::EntityStorage, TableId::Entities);
        let shown = value(service, table, b"shop/orders/eu/1", Some(row));
        let expected = json!({"revision": 300, "document": {"n": 1}});
        assert_eq!(shown, json!({"key": "shop/orders/eu/1", "row": expected}));
        let removed = value(service, table, b"shop/orders/eu/1", None);
        assert_eq!(removed, json!({"key": "shop/orders/eu/1", "row": null}));
    }

    #[test]
    fn what_a_table_means_depends_on_whose_it_is() {
        let at = encode_row(&Timestamp::from_millis(5));
        let shown = value(ServiceName::ResponseAccumulator, TableId::Sweep, b"", Some(&at));
        assert_eq!(shown, json!({"key": null, "row": 5}));
        let bytes = encode_row(&vec![1_u8, 2]);
        let shown = value(ServiceName::EntityStorage, TableId::Sweep, b"", Some(&bytes));
        assert_eq!(shown, json!({"key": null, "row": [1, 2]}));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_with_words() {
        let shown = |key: &[u8], row: &[u8]| {
            let (service, table) = (ServiceName::EntityStorage, TableId::Entities);
            serialize_row(service, table, key, Some(row), serde_json::value::Serializer)
                .expect_err("no row")
                .to_string()
        };
        assert!(shown(b"no id", b"\x01\x03\x00").contains("key"));
        assert!(shown(b"shop/orders/eu/1", b"\x63").contains("newer"));
    }
}
