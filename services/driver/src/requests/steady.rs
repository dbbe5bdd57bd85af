//! Time that goes on when the client's clock is set back.

use std::time::Duration;

use tidelog_core::Timestamp;

/// The time by which requests wait. It is the clock's until that is set back; from then on it is ahead of
/// it, so that no deadline moves away because somebody has set a clock.
#[derive(Debug, Default)]
pub(super) struct Steady {
    now: Timestamp,
    /// How far the clock has been set back, in all.
    ahead: Duration,
}

impl Steady {
    /// What time it is when the clock shows this.
    pub(super) fn tick(&mut self, clock: Timestamp) -> Timestamp {
        let now = self.at(clock);
        self.ahead += self.now.since(now);
        self.now = self.now.max(now);
        self.now
    }

    /// What time it will be when the clock shows this, if it is not set again.
    pub(super) fn at(&self, clock: Timestamp) -> Timestamp {
        clock.plus(self.ahead)
    }

    /// What the clock shows at a time.
    pub(super) fn clock(&self, time: Timestamp) -> Timestamp {
        time.minus(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_clock_is_set_back_and_follows_it_forward() {
        let mut steady = Steady::default();
        let shown = [1_000, 1_500, 200, 300, 250, 900, 9_000];
        let times = shown.map(|millis| steady.tick(Timestamp::from_millis(millis)).as_millis());
        assert_eq!(times, [1_000, 1_500, 1_500, 1_600, 1_600, 2_250, 10_350]);
        let clock = Timestamp::from_millis(9_500);
        assert_eq!(steady.clock(steady.at(clock)), clock);
    }
}
