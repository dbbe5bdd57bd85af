use super::*;
use crate::wire::*;

#[test]
fn a_broker_is_fenced_until_it_has_seen_its_own_registration() {
    let mut script = Script::default();
    let epoch = script.register(1, 0).expect("it is new");
    assert_eq!(script.beat(1, epoch, 0), Ok(true));
    assert_eq!(script.beat(1, epoch, epoch.0), Ok(false));
}

#[test]
fn a_new_process_waits_for_the_session_of_the_one_before() {
    let mut script = Script::default();
    let first = script.join(1);
    assert_eq!(script.register(1, 0), Ok(first), "the same process is told again");
    assert_eq!(script.register(1, 1), Err(ErrorCode::DuplicateBrokerRegistration));
    script.wait_ms(3_001);
    let second = script.register(1, 1).expect("the session has ended");
    assert!(second > first);
    assert_eq!(script.beat(1, first, 0), Err(ErrorCode::StaleBrokerEpoch));
}

#[test]
fn a_silent_broker_leaves_what_can_go_on_without_it() {
    let mut script = Script::default();
    let epochs = script.join_all();
    let at = script.create("topic");
    assert_eq!(script.state(&at), (Some(1), vec![1, 2, 3]));
    script.keep_alive(&epochs[1..], 4_000);
    assert_eq!(script.state(&at), (Some(2), vec![2, 3]));
    script.keep_alive(&epochs[2..], 4_000);
    assert_eq!(script.state(&at), (Some(3), vec![3]));
    script.keep_alive(&[], 4_000);
    assert_eq!(script.state(&at), (None, vec![3]), "the last one stays in sync");
    let epoch = script.register(2, 1).expect("the session has ended");
    assert_eq!(script.beat(2, epoch, epoch.0), Ok(false));
    assert_eq!(script.state(&at), (None, vec![3]), "it is not in sync");
}

/// What was wrong: it fenced everybody when it went on, in the order of their numbers. A broker that had
/// lost its log was the last in sync then, and led with nothing in it (seed 400000000000003).
#[test]
fn a_controller_that_has_stood_still_gives_everybody_a_whole_session() {
    let mut script = Script::default();
    let epochs = script.join_all();
    let at = script.create("topic");
    script.now.instant = script.now.instant.plus_ms(3_500);
    script.controller.step(script.now, Input::Tick);
    assert_eq!(script.state(&at), (Some(1), vec![1, 2, 3]), "it has read nothing that was sent");
    script.keep_alive(&epochs[..2], 4_000);
    assert_eq!(script.state(&at), (Some(1), vec![1, 2]), "from then on it does");
}

#[test]
fn only_the_leader_changes_the_in_sync_set_and_only_what_it_knows() {
    let mut script = Script::default();
    let epochs = script.join_all();
    let at = script.create("topic");
    let now = |script: &Script| {
        let state = script.controller.image().partition(&at).expect("it is there");
        (state.leader_epoch, state.partition_epoch)
    };
    let (leader_epoch, partition_epoch) = now(&script);
    let change = |members: &[u32]| AlterPartition {
        partition: at.clone(),
        leader_epoch,
        partition_epoch,
        in_sync: members.iter().map(|id| epochs[*id as usize - 1]).collect(),
    };
    let refused = script.alter(epochs[1], change(&[2, 3]));
    assert_eq!(refused, Err(ErrorCode::NotLeaderOrFollower));
    assert_eq!(script.alter(epochs[0], change(&[1, 2])), Ok(vec![1, 2]));
    assert_eq!(script.alter(epochs[0], change(&[1])), Err(ErrorCode::InvalidUpdateVersion));
    let mut stale = change(&[1, 2, 3]);
    stale.partition_epoch = now(&script).1;
    stale.in_sync[2].1 = BrokerEpoch(0);
    assert_eq!(script.alter(epochs[0], stale), Err(ErrorCode::IneligibleReplica));
}

#[test]
fn a_leadership_moves_to_an_in_sync_replica_only() {
    let mut script = Script::default();
    let epochs = script.join_all();
    let at = script.create("topic");
    assert_eq!(script.elect(&at, Some(1)), Err(ErrorCode::ElectionNotNeeded));
    assert_eq!(script.elect(&at, Some(3)), Ok(()));
    assert_eq!(script.state(&at).0, Some(3));
    assert_eq!(script.elect(&at, None), Ok(()), "back to the preferred one");
    script.keep_alive(&epochs[..2], 4_000);
    assert_eq!(script.elect(&at, Some(3)), Err(ErrorCode::IneligibleReplica));
}

#[test]
fn a_fetch_of_metadata_waits_for_something_new() {
    let mut script = Script::default();
    script.join_all();
    let seen = script.controller.image().version;
    let request = FetchImageRequest { broker: BrokerId(1), seen, max_wait_ms: 2_000 };
    assert!(script.replies(request.clone()).is_empty());
    let new = NewTopic {
        topic: "topic".into(),
        partitions: 1,
        replication_factor: 3,
        config: TopicConfig::default(),
    };
    let replies = script.replies(CreateTopicsRequest { topics: vec![new] });
    assert!(
        replies.iter().any(|it| matches!(it, Reply::FetchImage(it) if it.image.version > seen))
    );
    let seen = script.controller.image().version;
    assert!(script.replies(FetchImageRequest { seen, ..request }).is_empty());
    script.now.instant = script.now.instant.plus_ms(2_000);
    let outputs = script.controller.step(script.now, Input::Tick);
    let is_answered = |it: &Output| matches!(it, Output::Reply { reply: Reply::FetchImage(_), .. });
    assert!(outputs.iter().any(is_answered), "its patience has ended");
}

