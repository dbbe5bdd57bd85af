//! A cluster: a controller, brokers, and somebody who administers them.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use futures_channel::{mpsc, oneshot};
use futures_util::{StreamExt, future::LocalBoxFuture};
use tidelog_core::{Layout, Retention, Topic, limits::RECORD_BYTES_MAX};

use super::{Engine, Host, Process};
use crate::{
    broker::{Broker, Controller},
    net::{Net, NetError},
    wire::{
        BrokerId, CleanupPolicy, ClientId, ClusterConfig, CreateTopicsRequest, ErrorCode, Image,
        NewTopic, Node, Reply, Request, TopicConfig, TopicName,
    },
};

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// Its brokers, and how they are set.
    pub config: ClusterConfig,
    /// How many partitions each topic has.
    pub layout: Layout,
    /// What the names of topics begin with.
    pub prefix: Box<str>,
    /// `segment.bytes` of the topics: small, so that segments are closed in a short run.
    pub segment_bytes: usize,
    /// `delete.retention.ms` of the compacted topics.
    pub delete_retention_ms: u64,
    /// No topic's `retention.ms` is longer, where this is set; the log without end is exempt.
    pub retention_ms_max: Option<u64>,
    /// `unclean.leader.election.enable`: only where a loss is no mistake.
    pub unclean_leader_election: bool,
}

/// A cluster. Clones are handles to the same one.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    settings: ClusterSettings,
    controller: Host,
    brokers: BTreeMap<BrokerId, Host>,
    orders: mpsc::UnboundedSender<Order>,
}

/// A request of whoever administers the cluster.
struct Order {
    to: Node,
    request: Request,
    answer: oneshot::Sender<Result<Reply, NetError>>,
}

/// Whoever administers the cluster. Clients have other numbers.
pub(super) const ADMIN: Node = Node::Client(ClientId(0));

const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

impl ClusterSettings {
    /// Three brokers and three copies of everything, two of which have to be in sync.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Self {
            config: ClusterConfig::default(),
            layout,
            prefix: "".into(),
            segment_bytes: 64 * 1024,
            delete_retention_ms: 24 * 60 * 60 * 1000,
            retention_ms_max: None,
            unclean_leader_election: false,
        }
    }

    /// Every topic of the table, as the cluster is to have it.
    #[must_use]
    pub fn topics(&self) -> Vec<NewTopic> {
        Topic::all().map(|topic| self.topic(topic)).collect()
    }

    fn topic(&self, topic: Topic) -> NewTopic {
        let copies = u32::try_from(self.config.brokers.len()).expect("few brokers").min(3);
        let cleanup_policy = match topic.retention() {
            Retention::Short | Retention::Medium | Retention::Long => CleanupPolicy::Delete,
            Retention::Compacted => CleanupPolicy::Compact,
        };
        let retention = topic.retention().time();
        let retention = retention.map(|it| u64::try_from(it.as_millis()).expect("days"));
        NewTopic {
            topic: TopicName::from(&*format!("{}{topic}", self.prefix)),
            partitions: self.layout.partitions(),
            replication_factor: copies,
            config: TopicConfig {
                cleanup_policy,
                min_insync_replicas: copies.min(2),
                retention_ms: retention.map(|it| it.min(self.retention_ms_max.unwrap_or(it))),
                segment_bytes: self.segment_bytes,
                delete_retention_ms: self.delete_retention_ms,
                max_message_bytes: RECORD_BYTES_MAX + BATCH_BYTES,
                unclean_leader_election: self.unclean_leader_election,
                ..TopicConfig::default()
            },
        }
    }
}

/// What a batch takes beside a record of the greatest size, its key included.
const BATCH_BYTES: usize = 64 * 1024;

impl Cluster {
    /// Starts a cluster.
    #[must_use]
    pub fn start(net: &Net, settings: ClusterSettings) -> Self {
        let config = Arc::new(settings.config.clone());
        let controller = Controller::new(Arc::clone(&config));
        let broker = |id| Broker::new(id, Arc::clone(&config));
        Self::start_with(net, settings, controller, broker)
    }

