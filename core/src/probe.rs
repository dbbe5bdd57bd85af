//! Rare states that a hunt through simulated runs must reach.
//!
//! A run that never loses a commit proves nothing about lost commits. So the places where something
//! rare happens say so, through [`tracing`], the only side channel of the pure crates. Nothing reads
//! it back but the simulator, which knows the whole list, and so sees what was never reached. It
//! costs a comparison where nobody listens.

/// The `tracing` target of all probes.
pub const PROBE_TARGET: &str = "tidelog::probe";

macro_rules! probes {
    ($($(#[$doc:meta])+ $probe:ident => $name:literal,)+) => {
        /// A rare state.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Probe {
            $($(#[$doc])+ $probe,)+
        }

        impl Probe {
            /// Every probe.
            pub const ALL: &[Self] = &[$(Self::$probe,)+];

            /// The probe's name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$probe => $name,)+
                }
            }
        }
    };
}

impl Probe {
    /// Says that the state was reached.
    pub fn hit(self) {
        tracing::trace!(target: PROBE_TARGET, probe = self.name());
    }

    /// Says that the state was reached, if it was.
    pub fn hit_if(self, is_reached: bool) {
        if is_reached {
            self.hit();
        }
    }
}

probes! {
    // entity-batch
    /// A batch without parts was answered.
    BatchWithoutParts => "batch-without-parts",
    /// A part of a batch was wrong in itself, and the others went on.
    BatchPartMalformed => "batch-part-malformed",
    /// A part of a batch named another database.
    BatchPartOfAnotherDatabase => "batch-part-of-another-database",
    /// A batch came again under its idempotency key, and was split again.
    BatchRepeatedUnderKey => "batch-repeated-under-key",
    /// Another batch came under a known key, and was refused whole.
    BatchRefusedUnderKey => "batch-refused-under-key",
    /// A batch of which no part was sent on left its key unknown.
    BatchKeyNotRemembered => "batch-key-not-remembered",
    // entity-storage
    /// A patch created the entity that it found missing.
    PatchCreatedEntity => "patch-created-entity",
    /// An entity was created again after its deletion, and its revision went on.
    EntityCreatedAgain => "entity-created-again",
    /// A deletion found nothing to delete.
    DeletionFoundNothing => "deletion-found-nothing",
    /// A read found nothing.
    ReadFoundNothing => "read-found-nothing",
    /// The condition of a write did not hold.
    ConditionFailed => "condition-failed",
    /// A creation found the entity there.
    CreationFoundEntity => "creation-found-entity",
    /// A patch could not be applied, and changed nothing.
    PatchFailed => "patch-failed",
    /// The last entity of a zone in a partition was deleted.
    ZoneEmptied => "zone-emptied",
    /// A write seen again was answered with its document, which was still the same.
    RepeatAnsweredWithDocument => "repeat-answered-with-document",
    /// A write seen again was answered without its document, which had changed since.
    RepeatAnsweredAfterLaterChange => "repeat-answered-after-later-change",
    /// A request met the outcome of the same one under its idempotency key.
    KeyMetItsRequest => "key-met-its-request",
    /// A request met another one under its idempotency key, and was refused.
    KeyMetAnotherRequest => "key-met-another-request",
    /// A request met a key that had outlived its time, and was carried out.
    KeyOutlived => "key-outlived",
    /// A document was larger than the share of its part, and was left out of the answer.
    PartValueLeftOut => "part-value-left-out",
    // exactly once
    /// A part met its completion record.
    PartRepeated => "part-repeated",
    /// A part was below its client's first incomplete number.
    PartStale => "part-stale",
    /// A part was too old to be carried out.
    PartExpired => "part-expired",
    /// A part was too far ahead of its client's first incomplete number.
    PartTooFarAhead => "part-too-far-ahead",
    /// A part was refused because one at or below its number was too far ahead before.
    PartBarred => "part-barred",
    /// A client said that older requests are over, out of what a later one had said.
    ClientMovedOn => "client-moved-on",
    /// Completion records below the first incomplete number were forgotten.
    CompletionsCleared => "completions-cleared",
    /// There were more completion records to forget than one call may.
    CompletionsClearedInPart => "completions-cleared-in-part",
    /// A client was forgotten, long after its last write.
    ClientForgotten => "client-forgotten",
    /// A client had more to be forgotten than one sweep may.
    ClientForgottenInPart => "client-forgotten-in-part",
    /// An idempotency key was forgotten, long after its making.
    KeyForgotten => "key-forgotten",
    /// A sweep left something for the next one.
    SweepStoppedEarly => "sweep-stopped-early",
    // response-accumulator
    /// A part of a batch was answered twice, and the first answer counted.
    PartAnsweredTwice => "part-answered-twice",
    /// The answers to the parts of a batch came out of their order.
    PartsOutOfOrder => "parts-out-of-order",
    /// A whole batch was answered again for a driver that had lost its answer.
    BatchAnsweredAgain => "batch-answered-again",
    /// A batch was answered while some of its parts were unknown.
    BatchAnsweredIncomplete => "batch-answered-incomplete",
    /// Late parts completed a batch that had been answered incomplete.
    BatchCompletedLate => "batch-completed-late",
    /// A whole batch was forgotten.
    AggregateForgotten => "aggregate-forgotten",
    /// A batch that never became whole was forgotten.
    IncompleteAggregateForgotten => "incomplete-aggregate-forgotten",
    /// The documents of a batch were larger together than an answer may be.
    ValuesLeftOut => "values-left-out",
    /// A deadline was set before the front of those that were looked at.
    DeadlineBeforeFront => "deadline-before-front",
    /// More deadlines were due than one timeout may be about.
    DeadlinesStoppedEarly => "deadlines-stopped-early",
    /// The answer to a single request was remembered for whoever asks later.
    SingleAnswerRemembered => "single-answer-remembered",
    // schema-storage
    /// A database was provisioned that was there.
    DatabaseProvisionedAgain => "database-provisioned-again",
    /// A provisioning met its completion record.
    ProvisioningRepeated => "provisioning-repeated",
    /// A statement or a switch met its completion record.
    SchemaChangeRepeated => "schema-change-repeated",
    /// A statement was no schema, and was refused.
    StatementRefused => "statement-refused",
    /// Learning was switched to what it was already.
    SwitchedToTheSame => "switched-to-the-same",
    /// What was learned came when its epoch was over, and was left out.
    LearnedTooLate => "learned-too-late",
    // learning
    /// Learning was switched while the walk of the epoch before was still under way.
    WalkOvertaken => "walk-overtaken",
    /// A walk had more documents to tell than fit into one step.
    WalkWentOn => "walk-went-on",
    /// A walk over a database passed over a collection that is learned by itself, or not at all.
    WalkPassedOver => "walk-passed-over",
    /// A document was changed behind the place that a walk had come to: the walk will meet it.
    ChangedAheadOfWalk => "changed-ahead-of-walk",
    /// A lesson came again, and taught nothing.
    LessonRepeated => "lesson-repeated",
    /// A lesson of an epoch that was over taught nothing.
    LessonTooLate => "lesson-too-late",
    /// Something was learned before the walks of the epoch had ended, and was kept.
    LearnedDuringWalks => "learned-during-walks",
    /// What only counts otherwise was put off.
    CountsPutOff => "counts-put-off",
    // zones and devices
    /// A subscription is about another place from now on.
    SubscriptionMoved => "subscription-moved",
    /// A change could not be told to all devices at once.
    ZoneBehind => "zone-behind",
    /// A change came to a zone of which earlier ones had yet to be told.
    ChangeCameBehind => "change-came-behind",
    /// A timeout went on with telling devices.
    TellingWentOn => "telling-went-on",
    /// A subscription ended while changes from before had yet to be told.
    SubscriptionEndedBehind => "subscription-ended-behind",
    /// A device was told once of what several of its subscriptions ask for.
    DeviceAskedTwice => "device-asked-twice",
    /// A device was not told of what it had changed itself.
    OwnChangeLeftOut => "own-change-left-out",
    /// The oldest change of a feed was forgotten.
    FeedTrimmed => "feed-trimmed",
    /// A change was kept for longer, because it had yet to be told.
    FeedKeptForTelling => "feed-kept-for-telling",
    /// A device was told that there is more than is kept for it.
    UnreadOverflowed => "unread-overflowed",
    /// A device had read that there was more.
    OverflowAcknowledged => "overflow-acknowledged",
    /// A device had read some of what it was told.
    AcknowledgedInPart => "acknowledged-in-part",
    /// A device acknowledged what it had acknowledged before.
    AcknowledgedAgain => "acknowledged-again",
    /// A device acknowledged what it was not told yet.
    AcknowledgedTheFuture => "acknowledged-the-future",
    /// What a forgotten device had not read was forgotten.
    UnreadForgotten => "unread-forgotten",
    /// A device that is known connected.
    DeviceCameAgain => "device-came-again",
    /// A device was forgotten because somebody said so.
    DeviceForgotten => "device-forgotten",
    /// A device was forgotten because it was silent.
    DeviceExpired => "device-expired",
    /// A device was to be forgotten that was not known.
    ForgottenWasUnknown => "forgotten-was-unknown",
    /// The subscriptions of a forgotten device were deleted.
    SubscriptionsForgotten => "subscriptions-forgotten",
    // runner
    /// A commit was rejected, and its tasks were dropped.
    CommitRejected => "commit-rejected",
    /// It was not known what became of a commit, and its tasks were dropped.
    CommitUnknown => "commit-unknown",
    /// A batch that was prepared on top of a commit fell with it.
    BatchBuiltOnFailedCommit => "batch-built-on-failed-commit",
    /// A session was lost, and its group was joined again.
    SessionLost => "session-lost",
    /// A session was lost again with no commit in between.
    SessionLostTwice => "session-lost-twice",
    /// A partition was given away that had nothing to commit.
    PartitionRevokedIdle => "partition-revoked-idle",
    /// A partition was given away after what there was had been committed.
    PartitionRevokedWithWork => "partition-revoked-with-work",
    /// A partition was to be given away while a commit was under way.
    PartitionRevokedWhileCommitting => "partition-revoked-while-committing",
    /// A partition was given away before it was restored.
    PartitionRevokedUnrestored => "partition-revoked-unrestored",
    /// A partition went to another owner unasked.
    PartitionLost => "partition-lost",
    /// A partition was lost with work that was not committed.
    PartitionLostWithWork => "partition-lost-with-work",
    /// Records that were read and not handled were left to the next owner.
    UnreadSetAside => "unread-set-aside",
    /// A task failed again with no commit in between.
    TaskFailedAgain => "task-failed-again",
    /// A task was restored after it had failed.
    TaskRestoredAfterFailure => "task-restored-after-failure",
    /// A read of the state failed, and the task was dropped.
    ReadFailed => "read-failed",
    /// Input was gone before a task had read it, and the task stopped.
    InputLost => "input-lost",
    /// A record of a newer release stopped its task.
    NewerRecordStoppedTask => "newer-record-stopped-task",
    /// A record that could not be decoded became a dead letter.
    RecordSetAside => "record-set-aside",
    /// A batch was full while there was more to read.
    BatchFull => "batch-full",
    /// Records were handled while a commit was under way.
    BatchPreparedWhileCommitting => "batch-prepared-while-committing",
    /// A service got its timeout.
    TimeoutGiven => "timeout-given",
    /// A timeout waited for records that the inputs held at its deadline.
    TimeoutWaitedForRecords => "timeout-waited-for-records",
    /// A timeout came to nothing.
    TimeoutCameToNothing => "timeout-came-to-nothing",
    /// A worker that was told to stop committed what there was.
    LeftWithWork => "left-with-work",
    /// A worker was told to stop while it restored a task.
    StoppedWhileRestoring => "stopped-while-restoring",
    // driver
    /// A request was sent again under its name.
    RequestResent => "request-resent",
    /// It was not known whether a request got into the log.
    AppendUnknown => "append-unknown",
    /// The log refused a request that was not sent before.
    AppendRejected => "append-rejected",
    /// The log refused a request that an earlier sending may have brought there.
    AppendRejectedLater => "append-rejected-later",
    /// A request was answered before the log had said that it has it.
    AnsweredBeforeAppended => "answered-before-appended",
    /// An answer came to a request that was over.
    AnswerCameTwice => "answer-came-twice",
    /// The answer to a batch was kept back for the positions of its parts.
    BatchAnswerHeld => "batch-answer-held",
    /// A batch was given out incomplete.
    BatchGivenOutIncomplete => "batch-given-out-incomplete",
    /// The whole answer to a batch came after an incomplete one.
    BatchWholeAfterIncomplete => "batch-whole-after-incomplete",
    /// A client went on under its next name, because a request was stuck.
    ClientNameChanged => "client-name-changed",
    /// A first sending was stamped with a task time ahead of the driver's clock.
    StampedAheadOfClock => "stamped-ahead-of-clock",
    /// A request was let go of while it was under way.
    RequestAbandoned => "request-abandoned",
    /// A request was refused because too many were under way.
    DriverBusy => "driver-busy",
    /// A follower of a zone was told that changes are gone.
    FollowerMissedChanges => "follower-missed-changes",
    /// Responses were gone before a driver had read them.
    ResponsesGone => "responses-gone",
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_in_lower_case() {
        let names: BTreeSet<_> = Probe::ALL.iter().map(|probe| probe.name()).collect();
        assert_eq!(names.len(), Probe::ALL.len());
        let is_plain = |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(names.iter().all(|name| is_plain(name)));
    }
}
