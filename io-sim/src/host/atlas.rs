//! What the brokers can bear: the faults that a cluster with three copies of everything is made for.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::{BrokerEpoch, BrokerId, Image};

/// Which brokers are not well, and until when. In a plan that is safe, at most a minority of them are
/// at any time, and of every partition there stays an in-sync copy that has lost nothing.
#[derive(Clone, Debug, Default)]
pub struct Atlas {
    brokers: BTreeSet<BrokerId>,
    unwell: BTreeMap<BrokerId, u64>,
    /// The brokers that have lost something, and as whom they were registered then.
    lost: BTreeMap<BrokerId, Option<BrokerEpoch>>,
    /// Until when the controller does not hear of brokers that are well.
    controller_out_until: u64,
}

impl Atlas {
    /// The atlas of those brokers, all of them well.
    #[must_use]
    pub fn new(brokers: impl IntoIterator<Item = BrokerId>) -> Self {
        Self { brokers: brokers.into_iter().collect(), ..Self::default() }
    }

    /// Whether a broker may be stopped, paused or cut off for some time.
    #[must_use]
    pub fn may_stop(&self, broker: BrokerId, image: Option<&Image>, now_ms: u64) -> bool {
        let down = 1 + self.unwell(image, now_ms).filter(|it| *it != broker).count();
        2 * down < self.brokers.len() || (self.brokers.len() == 1 && down == 1)
    }

    /// Whether a broker may lose what has not reached its disk.
    #[must_use]
    pub fn may_lose(&self, broker: BrokerId, image: Option<&Image>, now_ms: u64) -> bool {
        let Some(image) = image else { return false };
        if now_ms < self.controller_out_until {
            return false;
        }
        let unwell: BTreeSet<_> = self.unwell(Some(image), now_ms).collect();
        let is_other = |it: &BrokerId| *it != broker && !unwell.contains(it);
        self.may_stop(broker, Some(image), now_ms)
            && image.partitions().all(|(_, state)| state.in_sync.iter().any(is_other))
    }

    /// A broker is not well until then, and until it is in sync again.
    pub fn stopped(&mut self, broker: BrokerId, until_ms: u64) {
        let until = self.unwell.entry(broker).or_default();
        *until = until_ms.max(*until);
    }

    /// A broker loses what has not reached its disk. Until it is registered anew it counts as in sync
    /// where it may not be.
    pub fn loses(&mut self, broker: BrokerId, image: Option<&Image>) {
        let registered = image.and_then(|image| image.brokers.get(&broker));
        self.lost.insert(broker, registered.map(|it| it.epoch));
    }

    /// Whether the controller may be out of reach. While a broker has lost something it may not: those
    /// who have it could all be fenced before that one, who would then be the last in sync.
    #[must_use]
    pub fn may_stop_controller(&self, image: Option<&Image>, now_ms: u64) -> bool {
        !self.unwell(image, now_ms).any(|broker| self.lost.contains_key(&broker))
    }

    /// The controller is out of reach until then.
    pub fn controller_stopped(&mut self, until_ms: u64) {
        self.controller_out_until = self.controller_out_until.max(until_ms);
    }

    /// All brokers are well, and the controller is.
    pub fn heal(&mut self) {
        let brokers = std::mem::take(&mut self.brokers);
        *self = Self { brokers, ..Self::default() };
    }

    fn unwell<'a>(
        &'a self,
        image: Option<&'a Image>,
        now_ms: u64,
    ) -> impl Iterator<Item = BrokerId> + 'a {
        let is_unwell = move |broker: &BrokerId| {
            let Some(until) = self.unwell.get(broker) else { return false };
            let is_back = |image: &Image| {
                let registered = image.brokers.get(broker).map(|it| it.epoch);
                self.lost.get(broker).is_none_or(|lost| *lost != registered)
            };
            *until > now_ms
                || image.is_some_and(|image| !is_back(image) || !is_in_sync(image, *broker))
        };
        self.brokers.iter().copied().filter(is_unwell)
    }
}

