mod script;

use tidelog_core::{
    CollectionId, PartitionId, Revision,
    message::{LearningScope, encode_row},
    state::TableKey,
};

use super::rows::{Due, Ended, Ends, Learner, Opening, Published, SourceKey};
use crate::harness::{at, dump_line};
use tidelog_core::message::Fingerprint;

#[test]
fn rows_keep_their_bytes() {
    let published = Published {
        definition: Fingerprint([b'd'; 16]),
        whole: Fingerprint([b'w'; 16]),
        at: at(1_000),
    };
    let learner = Learner {
        epoch: Revision(7),
        number: 2,
        published: Some(published),
        looked_at: at(1_000),
        due: Some(at(2_000)),
    };
    assert_eq!(
        dump_line(&encode_row(&learner)),
        "\\x01\\x07\\x02\\x01ddddddddddddddddwwwwwwwwwwwwwwww\\xe8\\x07\\xe8\\x07\\x01\\xd0\\x0f"
    );
    let ends = Ends {
        epoch: Revision(7),
        follows: true,
        of: Ended::Some([PartitionId(0), PartitionId(3)].into()),
    };
    assert_eq!(dump_line(&encode_row(&ends)), "\\x01\\x07\\x01\\x00\\x02\\x00\\x03");
    assert_eq!(dump_line(&encode_row(&Ends { of: Ended::All, ..ends })), "\\x01\\x07\\x01\\x01");
    let opening = Opening { epoch: Revision(7), after: Some(orders()) };
    assert_eq!(dump_line(&encode_row(&opening)), "\\x01\\x07\\x01\\x0bshop/orders");
}

#[test]
fn keys_keep_their_bytes() {
    let due = Due { at: at(1), collection: orders() };
    assert_eq!(dump_line(&due.to_bytes()), "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01shop/orders");
    assert_eq!(Due::from_bytes(&due.to_bytes()), Some(due));
    for (source, bytes) in [
        (SourceKey::Updates(PartitionId(3)), "\\x00\\x00\\x00\\x00\\x03"),
        (SourceKey::Walks(PartitionId(3)), "\\x01\\x00\\x00\\x00\\x03"),
    ] {
        assert_eq!(dump_line(&source.to_bytes()), bytes);
        assert_eq!(SourceKey::from_bytes(&source.to_bytes()), Some(source));
    }
    for scope in [
        LearningScope::Collection(orders()),
        LearningScope::Database("shop".parse().expect("a good id")),
    ] {
        assert_eq!(dump_line(&scope.to_bytes()), scope.as_str());
        assert_eq!(LearningScope::from_bytes(&scope.to_bytes()), Some(scope));
    }
}

fn orders() -> CollectionId {
    "shop/orders".parse().expect("a good id")
}
