mod model;
mod names_model;
mod queries;
mod repeats;
mod script;

use tidelog_core::{Revision, message::encode_row, state::TableKey};

use super::rows::EntityRow;
use crate::harness::{document, dump_line, id};

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
