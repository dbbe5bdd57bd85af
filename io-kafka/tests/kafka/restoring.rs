//! Restoring where a broker can do what no other backend does: forget a group's offsets, hold readers
//! back, fence one producer by another.

use std::{
    future::pending,
    pin::pin,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{join, select},
};
use pollster::block_on;
use rdkafka::{admin::AdminOptions, producer::Producer};
use tidelog_core::{
    Headers, Offset, Topic,
    port::{
        Append, AppendOutcome, Client, CommitOutcome, Event, Session, SessionError, TaskId,
        Transport, Wait,
    },
};
use tidelog_io_kafka::{
    KafkaClient, KafkaSession, KafkaTransport, Leaving, Owners, Place, Settings, Topics,
};
use tidelog_io_local::FjallStore;

use crate::{
    broker,
    world::{COUNTER, LEFT_OPEN_FOR, ONLY, PATIENCE, World},
};

#[test]
fn positions_that_the_group_has_forgotten_are_in_the_changelog() {
    let Some(world) = World::new() else { return };
    block_on(async {
        world.append(3).await;
        let mut member = world.member("one").await;
        member.read(3).await;
        member.commit("a", "1").await;
        drop(member);
        let group = world.settings.group(COUNTER.name);
        let deleted = broker::admin().delete_groups(&[&group], &AdminOptions::new()).await;
        assert!(deleted.expect("an answer").iter().all(Result::is_ok));
        // With its store, and without.
        for node in ["one", "two"] {
            let member = world.member(node).await;
            assert_eq!(member.restored.positions, [(Topic::EntityPatches, Offset(3))]);
            assert_eq!(member.rows(), [("a".into(), "1".into())]);
        }
    });
}

#[test]
fn restoring_waits_for_an_open_transaction_to_end() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "committed").await;
        // Somebody who has died has left this.
        let stray = world.open_transaction(&format!("{}stray", world.settings.prefix));
        let mut restoring = Box::pin(member.session.restore(ONLY));
        futures_timer::Delay::new(Duration::from_millis(300)).await;
        assert!(restoring.as_mut().now_or_never().is_none(), "it has not waited");
        stray.abort_transaction(PATIENCE).expect("an aborted transaction");
        member.restored = restoring.await.expect("a restored partition");
        assert_eq!(member.rows(), [("a".into(), "committed".into())]);
    });
}

/// The broker would end it when its time limit is over, which is a minute here. Whoever takes over knows by
/// `owners` whose it is, and need not wait for that.
#[test]
fn what_a_dead_owner_has_left_open_is_ended_by_whoever_takes_over() {
    let Some(world) = World::new() else { return };
    let topics = Topics::connect(&world.settings).expect("a client");
    topics.create([Topic::Owners]).expect("a topic of our own");
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "committed").await;
        drop(member);
        let task = TaskId { service: COUNTER.name, partition: ONLY };
        let dead = format!("{}{}-dead-0", world.settings.prefix, COUNTER.name);
        let left_open = world.open_transaction(&dead);
        world.tell_owner(task, &dead).await;

        let settings = Settings { node: "two".into(), ..world.settings.clone() };
        let owners = Owners::follow(&settings, "127.0.0.1:2").expect("a client");
        while owners.place(task) != Some(Place::There("127.0.0.1:1".into())) {
            futures_timer::Delay::new(Duration::from_millis(10)).await;
        }
        let store = FjallStore::open(&world.store("two"), 1024 * 1024).expect("a folder");
        let begin = Instant::now();
        let member =
            World::member_of(&KafkaTransport::with_owners(settings, store, owners.clone())).await;
        assert_eq!(member.rows(), [("a".into(), "committed".into())]);
        assert!(begin.elapsed() < LEFT_OPEN_FOR / 2, "the broker may have ended it by itself");
        assert_eq!(owners.place(task), Some(Place::Here));
        let outcome = left_open.commit_transaction(PATIENCE);
        assert!(outcome.is_err(), "the dead one's transaction was committed after all");
    });
}

#[test]
fn a_newer_session_of_the_same_name_puts_an_end_to_the_older_one() {
    let Some(world) = World::new() else { return };
    let leaving = Leaving::WhenTheSessionEnds;
    let world = World { settings: Settings { leaving, ..world.settings.clone() }, ..world };
    block_on(async {
        let mut older = world.member("one").await;
        // The same node, started a second time by mistake.
        let mut newer = world.member_with(&world.store("elsewhere"), "one").await;
        newer.commit("a", "of the newer").await;
        let outcome = older.try_commit("a", "of the older").await;
        assert!(!matches!(outcome, Ok(CommitOutcome::Committed)), "{outcome:?}");
        let wait = Wait::Until(older.session.now().plus(PATIENCE));
        loop {
            match older.session.next(wait).await {
                Err(SessionError::Lost(_)) => break,
                Ok(Event::Lost(_) | Event::Committed(_)) => {}
                other => panic!("the older session goes on with {other:?}"),
            }
        }
        newer.commit("b", "of the newer").await;
    });
}

