use tidelog_core::{
    Message, TableId, Timestamp,
    message::{EntityPatch, Outcome, Part},
};

use crate::{
    entity_storage::EntityStorage,
    harness::{Harness, ask, at, client, hours, key, operations},
};

const E: &str = "shop/orders/eu/42";

#[test]
fn records_are_forgotten_as_their_client_gets_further() {
    let mut harness = Harness::new(EntityStorage);
    for number in 1..=640 {
        let patch = increment(number, number.saturating_sub(10).max(1), 1_000);
        assert_eq!(tell(&mut harness, 1_000, patch), "updated or created");
        let chunks = harness.count(TableId::Completions);
        assert!(chunks <= 5, "those to be forgotten next, and the one that begins: {chunks}");
    }
    harness.commit();
    assert_eq!(tell(&mut harness, 1_000, increment(100, 1, 1_000)), "stale-request");
    assert_eq!(tell(&mut harness, 1_000, increment(640, 1, 1_000)), "updated or created");
    assert_eq!(revision(&harness), 640);
}

#[test]
fn many_chunks_are_forgotten_in_several_calls() {
    let mut harness = Harness::new(EntityStorage);
    for number in 1..=200 {
        let mut patch = increment(number, 1, 1_000);
        patch.part = Part { number: 700, of: 1_000 };
        tell(&mut harness, 1_000, patch);
    }
    assert_eq!(harness.count(TableId::Completions), 200);
    let mut left = Vec::new();
    for number in 1_000..1_004 {
        tell(&mut harness, 1_000, increment(number, 1_000, 1_000));
        left.push(harness.count(TableId::Completions));
    }
    assert_eq!(left, [137, 73, 9, 1]);
}

#[test]
fn a_silent_client_is_forgotten_a_day_after_all_that_it_stamped() {
    let mut harness = Harness::new(EntityStorage);
    // Its clock is three hours ahead.
    tell(&mut harness, 1_000, increment(1, 1, hours(3) + 1_000));
    for hour in 1..=27 {
        poke(&mut harness, hours(hour));
        let message = format!("after {hour} hours");
        assert_eq!(
            tell(&mut harness, hours(hour), increment(1, 1, hours(3) + 1_000)),
            "updated or created",
            "{message}"
        );
        assert_eq!(revision(&harness), 1, "{message}");
    }
    poke(&mut harness, hours(28));
    assert_eq!(tell(&mut harness, hours(28), increment(1, 1, hours(3) + 1_000)), "expired-request");
    assert_eq!(harness.count(TableId::Clients), 25, "those that poked within a day");
}

#[test]
fn a_refusal_is_final_though_its_client_is_forgotten() {
    // Both stamped by a clock that is a day and a half ahead.
    let stale = (increment(5, 1, hours(36)), "stale-request");
    let ahead = (increment(20_000, 1, hours(36)), "too-far-ahead");
    for (refused, reason) in [stale, ahead] {
        let mut harness = Harness::new(EntityStorage);
        tell(&mut harness, 1_000, increment(9, 9, 1_000));
        assert_eq!(tell(&mut harness, 1_000, refused.clone()), reason);
        for hour in 1..=80 {
            poke(&mut harness, hours(hour));
            let mut copy = harness.clone();
            let told = tell(&mut copy, hours(hour), refused.clone());
            let expected = if hour <= 48 { reason } else { "expired-request" };
            assert!([reason, expected].contains(&&*told), "{reason} at hour {hour}: {told}");
        }
        assert_eq!(revision(&harness), 1);
        assert_eq!(harness.count(TableId::Clients), 25, "those that poked within a day");
    }
}

#[test]
fn who_comes_after_a_day_is_not_told_that_nothing_was_done() {
    let mut harness = Harness::new(EntityStorage);
    tell(&mut harness, 1_000, increment(1, 1, 1_000));
    poke(&mut harness, hours(30));
    for (number, sent, words) in [(1, 1_000, "not known any more"), (2, hours(10), "never will be")]
    {
        let sent = harness.record(at(hours(30)), Message::EntityPatch(increment(number, 1, sent)));
        let problem = sent.iter().find_map(|message| match message {
            Message::PartialResponse(response) => match &response.answer.outcome {
                Outcome::Failed { problem, .. } => Some(problem),
                _ => None,
            },
            _ => None,
        });
        let problem = problem.expect("it has expired");
        assert_eq!(problem.kind.name(), "expired-request");
        assert!(problem.detail.contains(words), "{}", problem.detail);
    }
}