#[test]
fn internal_topics_come_with_the_brokers_for_them() {
    let mut script = Script::default();
    script.join(1);
    script.join(2);
    assert!(script.controller.image().topics.is_empty());
    script.join(3);
    let topics: Vec<_> = script.controller.image().topics.keys().map(TopicName::as_str).collect();
    assert_eq!(topics, [CONSUMER_OFFSETS, TRANSACTION_STATE]);
}

#[test]
fn a_controller_that_comes_back_gives_every_session_its_time() {
    let mut script = Script::default();
    let epochs = script.join_all();
    script.wait_ms(2_900);
    script.controller.restart();
    script.controller.step(script.now, Input::Tick);
    script.wait_ms(2_900);
    assert_eq!(script.beat(1, epochs[0].1, 0), Ok(false), "its session has not ended");
}

struct Script {
    controller: Controller,
    now: Now,
    tokens: u64,
}

impl Default for Script {
    fn default() -> Self {
        let controller = Controller::new(Config::default());
        Self { controller, now: Now::default(), tokens: 0 }
    }
}

impl Script {
    fn register(&mut self, broker: u32, incarnation: u64) -> BrokerRegistrationReply {
        let (broker, incarnation) = (BrokerId(broker), Incarnation(incarnation));
        match self.ask(BrokerRegistrationRequest { broker, incarnation }) {
            Reply::BrokerRegistration(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    /// Whether the broker is fenced.
    fn beat(&mut self, broker: u32, epoch: BrokerEpoch, seen: u64) -> Result<bool, ErrorCode> {
        let (broker, seen) = (BrokerId(broker), ImageVersion(seen));
        match self.ask(BrokerHeartbeatRequest { broker, epoch, seen, wants_shut_down: false }) {
            Reply::BrokerHeartbeat(reply) => reply.map(|standing| standing.fenced),
            other => panic!("{other:?}"),
        }
    }

    fn join(&mut self, broker: u32) -> BrokerEpoch {
        let epoch = self.register(broker, 0).expect("it is new");
        assert_eq!(self.beat(broker, epoch, epoch.0), Ok(false));
        epoch
    }

    fn join_all(&mut self) -> Vec<(BrokerId, BrokerEpoch)> {
        (1..=3).map(|id| (BrokerId(id), self.join(id))).collect()
    }

    /// A topic whose preferred leader is the first broker.
    fn create(&mut self, topic: &str) -> TopicPartition {
        let topic = TopicName::from(topic);
        let config = TopicConfig::default();
        let new = NewTopic { topic: topic.clone(), partitions: 2, replication_factor: 3, config };
        self.ask(CreateTopicsRequest { topics: vec![new] });
        let places = (0..2).map(|partition| TopicPartition::new(&topic, partition));
        let mut places = places.filter(|at| self.state(at).0 == Some(1));
        places.next().expect("one of them")
    }

    fn state(&self, at: &TopicPartition) -> (Option<u32>, Vec<u32>) {
        let state = self.controller.image().partition(at).expect("it is there");
        let mut in_sync: Vec<_> = state.in_sync.iter().map(|broker| broker.0).collect();
        in_sync.sort_unstable();
        (state.leader.map(|leader| leader.0), in_sync)
    }

    fn alter(
        &mut self,
        (broker, epoch): (BrokerId, BrokerEpoch),
        change: AlterPartition,
    ) -> Result<Vec<u32>, ErrorCode> {
        let partitions = vec![change];
        match self.ask(AlterPartitionRequest { broker, epoch, partitions }) {
            Reply::AlterPartition(mut reply) => {
                let state = reply.partitions.remove(0).1?;
                Ok(state.in_sync.iter().map(|broker| broker.0).collect())
            }
            other => panic!("{other:?}"),
        }
    }

    fn elect(&mut self, at: &TopicPartition, whom: Option<u32>) -> Result<(), ErrorCode> {
        let partitions = vec![(at.clone(), whom.map(BrokerId))];
        match self.ask(ElectLeadersRequest { partitions }) {
            Reply::ElectLeaders(reply) => reply.partitions[0].1,
            other => panic!("{other:?}"),
        }
    }

    /// Time goes by, in which only these brokers are heard of.
    fn keep_alive(&mut self, brokers: &[(BrokerId, BrokerEpoch)], ms: u64) {
        for _ in 0..ms / 500 {
            self.wait_ms(500);
            for (broker, epoch) in brokers {
                self.beat(broker.0, *epoch, 0).expect("it is registered");
            }
        }
    }

    fn wait_ms(&mut self, ms: u64) {
        let until = self.now.instant.plus_ms(ms);
        while let Some(due) = self.controller.armed.filter(|due| *due <= until) {
            self.now.instant = due;
            self.controller.step(self.now, Input::Tick);
        }
        self.now.instant = until;
    }

    fn ask(&mut self, request: impl Into<Request>) -> Reply {
        self.replies(request).pop().expect("an answer")
    }

    /// The answers that come of a request; its own is the last one if it does not wait.
    fn replies(&mut self, request: impl Into<Request>) -> Vec<Reply> {
        self.tokens += 1;
        let (from, token) = (Node::Client(ClientId(1)), Token(self.tokens));
        let input = Input::Request { from, token, request: request.into() };
        let outputs = self.controller.step(self.now, input);
        let reply = |output| match output {
            Output::Reply { reply, .. } => Some(reply),
            Output::Call { .. } | Output::WakeAt(_) => None,
        };
        outputs.into_iter().filter_map(reply).collect()
    }
}
