//! The clocks of a machine: they start together, drift, and are set.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use madsim::time::TimeHandle;
use tidelog_core::Timestamp;

use crate::{
    sim::{lock, micros},
    wire::{self, Instant, Now},
};

/// When every run begins by clocks that are right: 2026-01-01T00:00:00Z.
pub const BEGINNING: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A machine's clocks: a monotonic one, and one for the wall, which can be set. Clones are handles to
/// the same clocks.
#[derive(Clone)]
pub struct Clock(Arc<Shared>);

struct Shared {
    time: TimeHandle,
    state: Mutex<State>,
}

/// How the clocks stood at some moment of virtual time, and how they go since.
#[derive(Clone, Copy, Debug)]
struct State {
    at_us: u64,
    monotonic_us: u64,
    wall_us: u64,
    /// By how much all clocks have leaped.
    leaped_us: u64,
    drift_ppm: i32,
}

/// The greatest drift: a tenth of the time.
const DRIFT_PPM_MAX: i32 = 100_000;

impl Clock {
    pub(crate) fn new(time: &TimeHandle, leaped_us: u64) -> Self {
        let at_us = micros(time.elapsed());
        let wall_us = BEGINNING.as_millis() * 1000 + at_us + leaped_us;
        let state = State { at_us, monotonic_us: at_us, wall_us, leaped_us, drift_ppm: 0 };
        Self(Arc::new(Shared { time: time.clone(), state: Mutex::new(state) }))
    }

    /// What both clocks show.
    #[must_use]
    pub fn now(&self) -> Now {
        let state = self.read();
        let wall = wire::Timestamp(state.wall_us / 1000);
        Now { instant: Instant(state.monotonic_us), wall }
    }

    /// What the monotonic clock shows.
    #[must_use]
    pub fn instant(&self) -> Instant {
        self.now().instant
    }

    /// What the clock on the wall shows, as the ports have it.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.now().wall.0)
    }

    /// Waits until the monotonic clock shows that time. Waits at least a millisecond.
    pub fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send + 'static + use<> {
        let clock = self.clone();
        async move { clock.wait(|state| at.0.saturating_sub(state.monotonic_us)).await }
    }

    /// Waits for as long as the clock on the wall has to go until then, not at all if it shows that time.
    /// Setting it ends no wait early and makes none longer, as with timers that run for a length of time.
    pub fn sleep_until_wall(
        &self,
        at: Timestamp,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let state = self.read();
        let left_us = at.as_millis().saturating_mul(1000).saturating_sub(state.wall_us);
        let until = self.sleep_until(Instant(state.monotonic_us.saturating_add(left_us)));
        async move {
            if left_us > 0 {
                until.await;
            }
        }
    }

    /// Waits for some time by the monotonic clock.
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.sleep_until(Instant(self.instant().0.saturating_add(micros(time))))
    }

    /// Sets the clock on the wall forward, or back where that is negative.
    pub fn step(&self, by_ms: i64) {
        self.change(|state| {
            state.wall_us = state.wall_us.saturating_add_signed(by_ms.saturating_mul(1000));
        });
    }

    /// Lets the clocks gain so many microseconds a second from now on, or lose them.
    pub fn drift(&self, ppm: i32) {
        self.change(|state| state.drift_ppm = ppm.clamp(-DRIFT_PPM_MAX, DRIFT_PPM_MAX));
    }

    /// Lets the clocks go as they should, and sets the one on the wall right.
    pub fn set_right(&self) {
        self.change(|state| {
            state.wall_us = BEGINNING.as_millis() * 1000 + state.at_us + state.leaped_us;
            state.drift_ppm = 0;
        });
    }

    /// So much time has passed at once, here as everywhere.
    pub(crate) fn leap(&self, by_us: u64) {
        self.change(|state| {
            state.wall_us += by_us;
            state.leaped_us += by_us;
        });
    }

    async fn wait(&self, left_us: impl FnOnce(&State) -> u64) {
        let state = self.read();
        let left_us = state.virtual_us(left_us(&state));
        self.0.time.sleep(Duration::from_micros(left_us)).await;
    }

    fn read(&self) -> State {
        lock(&self.0.state).at(micros(self.0.time.elapsed()))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.0.state);
        *state = state.at(micros(self.0.time.elapsed()));
        change(&mut state);
    }
}

