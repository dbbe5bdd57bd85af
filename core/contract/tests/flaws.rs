//! A suite that cannot fail proves nothing: each mistake that a backend can make is found by the laws
//! that are there for it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tidelog_contract::{
    Fresh, durable_laws, general_laws,
    memory::{Flaw, Memory},
    query_laws, retention_laws,
};
use tidelog_core::Layout;

type Law = fn(Fresh<'_, Memory>);

/// Each flaw, and the laws that must find it. Others may, too.
const FOUND: [(Flaw, &[&str]); 35] = [
    (
        Flaw::TakesCommitsOfTheEvicted,
        &["an_evicted_owner_can_commit_nothing", "any_history_of_members_counts_every_record_once"],
    ),
    (Flaw::AppendsWhatWasRejected, &["an_evicted_owner_can_commit_nothing"]),
    (
        Flaw::ShowsCommitsUnderWay,
        &[
            "a_commit_that_was_begun_and_left_is_whole_or_nothing",
            "an_eviction_during_a_commit_leaves_all_of_it_or_nothing",
        ],
    ),
    (Flaw::ForgetsPositionsWithoutRows, &["positions_are_kept_without_rows_and_sends"]),
    (
        Flaw::CommitsTheFirstTaskAlone,
        &["a_commit_covers_many_tasks", "restored_tables_equal_the_fold_of_the_commits"],
    ),
    (Flaw::ForgetsTaskTime, &["task_time_is_kept", "a_restart_keeps_everything"]),
    (
        Flaw::KeepsRemovedRows,
        &[
            "tables_show_every_commit_that_was_answered",
            "restored_tables_equal_the_fold_of_the_commits",
        ],
    ),
    (Flaw::ScansTooFar, &["ranges_keep_their_bounds_and_stop_when_told"]),
    (Flaw::ScansAfterBreak, &["ranges_keep_their_bounds_and_stop_when_told"]),
    (Flaw::FreezesTables, &["tables_show_every_commit_that_was_answered"]),
    (Flaw::MixesTables, &["tables_and_tasks_keep_to_themselves"]),
    (Flaw::ReadsBackwards, &["records_arrive_in_offset_order_with_what_was_appended"]),
    (Flaw::ReadsBeforeRestoring, &["nothing_is_read_before_its_partition_is_restored"]),
    (Flaw::ReadsParked, &["a_parked_partition_is_not_read_until_it_is_restored"]),
    (
        Flaw::DoesNotTurnBack,
        &[
            "restoring_turns_reading_back_to_the_committed_positions",
            "any_history_of_members_counts_every_record_once",
        ],
    ),
    (Flaw::LosesWhatADroppedNextTook, &["a_dropped_next_loses_nothing"]),
    (
        Flaw::GivesRecordsWhileCommitting,
        &["waiting_for_a_commit_gives_its_outcome_and_nothing_else"],
    ),
    (Flaw::DoesNotWait, &["waiting_until_a_point_in_time_ends_then"]),
    (Flaw::DoesNotPause, &["a_pause_takes_as_long_as_it_says"]),
    (Flaw::DoesNotWakeReaders, &["a_read_wakes_when_a_record_comes", "a_record_ends_any_wait"]),
    (Flaw::SendsEveryToTheFirst, &["a_send_to_every_partition_reaches_each_once"]),
    (Flaw::SendsBackwards, &["the_sends_of_a_commit_keep_their_order"]),
    (Flaw::HasTwoOwners, &["two_members_take_distinct_partitions"]),
    (
        Flaw::KeepsPartitionsOfTheGone,
        &["what_a_member_leaves_goes_to_another", "positions_are_kept_without_rows_and_sends"],
    ),
    (
        Flaw::LetsAppendTimeGoBack,
        &["ten_thousand_records_are_read_once_in_order", "reading_can_begin_anywhere"],
    ),
    (Flaw::MixesOutcomes, &["outcomes_come_in_the_order_of_the_records"]),
    (Flaw::AppendsLazily, &["appends_called_in_order_are_appended_in_order"]),
    (Flaw::ReadsTheLastRecordTwice, &["ten_thousand_records_are_read_once_in_order"]),
    (Flaw::LosesTraces, &["records_belong_to_the_trace_that_they_were_given"]),
    (Flaw::CountsGapsAsRecords, &["the_ends_of_the_inputs_are_reached_by_reading"]),
    (
        Flaw::LosesTheLastRecord,
        &["a_restart_keeps_everything", "a_crash_keeps_what_was_acknowledged"],
    ),
    (
        Flaw::LosesPositions,
        &["a_restart_keeps_everything", "any_history_with_restarts_counts_every_record_once"],
    ),
    (
        Flaw::AnswersLate,
        &[
            "a_snapshot_holds_every_commit_that_could_be_seen",
            "a_snapshot_waits_until_its_task_has_read_a_record",
        ],
    ),
    (Flaw::SnapshotsMove, &["a_snapshot_stays_as_it_was"]),
    (Flaw::SkipsWhatIsGone, &["a_task_whose_input_is_gone_stops_and_others_go_on"]),
];

#[test]
fn every_flaw_is_found_by_the_laws_that_are_there_for_it() {
    let laws = laws();
    for (flaw, found_by) in FOUND {
        for name in found_by {
            let law = laws.get(name).unwrap_or_else(|| panic!("there is no law {name}"));
            let fresh = |layout: Layout| Memory::flawed(layout, flaw);
            let outcome = catch_unwind(AssertUnwindSafe(|| law(&fresh)));
            assert!(outcome.is_err(), "{name} holds for a backend that {flaw:?}");
        }
    }
}

fn laws() -> BTreeMap<&'static str, Law> {
    let laws = [
        &general_laws!(law_list)[..],
        &durable_laws!(law_list)[..],
        &query_laws!(law_list)[..],
        &retention_laws!(law_list)[..],
    ];
    laws.concat().into_iter().collect()
}
