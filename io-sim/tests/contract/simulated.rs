//! A modelled cluster for one law.

use std::{
    cell::RefCell,
    sync::{Arc, Weak},
    time::Duration,
};

use tidelog_contract::{Answering, Backend, Durable, Trimming};
use tidelog_core::{Layout, Offset, PartitionId, ServiceName, Topic};
use tidelog_io_sim::{
    Disk, Net, Options, SimStore,
    client::{ClientSettings, TransactionVersion},
    host::{Cluster, ClusterSettings, Loss},
    sim::Stage,
    transport::{SimClient, SimSnapshots, SimTransport},
    wire::{
        self, BrokerId, ClientId, CoordinatorKind, DeleteRecordsRequest, DescribeGroupRequest,
        FindCoordinatorRequest, LeaveGroupRequest, LeavingMember, Node, Reply, Request, TopicName,
        TopicPartition,
    },
};

/// A cluster, and the processes that use it. Every law has one of its own, and its seed is always the
/// same.
pub(crate) struct Simulated {
    processes: RefCell<Vec<Process>>,
    /// The process that is asked, before it has been told to whom it belongs.
    asked: RefCell<Option<SimTransport<SimStore>>>,
    clients: RefCell<u32>,
    settings: ClientSettings,
    cluster: Cluster,
    net: Net,
    /// The last to go: it ends what runs on the machines.
    stage: Stage,
}

/// A process of a node. Once it has ended, the next one takes its place, its name and its disk.
struct Process {
    name: String,
    disk: Disk,
    store: Weak<SimStore>,
}

const SEED: u64 = 1;

/// The first client machine's number.
const CLIENTS: u32 = 100;

impl Simulated {
    pub(crate) fn new(layout: Layout) -> Self {
        Self::with(ClientSettings::new(brokers(), layout))
    }

    /// As [`Simulated::new`], with clients that speak as to brokers before KIP-345 and KIP-890.
    pub(crate) fn older(layout: Layout) -> Self {
        let settings = ClientSettings::new(brokers(), layout);
        let transactions = TransactionVersion::V1;
        Self::with(ClientSettings { transactions, static_members: false, ..settings })
    }

    fn with(settings: ClientSettings) -> Self {
        let options = Options { time_limit: Duration::from_secs(24 * 3600), ..Options::calm(SEED) };
        let stage = Stage::begin(options);
        let net = Net::new(stage.sim());
        let cluster = Cluster::start(&net, ClusterSettings::new(settings.layout));
        stage.block_on(cluster.create_topics());
        let (processes, asked) = (RefCell::default(), RefCell::default());
        let clients = RefCell::new(CLIENTS);
        Self { processes, asked, clients, settings, cluster, net, stage }
    }

    /// The next process of a node.
    fn process(&self) -> SimTransport<SimStore> {
        let mut processes = self.processes.borrow_mut();
        let ended = processes.iter().position(|process| process.store.upgrade().is_none());
        let number = ended.unwrap_or_else(|| {
            let name = format!("node{}", processes.len() + 1);
            let disk = Disk::new(self.stage.sim(), &format!("{name}/disk"));
            processes.push(Process { name, disk, store: Weak::new() });
            processes.len() - 1
        });
        let process = &mut processes[number];
        let store = Arc::new(SimStore::open(&process.disk).expect("a disk that works"));
        process.store = Arc::downgrade(&store);
        SimTransport::new(&self.net, Stage::NODE, &process.name, self.settings.clone(), store)
    }

    /// Asks as whoever administers the cluster, until it is answered.
    async fn ask(&self, to: Node, request: impl Into<Request>) -> Reply {
        let request = request.into();
        loop {
            if let Ok(reply) = self.cluster.ask(to, request.clone()).await {
                return reply;
            }
            self.wait(100).await;
        }
    }

    async fn wait(&self, millis: u64) {
        madsim::time::sleep(Duration::from_millis(millis)).await;
    }

    async fn coordinator(&self, group: &str) -> Node {
        let request =
            FindCoordinatorRequest { kind: CoordinatorKind::Group, key: group.to_owned() };
        loop {
            let to = Node::Broker(self.settings.brokers[0]);
            if let Reply::FindCoordinator(Ok(found)) = self.ask(to, request.clone()).await {
                return found;
            }
            self.wait(100).await;
        }
    }

