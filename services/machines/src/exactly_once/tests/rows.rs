use tidelog_core::{
    Problem, ProblemKind, RequestName, Revision, Timestamp,
    message::{Fingerprint, Outcome, Part, decode_row, encode_row},
    state::TableKey,
};

use crate::{
    exactly_once::{
        Completion,
        clients::Client,
        completions::{ChunkKey, Entry},
        expiry::{Expiry, Subject},
        keys::{KeyId, Remembered},
    },
    harness::{client, dump_line, key},
};

#[test]
fn chunks_keep_their_bytes() {
    let name = RequestName { client: client("app", 2), number: 200 };
    let (chunk, slot) = ChunkKey::of(&name, Part::ONLY);
    let bytes =
        "app\\x00\\x00\\x00\\x00\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xc0 \\x00\\x00\\x00\\x00";
    assert_eq!(dump_line(&chunk.to_bytes()), bytes);
    assert_eq!(ChunkKey::from_bytes(&chunk.to_bytes()), Some(chunk));
    let problem = Problem::new(ProblemKind::TestFailed, "no");
    let outcome = Outcome::Failed { problem, revision: Some(Revision(7)) };
    let entries = vec![
        Entry { slot, completion: Outcome::Created(Revision(1)).into() },
        Entry {
            slot,
            completion: Completion { outcome: Outcome::Deleted(Revision(300)), replayed: true },
        },
        Entry { slot, completion: outcome.into() },
    ];
    let bytes = "\\x01\\x03\\x08\\x01\\x01\\x01\\x00\\x08\\x01\\x03\\xac\\x02\\x01\\x08\\x01\\x04\\x04\\x02no\\x01\\x07\\x00";
    assert_eq!(dump_line(&encode_row(&entries)), bytes);
    assert_eq!(decode_row(&encode_row(&entries)), Ok(entries));
}

#[test]
fn clients_keep_their_bytes() {
    let row =
        Client { first_incomplete: 300, cleared: 256, active: 489_000, barred_from: Some(20_000) };
    assert_eq!(
        dump_line(&encode_row(&row)),
        "\\x01\\xac\\x02\\x80\\x02\\xa8\\xec\\x1d\\x01\\xa0\\x9c\\x01"
    );
    let row = Client { first_incomplete: 1, cleared: 0, active: 0, barred_from: None };
    assert_eq!(dump_line(&encode_row(&row)), "\\x01\\x01\\x00\\x00\\x00");
}

#[test]
fn keys_keep_their_bytes() {
    let id = KeyId::of(&key("abc", "body"), 1);
    assert_eq!(
        dump_line(&id.to_bytes()),
        "\\xa4T\\x19\\x85\\x8cm\\x89\\x17&\\x0e\\xd1\\xc92\\xf0\\x90\\xfe"
    );
    let fingerprint = Fingerprint(*b"0123456789abcdef");
    let made = Timestamp::from_millis(1_000);
    let row = Remembered { fingerprint, made, outcome: Outcome::Updated(Revision(2)) };
    assert_eq!(dump_line(&encode_row(&row)), "\\x010123456789abcdef\\xe8\\x07\\x02\\x02");
    let row = Remembered { fingerprint, made, outcome: () };
    assert_eq!(dump_line(&encode_row(&row)), "\\x010123456789abcdef\\xe8\\x07");
}

#[test]
fn expiries_keep_their_bytes() {
    for (subject, bytes) in [
        (
            Subject::Client(client("app", 2)),
            "\\x00\\x00\\x00\\x00\\x00\\x07vA\\x00app\\x00\\x00\\x00\\x00\\x02",
        ),
        (
            Subject::Key(KeyId::of(&key("abc", "body"), 1)),
            "\\x00\\x00\\x00\\x00\\x00\\x07vA\\x01\\xa4T\\x19\\x85\\x8cm\\x89\\x17&\\x0e\\xd1\\xc92\\xf0\\x90\\xfe",
        ),
    ] {
        let expiry = Expiry { hour: 489_025, subject };
        assert_eq!(dump_line(&expiry.to_bytes()), bytes);
        assert_eq!(Expiry::from_bytes(&expiry.to_bytes()), Some(expiry));
    }
    assert_eq!(dump_line(&encode_row(&())), "\\x01");
    assert_eq!(dump_line(&encode_row(&vec![0u8, 200, 7])), "\\x01\\x03\\x00\\xc8\\x07");
}

#[test]
fn a_chunk_has_at_most_32_records_whatever_the_requests_are_like() {
    let mut records = std::collections::BTreeMap::new();
    for of in [1, 2, 3, 7, 10, 16, 17, 31, 33, 63, 64, 65, 1_000] {
        for number in 0..130 {
            let name = RequestName { client: client("app", 0), number };
            for part in (1..=of).map(|number| Part { number, of }) {
                let (chunk, slot) = ChunkKey::of(&name, part);
                let slots: &mut Vec<_> =
                    records.entry((of, chunk.to_bytes())).or_insert_with(Vec::new);
                assert!(!slots.contains(&slot), "no two records share a place");
                slots.push(slot);
                assert!(slots.len() <= 32);
            }
        }
    }
}