/// Whatever the group is about to say at that moment: what is left of it must keep nobody waiting.
#[test]
fn a_session_that_is_dropped_while_it_joins_or_has_just_joined_is_gone() {
    let Some(world) = World::new() else { return };
    block_on(async {
        for moment in (0..600).step_by(40) {
            let settings = Settings { node: "hasty".into(), ..world.settings.clone() };
            let store = FjallStore::open(&world.store("hasty"), 1024 * 1024).expect("a folder");
            let transport = KafkaTransport::new(settings, store);
            let joins = pin!(async {
                let _session = transport.join(&COUNTER).await;
                pending::<()>().await;
            });
            // What it has come to is dropped with it.
            select(joins, futures_timer::Delay::new(Duration::from_millis(moment))).await;
        }
        // And whoever stays gets everything.
        let mut member = world.member("one").await;
        member.commit("a", "1").await;
    });
}

/// The group waits for an answer then, and without one its consumer would wait for the group.
#[test]
fn a_session_that_is_dropped_with_a_partition_that_is_to_go_is_gone() {
    for leaving in [Leaving::AtOnce, Leaving::WhenTheSessionEnds] {
        let Some(world) = World::of(2) else { return };
        block_on(async {
            let mut older = join_as(&world, "older", leaving).await;
            take_all(&mut older).await;
            let _newer = join_as(&world, "newer", leaving).await;
            let event = older.next(Wait::Until(older.now().plus(PATIENCE))).await;
            assert!(matches!(event, Ok(Event::Revoked(_))), "{event:?}");
            drop_in_time(older);
        });
    }
}

/// Somewhere between being told that a partition is to go and having given it away.
#[test]
fn a_session_that_is_dropped_while_another_one_joins_is_gone() {
    for moment in (0..320).step_by(40) {
        let Some(world) = World::of(2) else { return };
        block_on(async {
            let mut older = join_as(&world, "older", Leaving::WhenTheSessionEnds).await;
            take_all(&mut older).await;
            let _newer = join_as(&world, "newer", Leaving::AtOnce).await;
            futures_timer::Delay::new(Duration::from_millis(moment)).await;
            drop_in_time(older);
        });
    }
}

async fn join_as(world: &World, node: &str, leaving: Leaving) -> KafkaSession<FjallStore> {
    let settings = Settings { leaving, node: node.into(), ..world.settings.clone() };
    let store = FjallStore::open(&world.store(node), 1024 * 1024).expect("a folder");
    KafkaTransport::new(settings, store).join(&COUNTER).await.expect("a member")
}

/// Waits until the only member has both partitions.
async fn take_all(session: &mut KafkaSession<FjallStore>) {
    for _ in 0..2 {
        let event = session.next(Wait::Until(session.now().plus(PATIENCE))).await;
        assert!(matches!(event, Ok(Event::Assigned(_))), "{event:?}");
    }
}

fn drop_in_time(session: KafkaSession<FjallStore>) {
    let (is_gone, gone) = mpsc::channel();
    thread::spawn(move || {
        drop(session);
        is_gone.send(())
    });
    gone.recv_timeout(PATIENCE).expect("the session is gone");
}

#[test]
fn what_a_member_does_not_take_for_long_is_not_lost() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        let record = || Append {
            topic: Topic::EntityPatches,
            partition: ONLY,
            key: Bytes::from_static(b"k"),
            payload: vec![0; 500_000].into(),
            headers: Headers::default(),
        };
        let client = KafkaClient::connect(&world.settings).expect("a client");
        let append = async {
            for _ in 0..8 {
                let outcomes = client.append((0..10).map(|_| record()).collect()).await;
                let appended = |it: &AppendOutcome| matches!(it, AppendOutcome::Appended(_));
                assert!(outcomes.iter().all(appended), "{outcomes:?}");
            }
        };
        // Long enough for the broker to be asked for no more.
        join(append, futures_timer::Delay::new(Duration::from_secs(2))).await;
        member.read(80).await;
        member.commit("a", "1").await;
    });
}
