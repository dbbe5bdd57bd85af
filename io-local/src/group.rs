//! Consumer groups: which session owns which partition of a service.

use tidelog_core::PartitionId;

/// The members of a service's group and what they own.
#[derive(Debug)]
pub(crate) struct Group {
    /// The members' sessions, by age.
    members: Vec<u64>,
    owners: Vec<Owner>,
}

/// Who owns a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    Session(u64),
    /// It has been asked to release it.
    Leaving(u64),
}

/// What a group tells a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Assigned(PartitionId),
    Revoked(PartitionId),
    Lost(PartitionId),
}

impl Group {
    pub(crate) fn new(partitions: u32) -> Self {
        Self { members: Vec::new(), owners: vec![Owner::Nobody; partitions as usize] }
    }

    /// Takes a session in, and says whom to tell what.
    pub(crate) fn join(&mut self, session: u64) -> Vec<(u64, News)> {
        self.members.push(session);
        self.balance()
    }

    /// Lets a session go, with all that it owns.
    pub(crate) fn leave(&mut self, session: u64) -> Vec<(u64, News)> {
        self.members.retain(|member| *member != session);
        for owner in &mut self.owners {
            if owner.session() == Some(session) {
                *owner = Owner::Nobody;
            }
        }
        self.balance()
    }

    /// Takes everything from all members, who do not know of it yet.
    pub(crate) fn evict(&mut self) -> Vec<(u64, News)> {
        self.members.clear();
        let mut news = Vec::new();
        for (id, owner) in (0..).map(PartitionId).zip(&mut self.owners) {
            let lost = std::mem::replace(owner, Owner::Nobody).session();
            news.extend(lost.map(|session| (session, News::Lost(id))));
        }
        news
    }

    /// Whether a session is a member.
    pub(crate) fn has(&self, session: u64) -> bool {
        self.members.contains(&session)
    }

    /// Whether a partition has an owner.
    pub(crate) fn is_owned(&self, partition: PartitionId) -> bool {
        self.owners[partition.0 as usize].session().is_some()
    }

    /// Takes a partition back from its owner.
    pub(crate) fn release(&mut self, session: u64, partition: PartitionId) -> Vec<(u64, News)> {
        if !self.owns(session, partition) {
            return Vec::new();
        }
        self.owners[partition.0 as usize] = Owner::Nobody;
        self.balance()
    }

    /// Whether a session owns a partition.
    pub(crate) fn owns(&self, session: u64, partition: PartitionId) -> bool {
        self.owners[partition.0 as usize].session() == Some(session)
    }

    /// Brings every member to its share, moving as little as possible.
    fn balance(&mut self) -> Vec<(u64, News)> {
        let mut news = Vec::new();
        let Some(base) = self.owners.len().checked_div(self.members.len()) else { return news };
        let mut larger = self.owners.len() % self.members.len();
        let mut by_held: Vec<_> =
            self.members.iter().map(|member| (self.held(*member), *member)).collect();
        by_held.sort_by_key(|(held, _)| std::cmp::Reverse(*held));
        let mut wanting = Vec::new();
        for (held, member) in by_held {
            let share = base + usize::from(larger > 0);
            larger = larger.saturating_sub(1);
            let mut seen = 0;
            for (id, owner) in (0..).map(PartitionId).zip(&mut self.owners) {
                if *owner != Owner::Session(member) {
                    continue;
                }
                seen += 1;
                if seen > share {
                    *owner = Owner::Leaving(member);
                    news.push((member, News::Revoked(id)));
                }
            }
            wanting.extend(std::iter::repeat_n(member, share.saturating_sub(held)));
        }
        for (id, owner) in (0..).map(PartitionId).zip(&mut self.owners) {
            if *owner == Owner::Nobody
                && let Some(member) = wanting.pop()
            {
                *owner = Owner::Session(member);
                news.push((member, News::Assigned(id)));
            }
        }
        news
    }

    fn held(&self, member: u64) -> usize {
        self.owners.iter().filter(|owner| **owner == Owner::Session(member)).count()
    }
}

impl Owner {
    fn session(self) -> Option<u64> {
        match self {
            Self::Nobody => None,
            Self::Session(session) | Self::Leaving(session) => Some(session),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_second_member_gets_half_once_it_is_released() {
        let mut group = Group::new(4);
        assert_eq!(group.join(1).len(), 4);
        let news = group.join(2);
        assert_eq!(news, [(1, News::Revoked(PartitionId(2))), (1, News::Revoked(PartitionId(3)))]);
        assert_eq!(group.release(1, PartitionId(2)), [(2, News::Assigned(PartitionId(2)))]);
        assert!(group.owns(1, PartitionId(3)));
        assert_eq!(group.leave(1).len(), 3);
        assert!(group.owns(2, PartitionId(0)));
    }

    #[test]
    fn evicted_members_own_nothing_and_are_told() {
        let mut group = Group::new(2);
        group.join(1);
        group.join(2);
        group.release(1, PartitionId(1));
        let news = group.evict();
        assert_eq!(news, [(1, News::Lost(PartitionId(0))), (2, News::Lost(PartitionId(1)))]);
        assert!(!group.has(1) && !group.owns(1, PartitionId(0)));
        assert_eq!(group.join(3).len(), 2);
    }

    proptest! {
        #[test]
        fn every_partition_finds_one_owner_and_shares_are_even(
            partitions in 1u32..12,
            steps in proptest::collection::vec((0u8..3, 0u64..5), 1..40),
        ) {
            let mut group = Group::new(partitions);
            let mut members: Vec<u64> = Vec::new();
            for (step, session) in steps {
                let mut news = match step {
                    0 if !members.contains(&session) => {
                        members.push(session);
                        group.join(session)
                    }
                    1 if members.contains(&session) => {
                        members.retain(|member| *member != session);
                        group.leave(session)
                    }
                    2 if session == 0 => {
                        members.clear();
                        group.evict()
                    }
                    _ => continue,
                };
                while let Some((session, told)) = news.pop() {
                    if let News::Revoked(partition) = told {
                        news.extend(group.release(session, partition));
                    }
                }
                for owner in &group.owners {
                    prop_assert_eq!(owner.session().is_some(), !members.is_empty());
                }
                let shares: Vec<_> = members.iter().map(|member| group.held(*member)).collect();
                let spread = shares.iter().max().zip(shares.iter().min());
                prop_assert!(spread.is_none_or(|(max, min)| max - min <= 1), "{:?}", shares);
            }
        }
    }
}
