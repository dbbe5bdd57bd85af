//! Whatever the log holds: what can be decoded is handled without a panic.

mod zones;

use proptest::{collection::vec, option, prelude::*};
use tidelog_core::{
    ClientId, CollectionId, DatabaseId, DeviceId, Document, EntityId, Message, PartitionId,
    Position, Problem, ProblemKind, Query, RequestId, RequestName, Revision, Service, Timestamp,
    Topic, UserId,
    message::{
        BatchPart, Change, CompleteResponse, Condition, EntityBatch, EntityPatch, Fingerprint,
        IdempotencyKey, LearnedDefinition, LearningChange, LearningScope, LearningSwitch, Lesson,
        LessonSource, Match, Origin, Outcome, Part, PartAnswer, PartRequest, PartialResponse,
        Remember, SchemaChange, SchemaPatch, StatementEdit, WalkEnded,
    },
    query::Scope,
    topic::Offset,
};

use crate::{
    ChangesInZone, Chunk, Coalescing, DeviceKeeper, EntityBatch as Batches, EntityStorage, Pace,
    ResponseAccumulator, SchemaLearning, SchemaLearningPartitioner, SchemaStorage, ZoneWatch,
    harness::{Harness, Step, json_patch, operations},
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_message_makes_a_machine_panic(
        messages in vec((message(), flips(), 0u64..400_000_000, any::<bool>()), 1..24),
        queries in vec(query(), 1..6),
    ) {
        run(Batches, Topic::EntityBatches, &messages, &queries);
        run(EntityStorage, Topic::EntityPatches, &messages, &queries);
        run(SchemaStorage, Topic::SchemaPatches, &messages, &queries);
        run(ResponseAccumulator, Topic::PartialResponses, &messages, &queries);
        run(SchemaLearningPartitioner, Topic::EntityUpdates, &messages, &queries);
        let pace = Pace::default();
        run(SchemaLearning { pace }, Topic::SchemaLearning, &messages, &queries);
        run(ChangesInZone, Topic::EntityUpdates, &messages, &queries);
        let chunk = Chunk { devices: 1, subscriptions: 2 };
        let watch = ZoneWatch { feed_changes: 2, chunk };
        run(watch, Topic::ZoneChanges, &messages, &queries);
        run(Coalescing { zones_max: 2 }, Topic::ChangesByDevice, &messages, &queries);
        run(DeviceKeeper::default(), Topic::Connections, &messages, &queries);
    }
}

/// A message, the bytes of it that are changed, its time, and whether a commit comes after it.
type Hostile = (Message, Vec<(usize, u8)>, u64, bool);

/// Gives a machine what of the messages is one of its input after some bytes were changed, and the
/// messages of other topics too.
fn run<S: Service + Clone>(service: S, input: Topic, messages: &[Hostile], queries: &[Query]) {
    let mut harness = Harness::new(service);
    for (message, flips, time, is_committed) in messages {
        let mut payload = message.encode().to_vec();
        let length = payload.len();
        for (at, byte) in flips {
            payload[at % length] = *byte;
        }
        let changed = Message::decode(message.topic(), &payload);
        let known = Message::decode(message.topic(), &message.encode());
        for message in changed.into_iter().chain(known) {
            let is_input = message.topic() == input;
            let step = Step::Record(Timestamp::from_millis(*time), message);
            let sent = harness.step(*time, &step);
            assert!(is_input || sent.len() == 1, "what is no input is set aside");
        }
        harness.step(0, &Step::Timeout(Timestamp::from_millis(*time)));
        if *is_committed {
            harness.commit();
        }
        harness.wake();
    }
    for query in queries {
        harness.query(query);
    }
}

fn flips() -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop_oneof![
        2 => Just(Vec::new()),
        1 => vec((any::<usize>(), any::<u8>()), 1..4),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let batch = (origin(), database(), option::of(key()), any::<bool>(), vec(batch_part(), 0..6))
        .prop_map(|(origin, database, key, wants_values, parts)| {
            Message::EntityBatch(EntityBatch { origin, database, key, wants_values, parts })
        });
    let patch =
        (origin(), part(), option::of(key()), entity(), request(), any::<bool>(), remember())
            .prop_map(|(origin, part, key, entity, request, wants_value, remember)| {
                Message::EntityPatch(EntityPatch {
                    origin,
                    part,
                    key,
                    entity,
                    request,
                    wants_value,
                    remember,
                })
            });
    let response = (request_id(), part(), answer(), remember()).prop_map(
        |(request, part, answer, remember)| {
            let position = Position {
                topic: Topic::EntityPatches,
                partition: PartitionId(0),
                offset: Offset(0),
            };
            let time = Timestamp::ZERO;
            Message::PartialResponse(PartialResponse {
                request,
                part,
                answer,
                position,
                time,
                remember,
            })
        },
    );
    let schema = (origin(), database(), schema_change()).prop_map(|(origin, database, change)| {
        Message::SchemaPatch(SchemaPatch { origin, database, change })
    });
    let complete = request_id().prop_map(|request| {
        let time = Timestamp::MAX;
        Message::CompleteResponse(CompleteResponse { request, parts: Vec::new(), time })
    });
    // On the heap: in a debug build so many kinds by value do not fit on the stack of a test.
    prop_oneof![
        3 => batch.boxed(),
        5 => patch.boxed(),
        5 => response.boxed(),
        2 => schema.boxed(),
        1 => complete.boxed(),
        4 => learning().boxed(),
        8 => zones::message().boxed(),
    ]
}

