//! The trace: a rolling hash over everything that happens, and its lines where somebody reads them.

use std::{
    fmt::{self, Debug},
    hash::{Hash, Hasher},
};

use xxhash_rust::xxh3::Xxh3;

/// What has happened in a run.
pub struct Trace {
    hash: Xxh3,
    events: u64,
    lines: Option<Vec<Line>>,
}

/// An event, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Microseconds of virtual time.
    pub at_us: u64,
    /// Where it happened: a machine, a partition.
    pub lane: Box<str>,
    /// What kind of event it was.
    pub what: &'static str,
    /// The event.
    pub detail: Box<str>,
    /// The hash of the trace with this event as its last one.
    pub hash: u64,
}

impl Trace {
    /// A trace without events, which keeps lines or does not.
    #[must_use]
    pub fn new(keeps_lines: bool) -> Self {
        Self { hash: Xxh3::new(), events: 0, lines: keeps_lines.then(Vec::new) }
    }

    /// Takes an event.
    pub fn event<E: Hash + Debug + ?Sized>(
        &mut self,
        at_us: u64,
        lane: &str,
        what: &'static str,
        event: &E,
    ) {
        self.events += 1;
        self.hash.write_u64(at_us);
        self.hash.write(lane.as_bytes());
        self.hash.write(what.as_bytes());
        event.hash(&mut self.hash);
        if let Some(lines) = &mut self.lines {
            let detail = format!("{event:?}").into();
            lines.push(Line { at_us, lane: lane.into(), what, detail, hash: self.hash.digest() });
        }
    }

    /// The hash of all events.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.digest()
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The lines, if they are kept.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        self.lines.as_deref().unwrap_or_default()
    }

    /// Takes the lines out.
    pub(crate) fn take_lines(&mut self) -> Vec<Line> {
        self.lines.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

impl Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("events", &self.events).field("hash", &self.hash()).finish()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.at_us / 1_000_000, self.at_us % 1_000_000);
        let Self { lane, what, detail, .. } = self;
        write!(f, "{seconds:>5}.{micros:06} {lane:<24} {what:<10} {detail}")
    }
}

/// Where two traces part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The number of the first event that differs, from 0.
    pub event: usize,
    /// What happened in the first trace, if it goes on so far.
    pub left: Option<Line>,
    /// What happened in the other.
    pub right: Option<Line>,
}

/// Finds the first event in which two kept traces differ.
#[must_use]
pub fn diverge(left: &[Line], right: &[Line]) -> Option<Divergence> {
    let same = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let (left, right) = (left.get(same), right.get(same));
    (left.is_some() || right.is_some()).then(|| Divergence {
        event: same,
        left: left.cloned(),
        right: right.cloned(),
    })
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |line: &Option<Line>| {
            line.as_ref().map_or_else(|| "(the trace has ended)".into(), Line::to_string)
        };
        write!(f, "event {} differs:\n  {}\n  {}", self.event, line(&self.left), line(&self.right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_every_part_of_every_event_and_on_their_order() {
        let hash = |events: &[(u64, &str, u32)]| trace(events).hash();
        let usual = hash(&[(1, "a", 1), (2, "b", 2)]);
        assert_eq!(usual, hash(&[(1, "a", 1), (2, "b", 2)]));
        for other in [
            &[(1, "a", 1), (2, "b", 3)][..],
            &[(1, "a", 1), (3, "b", 2)],
            &[(1, "a", 1), (2, "c", 2)],
            &[(2, "b", 2), (1, "a", 1)],
            &[(1, "a", 1)],
        ] {
            assert_ne!(usual, hash(other));
        }
        assert_eq!(trace(&[(1, "a", 1), (2, "b", 2)]).events(), 2);
    }

    #[test]
    fn the_first_event_that_differs_is_found() {
        let left = trace(&[(1, "a", 1), (2, "b", 2), (3, "c", 3)]);
        let right = trace(&[(1, "a", 1), (2, "b", 9), (3, "c", 3)]);
        assert_eq!(diverge(left.lines(), left.lines()), None);
        let found = diverge(left.lines(), right.lines()).expect("they differ");
        assert_eq!(found.event, 1);
        assert!(found.to_string().contains("event 1 differs"), "{found}");
        let shorter = diverge(left.lines(), &left.lines()[..2]).expect("one is shorter");
        assert_eq!((shorter.event, shorter.right), (2, None));
    }

    #[test]
    fn an_event_that_looks_alike_but_is_not_is_found_too() {
        let mut traces = [Trace::new(true), Trace::new(true)];
        traces[0].event(1, "a", "test", &Silent(1));
        traces[1].event(1, "a", "test", &Silent(2));
        assert!(diverge(traces[0].lines(), traces[1].lines()).is_some());
    }

    #[test]
    fn lines_are_kept_only_when_asked_for() {
        let mut trace = Trace::new(false);
        trace.event(1, "a", "test", &1);
        assert!(trace.lines().is_empty());
    }

    #[derive(Hash)]
    struct Silent(u32);

    impl Debug for Silent {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("it")
        }
    }

    fn trace(events: &[(u64, &str, u32)]) -> Trace {
        let mut trace = Trace::new(true);
        events.iter().for_each(|(at, lane, event)| trace.event(*at, lane, "test", event));
        trace
    }
}
