use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    plan::Plan,
    sim::{Options, Run},
};

#[test]
fn what_is_written_survives_the_process_and_what_is_synced_a_loss_of_power() {
    on_disk(Plan::calm(), |disk| {
        let file = disk.create("log")?;
        file.append(b"synced")?;
        file.sync()?;
        disk.sync_directory()?;
        file.append(b" and not")?;
        assert_eq!(disk.open("log")?.read()?, b"synced and not");
        disk.lose_unsynced();
        assert_eq!(disk.open("log")?.read()?, b"synced");
        Ok(())
    });
}

#[test]
fn a_file_whose_name_was_not_synced_is_gone() {
    on_disk(Plan::calm(), |disk| {
        let file = disk.create("log")?;
        file.append(b"synced")?;
        file.sync()?;
        disk.lose_unsynced();
        assert_eq!(disk.open("log").map(|_| ()), Err(DiskError::NotFound("log".into())));
        Ok(())
    });
}

#[test]
fn a_rename_is_made_whole_or_not_at_all() {
    on_disk(Plan::calm(), |disk| {
        for (name, bytes) in [("old", b"old"), ("new", b"new")] {
            let file = disk.create(name)?;
            file.append(bytes)?;
            file.sync()?;
        }
        disk.sync_directory()?;
        disk.keep_copy();
        let mut seen = [0; 2];
        for value in 1..50 {
            disk.rename("new", "old")?;
            let draw = Draw::new(value).expect("not zero");
            disk.lose_power(draw);
            let read = disk.open("old")?.read()?;
            let is_made = disk.open("new").is_err();
            assert_eq!(read, if is_made { b"new" } else { b"old" });
            seen[usize::from(is_made)] += 1;
            assert!(disk.go_back(draw));
        }
        assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
        Ok(())
    });
}

#[test]
fn a_sync_that_fails_may_lose_what_a_later_sync_says_is_there() {
    let mut lost = 0;
    for seed in 0..20 {
        let sync_fails = Plan::of(&[FaultKind::DiskSyncFails], 0.5);
        let run = on_disk_of(seed, sync_fails, |disk| {
            let file = disk.create("log")?;
            while disk.sync_directory().is_err() {}
            file.append(b"bytes")?;
            let has_failed = file.sync().is_err();
            while file.sync().is_err() {}
            disk.lose_unsynced();
            Ok(has_failed && disk.open("log")?.is_empty())
        });
        lost += u32::from(run.outcome.expect("no panic").expect("no other error"));
    }
    assert!((1..15).contains(&lost), "{lost} of 20");
}

#[test]
fn every_fault_of_a_disk_strikes() {
    for kind in [
        FaultKind::DiskReadFails,
        FaultKind::DiskWriteFails,
        FaultKind::DiskFull,
        FaultKind::DiskBitFlips,
        FaultKind::DiskSyncFails,
    ] {
        let run = on_disk_of(1, Plan::of(&[kind], 0.2), |disk| {
            let mut failures = 0;
            while let Err(error) = disk.create("log").map(|_| ()) {
                assert_eq!(error, DiskError::Full);
            }
            let file = disk.open("log")?;
            for _ in 0..100 {
                failures += u32::from(file.append(&[0; 100]).is_err());
                failures += u32::from(file.sync().is_err());
                failures += u32::from(file.read().is_err());
            }
            let is_flipped = file.read().map_or(true, |read| read.iter().any(|byte| *byte != 0));
            Ok((failures, is_flipped))
        });
        let (failures, is_flipped) = run.outcome.expect("no panic").expect("no other error");
        let struck = run.report.struck[&kind];
        assert!(struck > 5, "{kind} struck {struck} times");
        if kind == FaultKind::DiskBitFlips {
            assert_eq!((failures, is_flipped), (0, true));
        } else {
            assert!(failures > 5, "{kind}: {failures}");
        }
    }
}

#[test]
fn a_twin_has_what_the_other_disk_has_and_a_wiped_one_nothing() {
    on_disk(Plan::calm(), |disk| {
        disk.create("log")?.append(b"here")?;
        let other = Disk::new(&disk.0.sim, "other/disk");
        other.become_twin_of(disk);
        disk.wipe();
        assert!(disk.files().is_empty());
        other.lose_unsynced();
        assert_eq!(other.open("log")?.read()?, b"here");
        Ok(())
    });
}

#[test]
fn old_copies_are_bounded_and_unchanged_by_what_follows() {
    on_disk(Plan::calm(), |disk| {
        assert!(!disk.go_back(Draw::new(1).expect("not zero")));
        let file = disk.create("log")?;
        for _ in 0..10 {
            disk.keep_copy();
            file.append(b"x")?;
        }
        disk.state(|state| assert_eq!(state.copies.len(), COPIES_MAX));
        assert!(disk.go_back(Draw::new(1).expect("not zero")));
        assert!(disk.open("log")?.len() < 10);
        Ok(())
    });
}

