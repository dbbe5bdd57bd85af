use tidelog_core::{Offset, Revision, message::UpdateKind, message::encode_row, state::TableKey};

use super::super::rows::{
    Change, ChangeKey, EndedKey, FanOutKey, Feed, Subscribed, SubscriptionKey, Telling,
};
use crate::harness::{at, dump_line, id, parsed, scope_of};

#[test]
fn keys_keep_their_bytes_and_read_back() {
    let key = ChangeKey { zone: parsed("shop/orders/eu"), sequence: 300 };
    let bytes = r"shop/orders/eu\x00\x00\x00\x00\x00\x00\x00\x01,";
    assert_eq!(dump_line(&key.to_bytes()), bytes);
    assert_eq!(ChangeKey::from_bytes(&key.to_bytes()), Some(key));
    for (subject, bytes) in [
        ("shop/orders/eu", r"shop/orders/eu\x00phone\x001\x00\x00\x00\x00\x00\x00\x00\x00\x07"),
        ("shop/orders", r"shop/orders\x00phone\x001\x00\x00\x00\x00\x00\x00\x00\x00\x07"),
    ] {
        let key = SubscriptionKey {
            subject: scope_of(subject),
            device: parsed("phone"),
            name: "1".into(),
            from: Offset(7),
        };
        assert_eq!(dump_line(&key.to_bytes()), bytes);
        assert_eq!(SubscriptionKey::from_bytes(&key.to_bytes()).as_ref(), Some(&key));
        let ended = EndedKey { to: Offset(9), subscription: key };
        assert_eq!(EndedKey::from_bytes(&ended.to_bytes()), Some(ended));
    }
    let key = FanOutKey { offset: Offset(9), zone: parsed("shop/orders/eu") };
    assert_eq!(FanOutKey::from_bytes(&key.to_bytes()), Some(key));
}

#[test]
fn rows_keep_their_bytes() {
    let after = Some(parsed("phone"));
    let telling = Some(Telling { sequence: 2, after });
    let feed = Feed { id: 1, oldest: 1, last: 300, telling };
    assert_eq!(dump_line(&encode_row(&feed)), r"\x01\x01\x01\xac\x02\x01\x02\x01\x05phone");
    let change = Change {
        entity: id("shop/orders/eu/42"),
        kind: UpdateKind::Deleted,
        revision: Revision(3),
        device: None,
        time: at(300),
        offset: Offset(9),
    };
    let bytes = r"\x01\x11shop/orders/eu/42\x02\x03\x00\xac\x02\x09";
    assert_eq!(dump_line(&encode_row(&change)), bytes);
    let terms = tidelog_core::subscription::Terms::ALL;
    let row = Subscribed { terms, to: Some(Offset(9)) };
    assert_eq!(dump_line(&encode_row(&row)), r"\x01\x01\x01\x01\x01\x01\x09");
}
