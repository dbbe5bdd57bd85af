//! Playing a script in a home, and what was seen.

mod group;
mod producer;
mod reading;
mod seen;

use tidelog_io_sim::wire::{ErrorCode, Reply, Request, TopicName, TopicPartition};

use self::{group::Member, producer::Producer, seen::Seen};
use crate::{Home, Speech, Step};

/// What the things of a script are called. Every playing has names of its own.
#[derive(Clone, Debug)]
pub struct Names {
    pub(crate) topic: TopicName,
    pub(crate) ids: [String; 2],
    pub(crate) group: String,
}

impl Names {
    /// The names that begin so.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            topic: TopicName::from(format!("{prefix}topic").as_str()),
            ids: [format!("{prefix}x"), format!("{prefix}y")],
            group: format!("{prefix}group"),
        }
    }

    pub(crate) fn partition(&self, number: usize) -> TopicPartition {
        TopicPartition::new(&self.topic, u32::try_from(number).expect("one of two"))
    }
}

/// Plays a script, and tells for each step what came of it.
pub fn play(home: &mut impl Home, names: &Names, speech: Speech, script: &[Step]) -> Vec<String> {
    home.begin(names);
    let mut play = Play {
        home,
        names,
        speech,
        producers: Default::default(),
        members: Default::default(),
        has_lost_members: false,
        seen: Seen::default(),
        count: 0,
    };
    let told = script.iter().map(|step| play.step(step)).collect();
    home.end(names);
    told
}

struct Play<'a, H> {
    home: &'a mut H,
    names: &'a Names,
    speech: Speech,
    producers: [Producer; 4],
    members: [Member; 3],
    /// Whether a member has gone. Who leads then is any broker's guess, and only a leader has the others join
    /// by joining as it was: so everybody joins with something new from then on.
    has_lost_members: bool,
    seen: Seen,
    /// Of records, each of which has a value of its own.
    count: u32,
}

/// How often something is asked that would have to be answered otherwise in a moment.
const TRIES: u32 = 500;

/// The connection of who is no member.
const ANYBODY: usize = 9;

impl<H: Home> Play<'_, H> {
    fn step(&mut self, step: &Step) -> String {
        match *step {
            Step::Init { producer, id } => self.init(producer, id),
            Step::InitAgain { producer } => self.init_again(producer),
            Step::Add { producer, partition } => self.add(producer, partition),
            Step::Produce { producer, partition, batch, records } => {
                self.produce(producer, partition, batch, records)
            }
            Step::AddOffsets { producer } => self.add_offsets(producer),
            Step::Send { producer, member, stale, partition, offset } => {
                self.send_offsets(producer, (member, stale), partition, offset)
            }
            Step::End { producer, end } => self.end(producer, end),
            Step::Join { member } => self.join(member),
            Step::Restart { member } => self.restart(member),
            Step::Leave { member } => self.leave(member),
            Step::Evict { member } => self.evict(member),
            Step::Beat { member, stale } => self.beat(member, stale),
            Step::Commit { member, stale, partition, offset } => {
                self.commit((member, stale), partition, offset)
            }
            Step::Committed { stable } => self.committed(stable),
            Step::Read { partition, committed, from } => self.read(partition, committed, from),
            Step::Bounds { partition, committed } => self.bounds(partition, committed),
            Step::Trim { partition, to } => self.trim(partition, to),
        }
    }

    /// Asks, and again while the answer is one that passes by itself.
    fn ask(&mut self, request: impl Into<Request>) -> Reply {
        let request = request.into();
        for _ in 0..TRIES {
            let reply = self.ask_once(ANYBODY, request.clone());
            if !error_of(&reply).is_some_and(passes) {
                return reply;
            }
            self.home.pause();
        }
        self.ask_once(ANYBODY, request)
    }

    fn ask_once(&mut self, connection: usize, request: Request) -> Reply {
        self.home.send(connection, request.clone());
        for _ in 0..TRIES {
            if let Some(reply) = self.home.glance(connection) {
                return reply;
            }
        }
        panic!("no answer to {request:?}");
    }
}

/// Whether clients ask again without telling anybody.
fn passes(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::ConcurrentTransactions
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::UnknownTopicOrPartition
    )
}

/// The first error of an answer.
fn error_of(reply: &Reply) -> Option<ErrorCode> {
    match reply {
        Reply::Produce(it) => it.partitions.iter().find_map(|it| it.result.err()),
        Reply::Fetch(it) => it.partitions.iter().find_map(|it| it.result.as_ref().err().copied()),
        Reply::ListOffsets(it) => it.partitions.iter().find_map(|(_, it)| it.err()),
        Reply::DeleteRecords(it) => it.partitions.iter().find_map(|(_, it)| it.err()),
        Reply::InitProducerId(it) | Reply::EndTxn(it) => it.err(),
        Reply::AddPartitionsToTxn(it) => it.partitions.iter().find_map(|(_, it)| it.err()),
        Reply::AddOffsetsToTxn(it) | Reply::Heartbeat(it) => it.err(),
        Reply::TxnOffsetCommit(it) => it.partitions.iter().find_map(|(_, it)| it.err()),
        Reply::JoinGroup(it) => it.error,
        Reply::SyncGroup(it) => it.as_ref().err().copied(),
        Reply::LeaveGroup(it) => it.error,
        Reply::OffsetCommit(it) => it.partitions.iter().find_map(|(_, it)| it.err()),
        Reply::OffsetFetch(it) => it.error,
        other => unreachable!("no script asks for {}", other.name()),
    }
}