/// What a test does with a file.
#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Truncate(usize),
    Sync,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1usize..6000).prop_map(Step::Append),
        1 => (0usize..10_000).prop_map(Step::Truncate),
        1 => Just(Step::Sync),
    ];
    proptest::collection::vec(step, 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Bytes count up, so every byte says where it was written.
    #[test]
    fn synced_bytes_survive_and_nothing_is_there_that_was_never_written(
        steps in steps(),
        value in 1u32..,
        seed: u64,
    ) {
        let run = on_disk_of(seed, Plan::calm(), |disk| {
            let file = disk.create("log")?;
            disk.sync_directory()?;
            let (mut synced, mut cut_to, mut longest) = (0, usize::MAX, 0);
            for step in &steps {
                match step {
                    Step::Append(count) => {
                        let begin = file.len();
                        file.append(&(begin..begin + count).map(pattern).collect::<Vec<_>>())?;
                    }
                    Step::Truncate(bytes) => {
                        file.truncate(*bytes);
                        cut_to = cut_to.min(*bytes);
                    }
                    Step::Sync => {
                        file.sync()?;
                        (synced, cut_to) = (file.len(), usize::MAX);
                    }
                }
                longest = longest.max(file.len());
            }
            disk.lose_power(Draw::new(value).expect("not zero"));
            let left = disk.open("log")?.read()?;
            assert!(left.len() <= longest);
            // A truncation that has not reached the disk may or may not have been made.
            let safe = synced.min(cut_to);
            assert!(left.len() >= safe, "{} of {safe} bytes", left.len());
            for (at, byte) in left.iter().enumerate() {
                assert!(*byte == pattern(at) || (at >= safe && *byte == 0), "byte {at}");
            }
            Ok(())
        });
        prop_assert_eq!(run.outcome, Ok(Ok(())));
    }

    #[test]
    fn a_journal_loses_a_suffix_that_was_not_synced_and_nothing_else(
        sizes in proptest::collection::vec(0usize..5000, 1..20),
        sync_after in 0usize..20,
        value in 1u32..,
        seed: u64,
    ) {
        let run = on_disk_of(seed, Plan::calm(), |disk| {
            let mut journal = Journal::create(disk, "journal")?;
            disk.sync_directory()?;
            let entries: Vec<_> = sizes.iter().enumerate().map(|(nth, size)| vec![nth as u8; *size]).collect();
            for (nth, entry) in entries.iter().enumerate() {
                journal.append(entry)?;
                if nth == sync_after {
                    journal.sync()?;
                }
            }
            assert_eq!(Journal::open(disk, "journal")?.entries, entries);
            disk.lose_power(Draw::new(value).expect("not zero"));
            let Replayed { mut journal, entries: left, .. } = Journal::open(disk, "journal")?;
            assert_eq!(left, entries[..left.len()]);
            let synced = if sync_after < entries.len() { sync_after + 1 } else { 0 };
            assert!(left.len() >= synced);
            // What is written now follows what is left, whatever lay behind it.
            journal.append(b"next")?;
            let again = Journal::open(disk, "journal")?;
            assert_eq!((again.entries.len(), again.cut_bytes), (left.len() + 1, 0));
            Ok(())
        });
        prop_assert_eq!(run.outcome, Ok(Ok(())));
    }

    #[test]
    fn a_journal_with_a_flipped_bit_ends_in_front_of_it(
        sizes in proptest::collection::vec(0usize..100, 1..20),
        value in 1u32..,
    ) {
        let run = on_disk_of(1, Plan::calm(), |disk| {
            let mut journal = Journal::create(disk, "journal")?;
            let entries: Vec<_> = sizes.iter().enumerate().map(|(nth, size)| vec![nth as u8; *size]).collect();
            entries.iter().try_for_each(|entry| journal.append(entry))?;
            let inode = disk.open("journal")?.inode;
            let draw = Draw::new(value).expect("not zero");
            disk.state(|state| state.directory.pages_mut(inode).flip(draw));
            let replayed = Journal::open(disk, "journal")?;
            assert!(replayed.entries.len() < entries.len());
            assert_eq!(replayed.entries, entries[..replayed.entries.len()]);
            Ok(())
        });
        prop_assert_eq!(run.outcome, Ok(Ok(())));
    }
}

fn pattern(at: usize) -> u8 {
    u8::try_from(1 + at % 251).expect("below 252")
}

fn on_disk(plan: Plan, test: impl FnOnce(&Disk) -> Result<(), DiskError> + Send) {
    assert_eq!(on_disk_of(1, plan, test).outcome, Ok(Ok(())));
}

fn on_disk_of<T: Send>(
    seed: u64,
    plan: Plan,
    test: impl FnOnce(&Disk) -> Result<T, DiskError> + Send,
) -> Run<Result<T, DiskError>> {
    let time_limit = Duration::from_secs(60);
    Sim::run(Options { plan, time_limit, ..Options::calm(seed) }, |sim| async move {
        test(&Disk::new(&sim, "node1/disk"))
    })
}
