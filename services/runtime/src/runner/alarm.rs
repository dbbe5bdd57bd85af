//! When a task wants its next timeout, and when it may have it.

use tidelog_core::{Offset, Timestamp, Topic, Wake};

/// The next timeout of a task.
#[derive(Debug)]
pub(super) struct Alarm {
    /// What the service said, if it has been asked since the state changed.
    wake: Option<Option<Wake>>,
    barrier: Option<Barrier>,
    /// Not before then, because the last one came to nothing.
    paused_until: Timestamp,
}

/// What is to be read before a timeout is given.
#[derive(Debug)]
struct Barrier {
    /// Holds for every deadline that had passed then.
    at: Timestamp,
    ends: Vec<(Topic, Offset)>,
}

/// What an alarm asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Nothing before then.
    Wait(Option<Timestamp>),
    /// The ends of the inputs at this time.
    Ends,
    /// Records up to the ends that were fetched.
    Records,
    /// The timeout.
    Ring(Wake),
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self { wake: None, barrier: None, paused_until: Timestamp::ZERO }
    }

    /// Whether the service is to be asked (again).
    pub(super) fn is_stale(&self) -> bool {
        self.wake.is_none()
    }

    /// Says that the state has changed, and with it perhaps the deadline.
    pub(super) fn changed(&mut self) {
        self.wake = None;
    }

    pub(super) fn set(&mut self, wake: Option<Wake>) {
        self.wake = Some(wake);
    }

    /// Takes the ends of the inputs as they were at `at` or later.
    pub(super) fn set_ends(&mut self, at: Timestamp, ends: Vec<(Topic, Offset)>) {
        self.barrier = Some(Barrier { at, ends });
    }

    pub(super) fn pause(&mut self, until: Timestamp) {
        self.paused_until = until;
    }

    /// What is to be done now, for a task that has read up to `positions`.
    pub(super) fn call(&self, now: Timestamp, positions: &[(Topic, Offset)]) -> Call {
        let Some(wake) = self.wake.flatten() else { return Call::Wait(None) };
        let due = wake.at.max(self.paused_until);
        if now < due {
            return Call::Wait(Some(due));
        }
        let Some(barrier) = self.barrier.as_ref().filter(|barrier| barrier.at >= wake.at) else {
            return Call::Ends;
        };
        let reached = |(topic, end): &(Topic, Offset)| {
            positions.iter().any(|(of, position)| of == topic && position >= end)
        };
        if barrier.ends.iter().all(reached) { Call::Ring(wake) } else { Call::Records }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_waits_for_its_time_then_for_the_ends_then_for_the_records() {
        let (topic, time) = (Topic::EntityPatches, Timestamp::from_millis);
        let mut alarm = Alarm::new();
        assert!(alarm.is_stale());
        assert_eq!(alarm.call(time(9), &[(topic, Offset(0))]), Call::Wait(None));
        let wake = Wake { at: time(10), reason: "a test" };
        alarm.set(Some(wake));
        assert_eq!(alarm.call(time(9), &[(topic, Offset(0))]), Call::Wait(Some(time(10))));
        assert_eq!(alarm.call(time(10), &[(topic, Offset(0))]), Call::Ends);
        alarm.set_ends(time(10), vec![(topic, Offset(3))]);
        assert_eq!(alarm.call(time(11), &[(topic, Offset(2))]), Call::Records);
        assert_eq!(alarm.call(time(11), &[(topic, Offset(3))]), Call::Ring(wake));
    }

    #[test]
    fn ends_that_were_fetched_before_a_deadline_do_not_count_for_it() {
        let (topic, time) = (Topic::EntityPatches, Timestamp::from_millis);
        let mut alarm = Alarm::new();
        alarm.set_ends(time(10), vec![(topic, Offset(3))]);
        alarm.set(Some(Wake { at: time(11), reason: "a test" }));
        assert_eq!(alarm.call(time(12), &[(topic, Offset(3))]), Call::Ends);
        alarm.set(Some(Wake { at: time(10), reason: "a test" }));
        assert!(matches!(alarm.call(time(12), &[(topic, Offset(3))]), Call::Ring(_)));
    }

    #[test]
    fn a_pause_puts_the_timeout_off() {
        let time = Timestamp::from_millis;
        let mut alarm = Alarm::new();
        alarm.set(Some(Wake { at: time(10), reason: "a test" }));
        alarm.pause(time(20));
        assert_eq!(alarm.call(time(15), &[]), Call::Wait(Some(time(20))));
        assert_eq!(alarm.call(time(20), &[]), Call::Ends);
    }
}
