//! Stores whose files are not what was written any more.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
};

use bytes::Bytes;
use pollster::block_on;
use tidelog_core::{
    Overlay, TableId, Tables,
    port::{AskError, CommitOutcome, Session, SessionError, Snapshots, TaskId, Wait},
};
use tidelog_io_kafka::{KafkaTransport, WhyRebuilt};
use tidelog_io_local::FjallStore;

use crate::world::{COUNTER, Member, ONLY, PATIENCE, World};

const TASK: TaskId = TaskId { service: COUNTER.name, partition: ONLY };

#[test]
fn a_store_that_does_not_open_is_set_aside_and_rebuilt() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let mut member = world.member("one").await;
        member.commit("a", "1").await;
        member.commit("b", "2").await;
        drop(member);
        let store = world.store("one");
        fs::write(store.join("version"), "torn").expect("a good disk");
        let transport = world.transport(&store, "one");
        let expected = [("a".into(), "1".into()), ("b".into(), "2".into())];
        assert_eq!(World::member_of(&transport).await.rows(), expected);
        assert_eq!(rebuilt(&transport), 1);
        let aside = store.with_file_name("one.damaged");
        assert_eq!(fs::read(aside.join("version")).expect("it was kept"), b"torn");
        drop(transport);
        // It is as good as any from then on.
        let transport = world.transport(&store, "one");
        assert_eq!(World::member_of(&transport).await.rows(), expected);
        assert_eq!(rebuilt(&transport), 0);
    });
}

#[test]
fn a_store_that_is_damaged_while_it_is_read_is_rebuilt_by_the_next_session() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let store = world.store("one");
        let transport = world.transport(&store, "one");
        let mut member = World::member_of(&transport).await;
        fill_a_table(&mut member, &store).await;
        let rows = member.rows();
        drop((member, transport));
        // What has been read is not kept by the next process.
        let transport = world.transport(&store, "one");
        let mut member = World::member_of(&transport).await;
        wipe(&store.join("keyspaces/1/tables/0"));
        member.commit("after", "1").await;
        let fault = read_all(&member).expect_err("what it has is wiped out");
        assert!(fault.contains("the store is damaged"), "{fault}");
        // Nobody is told what cannot be relied upon, and the session ends by itself.
        let asked = transport.snapshots().snapshot(TASK, None).await;
        assert!(matches!(asked, Err(AskError::Unavailable(_) | AskError::NotOwner(_))));
        let wait = Wait::Until(member.session.now().plus(PATIENCE));
        let Err(SessionError::Lost(reason)) = member.session.next(wait).await else {
            panic!("the session goes on")
        };
        assert!(reason.contains("the store is damaged"), "{reason}");
        drop(member);

        let mut member = World::member_of(&transport).await;
        let expected = [("after".into(), "1".into())].into_iter().chain(rows);
        let expected: Vec<(String, String)> = expected.collect();
        assert!(member.rows() == expected, "they are not what was committed");
        assert_eq!(rebuilt(&transport), 1);
        member.commit("after", "2").await;
        assert_eq!(member.rows()[0], ("after".into(), "2".into()));
    });
}

#[test]
fn a_store_is_not_begun_anew_under_a_session_that_has_tables_of_it() {
    let Some(world) = World::new() else { return };
    block_on(async {
        let store = world.store("one");
        let mut member = world.member("one").await;
        fill_a_table(&mut member, &store).await;
        drop(member);
        let transport = world.transport(&store, "one");
        let mut member = World::member_of(&transport).await;
        wipe(&store.join("keyspaces/1/tables/0"));
        read_all(&member).expect_err("what it has is wiped out");
        // As the runner does with a task that has failed. This session has tables of that store itself.
        let restored = member.session.restore(ONLY).await;
        assert!(
            matches!(restored, Err(SessionError::Lost(_))),
            "it is read while it is begun anew"
        );
        drop(member);
        let mut member = World::member_of(&transport).await;
        member.commit("a", "1").await;
        assert_eq!(rebuilt(&transport), 1);
    });
}

/// Commits enough for the database to make a table of it.
async fn fill_a_table(member: &mut Member, store: &Path) {
    let mut n = 0;
    // Its manifest is written when the table is.
    while !store.join("keyspaces/1/v1").is_file() {
        let mut rows = Overlay::default();
        for _ in 0..8 {
            n += 1;
            let row = Bytes::from(vec![b'x'; 100_000]);
            rows.insert(TableId::Entities, format!("row {n:04}").as_bytes(), Some(row));
        }
        assert_eq!(member.try_commit_rows(rows).await, Ok(CommitOutcome::Committed));
        assert!(n < 1_000, "the database makes no table");
    }
}

/// Wipes out the first blocks of a file, while somebody has it open.
fn wipe(file: &Path) {
    let mut file = fs::OpenOptions::new().write(true).open(file).expect("it is there");
    file.seek(SeekFrom::Start(0)).expect("a file");
    file.write_all(&[0; 4096]).expect("a good disk");
}

fn read_all(member: &Member) -> Result<(), String> {
    use std::ops::{Bound::Unbounded, ControlFlow};
    let mut visit = |_: &[u8], _| ControlFlow::Continue(());
    let tables = &member.restored.tables;
    let done = tables.range(TableId::Entities, Unbounded, Unbounded, &mut visit);
    done.map_err(|fault| fault.to_string())
}

fn rebuilt(transport: &KafkaTransport<FjallStore>) -> u64 {
    let rebuilt = transport.figures().rebuilt;
    rebuilt.get(&(COUNTER.name, WhyRebuilt::Damaged)).copied().unwrap_or_default()
}
