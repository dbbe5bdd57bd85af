//! From the start of a session's thread to its being a member of the group.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc},
    task::Waker,
    thread::{self, JoinHandle},
};

use futures_channel::{mpsc as told, oneshot};
use rdkafka::consumer::Consumer;
use tidelog_core::{
    Spec,
    port::{SessionError, Store},
};

use super::{
    Member,
    group::{self, Group, GroupConsumer, GroupContext},
    link::{Command, Credit, Link, Unpark},
    producer::TransactionalProducer,
};
use crate::{
    Settings,
    error::session_error,
    restorer::Restorer,
    session::Told,
    storer::Storer,
    topics,
    transport::{Ordinal, Shared},
};

/// A thread that has been started.
pub(crate) struct Started<T> {
    pub(crate) link: Link<T>,
    pub(crate) thread: JoinHandle<()>,
    pub(crate) told: told::UnboundedReceiver<Told>,
    pub(crate) credit: Arc<Credit>,
    /// Whether it has come so far that the group can give it partitions.
    pub(crate) joined: oneshot::Receiver<Result<(), SessionError>>,
}

/// Starts the thread of a session.
pub(crate) fn start<S: Store>(
    shared: Arc<Shared<S>>,
    spec: &'static Spec,
) -> Result<Started<S::Tables>, SessionError> {
    let (commands, received) = mpsc::channel();
    let (tell, told) = told::unbounded();
    let (joined, is_joined) = oneshot::channel();
    let credit = Arc::new(Credit::default());
    let own = Arc::clone(&credit);
    let to_self = commands.clone();
    let run = move || {
        let ordinal = Ordinal::take(&shared, spec.name);
        let name = shared.settings.member(spec.name, ordinal.number);
        let equipment = Equipment { shared, spec, name, tell, credit: own, to_self };
        equipment.run(&received, joined);
        drop(ordinal);
    };
    let thread = thread::Builder::new().name(format!("kafka-{}", spec.name)).spawn(run);
    let thread = thread.map_err(|error| SessionError::Lost(error.to_string().into()))?;
    let link = Link::new(commands, thread.thread().clone());
    Ok(Started { link, thread, told, credit, joined: is_joined })
}

/// What the thread is given.
struct Equipment<S: Store> {
    shared: Arc<Shared<S>>,
    spec: &'static Spec,
    name: String,
    tell: told::UnboundedSender<Told>,
    credit: Arc<Credit>,
    to_self: mpsc::Sender<Command<S::Tables>>,
}

impl<S: Store> Equipment<S> {
    fn run(
        self,
        commands: &mpsc::Receiver<Command<S::Tables>>,
        joined: oneshot::Sender<Result<(), SessionError>>,
    ) {
        let (tell_news, news) = mpsc::channel();
        let settings = &self.shared.settings;
        let context = GroupContext::new(settings, self.spec, tell_news);
        let config = settings.member_consumer(self.spec.name, &self.name);
        let consumer: Arc<GroupConsumer> = match config.create_with_context(context) {
            Ok(consumer) => Arc::new(consumer),
            Err(error) => {
                return drop(joined.send(Err(session_error("a consumer", &error))));
            }
        };
        match self.join(&consumer, news, || !joined.is_canceled()) {
            Ok(mut member) => {
                if joined.send(Ok(())).is_ok() {
                    member.work(commands);
                }
                member.leave();
            }
            Err(error) => drop(joined.send(Err(error))),
        }
        consumer.context().close();
    }

    /// Ends what a predecessor has left open, and asks the group for partitions.
    fn join<'a>(
        &self,
        consumer: &'a Arc<GroupConsumer>,
        news: mpsc::Receiver<group::News>,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Member<'a, S>, SessionError> {
        let settings = self.shared.settings.clone();
        check_topics(&settings, self.spec, consumer)?;
        let producer = TransactionalProducer::init(&settings, &self.name, is_wanted)?;
        let session = self.shared.session_number();
        let to_self = Link::new(self.to_self.clone(), thread::current());
        let restorer = Restorer::start(
            &self.shared,
            self.spec,
            session,
            Arc::clone(consumer),
            move |ticket, outcome| {
                to_self.send(Command::Restored { ticket, outcome });
            },
        )?;
        let to_self = Link::new(self.to_self.clone(), thread::current());
        let shared = Arc::clone(&self.shared);
        let storer = Storer::start(self.spec, shared, session, move |error| {
            to_self.send(Command::StoreFailed(error));
        })?;
        // The group shares out the partitions of one input; those of the others go with them.
        let first = settings.topic(self.spec.inputs[0]);
        consumer.subscribe(&[&first]).map_err(|error| session_error("subscribing", &error))?;
        let topics = self.spec.inputs.iter().map(|topic| (settings.topic(*topic), *topic));
        Ok(Member {
            topics: topics.collect(),
            names: topics::of_service(self.spec)
                .map(|topic| (topic, settings.topic(topic)))
                .collect(),
            group: Group::new(news),
            stream: consumer.stream(),
            waker: Waker::from(Arc::new(Unpark(thread::current()))),
            spec: self.spec,
            name: self.name.clone(),
            tell: self.tell.clone(),
            credit: Arc::clone(&self.credit),
            shared: Arc::clone(&self.shared),
            unstored: BTreeMap::new(),
            logs: BTreeMap::new(),
            readers: BTreeMap::new(),
            restoring: BTreeMap::new(),
            commits: 0,
            commit: None,
            deferred: VecDeque::new(),
            troubled_at: None,
            full_since: None,
            is_held_back: false,
            is_over: false,
            settings,
            session,
            consumer,
            producer,
            restorer,
            storer,
        })
    }
}

/// Makes sure that the service's topics are there, with the partitions that they are to have.
fn check_topics(
    settings: &Settings,
    spec: &'static Spec,
    consumer: &GroupConsumer,
) -> Result<(), SessionError> {
    let metadata = consumer.fetch_metadata(None, settings.request_timeout);
    let metadata = metadata.map_err(|error| session_error("the topics", &error))?;
    for topic in topics::of_service(spec) {
        let name = settings.topic(topic);
        let wanted = settings.layout.partitions() as usize;
        let found = metadata.topics().iter().find(|topic| topic.name() == name);
        let found = found.map_or(0, |topic| topic.partitions().len());
        if found == 0 {
            return Err(SessionError::Lost(format!("there is no topic {name}: create it").into()));
        }
        if found != wanted {
            let reason = format!(
                "{name} has {found} partition(s) instead of {wanted}: this can never be changed, so set \
                 the number of partitions to {found}, or use another prefix"
            );
            return Err(SessionError::Fatal(reason.into()));
        }
    }
    Ok(())
}
