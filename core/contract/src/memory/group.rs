//! Who owns which partition of a service.

use std::collections::{BTreeMap, VecDeque};

use tidelog_core::{Layout, PartitionId};

/// The members of a service's group, in the order in which they joined.
#[derive(Debug)]
pub(super) struct Group {
    layout: Layout,
    members: BTreeMap<u64, Member>,
    owners: BTreeMap<PartitionId, Owner>,
    names: u64,
}

/// An ownership. Its epoch tells it from every other one of the same partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) member: u64,
    pub(super) epoch: u64,
    revoking: bool,
}

/// What a member is to be told.
#[derive(Clone, Copy, Debug)]
pub(super) enum News {
    Assigned(PartitionId, u64),
    Revoked(PartitionId),
    Lost(PartitionId),
}

#[derive(Debug, Default)]
struct Member {
    news: VecDeque<News>,
}

impl Group {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, members: BTreeMap::new(), owners: BTreeMap::new(), names: 0 }
    }

    pub(super) fn join(&mut self, two_owners: bool) -> u64 {
        let member = self.name();
        self.members.insert(member, Member::default());
        if two_owners {
            self.owners.clear();
        }
        self.balance();
        member
    }

    /// Takes a member out. `keeps` is a flaw: its partitions stay with it.
    pub(super) fn leave(&mut self, member: u64, keeps: bool) {
        self.members.remove(&member);
        if !keeps {
            self.owners.retain(|_, owner| owner.member != member);
        }
        self.balance();
    }

    /// Takes everybody out.
    pub(super) fn evict(&mut self) {
        self.members.clear();
        self.owners.clear();
    }

    pub(super) fn is_member(&self, member: u64) -> bool {
        self.members.contains_key(&member)
    }

    pub(super) fn news(&mut self, member: u64) -> Option<News> {
        self.members.get_mut(&member)?.news.pop_front()
    }

    pub(super) fn owner(&self, partition: PartitionId) -> Option<Owner> {
        self.owners.get(&partition).copied()
    }

    pub(super) fn owns(&self, member: u64, partition: PartitionId, epoch: u64) -> bool {
        self.owner(partition).is_some_and(|it| it.member == member && it.epoch == epoch)
    }

    pub(super) fn release(&mut self, member: u64, partition: PartitionId, epoch: u64) {
        if self.owns(member, partition, epoch) {
            self.owners.remove(&partition);
            self.balance();
        }
    }

    /// Asks the owner for a partition.
    pub(super) fn revoke(&mut self, partition: PartitionId) {
        let Some(owner) = self.owners.get_mut(&partition).filter(|owner| !owner.revoking) else {
            return;
        };
        owner.revoking = true;
        if let Some(member) = self.members.get_mut(&owner.member) {
            member.news.push_back(News::Revoked(partition));
        }
    }

    /// Takes a partition from its owner without asking.
    pub(super) fn lose(&mut self, partition: PartitionId) {
        let Some(owner) = self.owners.remove(&partition) else { return };
        if let Some(member) = self.members.get_mut(&owner.member) {
            member.news.push_back(News::Lost(partition));
        }
        self.balance();
    }

    /// Deals the partitions out: those without owner are assigned, those of the wrong one revoked.
    fn balance(&mut self) {
        let members: Vec<_> = self.members.keys().copied().collect();
        if members.is_empty() {
            return;
        }
        for (index, partition) in self.layout.all().enumerate() {
            let target = members[index % members.len()];
            match self.owner(partition) {
                None => {
                    let epoch = self.name();
                    let owner = Owner { member: target, epoch, revoking: false };
                    self.owners.insert(partition, owner);
                    let news = News::Assigned(partition, epoch);
                    self.members.entry(target).or_default().news.push_back(news);
                }
                Some(owner) if owner.member != target => self.revoke(partition),
                Some(_) => {}
            }
        }
    }

    fn name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }
}
