//! Mistakes that a backend can make.

/// A mistake that somebody could make in a backend, and the laws must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A commit is taken from an owner that has lost its partition.
    TakesCommitsOfTheEvicted,
    /// What a rejected commit sent is appended nevertheless.
    AppendsWhatWasRejected,
    /// What a commit sends can be read while it is under way.
    ShowsCommitsUnderWay,
    /// A commit stores its rows, and its positions only if there are rows.
    ForgetsPositionsWithoutRows,
    /// A commit of several tasks stores what the first of them did.
    CommitsTheFirstTaskAlone,
    /// Task time is not stored.
    ForgetsTaskTime,
    /// A removed row stays.
    KeepsRemovedRows,
    /// A scan goes on beyond its upper bound.
    ScansTooFar,
    /// A scan goes on after its visitor said break.
    ScansAfterBreak,
    /// The tables of a task are as they were when it was restored.
    FreezesTables,
    /// All tables of a task are one.
    MixesTables,
    /// Records of one partition come newest first.
    ReadsBackwards,
    /// A partition is read before it has been restored.
    ReadsBeforeRestoring,
    /// A parked partition is read on.
    ReadsParked,
    /// Restoring does not turn reading back to the committed positions.
    DoesNotTurnBack,
    /// Records that a dropped `next` had taken are gone.
    LosesWhatADroppedNextTook,
    /// Waiting for the commit ends with records.
    GivesRecordsWhileCommitting,
    /// Waiting until a point in time ends at once.
    DoesNotWait,
    /// A pause ends at once.
    DoesNotPause,
    /// A record does not wake who waits for it.
    DoesNotWakeReaders,
    /// What is for every partition goes to the first.
    SendsEveryToTheFirst,
    /// The sends of a commit are appended in reverse.
    SendsBackwards,
    /// A second member gets partitions that the first has not released.
    HasTwoOwners,
    /// The partitions of a member that left stay with it.
    KeepsPartitionsOfTheGone,
    /// Append times follow a clock that goes back.
    LetsAppendTimeGoBack,
    /// The outcomes of an append come in reverse.
    MixesOutcomes,
    /// Appending begins with the first poll.
    AppendsLazily,
    /// A read gives the same record at the end of one batch and the beginning of the next.
    ReadsTheLastRecordTwice,
    /// What was read does not say to which trace it belongs.
    LosesTraces,
    /// The end of a partition counts what is no record.
    CountsGapsAsRecords,
    /// Closing loses the last record of each partition.
    LosesTheLastRecord,
    /// Reopening loses positions.
    LosesPositions,
    /// A snapshot is of the commit before the last.
    AnswersLate,
    /// A snapshot shows commits that came after it.
    SnapshotsMove,
    /// A task whose input is gone goes on with what there is.
    SkipsWhatIsGone,
}
