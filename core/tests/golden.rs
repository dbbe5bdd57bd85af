//! The bytes of every message, pinned: a log outlives the program that wrote it.
//!
//! A test here that fails says that records which are already in somebody's log would be read as
//! something else, or not at all. Do not mend the bytes: give the format a new version, and keep the
//! old one readable.

#[path = "golden/schemas.rs"]
mod schemas;
#[path = "golden/zones.rs"]
mod zones;

use tidelog_core::{
    Document, Message, Position, Problem, ProblemKind, RequestName, Revision, ServiceName,
    Timestamp, Topic,
    message::{
        BatchPart, Change, CompleteResponse, Condition, DeadLetter, DecodeError, EntityBatch,
        EntityPatch, EntityUpdate, Fingerprint, IdempotencyKey, Match, Origin, Outcome, Owner,
        Part, PartAnswer, PartRequest, PartialResponse, Remember, SchemaChange, SchemaPatch,
        SchemaUpdate, UpdateKind,
    },
    patch::{JsonPatch, Operations},
};

#[test]
fn every_message_has_the_bytes_that_it_always_had() {
    let golden = include_str!("data/messages.golden");
    let expected: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    let found: Vec<_> = messages()
        .iter()
        .map(|(name, message)| format!("{name}: {}", hex(&message.encode())))
        .collect();
    assert_eq!(found, expected, "\n{}", found.join("\n"));
}

#[test]
fn every_message_reads_back_as_written() {
    for (name, message) in messages() {
        let read = Message::decode(message.topic(), &message.encode());
        assert_eq!(read.as_ref(), Ok(&message), "{name}");
    }
}

#[test]
fn a_message_of_a_newer_release_says_so() {
    let mut bytes = messages()[0].1.encode().to_vec();
    bytes[0] = 2;
    let error = Message::decode(Topic::EntityPatches, &bytes);
    assert_eq!(error, Err(DecodeError::NewerVersion(2)));
}

#[test]
fn a_message_in_the_topic_of_another_is_refused() {
    let (_, message) = &messages()[0];
    let error = Message::decode(Topic::SchemaPatches, &message.encode());
    assert!(matches!(error, Err(DecodeError::WrongTopic { .. })), "{error:?}");
}

#[test]
fn a_message_with_bytes_left_over_or_missing_is_refused() {
    for (name, message) in messages() {
        let bytes = message.encode();
        let mut longer = bytes.to_vec();
        longer.push(0);
        assert!(Message::decode(message.topic(), &longer).is_err(), "{name}");
        for end in 0..bytes.len() {
            assert!(Message::decode(message.topic(), &bytes[..end]).is_err(), "{name} to {end}");
        }
    }
}