impl State {
    fn at(self, at_us: u64) -> Self {
        let passed = at_us - self.at_us;
        let passed = if self.drift_ppm == 0 {
            passed
        } else {
            let rate = u128::from(MILLION.saturating_add_signed(self.drift_ppm));
            let shown = u128::from(passed) * rate / u128::from(MILLION);
            u64::try_from(shown).expect("a tenth more than a time that fits")
        };
        let (monotonic_us, wall_us) = (self.monotonic_us + passed, self.wall_us + passed);
        Self { at_us, monotonic_us, wall_us, ..self }
    }

    /// How long it is until the clocks have gone so far: rounded up, so that they have.
    fn virtual_us(self, shown_us: u64) -> u64 {
        if self.drift_ppm == 0 {
            return shown_us;
        }
        let rate = u128::from(MILLION.saturating_add_signed(self.drift_ppm));
        let left = (u128::from(shown_us) * u128::from(MILLION)).div_ceil(rate);
        u64::try_from(left).unwrap_or(u64::MAX)
    }
}

const MILLION: u32 = 1_000_000;

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Options, Sim};

    #[test]
    fn a_clock_that_is_right_shows_virtual_time() {
        run(|clock| async move {
            let begun = clock.now();
            clock.sleep(Duration::from_secs(10)).await;
            let now = clock.now();
            assert!((10_000..10_002).contains(&now.instant.ms_since(begun.instant)));
            assert!((10_000..10_002).contains(&(now.wall.0 - begun.wall.0)));
            assert!(clock.wall() > BEGINNING);
        });
    }

    #[test]
    fn a_clock_that_drifts_gains_or_loses() {
        run(|clock| async move {
            let right = clock.clone();
            for ppm in [50_000, -50_000] {
                clock.drift(ppm);
                let (begun, at) = (clock.instant(), lock(&right.0.state).at_us);
                right.0.time.sleep(Duration::from_secs(100)).await;
                let shown = clock.instant().ms_since(begun);
                let expected = 100_000 + i64::from(ppm) / 10;
                assert!(shown.abs_diff(expected.unsigned_abs()) < 3, "{shown} since {at}");
            }
        });
    }

    #[test]
    fn a_step_moves_the_wall_clock_alone() {
        run(|clock| async move {
            let begun = clock.now();
            clock.step(5_000);
            assert_eq!(clock.now().wall.0 - begun.wall.0, 5_000);
            clock.step(-9_000);
            assert_eq!(begun.wall.0 - clock.now().wall.0, 4_000);
            assert_eq!(clock.now().instant, begun.instant);
            clock.set_right();
            assert_eq!(clock.now(), begun);
        });
    }

    #[test]
    fn whoever_waits_for_a_time_is_not_woken_before_the_clock_shows_it() {
        run(|clock| async move {
            clock.drift(-80_000);
            let at = clock.instant().plus_ms(1_500);
            clock.sleep_until(at).await;
            assert!(clock.instant() >= at);
            let wall = clock.wall().plus(Duration::from_secs(2));
            clock.sleep_until_wall(wall).await;
            assert!(clock.wall() >= wall);
        });
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_wait_longer() {
        run(|clock| async move {
            let begun = clock.instant();
            let wait = clock.sleep_until_wall(clock.wall().plus(Duration::from_secs(2)));
            clock.step(-300_000);
            wait.await;
            assert!((2_000..2_010).contains(&clock.instant().ms_since(begun)));
        });
    }

    #[test]
    fn a_leap_is_the_same_for_all_clocks_and_stays_when_they_are_set_right() {
        let hour = Duration::from_secs(3_600);
        Sim::run(Options::calm(1), async |sim: Sim| {
            let early = sim.machine(wire::Node::Controller).clock().clone();
            let begun = early.now();
            early.step(-7);
            sim.leap(hour);
            early.set_right();
            let late = sim.machine(wire::Node::Broker(wire::BrokerId(1))).clock().clone();
            assert_eq!(early.wall(), late.wall());
            assert_eq!(early.now().wall.0 - begun.wall.0, 3_600_000);
            assert_eq!(early.instant(), begun.instant, "nobody has waited");
        })
        .outcome
        .expect("a test that holds");
    }

    fn run<F: Future<Output = ()>>(test: impl FnOnce(Clock) -> F + Send) {
        let run = Sim::run(Options::calm(1), |sim| async move {
            test(Clock::new(sim.time(), 0)).await;
        });
        assert_eq!(run.outcome, Ok(()));
    }
}
