//! Whether the brokers are there, and the topics with them.

use std::{
    future::Future,
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tidelog_core::Topic;
use tidelog_io_kafka::{
    Difference, Figures, Settings, TaskFigures, Topics, TopicsError, of_service,
};
use tokio::sync::watch;

use super::metrics::Lags;
use crate::serve::{Error, is_of_change_stream, specs};

/// How often the brokers are asked whether they are there.
const EVERY: Duration = Duration::from_secs(1);

/// In which of these rounds it is looked how far tasks are behind.
const LAGS_EVERY: u32 = 10;

/// How long they may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// The topics that a node wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct WantedTopics {
    /// Whether those that are not there are made.
    pub(super) create: bool,
    /// Whether those of the change stream are among them.
    pub(super) change_stream: bool,
}

/// A thread that asks the brokers from time to time. It is to be stopped, not dropped.
pub(super) struct Brokers {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<Result<(), Error>>,
    are_there: watch::Receiver<bool>,
    away: watch::Receiver<Option<Box<str>>>,
    lags: watch::Receiver<Lags>,
}

impl Brokers {
    /// Begins to ask. Brokers that are away are waited for; topics that are not there are made, if that is
    /// wanted, and waited for otherwise.
    pub(super) fn watch(
        settings: &Settings,
        wanted: WantedTopics,
        figures: impl Fn() -> Figures + Send + 'static,
    ) -> Result<Self, Error> {
        let settings = Settings { request_timeout: ANSWERED_WITHIN, ..settings.clone() };
        let (stop, stopped) = mpsc::channel();
        let (there, are_there) = watch::channel(false);
        let first = "the brokers have not been reached yet".into();
        let (tell, away) = watch::channel(Some(first));
        let (tell_lags, lags) = watch::channel(Lags::new());
        let work = move || {
            let topics =
                Topics::connect(&settings).map_err(|error| Error::Refused(error.to_string()))?;
            let asking = Asking {
                topics,
                stopped,
                figures: Box::new(figures),
                away: tell,
                lags: tell_lags,
                told: None,
            };
            asking.run(wanted, &there)
        };
        let thread = thread::Builder::new().name("kafka-brokers".into()).spawn(work);
        Ok(Self { stop, thread: thread.map_err(Error::Runtime)?, are_there, away, lags })
    }

    /// Whether the brokers have been there once, with all topics.
    pub(super) fn are_there(&self) -> watch::Receiver<bool> {
        self.are_there.clone()
    }

    /// Is ready when it is certain that they will never be there as they have to be.
    pub(super) fn failed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut away = self.away.clone();
        async move { while away.changed().await.is_ok() {} }
    }

    /// Why they cannot be reached, if they cannot.
    pub(super) fn away(&self) -> watch::Receiver<Option<Box<str>>> {
        self.away.clone()
    }

    /// How far the tasks of this node are behind their inputs.
    pub(super) fn lags(&self) -> watch::Receiver<Lags> {
        self.lags.clone()
    }

    /// Asks no longer.
    pub(super) fn stop(self) -> Result<(), Error> {
        drop(self.stop);
        self.thread.join().unwrap_or_else(|_| {
            Err(Error::Refused("the thread that asks them has panicked; this is a bug".into()))
        })
    }
}

/// What the thread has.
struct Asking {
    topics: Topics,
    stopped: mpsc::Receiver<()>,
    figures: Box<dyn Fn() -> Figures + Send>,
    lags: watch::Sender<Lags>,
    away: watch::Sender<Option<Box<str>>>,
    /// What has been logged of their being away.
    told: Option<&'static str>,
}

impl Asking {
    fn run(mut self, wanted: WantedTopics, there: &watch::Sender<bool>) -> Result<(), Error> {
        loop {
            match self.make_ready(wanted) {
                Ok(()) => break,
                Err(NotReady::Wrong(error)) => return Err(error),
                Err(NotReady::Away(reason)) => self.are_away(UNREACHABLE, &reason),
                Err(NotReady::Missing(reason)) => self.are_away(WITHOUT_TOPICS, &reason),
            }
            if self.is_stopped() {
                return Ok(());
            }
        }
        self.are_here();
        there.send_replace(true);
        for round in 0_u32.. {
            if self.is_stopped() {
                break;
            }
            if let Err(error) = self.topics.reach() {
                self.are_away(UNREACHABLE, &error.to_string());
                continue;
            }
            self.are_here();
            if round.is_multiple_of(LAGS_EVERY)
                && let Err(error) = self.look_at_lags()
            {
                // Leaders are moving, say. The last figures stay.
                tracing::debug!(%error, "how far tasks are behind is not known at this time");
            }
        }
        Ok(())
    }