#[test]
fn a_document_that_is_no_json_is_refused() {
    let mut message = messages()[0].1.clone();
    let Message::EntityPatch(patch) = &mut message else { panic!("the first one is a patch") };
    patch.request.change = Change::Replace(document(r#"{"a":1}"#));
    let bytes = message.encode();
    let text = bytes.windows(7).position(|window| window == br#"{"a":1}"#);
    let mut broken = bytes.to_vec();
    broken[text.expect("the document is in it as text")] = b'[';
    let error = Message::decode(Topic::EntityPatches, &broken);
    assert!(matches!(error, Err(DecodeError::Limit(_))), "{error:?}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        for topic in Topic::ALL {
            let _ = Message::decode(topic, &bytes);
            let mut versioned = vec![1];
            versioned.extend_from_slice(&bytes);
            let _ = Message::decode(topic, &versioned);
        }
    }

    #[test]
    fn no_damage_makes_the_decoder_panic(
        which in 0usize..100,
        at in 0usize..400,
        byte in proptest::prelude::any::<u8>(),
    ) {
        let messages = messages();
        let (_, message) = &messages[which % messages.len()];
        let mut bytes = message.encode().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Message::decode(message.topic(), &bytes);
    }
}

fn messages() -> Vec<(&'static str, Message)> {
    let patch = |change| {
        Message::EntityPatch(EntityPatch {
            origin: origin(),
            part: Part::ONLY,
            key: None,
            entity: "shop/orders/eu/42".parse().expect("a good id"),
            request: PartRequest::from(change),
            wants_value: true,
            remember: Remember::No,
        })
    };
    let json_patch = br#"[{"op":"replace","path":"/n","value":2}]"#;
    let operations = br#"[{"op":"increment","path":"/n","by":1}]"#;
    let mut messages = vec![
        ("read", patch(Change::Read)),
        ("create", patch(Change::Create(document(r#"{"n":1}"#)))),
        ("replace", patch(Change::Replace(document(r#"{"n":1}"#)))),
        ("patch", patch(Change::Patch(JsonPatch::parse(json_patch).expect("a good patch")))),
        ("merge", patch(Change::Merge(document(r#"{"n":null}"#)))),
        (
            "operations",
            patch(Change::Operations(Operations::parse(operations).expect("good operations"))),
        ),
        ("delete", patch(Change::Delete)),
        ("conditional-part-with-key", conditional()),
        ("batch", batch()),
        ("updated", update(UpdateKind::Updated, Some("1"), Some("2"))),
        ("created", update(UpdateKind::Created, None, Some("2"))),
        ("deleted", update(UpdateKind::Deleted, Some("1"), None)),
        ("answer", partial(Outcome::Created(Revision(1)), Some("[]"))),
        ("failure", partial(failure(), None)),
        ("complete", complete()),
        ("schema-patch", schema_patch()),
        ("schema-update", schema_update()),
        ("dead-letter", dead_letter()),
        ("remembered-request", remembered_request(Part::ONLY, Remember::Single)),
        ("only-part-of-a-batch", remembered_request(Part::ONLY, Remember::Batch)),
        ("part-of-a-batch", remembered_request(Part { number: 2, of: 3 }, Remember::Batch)),
        ("remembered-answer", remembered_answer(Part::ONLY, Remember::Single)),
        ("answer-to-the-only-part-of-a-batch", remembered_answer(Part::ONLY, Remember::Batch)),
        ("owner", owner(Some("10.0.0.1:7071"))),
        ("owner-that-has-left", owner(None)),
    ];
    messages.extend(schemas::messages());
    messages.extend(zones::messages());
    messages
}

fn conditional() -> Message {
    Message::EntityPatch(EntityPatch {
        origin: Origin {
            user: Some("mia".parse().expect("a good id")),
            device: Some("phone".parse().expect("a good id")),
            ..origin()
        },
        part: Part { number: 2, of: 3 },
        key: Some(key()),
        entity: "shop/$zoneSubscription/phone/1".parse().expect("a good id"),
        request: PartRequest {
            change: Change::Delete,
            condition: Condition {
                matches: Some(Match::Revisions(vec![Revision(3), Revision(300)])),
                none_match: Some(Match::Any),
            },
        },
        wants_value: false,
        // As it was for parts of batches, before they had a mark of their own.
        remember: Remember::Single,
    })
}

fn remembered_request(part: Part, remember: Remember) -> Message {
    Message::EntityPatch(EntityPatch {
        origin: origin(),
        part,
        key: None,
        entity: "shop/orders/eu/42".parse().expect("a good id"),
        request: PartRequest::from(Change::Delete),
        wants_value: true,
        remember,
    })
}

fn remembered_answer(part: Part, remember: Remember) -> Message {
    let Message::PartialResponse(response) = partial(Outcome::Deleted(Revision(2)), None) else {
        panic!("it is an answer");
    };
    Message::PartialResponse(PartialResponse { part, remember, ..response })
}

fn batch() -> Message {
    Message::EntityBatch(EntityBatch {
        origin: origin(),
        database: "shop".parse().expect("a good id"),
        key: Some(key()),
        wants_values: true,
        parts: vec![
            BatchPart {
                entity: "shop/orders/eu/1".into(),
                request: Ok(PartRequest::from(Change::Read)),
            },
            BatchPart {
                entity: "nonsense".into(),
                request: Err(Problem::new(ProblemKind::BadRequest, "there is no operation \"x\"")),
            },
        ],
    })
}

fn update(kind: UpdateKind, before: Option<&str>, after: Option<&str>) -> Message {
    Message::EntityUpdate(EntityUpdate {
        entity: "shop/orders/eu/42".parse().expect("a good id"),
        kind,
        revision: Revision(7),
        before: before.map(document),
        after: after.map(document),
        request: origin().name,
        part: Part::ONLY,
        user: None,
        device: None,
        time: Timestamp::from_millis(1_764_000_000_456),
    })
}

fn partial(outcome: Outcome, value: Option<&str>) -> Message {
    Message::PartialResponse(PartialResponse {
        request: origin().request(),
        part: Part::ONLY,
        answer: PartAnswer {
            target: "shop/orders/eu/42".into(),
            outcome,
            value: value.map(document),
            replayed: false,
        },
        position: position(),
        time: Timestamp::from_millis(1_764_000_000_456),
        remember: Remember::No,
    })
}

fn failure() -> Outcome {
    Outcome::Failed {
        problem: Problem::new(ProblemKind::PreconditionFailed, "it is at revision 4"),
        revision: Some(Revision(4)),
    }
}

fn complete() -> Message {
    let answer = |outcome| PartAnswer {
        target: "shop/orders/eu/42".into(),
        outcome,
        value: None,
        replayed: true,
    };
    Message::CompleteResponse(CompleteResponse {
        request: origin().request(),
        parts: vec![
            Some(answer(Outcome::Read(Revision(1)))),
            None,
            Some(answer(Outcome::Updated(Revision(2)))),
            Some(answer(Outcome::Deleted(Revision(3)))),
            Some(answer(failure())),
        ],
        time: Timestamp::from_millis(1_764_000_000_456),
    })
}

fn schema_patch() -> Message {
    Message::SchemaPatch(SchemaPatch {
        origin: origin(),
        database: "shop".parse().expect("a good id"),
        change: SchemaChange::Provision,
    })
}

fn schema_update() -> Message {
    Message::SchemaUpdate(SchemaUpdate {
        database: "shop".parse().expect("a good id"),
        revision: Revision(1),
        created: Timestamp::from_millis(1_764_000_000_456),
        request: origin().name,
        time: Timestamp::from_millis(1_764_000_000_456),
    })
}

fn dead_letter() -> Message {
    Message::DeadLetter(DeadLetter {
        service: ServiceName::EntityStorage,
        source: position(),
        time: Timestamp::from_millis(1_764_000_000_456),
        reason: "its bytes make no message".into(),
        key: "k".into(),
        payload: vec![1, 2, 3].into(),
        payload_bytes: 3,
    })
}

fn owner(address: Option<&str>) -> Message {
    Message::Owner(Owner {
        task: "entity-storage/3".into(),
        epoch: 300,
        node: "node-1".into(),
        address: address.map(Into::into),
        transactional_id: "id".into(),
    })
}

fn origin() -> Origin {
    Origin {
        name: RequestName { client: "app-1:2".parse().expect("a good id"), number: 300 },
        first_incomplete: 299,
        first_sent: Timestamp::from_millis(1_764_000_000_123),
        user: None,
        device: None,
    }
}

fn key() -> IdempotencyKey {
    IdempotencyKey {
        scope: "DELETE shop/orders/eu/42".into(),
        key: "once".into(),
        fingerprint: Fingerprint([0x5a; 16]),
    }
}

fn position() -> Position {
    "entity-patches:3:1042".parse().expect("a good position")
}

fn document(text: &str) -> Document {
    Document::parse(text.as_bytes()).expect("a good document")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