/// Whether a broker is alive and in sync wherever it is a replica.
fn is_in_sync(image: &Image, broker: BrokerId) -> bool {
    let is_alive = image.brokers.get(&broker).is_some_and(|state| !state.fenced);
    is_alive
        && image
            .partitions()
            .all(|(_, state)| !state.replicas.contains(&broker) || state.in_sync.contains(&broker))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        BrokerEpoch, BrokerState, ImageVersion, Incarnation, LeaderEpoch, PartitionEpoch,
        PartitionState, TopicConfig, TopicState,
    };

    const ALL: [BrokerId; 3] = [BrokerId(1), BrokerId(2), BrokerId(3)];

    #[test]
    fn only_a_minority_is_ever_down() {
        let mut atlas = Atlas::new(ALL);
        let image = image(&ALL);
        assert!(atlas.may_stop(ALL[0], Some(&image), 0));
        atlas.stopped(ALL[0], 1000);
        assert!(!atlas.may_stop(ALL[1], Some(&image), 999));
        assert!(atlas.may_stop(ALL[0], Some(&image), 999), "it is down anyway");
        assert!(atlas.may_stop(ALL[1], Some(&image), 1000));
    }

    #[test]
    fn a_broker_is_well_again_when_it_is_in_sync() {
        let mut atlas = Atlas::new(ALL);
        atlas.stopped(ALL[0], 1000);
        assert!(!atlas.may_stop(ALL[1], Some(&image(&ALL[1..])), 5000));
        assert!(atlas.may_stop(ALL[1], Some(&image(&ALL)), 5000));
        atlas.stopped(ALL[2], 9000);
        atlas.heal();
        assert!(atlas.may_stop(ALL[1], Some(&image(&ALL[1..])), 5000));
    }

    #[test]
    fn the_last_copy_in_sync_loses_nothing() {
        let atlas = Atlas::new(ALL);
        assert!(atlas.may_lose(ALL[0], Some(&image(&ALL[..2])), 0));
        assert!(!atlas.may_lose(ALL[0], Some(&image(&ALL[..1])), 0));
        assert!(atlas.may_lose(ALL[1], Some(&image(&ALL[..1])), 0), "it has no copy to lose");
        assert!(!atlas.may_lose(ALL[0], None, 0), "where nothing is known, nothing is risked");
    }

    #[test]
    fn a_broker_that_has_lost_something_is_well_once_it_is_registered_anew() {
        let mut atlas = Atlas::new(ALL);
        let mut image = image(&ALL);
        atlas.stopped(ALL[2], 1000);
        atlas.loses(ALL[2], Some(&image));
        assert!(!atlas.may_stop(ALL[0], Some(&image), 5000), "nobody knows yet that it was away");
        assert!(!atlas.may_stop_controller(Some(&image), 5000));
        image.brokers.get_mut(&ALL[2]).expect("a broker").epoch = BrokerEpoch(7);
        assert!(atlas.may_stop(ALL[0], Some(&image), 5000));
        assert!(atlas.may_stop_controller(Some(&image), 5000));
    }

    #[test]
    fn nobody_loses_anything_while_the_controller_is_out_of_reach() {
        let mut atlas = Atlas::new(ALL);
        atlas.controller_stopped(1000);
        assert!(!atlas.may_lose(ALL[0], Some(&image(&ALL)), 999));
        assert!(atlas.may_stop(ALL[0], Some(&image(&ALL)), 999));
        assert!(atlas.may_lose(ALL[0], Some(&image(&ALL)), 1000));
    }

    #[test]
    fn a_single_broker_can_be_stopped_and_not_lose_anything() {
        let atlas = Atlas::new([ALL[0]]);
        assert!(atlas.may_stop(ALL[0], Some(&image(&ALL[..1])), 0));
        assert!(!atlas.may_lose(ALL[0], Some(&image(&ALL[..1])), 0));
    }

    fn image(in_sync: &[BrokerId]) -> Image {
        let state = PartitionState {
            replicas: ALL.to_vec(),
            in_sync: in_sync.to_vec(),
            leader: in_sync.first().copied(),
            leader_epoch: LeaderEpoch::default(),
            partition_epoch: PartitionEpoch::default(),
        };
        let topic = TopicState { config: TopicConfig::default(), partitions: vec![state] };
        let alive = BrokerState {
            epoch: BrokerEpoch::default(),
            incarnation: Incarnation::default(),
            fenced: false,
        };
        Image {
            version: ImageVersion::default(),
            brokers: ALL.iter().map(|broker| (*broker, alive)).collect(),
            topics: [("topic".into(), topic)].into(),
        }
    }
}