fn schema_change() -> impl Strategy<Value = SchemaChange> {
    let edit = prop_oneof![
        Just(StatementEdit::Remove),
        document().prop_map(StatementEdit::Replace),
        document().prop_map(StatementEdit::Merge),
    ];
    prop_oneof![
        1 => Just(SchemaChange::Read),
        2 => Just(SchemaChange::Provision),
        1 => (collection(), edit, condition()).prop_map(|(collection, edit, condition)| {
            SchemaChange::State { collection, edit, condition }
        }),
        1 => (scope(), learning_change())
            .prop_map(|(scope, to)| SchemaChange::SwitchLearning { scope, to }),
    ]
}

fn learning_change() -> impl Strategy<Value = LearningChange> {
    use LearningChange::{Anew, AsDatabase, Off, On};
    prop::sample::select(vec![On, Off, Anew, AsDatabase])
}

/// What the services tell each other about learning.
fn learning() -> impl Strategy<Value = Message> {
    let epoch = || number().prop_map(Revision);
    let switch = (scope(), epoch(), any::<bool>(), any::<bool>()).prop_map(
        |(scope, epoch, is_on, follows)| {
            Message::LearningSwitch(LearningSwitch { scope, epoch, is_on, follows })
        },
    );
    let lesson = (
        (collection(), epoch(), number(), any::<bool>()),
        (option::of(document()), option::of(document()), number()),
    )
        .prop_map(|((collection, epoch, number, is_walk), (before, after, time))| {
            let (partition, offset) = (PartitionId(0), Offset(number));
            let source = match is_walk {
                true => LessonSource::Walk { partition, number },
                false => LessonSource::Update { partition, offset },
            };
            let time = Timestamp::from_millis(time);
            Message::Lesson(Lesson { collection, epoch, source, before, after, time })
        });
    let ended = (scope(), epoch(), any::<bool>(), 0..5u32).prop_map(
        |(scope, epoch, follows, partition)| {
            let partition = PartitionId(partition);
            Message::WalkEnded(WalkEnded { scope, epoch, follows, partition })
        },
    );
    let learned = (collection(), epoch(), number(), document()).prop_map(
        |(collection, epoch, number, definition)| {
            let time = Timestamp::ZERO;
            let learned = LearnedDefinition { collection, epoch, number, definition, time };
            Message::LearnedDefinition(learned)
        },
    );
    prop_oneof![1 => switch, 3 => lesson, 2 => ended, 1 => learned]
}

fn collection() -> impl Strategy<Value = CollectionId> {
    "[a-b]/\\$?[a-b]".prop_map(|text| text.parse().expect("a good id"))
}

fn scope() -> impl Strategy<Value = LearningScope> {
    prop_oneof![
        database().prop_map(LearningScope::Database),
        collection().prop_map(LearningScope::Collection),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    (request_id(), number(), any::<bool>()).prop_map(|(request, first_incomplete, is_known)| {
        Origin {
            name: request.name,
            first_incomplete,
            first_sent: request.first_sent,
            user: is_known.then(|| "u".parse::<UserId>().expect("a good id")),
            device: is_known.then(|| "d".parse::<DeviceId>().expect("a good id")),
        }
    })
}

fn request_id() -> impl Strategy<Value = RequestId> {
    ("[a-b]", prop_oneof![Just(0), Just(u32::MAX)], number(), number()).prop_map(
        |(prefix, incarnation, number, first_sent)| RequestId {
            name: RequestName {
                client: ClientId::new(&prefix, incarnation).expect("a good prefix"),
                number,
            },
            first_sent: Timestamp::from_millis(first_sent),
        },
    )
}

/// Numbers that meet, and those at the ends.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        0u64..4,
        0u64..200_000_000,
        u64::MAX - 70..=u64::MAX,
        Just(1 << 63),
        16_000u64..17_000
    ]
}

fn remember() -> impl Strategy<Value = Remember> {
    prop_oneof![Just(Remember::No), Just(Remember::Single), Just(Remember::Batch)]
}

