mod learning;
mod model;
mod names_model;
mod queries;
mod repeats;
mod script;
mod subscriptions;

use tidelog_core::{
    Message, Revision,
    message::{Change, EntityPatch, Remember, encode_row},
    state::TableKey,
};

use super::{EntityStorage, rows::EntityRow};
use crate::harness::{Harness, ask, at, create, document, dump_line, id};

#[test]
fn an_answer_is_to_be_remembered_as_its_request_is() {
    let mut harness = Harness::new(EntityStorage);
    for change in [create("1"), create("2"), Change::Read] {
        for remember in [Remember::No, Remember::Single, Remember::Batch] {
            let patch = EntityPatch { remember, ..ask(1, "shop/orders/eu/42", change.clone()) };
            let sent = harness.record(at(1_000), Message::EntityPatch(patch));
            let Some(Message::PartialResponse(response)) = sent.last() else { panic!("{sent:?}") };
            assert_eq!(response.remember, remember);
        }
    }
}

#[test]
fn rows_keep_their_bytes() {
    let row = EntityRow { revision: Revision(300), document: Some(document("{\"n\":1}")) };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\xac\\x02\\x01\\x07{\"n\":1}");
    let row = EntityRow { revision: Revision(3), document: None };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\x03\\x00");
    assert_eq!(dump_line(&encode_row(&1_000u64)), "\\x01\\xe8\\x07");
    assert_eq!(dump_line(&id("shop/orders/eu/42").to_bytes()), "shop/orders/eu/42");
    assert_eq!(dump_line(&id("shop/orders/eu/42").zone().to_bytes()), "shop/orders/eu");
}
