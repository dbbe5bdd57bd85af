//! Being told that something has happened, without asking again and again.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{self, Either};
use tidelog_core::{
    DeviceId, PartitionId, Position, Probe, Timestamp, Topic, ZoneId,
    query::{FeedView, NotificationsView},
};

use crate::{
    connection::{Over, Seen},
    driver::Driver,
    error::Error,
};

/// Tells that there is something new under one key of a topic.
#[derive(Debug)]
pub struct Follower {
    driver: Driver,
    topic: Topic,
    partition: PartitionId,
    seen: Seen,
}

impl Follower {
    pub(crate) fn new(driver: Driver, topic: Topic, partition: PartitionId, seen: Seen) -> Self {
        Self { driver, topic, partition, seen }
    }

    /// Waits until there is something that was not told yet, and gives its position; nothing, if there is
    /// none by `until`.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionLost`] if the driver's connection has ended.
    pub async fn changed(&mut self, until: Timestamp) -> Result<Option<Position>, Error> {
        let next = pin!(self.seen.next());
        let offset = match future::select(next, self.driver.clock().wait_until(until)).await {
            Either::Left((Ok(offset), _)) => offset,
            Either::Left((Err(Over), _)) => return Err(Error::ConnectionLost),
            Either::Right(_) => return Ok(None),
        };
        let (topic, partition) = (self.topic, self.partition);
        Ok(offset.map(|offset| Position { topic, partition, offset }))
    }
}

/// The changes of a zone from some number on, for as long as somebody wants them.
#[derive(Debug)]
pub struct ZoneTail {
    driver: Driver,
    zone: ZoneId,
    after: Option<u64>,
    follower: Option<Follower>,
    at_least: Option<Position>,
    is_behind: bool,
    pause: Pause,
}

/// What a [`ZoneTail`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZoneEvent {
    /// The next changes, without gaps: those of a part of the feed, which others may have too.
    Changes(Arc<FeedView>),
    /// All changes have been told that there are, and those that come will be.
    UpToDate {
        /// What tells the feed from that of the same zone in another log.
        feed: u64,
        /// The number of the last change.
        last: u64,
    },
    /// Changes are gone that were not told: the feed does not keep them any more.
    Gap {
        /// What tells the feed from that of the same zone in another log.
        feed: u64,
        /// The first number that is gone.
        first: u64,
        /// The last one.
        last: u64,
    },
}

impl ZoneTail {
    /// Tells the changes after the number `after`, or from the oldest that is kept.
    #[must_use]
    pub fn new(driver: Driver, zone: ZoneId, after: Option<u64>) -> Self {
        let (follower, at_least) = (None, None);
        Self { driver, zone, after, follower, at_least, is_behind: true, pause: Pause::FIRST }
    }

    /// The next event; nothing, if there is none by `until`. What is waited for can be dropped at any
    /// time: nothing is lost by that.
    ///
    /// # Errors
    ///
    /// If the zone's task cannot be asked. It can be asked again.
    pub async fn next(&mut self, until: Timestamp) -> Result<Option<ZoneEvent>, Error> {
        loop {
            if self.follower.is_none() {
                self.follower = Some(self.driver.follow_zone(&self.zone).await?);
            }
            let deadline = self.driver.now().plus(ASKED_WITHIN);
            let (driver, zone) = (&self.driver, &self.zone);
            let view = driver.shared_changes(zone, self.after, self.at_least, deadline).await?;
            if let Some(event) = self.take(view) {
                return Ok(Some(event));
            }
            let Some(follower) = &mut self.follower else { continue };
            let look_again = self.driver.now().plus(self.pause.next());
            self.at_least = follower.changed(look_again.min(until)).await?;
            if self.at_least.is_none() && self.driver.now() >= until {
                return Ok(None);
            }
        }
    }

    fn take(&mut self, view: Arc<FeedView>) -> Option<ZoneEvent> {
        let FeedView { feed, oldest, last, ref changes } = *view;
        let next = self.after.map_or(oldest, |after| after.saturating_add(1));
        if next < oldest {
            self.after = Some(oldest - 1);
            self.is_behind = true;
            Probe::FollowerMissedChanges.hit();
            return Some(ZoneEvent::Gap { feed, first: next, last: oldest - 1 });
        }
        if let Some(change) = changes.last() {
            self.after = Some(change.sequence);
            return Some(ZoneEvent::Changes(view));
        }
        self.after = Some(next - 1);
        std::mem::take(&mut self.is_behind).then_some(ZoneEvent::UpToDate { feed, last })
    }
}

/// What a device is told, from some number on, for as long as somebody wants it.
#[derive(Debug)]
pub struct DeviceTail {
    driver: Driver,
    device: DeviceId,
    after: u64,
    follower: Option<Follower>,
    pause: Pause,
}

impl DeviceTail {
    /// Tells what has a higher number than `after`.
    #[must_use]
    pub fn new(driver: Driver, device: DeviceId, after: u64) -> Self {
        Self { driver, device, after, follower: None, pause: Pause::FIRST }
    }

    /// What the device has not read, as soon as something of that has a number that was not told yet; the
    /// zones that it tells are those of which that is so. Nothing, if there is none by `until`.
    ///
    /// # Errors
    ///
    /// If the device's task cannot be asked. It can be asked again.
    pub async fn next(&mut self, until: Timestamp) -> Result<Option<NotificationsView>, Error> {
        loop {
            if self.follower.is_none() {
                self.follower = Some(self.driver.follow_device(&self.device).await?);
            }
            let deadline = self.driver.now().plus(ASKED_WITHIN);
            let mut view = self.driver.notifications(&self.device, None, deadline).await?;
            if view.last > self.after {
                view.zones.retain(|zone| zone.number > self.after);
                self.after = view.last;
                return Ok(Some(view));
            }
            let Some(follower) = &mut self.follower else { continue };
            let look_again = self.driver.now().plus(self.pause.next());
            let seen = follower.changed(look_again.min(until)).await?;
            if seen.is_none() && self.driver.now() >= until {
                return Ok(None);
            }
        }
    }
}

/// How long a task may take to answer.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

/// How long nothing is asked while nothing is told.
///
/// A record may have come just before its partition was followed, and be read by its task only after the
/// task was asked. So it is asked again soon after, and then ever more rarely.
#[derive(Clone, Copy, Debug)]
struct Pause(Duration);

impl Pause {
    const FIRST: Self = Self(Duration::from_millis(10));
    const LAST: Self = Self(Duration::from_secs(30));

    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LAST.0);
        pause
    }
}
