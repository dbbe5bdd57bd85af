//! Which rare states a run reaches.
//!
//! The product names them ([`Probe`]) and says through `tracing` when it is in one. A listener of a run
//! counts what it says, and nothing else: all other events are switched off where they are made.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tidelog_core::{Probe, probe::PROBE_TARGET};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::{DefaultGuard, Interest},
};

/// Counts the probes of one run. Clones count together.
#[derive(Clone)]
pub struct Probes(Arc<Counts>);

struct Counts {
    index: BTreeMap<&'static str, usize>,
    hits: Vec<AtomicU64>,
}

/// Where a probe can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// In a hunt: one that is long enough and does not reach it has a hole.
    Hunt,
    /// Not in the simulated home, for this reason.
    Elsewhere(&'static str),
}

impl Probes {
    /// Nothing is counted yet.
    #[must_use]
    pub fn new() -> Self {
        let names = Probe::ALL.iter().enumerate();
        let index = names.map(|(nth, probe)| (probe.name(), nth)).collect();
        let hits = Probe::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Counts { index, hits }))
    }

    /// Counts what this thread reaches, until the guard is dropped.
    #[must_use]
    pub fn listen(&self) -> DefaultGuard {
        tracing::subscriber::set_default(self.clone())
    }

    /// How often each was reached, zeros included.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let count = |(name, nth): (&&'static str, &usize)| {
            (*name, self.0.hits[*nth].load(Ordering::Relaxed))
        };
        self.0.index.iter().map(count).collect()
    }
}

/// Where a probe can be reached.
#[must_use]
pub fn reach(probe: Probe) -> Reach {
    ELSEWHERE
        .iter()
        .find(|(other, _)| *other == probe)
        .map_or(Reach::Hunt, |(_, why)| Reach::Elsewhere(why))
}

/// What no run can reach, or hardly any, and why.
const ELSEWHERE: [(Probe, &str); 8] = [
    (
        Probe::PartitionLost,
        "a member of the simulated group that loses a partition loses its session",
    ),
    (Probe::PartitionLostWithWork, "as partition-lost"),
    (Probe::InputLost, "no run lasts the days after which input is removed"),
    (Probe::ResponsesGone, "no run lasts the days after which responses are removed"),
    (
        Probe::PartitionRevokedUnrestored,
        "hardly ever is a task given away that has failed twice and waits: \
         `a_task_that_waits_to_be_restored_is_given_away_at_once`",
    ),
    (Probe::ClientNameChanged, "it takes 16,384 requests behind one that is stuck"),
    (
        Probe::LessonRepeated,
        "a lesson and the position that it came of are committed together: \
         `a_record_handled_again_changes_nothing`",
    ),
    (Probe::TimeoutCameToNothing, "no service asks for a timeout without need"),
];

impl Subscriber for Probes {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == PROBE_TARGET
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Hit(&self.0));
    }

    /// No span is enabled.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Reads which probe an event names.
struct Hit<'c>(&'c Counts);

impl Visit for Hit<'_> {
    fn record_str(&mut self, _: &Field, name: &str) {
        if let Some(nth) = self.0.index.get(name) {
            self.0.hits[*nth].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl Default for Probes {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.counts().iter().filter(|(_, count)| **count > 0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_reached_is_said_once() {
        for (nth, (probe, _)) in ELSEWHERE.iter().enumerate() {
            assert!(ELSEWHERE[..nth].iter().all(|(other, _)| other != probe), "{probe:?}");
        }
        assert_eq!(reach(Probe::ZoneEmptied), Reach::Hunt);
    }

    #[test]
    fn probes_are_counted_while_somebody_listens_and_nothing_else_is() {
        let (probes, others) = (Probes::new(), Probes::new());
        {
            let _guard = probes.listen();
            Probe::ZoneEmptied.hit();
            Probe::ZoneEmptied.hit_if(true);
            Probe::ReadFailed.hit_if(false);
            tracing::error!(probe = "read-failed", "another target");
            assert!(!tracing::enabled!(tracing::Level::ERROR), "all else is switched off");
        }
        Probe::ReadFailed.hit();
        assert_eq!(format!("{probes:?}"), r#"{"zone-emptied": 2}"#);
        assert_eq!(format!("{others:?}"), "{}");
        assert_eq!(probes.counts().len(), Probe::ALL.len(), "zeros included");
    }
}
