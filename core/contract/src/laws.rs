//! The laws, one function each, named by the sentence that it proves.

pub mod clients;
pub mod committing;
pub mod durable;
pub mod histories;
pub mod owning;
pub mod queries;
pub mod reading;
pub mod restoring;
pub mod retention;

/// The laws that hold for every backend.
#[doc(hidden)]
#[macro_export]
macro_rules! general_laws {
    ($callback:ident $($fresh:expr)?) => {
        $crate::$callback! { ($($fresh)?)
            reading {
                records_arrive_in_offset_order_with_what_was_appended
                nothing_is_read_before_its_partition_is_restored
                a_parked_partition_is_not_read_until_it_is_restored
                restoring_turns_reading_back_to_the_committed_positions
                not_waiting_says_idle
                waiting_until_a_point_in_time_ends_then
                a_record_ends_any_wait
                waiting_for_a_commit_gives_its_outcome_and_nothing_else
                a_dropped_next_loses_nothing
                the_ends_of_the_inputs_are_reached_by_reading
            }
            committing {
                a_commit_makes_sends_rows_and_positions_real
                the_sends_of_a_commit_keep_their_order
                a_send_to_every_partition_reaches_each_once
                a_commit_covers_many_tasks
                positions_are_kept_without_rows_and_sends
                task_time_is_kept
                a_commit_that_was_begun_and_left_is_whole_or_nothing
                the_next_commit_can_be_prepared_while_one_is_under_way
                the_next_service_reads_what_was_committed
                the_largest_record_fits
            }
            owning {
                one_member_gets_every_partition
                two_members_take_distinct_partitions
                a_hand_over_loses_and_doubles_nothing
                what_a_member_leaves_goes_to_another
                what_was_not_committed_is_for_the_next_owner_to_do
                an_evicted_owner_can_commit_nothing
                an_evicted_owner_is_told
                an_eviction_during_a_commit_leaves_all_of_it_or_nothing
                services_do_not_take_from_each_other
                a_pause_takes_as_long_as_it_says
            }
            restoring {
                a_task_without_history_begins_at_the_start_with_nothing
                tables_show_every_commit_that_was_answered
                ranges_keep_their_bounds_and_stop_when_told
                tables_and_tasks_keep_to_themselves
                a_restore_that_was_dropped_can_be_made_again
                restored_tables_equal_the_fold_of_the_commits
            }
            clients {
                the_layout_is_the_one_asked_for
                the_same_key_goes_to_the_same_partition_as_on_kafka
                outcomes_come_in_the_order_of_the_records
                appends_called_in_order_are_appended_in_order
                bounds_frame_what_is_there
                a_read_ends_at_its_deadline_with_nothing
                a_read_wakes_when_a_record_comes
                reading_can_begin_anywhere
                ten_thousand_records_are_read_once_in_order
                keys_and_payloads_of_any_bytes_come_back
                records_belong_to_the_trace_that_they_were_given
                sleeping_ends_when_it_should
            }
            histories {
                any_history_of_members_counts_every_record_once
            }
        }
    };
}

/// The laws of backends that outlive their process.
#[doc(hidden)]
#[macro_export]
macro_rules! durable_laws {
    ($callback:ident $($fresh:expr)?) => {
        $crate::$callback! { ($($fresh)?)
            durable {
                a_restart_keeps_everything
                a_crash_keeps_what_was_acknowledged
                append_times_and_offsets_rise_across_a_restart
                any_history_with_restarts_counts_every_record_once
            }
        }
    };
}

/// The laws of backends that answer queries.
#[doc(hidden)]
#[macro_export]
macro_rules! query_laws {
    ($callback:ident $($fresh:expr)?) => {
        $crate::$callback! { ($($fresh)?)
            queries {
                a_snapshot_holds_every_commit_that_could_be_seen
                a_snapshot_stays_as_it_was
                a_snapshot_waits_until_its_task_has_read_a_record
                a_snapshot_says_when_its_task_does_not_get_that_far
                a_snapshot_does_not_come_from_a_record_that_there_is_not
            }
        }
    };
}

/// The laws of backends whose retention can be told to hurry.
#[doc(hidden)]
#[macro_export]
macro_rules! retention_laws {
    ($callback:ident $($fresh:expr)?) => {
        $crate::$callback! { ($($fresh)?)
            retention {
                a_reader_is_told_that_its_offset_is_gone
                a_task_whose_input_is_gone_stops_and_others_go_on
                what_was_read_before_it_went_is_not_missed
            }
        }
    };
}

/// Laws as tests.
#[doc(hidden)]
#[macro_export]
macro_rules! law_tests {
    (($fresh:expr) $($group:ident { $($law:ident)+ })+) => {$($(
        #[test]
        fn $law() {
            $crate::laws::$group::$law(&$fresh);
        }
    )+)+};
}

/// Laws as tests, where the backend is there.
#[doc(hidden)]
#[macro_export]
macro_rules! law_tests_where {
    (($fresh:expr) $($group:ident { $($law:ident)+ })+) => {$($(
        #[test]
        fn $law() {
            let (fresh, is_there) = $fresh;
            if is_there() {
                $crate::laws::$group::$law(&fresh);
            }
        }
    )+)+};
}

/// Laws as pairs of a name and a function.
#[doc(hidden)]
#[macro_export]
macro_rules! law_list {
    (() $($group:ident { $($law:ident)+ })+) => {
        [$($((stringify!($law), $crate::laws::$group::$law as fn($crate::Fresh<'_, _>)),)+)+]
    };
}
