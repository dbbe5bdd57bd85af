//! Stores that are not what they should be: behind their log, of another one, too old.

use std::{path::Path, sync::Arc, time::Duration};

use pollster::block_on;
use tidelog_core::{
    Timestamp,
    port::{Opened, Store, StoreBatch, TaskId},
};
use tidelog_io_kafka::WhyRebuilt;
use tidelog_io_local::FjallStore;

use crate::world::{COUNTER, ONLY, World};

#[test]
fn a_store_that_is_behind_catches_up() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "old").await;
        member.commit("b", "old").await;
        drop(member);
        let mut member = world.member("two").await;
        member.commit("a", "new").await;
        member.remove("b").await;
        drop(member);
        let member = world.member("one").await;
        assert_eq!(member.rows(), [("a".into(), "new".into())]);
    });
}

/// How old is too old the changelog says itself, and not the release that has made it.
#[test]
fn a_store_that_is_behind_is_rebuilt_where_tombstones_may_be_gone_by_now() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "old").await;
        member.commit("b", "old").await;
        drop(member);
        world.keep_tombstones_for(Duration::ZERO).await;
        // Nothing was committed since, and so nothing removed.
        let transport = world.transport(&world.store("one"), "one");
        drop(World::member_of(&transport).await);
        assert_eq!(transport.figures().rebuilt, [].into());
        drop(transport);
        let mut member = world.member("two").await;
        member.remove("b").await;
        drop(member);
        let transport = world.transport(&world.store("one"), "one");
        assert_eq!(World::member_of(&transport).await.rows(), [("a".into(), "old".into())]);
        assert_eq!(transport.figures().rebuilt, [((COUNTER.name, WhyRebuilt::TooOld), 1)].into());
    });
}

#[test]
fn a_store_of_another_log_is_rebuilt() {
    let Some(world) = World::new() else { return };
    let Some(other) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "of the first log").await;
        member.commit("b", "of the first log").await;
        drop(member);
        // As long as the first, so that the difference is in what it has.
        let mut member = other.member("one").await;
        member.commit("a", "of the other log").await;
        member.work.task_time = Timestamp::from_millis(7);
        member.commit("c", "of the other log").await;
        drop(member);
        let member = other.member_with(&world.store("one"), "one").await;
        let expected = ["a", "c"].map(|key| (key.into(), "of the other log".into()));
        assert_eq!(member.rows(), expected);
        assert_eq!(member.restored.task_time, Timestamp::from_millis(7));
    });
}

/// Its topics have their old names, and offsets from zero on. The new log is as long as the old one was when the
/// store was written, and has nothing that tells of a difference before the store's place, as after a compaction.
#[test]
fn a_store_of_topics_that_were_made_anew_is_rebuilt() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "of the first log").await;
        member.commit("b", "of the first log").await;
        drop(member);
        world.remake().await;
        let mut member = world.member("two").await;
        member.commit("x", "of the new log").await;
        member.commit_all(&["c", "d", "e"], "of the new log").await;
        drop(member);
        let transport = world.transport(&world.store("one"), "one");
        let mut member = World::member_of(&transport).await;
        let expected = ["c", "d", "e", "x"].map(|key| (key.into(), "of the new log".into()));
        assert_eq!(member.rows(), expected);
        assert_eq!(
            transport.figures().rebuilt,
            [((COUNTER.name, WhyRebuilt::OfAnotherLog), 1)].into()
        );
        // From then on it is of this log.
        member.commit("c", "newer").await;
        drop((member, transport));
        let transport = world.transport(&world.store("one"), "one");
        assert_eq!(World::member_of(&transport).await.rows()[0], ("c".into(), "newer".into()));
        assert_eq!(transport.figures().rebuilt, [].into());
    });
}

/// Nothing has been committed to the new log yet, and its first commit is not built upon what the old one had.
#[test]
fn a_store_is_not_taken_for_one_of_a_new_log_without_commits() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "of the first log").await;
        drop(member);
        world.remake().await;
        let mut member = world.member("one").await;
        assert_eq!(member.rows(), []);
        member.commit("b", "of the new log").await;
        drop(member);
        assert_eq!(world.member("two").await.rows(), [("b".into(), "of the new log".into())]);
    });
}

/// A release that knew of no identities has written the store, and commits of the log; what is there is of use
/// for as long as the commit shows that it is of this log.
#[test]
fn a_store_that_does_not_say_its_log_is_used_if_the_log_shows_it() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "old").await;
        drop(member);
        forget_log(&world.store("one"));
        let mut member = world.member("two").await;
        member.commit("a", "new").await;
        drop(member);
        let transport = world.transport(&world.store("one"), "one");
        assert_eq!(World::member_of(&transport).await.rows(), [("a".into(), "new".into())]);
        assert_eq!(transport.figures().rebuilt, [].into());
    });
}

/// Makes a store as a release left it that knew of no identities.
fn forget_log(store: &Path) {
    let store = FjallStore::open(store, 1024 * 1024).expect("a folder of our own");
    let task = TaskId { service: COUNTER.name, partition: ONLY };
    let Opened { positions, changelog, task_time, .. } = store.open(task).expect("a good store");
    let changelog = changelog.expect("a store with a task");
    let rows = Arc::default();
    let batch = StoreBatch { task, rows, positions, changelog, log: None, task_time };
    store.apply(&[batch]).expect("a good disk");
}
