//! Scripts, and how they are made at random.

use proptest::prelude::*;

/// Something that a client does.
///
/// There are four producers that take one of two transactional ids or none, three members of one group,
/// of which the first two have static ids, and a topic with two partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub enum Step {
    /// A producer asks who it is, as one that begins.
    Init { producer: usize, id: Option<usize> },
    /// It asks again, and says who it was.
    InitAgain { producer: usize },
    /// It takes a partition into its transaction.
    Add { producer: usize, partition: usize },
    /// It appends a batch of so many records.
    Produce { producer: usize, partition: usize, batch: Batch, records: usize },
    /// It takes the group into its transaction.
    AddOffsets { producer: usize },
    /// It commits an offset of a partition on behalf of a member, or of nobody.
    Send { producer: usize, member: Option<usize>, stale: bool, partition: usize, offset: u64 },
    /// It ends its transaction.
    End { producer: usize, end: End },
    /// A member joins, and all others that are told to join with it.
    Join { member: usize },
    /// A member forgets who it was, as one whose process begins anew, and joins.
    Restart { member: usize },
    /// A member leaves.
    Leave { member: usize },
    /// A member with a static id is removed by that.
    Evict { member: usize },
    /// A member says that it is alive.
    Beat { member: usize, stale: bool },
    /// A member, or nobody, commits an offset outside of any transaction.
    Commit { member: Option<usize>, stale: bool, partition: usize, offset: u64 },
    /// The committed offsets are asked for.
    Committed { stable: bool },
    /// A partition is read.
    Read { partition: usize, committed: bool, from: u64 },
    /// The offsets of a partition's start and end are asked for.
    Bounds { partition: usize, committed: bool },
    /// The records before an offset are deleted.
    Trim { partition: usize, to: Option<u64> },
}

/// Which batch a producer appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// The next one.
    Next,
    /// One that it has appended: the last, the one before that, and so on.
    Again {
        /// How far back.
        back: usize,
    },
    /// One whose number leaves a gap.
    Gap,
    /// One from outside of any sequence or transaction.
    Plain,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its records count.
    Commit,
    /// They do not.
    Abort,
}

/// What the producers of a script speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// As before KIP-890: partitions are added, and the epoch stays.
    V1,
    /// As since then.
    V2,
}

/// A script of at most so many steps.
pub fn script(length: usize) -> impl Strategy<Value = (Speech, Vec<Step>)> {
    let speech = prop_oneof![Just(Speech::V2), Just(Speech::V1)];
    (speech, proptest::collection::vec(step(), 1..=length))
}

fn step() -> impl Strategy<Value = Step> {
    let producer = || 0..4_usize;
    let partition = || 0..2_usize;
    let member = || 0..3_usize;
    let anybody = || proptest::option::weighted(0.7, 0..3_usize);
    let stale = || proptest::bool::weighted(0.25);
    let end = prop_oneof![3 => Just(End::Commit), 2 => Just(End::Abort)];
    prop_oneof![
        4 => (producer(), proptest::option::weighted(0.8, 0..2_usize))
            .prop_map(|(producer, id)| Step::Init { producer, id }),
        1 => producer().prop_map(|producer| Step::InitAgain { producer }),
        4 => (producer(), partition())
            .prop_map(|(producer, partition)| Step::Add { producer, partition }),
        12 => (producer(), partition(), batch(), 1..4_usize).prop_map(
            |(producer, partition, batch, records)| Step::Produce {
                producer, partition, batch, records
            }),
        2 => producer().prop_map(|producer| Step::AddOffsets { producer }),
        4 => (producer(), anybody(), stale(), partition(), 0..20_u64).prop_map(
            |(producer, member, stale, partition, offset)| Step::Send {
                producer, member, stale, partition, offset
            }),
        7 => (producer(), end).prop_map(|(producer, end)| Step::End { producer, end }),
        4 => member().prop_map(|member| Step::Join { member }),
        1 => (0..2_usize).prop_map(|member| Step::Restart { member }),
        1 => member().prop_map(|member| Step::Leave { member }),
        1 => (0..2_usize).prop_map(|member| Step::Evict { member }),
        2 => (member(), stale()).prop_map(|(member, stale)| Step::Beat { member, stale }),
        2 => (anybody(), stale(), partition(), 0..20_u64).prop_map(
            |(member, stale, partition, offset)| Step::Commit { member, stale, partition, offset }),
        3 => any::<bool>().prop_map(|stable| Step::Committed { stable }),
        4 => (partition(), any::<bool>(), 0..12_u64).prop_map(
            |(partition, committed, from)| Step::Read { partition, committed, from }),
        3 => (partition(), any::<bool>())
            .prop_map(|(partition, committed)| Step::Bounds { partition, committed }),
        1 => (partition(), proptest::option::of(0..12_u64))
            .prop_map(|(partition, to)| Step::Trim { partition, to }),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    prop_oneof![
        8 => Just(Batch::Next),
        2 => (0..7_usize).prop_map(|back| Batch::Again { back }),
        1 => Just(Batch::Gap),
        2 => Just(Batch::Plain),
    ]
}