    /// Starts a cluster of these machines.
    pub fn start_with<B: Engine>(
        net: &Net,
        settings: ClusterSettings,
        controller: impl Engine,
        broker: impl Fn(BrokerId) -> B,
    ) -> Self {
        let controller = Host::new(net, Node::Controller, controller);
        let host = |id: &BrokerId| (*id, Host::new(net, Node::Broker(*id), broker(*id)));
        let brokers: BTreeMap<_, _> = settings.config.brokers.iter().map(host).collect();
        let orders = start_admin(net);
        controller.process().start();
        brokers.values().for_each(|host| host.process().start());
        Self(Arc::new(Shared { settings, controller, brokers, orders }))
    }

    /// Creates the topics, and waits until every partition has a leader.
    pub async fn create_topics(&self) {
        let topics = self.0.settings.topics();
        loop {
            let request = CreateTopicsRequest { topics: topics.clone() };
            if let Ok(Reply::CreateTopics(reply)) = self.ask(Node::Controller, request).await {
                let is_there = |(_, made): &(TopicName, Result<(), ErrorCode>)| {
                    matches!(made, Ok(()) | Err(ErrorCode::TopicAlreadyExists))
                };
                if reply.topics.iter().all(is_there) && self.leads(&topics) {
                    return;
                }
            }
            madsim::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The controller.
    #[must_use]
    pub fn controller(&self) -> &Host {
        &self.0.controller
    }

    /// The brokers.
    #[must_use]
    pub fn brokers(&self) -> &BTreeMap<BrokerId, Host> {
        &self.0.brokers
    }

    /// Looks at a broker, as it is, whether it runs or not.
    pub fn look<T>(&self, broker: BrokerId, look: impl FnOnce(&Broker) -> T) -> Option<T> {
        self.0.brokers.get(&broker)?.with_type(look)
    }

    /// How it was made.
    #[must_use]
    pub fn settings(&self) -> &ClusterSettings {
        &self.0.settings
    }

    /// The metadata as the controller has it.
    #[must_use]
    pub fn image(&self) -> Option<Arc<Image>> {
        self.0.controller.with(Engine::image)
    }

    /// Asks something as whoever administers the cluster. The request is on its way with the call.
    pub fn ask(
        &self,
        to: Node,
        request: impl Into<Request>,
    ) -> impl Future<Output = Result<Reply, NetError>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let request = request.into();
        // Where the run is over nobody waits for the answer either.
        let _ = self.0.orders.unbounded_send(Order { to, request, answer });
        async { answered.await.unwrap_or(Err(NetError::Disconnected)) }
    }

    /// Whatever has been done to them: all of them are to run.
    pub fn heal(&self) {
        self.0.controller.process().heal();
        self.0.brokers.values().map(Host::process).for_each(Process::heal);
    }

    fn leads(&self, topics: &[NewTopic]) -> bool {
        let Some(image) = self.image() else { return true };
        topics.iter().all(|topic| {
            let state = image.topics.get(&topic.topic);
            state.is_some_and(|state| state.partitions.iter().all(|it| it.leader.is_some()))
        })
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { controller, brokers, .. } = &*self.0;
        f.debug_struct("Cluster")
            .field("controller", controller)
            .field("brokers", brokers)
            .finish_non_exhaustive()
    }
}

/// Starts whoever administers the cluster.
fn start_admin(net: &Net) -> mpsc::UnboundedSender<Order> {
    let (orders, mut queue) = mpsc::unbounded::<Order>();
    let net = net.clone();
    let machine = net.sim().machine(ADMIN);
    machine.start(move || -> LocalBoxFuture<'static, ()> {
        Box::pin(async move {
            let caller = net.caller(ADMIN);
            while let Some(Order { to, request, answer }) = queue.next().await {
                let asked = caller.request(to, request, ADMIN_TIMEOUT);
                let _ = answer.send(asked.await);
            }
        })
    });
    orders
}