    /// Kills brokers, and waits until they are there again and in sync.
    fn kill(&self, brokers: &[BrokerId]) {
        for broker in brokers {
            self.cluster.brokers()[broker].crash(Loss::Memory, Duration::from_millis(100));
        }
        self.stage.block_on(async {
            let deadline = self.stage.sim().now_us() + 120_000_000;
            while !self.is_in_sync() {
                assert!(
                    self.stage.sim().now_us() < deadline,
                    "the brokers do not get in sync: {}",
                    self.out_of_sync()
                );
                self.wait(500).await;
            }
        });
    }

    /// What is not in sync, for whoever waits for it in vain.
    fn out_of_sync(&self) -> String {
        let Some(image) = self.cluster.image() else { return "no metadata".into() };
        let fenced = image.brokers.iter().filter(|(_, broker)| broker.fenced);
        let mut what: Vec<_> = fenced.map(|(broker, _)| format!("broker{broker} is out")).collect();
        for (topic, state) in &image.topics {
            let lagging = state.partitions.iter().zip(0..);
            let lagging = lagging
                .filter(|(it, _)| it.leader.is_none() || it.in_sync.len() < it.replicas.len());
            what.extend(lagging.map(|(it, n)| format!("{topic}/{n}: {it:?}")));
        }
        what.join("; ")
    }

    fn is_in_sync(&self) -> bool {
        let Some(image) = self.cluster.image() else { return false };
        let mut partitions = image.topics.values().flat_map(|topic| &topic.partitions);
        image.brokers.values().all(|broker| !broker.fenced)
            && partitions.all(|it| it.leader.is_some() && it.in_sync.len() == it.replicas.len())
    }
}

fn brokers() -> Vec<BrokerId> {
    (1..=3).map(BrokerId).collect()
}

impl Backend for Simulated {
    type Transport = SimTransport<SimStore>;
    type Client = SimClient;

    fn transport(&self) -> Self::Transport {
        self.asked.take().unwrap_or_else(|| self.process())
    }

    fn client(&self) -> Self::Client {
        let number = self.clients.replace_with(|number| *number + 1);
        let node = Node::Client(ClientId(number));
        SimClient::start(&self.net, node, &format!("client{number}"), &self.settings)
    }

    fn block_on<F: Future>(&self, law: F) -> F::Output {
        self.stage.block_on(async {
            // What was dropped before ends now.
            self.wait(1).await;
            law.await
        })
    }

    async fn evict(&self, service: ServiceName) {
        let group_id = service.name().to_owned();
        loop {
            let coordinator = self.coordinator(&group_id).await;
            let describe = DescribeGroupRequest { group_id: group_id.clone() };
            let reply = self.ask(coordinator, describe).await;
            let Reply::DescribeGroup(Ok(described)) = reply else {
                self.wait(100).await;
                continue;
            };
            let members = described.members.into_iter().map(|member| LeavingMember {
                member_id: member.member_id,
                group_instance_id: member.group_instance_id,
            });
            let leave =
                LeaveGroupRequest { group_id: group_id.clone(), members: members.collect() };
            let reply = self.ask(coordinator, leave).await;
            let Reply::LeaveGroup(left) = reply else { unreachable!("{reply:?}") };
            if left.error.is_none() {
                return;
            }
        }
    }
}

impl Durable for Simulated {
    fn restart(&mut self) {
        for broker in self.settings.brokers.clone() {
            self.kill(&[broker]);
        }
    }

    fn crash(&mut self) {
        self.kill(&self.settings.brokers);
        for process in self.processes.borrow().iter() {
            process.disk.lose_unsynced();
        }
    }
}

impl Answering for Simulated {
    type Snapshots = SimSnapshots;

    fn snapshots(&self) -> Self::Snapshots {
        let transport = self.process();
        let snapshots = transport.snapshots();
        self.asked.replace(Some(transport));
        snapshots
    }
}

impl Trimming for Simulated {
    async fn trim(&self, topic: Topic, partition: PartitionId, start: Offset) {
        let name = TopicName::from(topic.name());
        let partition = TopicPartition::new(&name, partition.0);
        loop {
            let image = self.cluster.image().expect("the controller's metadata");
            if let Some(leader) = image.partition(&partition).and_then(|state| state.leader) {
                let start = Some(wire::Offset(start.0));
                let partitions = vec![(partition.clone(), start)];
                let delete = DeleteRecordsRequest { partitions, timeout_ms: 3_000 };
                let reply = self.ask(Node::Broker(leader), delete).await;
                let Reply::DeleteRecords(deleted) = reply else { unreachable!("{reply:?}") };
                if deleted.partitions.iter().all(|(_, outcome)| outcome.is_ok()) {
                    return;
                }
            }
            self.wait(100).await;
        }
    }
}