fn part() -> impl Strategy<Value = Part> {
    let edge = || prop_oneof![0u32..4, Just(64), Just(1_000), Just(1_001), Just(u32::MAX)];
    prop_oneof![
        3 => Just(Part::ONLY),
        1 => (edge(), edge()).prop_map(|(number, of)| Part { number, of }),
        1 => (1u32..4, 1u32..4).prop_map(|(number, of)| Part { number, of }),
    ]
}

fn key() -> impl Strategy<Value = IdempotencyKey> {
    ("[a-b]", 0u8..2).prop_map(|(key, body)| IdempotencyKey {
        scope: "POST shop".into(),
        key: key.into(),
        fingerprint: Fingerprint([body; 16]),
    })
}

fn database() -> impl Strategy<Value = DatabaseId> {
    "[a-b]".prop_map(|text| text.parse().expect("a good id"))
}

fn entity() -> impl Strategy<Value = EntityId> {
    "[a-b]/[$]?[a-b][-]?/[a-b]/[a-c]".prop_map(|text| text.parse().expect("a good id"))
}

fn batch_part() -> impl Strategy<Value = BatchPart> {
    let entity = prop_oneof![
        3 => entity().prop_map(|id| id.to_string()),
        1 => ".*",
    ];
    let problem = ".{0,600}"
        .prop_map(|detail| Problem { kind: ProblemKind::BadRequest, detail: detail.into() });
    let request = prop_oneof![4 => request().prop_map(Ok), 1 => problem.prop_map(Err)];
    (entity, request).prop_map(|(entity, request)| BatchPart { entity: entity.into(), request })
}

fn request() -> impl Strategy<Value = PartRequest> {
    (change(), condition()).prop_map(|(change, condition)| PartRequest { change, condition })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Read),
        Just(Change::Delete),
        document().prop_map(Change::Create),
        document().prop_map(Change::Replace),
        document().prop_map(Change::Merge),
        Just(json_patch(
            r#"[{"op":"add","path":"/a","value":[1]},{"op":"copy","from":"","path":"/b"}]"#
        )),
        Just(json_patch(r#"[{"op":"remove","path":"/a/0"}]"#)),
        Just(operations(r#"[{"op":"increment","path":"/n","by":9223372036854775807}]"#)),
        Just(operations(r#"[{"op":"remove-value","path":"/a","value":1}]"#)),
    ]
}

fn document() -> impl Strategy<Value = Document> {
    let texts = ["{}", "1", "null", "{\"a\":[1,1],\"n\":1}", "{\"a\":null}", "[[[]]]", "\"ä\""];
    proptest::sample::select(texts.to_vec())
        .prop_map(|text| Document::parse(text.as_bytes()).expect("a good document"))
}

fn condition() -> impl Strategy<Value = Condition> {
    let matched = || {
        option::weighted(
            0.2,
            prop_oneof![
                Just(Match::Any),
                vec((0u64..9).prop_map(Revision), 0..20).prop_map(Match::Revisions),
            ],
        )
    };
    (matched(), matched()).prop_map(|(matches, none_match)| Condition { matches, none_match })
}

fn answer() -> impl Strategy<Value = PartAnswer> {
    let outcome = prop_oneof![
        number().prop_map(|revision| Outcome::Read(Revision(revision))),
        number().prop_map(|revision| Outcome::Deleted(Revision(revision))),
        ".{0,600}".prop_map(|detail| Outcome::failed(Problem {
            kind: ProblemKind::NotFound,
            detail: detail.into(),
        })),
    ];
    (".{0,900}", outcome, option::of(document()), any::<bool>()).prop_map(
        |(target, outcome, value, replayed)| PartAnswer {
            target: target.into(),
            outcome,
            value,
            replayed,
        },
    )
}

fn query() -> impl Strategy<Value = Query> {
    let after =
        || option::of(prop_oneof![".{0,8}", "[a-b]/[a-b]?[-/0]?[a-b]?"].prop_map(Into::into));
    let limit = || prop_oneof![0u32..4, Just(u32::MAX)];
    prop_oneof![
        entity().prop_map(Query::Entity),
        (entity(), any::<bool>(), after(), limit()).prop_map(|(id, is_zone, after, limit)| {
            let scope =
                if is_zone { Scope::Zone(id.zone()) } else { Scope::Collection(id.collection()) };
            Query::Entities { scope, after, limit }
        }),
        (database(), after(), limit()).prop_map(|(database, after, limit)| Query::Collections {
            database,
            after,
            limit
        }),
        (entity(), after(), limit()).prop_map(|(id, after, limit)| Query::Zones {
            collection: id.collection(),
            after,
            limit,
        }),
        database().prop_map(Query::Database),
        (after(), limit()).prop_map(|(after, limit)| Query::Databases { after, limit }),
        request_id().prop_map(Query::Request),
        collection().prop_map(Query::Definition),
        (database(), after(), limit()).prop_map(|(database, after, limit)| Query::Definitions {
            database,
            after,
            limit,
        }),
        scope().prop_map(Query::Learning),
        zones::query(),
    ]
}