    /// Makes the topics that are not there, if that is wanted, and looks at all of them.
    fn make_ready(&self, wanted: WantedTopics) -> Result<(), NotReady> {
        let needed = || needed(wanted);
        let mut wrong = self.topics.check_shapes(needed())?;
        let is_missing = |it: &Difference| matches!(it, Difference::Missing { .. });
        if wanted.create && wrong.iter().any(is_missing) {
            let created = self.topics.create(needed())?;
            tracing::info!(topics = created.len(), "topics were made");
            wrong = self.topics.check_shapes(needed())?;
        }
        let (missing, wrong): (Vec<_>, Vec<_>) = wrong.iter().partition(|it| is_missing(it));
        if !wrong.is_empty() {
            let words = wrong.iter().map(ToString::to_string).collect::<Vec<_>>();
            return Err(NotReady::Wrong(Error::Topics { differences: words.join("; ") }));
        }
        if !missing.is_empty() {
            return Err(NotReady::Missing(words_of_missing(&missing)));
        }
        match self.topics.check(needed()) {
            Ok(others) => others.iter().for_each(|other| {
                tracing::warn!("{other}");
            }),
            // Who may use the topics need not be allowed to see their settings.
            Err(error) => {
                tracing::warn!(%error, "how the topics are set is not known");
            }
        }
        Ok(())
    }

    /// Looks how far the tasks of this node are behind their inputs.
    fn look_at_lags(&self) -> Result<(), TopicsError> {
        let mut lags = Lags::new();
        for TaskFigures { task, positions, .. } in (self.figures)().tasks {
            for (topic, next) in positions {
                let end = self.topics.end(topic, task.partition)?;
                lags.insert((task, topic), end.0.saturating_sub(next.0));
            }
        }
        self.lags.send_replace(lags);
        Ok(())
    }

    fn are_here(&mut self) {
        if self.away.borrow().is_some() {
            tracing::info!("the brokers are there");
        }
        self.told = None;
        self.away.send_if_modified(|away| away.take().is_some());
    }

    fn are_away(&mut self, what: &'static str, reason: &str) {
        if self.told != Some(what) {
            tracing::warn!(reason, "{what}");
            self.told = Some(what);
        }
        self.away.send_replace(Some(reason.into()));
    }

    /// Waits until it is time to ask again. Says whether it never is.
    fn is_stopped(&self) -> bool {
        self.stopped.recv_timeout(EVERY) != Err(mpsc::RecvTimeoutError::Timeout)
    }
}

const UNREACHABLE: &str = "the brokers cannot be reached; the node waits for them";

const WITHOUT_TOPICS: &str = "topics are not there; the node waits for them";

/// How many topics that are not there are named.
const NAMED_MAX: usize = 3;

fn words_of_missing(missing: &[&Difference]) -> String {
    let names: Vec<_> = missing.iter().take(NAMED_MAX).map(|it| it.name()).collect();
    let others = match missing.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    format!(
        "{}{others} not there, or this user may not describe them: `tidelog topics create` makes what is not \
         there, and so does a node with --create-topics",
        names.join(", ")
    )
}

/// Why a node cannot begin.
enum NotReady {
    /// It is to wait for brokers.
    Away(String),
    /// It is to wait until somebody has made its topics.
    Missing(String),
    /// Waiting does not help.
    Wrong(Error),
}

impl From<TopicsError> for NotReady {
    fn from(error: TopicsError) -> Self {
        if error.is_refused() {
            Self::Wrong(Error::Refused(error.to_string()))
        } else {
            Self::Away(error.to_string())
        }
    }
}

/// The topics of all services, wherever they run, and of the gateways.
fn needed(wanted: WantedTopics) -> impl Iterator<Item = Topic> {
    let of_services = specs().flat_map(of_service);
    let all = of_services.chain([Topic::CompleteResponses, Topic::SchemaUpdates, Topic::Owners]);
    all.filter(move |topic| wanted.change_stream || !is_of_change_stream(*topic))
}