#[test]
fn a_key_is_remembered_for_a_caller_whose_clock_is_ahead() {
    let mut harness = Harness::new(EntityStorage);
    for (number, first_sent) in [(1, 1_000), (2, hours(30))] {
        let mut patch = increment(number, 1, first_sent);
        patch.key = Some(key("k", "body"));
        tell(&mut harness, 1_000, patch);
    }
    assert_eq!(revision(&harness), 1);
}

#[test]
fn keys_and_clients_are_swept_faster_than_they_come() {
    let mut harness = Harness::new(EntityStorage);
    for number in 0..300 {
        let mut patch = increment(1, 1, 1_000);
        patch.origin.name.client = client(&format!("c{number}"), 0);
        patch.key = Some(key(&format!("k{number}"), "body"));
        tell(&mut harness, 1_000, patch);
    }
    harness.commit();
    let counts = |harness: &Harness<_>| {
        [TableId::Clients, TableId::IdempotencyKeys, TableId::Expiries, TableId::Completions]
            .map(|table| harness.count(table))
    };
    assert_eq!(counts(&harness), [300, 300, 600, 300]);
    for hour in 100..120 {
        poke(&mut harness, hours(hour));
        harness.commit();
    }
    assert_eq!(counts(&harness), [20, 0, 20, 20]);
}

#[test]
fn a_client_with_many_records_is_forgotten_in_several_calls() {
    let mut harness = Harness::new(EntityStorage);
    for number in 1..=200 {
        let mut patch = increment(number, 1, 1_000);
        patch.part = Part { number: 700, of: 1_000 };
        tell(&mut harness, 1_000, patch);
    }
    harness.commit();
    let mut left = Vec::new();
    for hour in 30..35 {
        poke(&mut harness, hours(hour));
        harness.commit();
        left.push(harness.count(TableId::Completions) - (hour as usize - 29));
    }
    assert_eq!(left, [136, 72, 8, 0, 0]);
    assert_eq!(harness.count(TableId::Clients), 5);
    assert_eq!(harness.count(TableId::Expiries), 5);
}

#[test]
fn a_key_of_old_does_not_take_the_new_one_with_it() {
    let mut harness = Harness::new(EntityStorage);
    let keyed = |number, first_sent| {
        let mut patch = increment(number, number, first_sent);
        patch.key = Some(key("k", "body"));
        patch
    };
    tell(&mut harness, 1_000, keyed(1, 1_000));
    tell(&mut harness, hours(30), keyed(2, hours(30)));
    assert_eq!(revision(&harness), 2, "the key was free again");
    for hour in 31..=54 {
        poke(&mut harness, hours(hour));
        tell(&mut harness, hours(hour), keyed(hour, hours(hour)));
        assert_eq!(revision(&harness), 2, "remembered at hour {hour}");
    }
    tell(&mut harness, hours(55), keyed(55, hours(55)));
    assert_eq!(revision(&harness), 3);
}

fn increment(number: u64, first_incomplete: u64, first_sent: u64) -> EntityPatch {
    let mut patch = ask(number, E, operations(r#"[{"op":"increment","path":"/n","by":1}]"#));
    patch.origin.first_incomplete = first_incomplete;
    patch.origin.first_sent = at(first_sent);
    patch
}

/// A write of a client of its own to another entity.
fn poke(harness: &mut Harness<EntityStorage>, millis: u64) {
    let mut patch = ask(1, "shop/orders/eu/1", operations("[]"));
    patch.origin.name.client = client("poke", u32::try_from(millis / 3_600_000).expect("few"));
    patch.origin.first_sent = at(millis);
    harness.record(at(millis), Message::EntityPatch(patch));
}

fn tell(harness: &mut Harness<EntityStorage>, millis: u64, patch: EntityPatch) -> String {
    let sent = harness.record(Timestamp::from_millis(millis), Message::EntityPatch(patch));
    let Some(Message::PartialResponse(response)) = sent.last() else { panic!("an answer") };
    match &response.answer.outcome {
        Outcome::Failed { problem, .. } => problem.kind.name().to_owned(),
        Outcome::Read(_) | Outcome::Created(_) | Outcome::Updated(_) | Outcome::Deleted(_) => {
            "updated or created".to_owned()
        }
    }
}

fn revision(harness: &Harness<EntityStorage>) -> u64 {
    let query = tidelog_core::Query::Entity(E.parse().expect("a good id"));
    match harness.query(&query) {
        tidelog_core::Answer::Entity(Some(view)) => view.revision.0,
        answer => panic!("an entity, not {answer:?}"),
    }
}
