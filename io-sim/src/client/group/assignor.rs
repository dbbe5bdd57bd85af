//! Dealing partitions out as `cooperative-sticky` does: balanced, with as few moves as that allows, and
//! nothing to a new owner before the old one has given it away.

use std::collections::{BTreeMap, BTreeSet};

/// What a member says it owns, as of the generation in which it was given that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) generation: i32,
    pub(crate) partitions: BTreeSet<u32>,
}

/// The partitions of each member for the next generation. What is to move from one member to another
/// is missing: its old owner finds that it is to give it away, and the round after that gives it to the
/// new one.
pub(crate) fn assign<M: Ord + Clone>(
    claims: &BTreeMap<M, Claim>,
    partitions: u32,
) -> BTreeMap<M, BTreeSet<u32>> {
    let owned = settle(claims, partitions);
    let mut target = deal(&owned, partitions);
    let owners: BTreeMap<u32, &M> =
        owned.iter().flat_map(|(member, of)| of.iter().map(move |it| (*it, member))).collect();
    for (member, partitions) in &mut target {
        partitions.retain(|it| owners.get(it).is_none_or(|owner| *owner == member));
    }
    target
}

/// What each member owns beyond doubt: of two that claim a partition, the one that was given it later;
/// of two in the same generation, none.
fn settle<M: Ord + Clone>(
    claims: &BTreeMap<M, Claim>,
    partitions: u32,
) -> BTreeMap<M, BTreeSet<u32>> {
    let is_best = |member: &M, partition: u32| {
        let of = |claim: &Claim| claim.partitions.contains(&partition).then_some(claim.generation);
        let mine = claims.get(member).and_then(of);
        claims.iter().all(|(other, claim)| other == member || of(claim) < mine)
    };
    claims
        .iter()
        .map(|(member, claim)| {
            let claimed = claim.partitions.iter().copied();
            let owned = claimed.filter(|it| *it < partitions && is_best(member, *it));
            (member.clone(), owned.collect())
        })
        .collect()
}

/// Gives every partition to a member: each keeps of its own what its share allows.
fn deal<M: Ord + Clone>(
    owned: &BTreeMap<M, BTreeSet<u32>>,
    partitions: u32,
) -> BTreeMap<M, BTreeSet<u32>> {
    let members = u32::try_from(owned.len()).unwrap_or(u32::MAX);
    if members == 0 {
        return BTreeMap::new();
    }
    let (share, mut larger) = ((partitions / members) as usize, partitions % members);
    let mut target = BTreeMap::new();
    let mut free: BTreeSet<u32> = (0..partitions).collect();
    for (member, mine) in owned {
        let quota = if mine.len() > share && larger > 0 {
            larger -= 1;
            share + 1
        } else {
            share
        };
        let kept: BTreeSet<u32> = mine.iter().copied().take(quota).collect();
        free.retain(|it| !kept.contains(it));
        target.insert(member.clone(), kept);
    }
    for mine in target.values_mut() {
        let quota = match mine.len().cmp(&share) {
            std::cmp::Ordering::Less | std::cmp::Ordering::Equal if larger > 0 => {
                larger -= 1;
                share + 1
            }
            std::cmp::Ordering::Less => share,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => mine.len(),
        };
        while mine.len() < quota
            && let Some(next) = free.pop_first()
        {
            mine.insert(next);
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn claims(of: &[(&'static str, i32, &[u32])]) -> BTreeMap<&'static str, Claim> {
        let claim = |(member, generation, partitions): &(&'static str, i32, &[u32])| {
            let partitions = partitions.iter().copied().collect();
            (*member, Claim { generation: *generation, partitions })
        };
        of.iter().map(claim).collect()
    }

    fn assigned(of: &[(&'static str, &[u32])]) -> BTreeMap<&'static str, BTreeSet<u32>> {
        of.iter().map(|(member, of)| (*member, of.iter().copied().collect())).collect()
    }

    #[test]
    fn one_member_gets_everything() {
        let next = assign(&claims(&[("a", -1, &[])]), 4);
        assert_eq!(next, assigned(&[("a", &[0, 1, 2, 3])]));
    }

    #[test]
    fn a_second_member_waits_until_the_first_has_given_its_share_away() {
        let next = assign(&claims(&[("a", 1, &[0, 1, 2, 3]), ("b", -1, &[])]), 4);
        assert_eq!(next, assigned(&[("a", &[0, 1]), ("b", &[])]));
        let next = assign(&claims(&[("a", 2, &[0, 1]), ("b", 2, &[])]), 4);
        assert_eq!(next, assigned(&[("a", &[0, 1]), ("b", &[2, 3])]));
    }

    #[test]
    fn what_a_member_leaves_is_given_out_at_once() {
        let next = assign(&claims(&[("b", 3, &[2, 3])]), 4);
        assert_eq!(next, assigned(&[("b", &[0, 1, 2, 3])]));
    }

    #[test]
    fn of_two_claims_the_later_one_holds_and_of_equal_ones_none() {
        let next = assign(&claims(&[("a", 1, &[0, 1]), ("b", 2, &[0])]), 2);
        assert_eq!(next, assigned(&[("a", &[1]), ("b", &[0])]));
        let next = assign(&claims(&[("a", 2, &[0]), ("b", 2, &[0])]), 2);
        assert_eq!(next, assigned(&[("a", &[0]), ("b", &[1])]));
    }

    proptest! {
        #[test]
        fn rounds_end_with_every_partition_given_out_evenly(
            claimed in vec((0..4i32, vec(0..9u32, 0..9)), 1..5),
            partitions in 1..9u32,
        ) {
            let claim = |(generation, partitions): (i32, Vec<u32>)| {
                Claim { generation, partitions: partitions.into_iter().collect() }
            };
            let mut claims: BTreeMap<usize, Claim> =
                claimed.into_iter().map(claim).enumerate().collect();
            for generation in 10..12 {
                let before = settle(&claims, partitions);
                let next = assign(&claims, partitions);
                for (member, given) in &next {
                    let others = before.iter().filter(|(other, _)| *other != member);
                    for (_, owned) in others {
                        prop_assert!(owned.is_disjoint(given), "given away before it was free");
                    }
                }
                claims = next
                    .into_iter()
                    .map(|(member, partitions)| (member, Claim { generation, partitions }))
                    .collect();
            }
            let sizes: Vec<_> = claims.values().map(|claim| claim.partitions.len()).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), partitions as usize);
            let (least, most) = (sizes.iter().min(), sizes.iter().max());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1));
        }
    }
}
