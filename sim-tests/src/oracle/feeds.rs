//! **Invariant.** A zone's feed is its committed changes, numbered 1, 2, 3 … without gaps. Whoever reads it by
//! page, or follows it, is given those of them that were asked for, as they are; one who goes on after a crash
//! goes on where it was, misses nothing and is given nothing twice. Changes are gone only that are older than
//! the last ones that are kept, and a follower is told so. The feed has one name for as long as it lives.
//!
//! Free is how much more is kept, for as long as not everybody was told of it, and how far a page goes that
//! was asked for without a position.

use std::collections::BTreeMap;

use tidelog_core::{
    PartitionId,
    query::{ChangeView, FeedView},
};

use super::Oracle;
use crate::{
    log::{effect, zone_events},
    model::zones::{Change, Feed, feeds},
    observed::{FollowEvent, Followed, Observed, PageSeen},
    violation::Violation,
};

pub(super) const ORACLE: Oracle = Oracle {
    name: "feeds",
    holds: "A zone's feed is its committed changes, each once, in order and without gaps.",
    check: look,
};

/// What is wrong: of which kind, and in words.
type Wrong = (&'static str, String);

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(watched) = &observed.watched else { return Vec::new() };
    let mut all = BTreeMap::new();
    for partition in 0..watched.partitions {
        all.extend(feeds(&zone_events(&observed.log, PartitionId(partition))));
    }
    let mut zones = Zones { all, kept: watched.limits.feed_changes, names: BTreeMap::new() };
    let mut found = Vec::new();
    for page in &observed.zones_seen.pages {
        if let Err((kind, what)) = zones.page(page) {
            let message = format!("step {}, {}: {what}", page.step, page.zone);
            found.push(Violation::new(ORACLE.name, kind, page.at_us, message));
        }
    }
    for follow in &observed.zones_seen.follows {
        if let Err((kind, what)) = zones.follow(follow) {
            let message = format!("step {}, {}: {what}", follow.step, follow.zone);
            found.push(Violation::new(ORACLE.name, kind, follow.at_us, message));
        }
    }
    found
}

struct Zones {
    all: BTreeMap<Box<str>, Feed>,
    kept: u64,
    /// What each zone's feed is named, as far as that was told.
    names: BTreeMap<Box<str>, u64>,
}

impl Zones {
    fn changes(&self, zone: &str) -> &[(u64, Change)] {
        self.all.get(zone).map_or(&[], Vec::as_slice)
    }

    /// The number of the last change that there is at the end of the run.
    fn last(&self, zone: &str) -> u64 {
        self.changes(zone).len() as u64
    }

    /// A feed has one name, and none before its first change.
    fn name(&mut self, zone: &str, feed: u64, last: u64) -> Result<(), Wrong> {
        if (feed == 0) != (last == 0) {
            return Err(("name", format!("the feed is named {feed} with {last} changes")));
        }
        let known = *self.names.entry(zone.into()).or_insert(feed);
        if known == 0 {
            self.names.insert(zone.into(), feed);
        } else if feed != 0 && feed != known {
            return Err(("name", format!("the feed is named {feed}, and was {known}")));
        }
        Ok(())
    }

    /// What a feed says of itself, and the changes that it gives.
    fn view(&mut self, zone: &str, view: &FeedView) -> Result<(), Wrong> {
        let FeedView { feed, oldest, last, ref changes } = *view;
        self.name(zone, feed, last)?;
        if last > self.last(zone) {
            return Err(("unasked", format!("it has {last} changes of {}", self.last(zone))));
        }
        if oldest == 0 || oldest > (last + 1).saturating_sub(self.kept).max(1) {
            let kept = self.kept;
            let what = format!("{oldest} is the oldest of {last}, and {kept} are to be kept");
            return Err(("forgotten", what));
        }
        for pair in changes.windows(2) {
            if pair[1].sequence != pair[0].sequence + 1 {
                return Err(("gap", format!("{:?} follows {:?}", pair[1], pair[0])));
            }
        }
        changes.iter().try_for_each(|change| self.change(zone, change))
    }

    fn change(&self, zone: &str, view: &ChangeView) -> Result<(), Wrong> {
        let nth = usize::try_from(view.sequence.saturating_sub(1)).unwrap_or(usize::MAX);
        let change = self.changes(zone).get(nth).map(|(_, change)| change);
        let is_it = change.is_some_and(|change| {
            view.sequence > 0
                && view.entity.as_str() == &*change.entity
                && effect(view.kind) == change.effect
                && view.revision.0 == change.revision
                && view.time.as_millis() == change.time_ms
        });
        if is_it { Ok(()) } else { Err(("another", format!("it says {view:?}, of {change:?}"))) }
    }

    fn page(&mut self, page: &PageSeen) -> Result<(), Wrong> {
        let PageSeen { zone, after, limit, at_least, view, .. } = page;
        self.view(zone, view)?;
        let known = at_least.map_or(0, |at| {
            self.changes(zone).iter().filter(|(offset, _)| *offset <= at).count() as u64
        });
        if view.last < known {
            return Err(("older", format!("it ends at {}, and {known} were known", view.last)));
        }
        let first = after.map_or(view.oldest, |after| after + 1);
        let is_there = (view.oldest..=view.last).contains(&first);
        let to_be = if is_there { (view.last - first + 1).min(*limit as u64) } else { 0 };
        let begins = view.changes.first().is_none_or(|change| change.sequence == first);
        if view.changes.len() as u64 == to_be && begins {
            return Ok(());
        }
        Err(("page", format!("it has {} changes from {first} on: {view:?}", view.changes.len())))
    }

    fn follow(&mut self, follow: &Followed) -> Result<(), Wrong> {
        let zone = &*follow.zone;
        let mut next = follow.token.map(|(_, after)| after + 1);
        if let Some((feed, after)) = follow.token {
            self.name(zone, feed, after)?;
        }
        for event in &follow.events {
            match event {
                FollowEvent::Changes(view) => {
                    self.view(zone, view)?;
                    let to_be = next.unwrap_or(view.oldest);
                    let (Some(first), Some(last)) = (view.changes.first(), view.changes.last())
                    else {
                        return Err(("nothing", "it is given no changes".into()));
                    };
                    if first.sequence != to_be {
                        let kind = if first.sequence < to_be { "twice" } else { "skipped" };
                        let what = format!("it is given {} after {}", first.sequence, to_be - 1);
                        return Err((kind, what));
                    }
                    next = Some(last.sequence + 1);
                }
                FollowEvent::UpToDate { feed, last } => {
                    self.name(zone, *feed, *last)?;
                    // One who is behind may say so of less than the follower knows.
                    if *last >= next.unwrap_or(1) {
                        let what = format!("it knows all up to {last}, and was not given it");
                        return Err(("skipped", what));
                    }
                    next = next.or(Some(1));
                }
                FollowEvent::Gap { feed, first, last } => {
                    self.name(zone, *feed, *last)?;
                    let is_gone = last + self.kept <= self.last(zone);
                    if next.is_some_and(|next| next != *first) || !is_gone || first > last {
                        let what = format!("{first} to {last} are gone, and {next:?} comes next");
                        return Err(("gap", what));
                    }
                    next = Some(last + 1);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tidelog_core::{Revision, Timestamp, message::UpdateKind};

    use super::*;
    use crate::oracle::build_zones::{change, observed};

    const EU: &str = "shop/orders/eu";

    #[test]
    fn it_passes_pages_and_followers_of_what_there_is() {
        let page = |after, limit, view| signatures(vec![(after, limit, None, view)], vec![]);
        assert_eq!(page(None, 9, view(1, 2, 1..=2)), [""; 0]);
        assert_eq!(page(None, 1, view(1, 2, 1..=1)), [""; 0]);
        assert_eq!(page(Some(2), 9, view(3, 5, 3..=5)), [""; 0]);
        let too_old = FeedView { changes: Vec::new(), ..view(3, 5, 3..=5) };
        assert_eq!(page(Some(1), 9, too_old), [""; 0]);
        assert_eq!(page(None, 9, empty()), [""; 0]);
        let follow = vec![
            FollowEvent::UpToDate { feed: 0, last: 0 },
            FollowEvent::Changes(view(1, 2, 1..=2)),
            FollowEvent::UpToDate { feed: 7, last: 2 },
        ];
        assert_eq!(followed(None, follow), [""; 0]);
        let again = vec![
            FollowEvent::Gap { feed: 7, first: 2, last: 2 },
            FollowEvent::Changes(view(3, 5, 3..=5)),
        ];
        assert_eq!(followed(Some((7, 1)), again), [""; 0]);
    }

    #[test]
    fn it_fails_pages_of_what_there_is_not() {
        let page = |after, limit, view| signatures(vec![(after, limit, None, view)], vec![]);
        assert_eq!(page(None, 9, view(1, 6, 1..=6)), ["feeds/unasked"]);
        assert_eq!(page(None, 9, view(1, 3, 1..=2)), ["feeds/page"]);
        assert_eq!(page(Some(1), 9, view(1, 3, 1..=3)), ["feeds/page"]);
        assert_eq!(page(None, 9, view(4, 5, 4..=5)), ["feeds/forgotten"]);
        let mut other = view(1, 2, 1..=2);
        other.changes[1].revision = Revision(9);
        assert_eq!(page(None, 9, other), ["feeds/another"]);
        let mut gap = view(1, 3, 1..=3);
        gap.changes.remove(1);
        assert_eq!(page(None, 9, gap), ["feeds/gap"]);
        let older = signatures(vec![(None, 9, Some(4), view(1, 2, 1..=2))], vec![]);
        assert_eq!(older, ["feeds/older"]);
        let named = FeedView { feed: 8, ..view(1, 2, 1..=2) };
        let two = vec![(None, 9, None, view(1, 2, 1..=2)), (None, 9, None, named)];
        assert_eq!(signatures(two, vec![]), ["feeds/name"]);
    }

    #[test]
    fn it_fails_followers_who_miss_something_or_are_given_it_twice() {
        let changes = |numbers| FollowEvent::Changes(view(1, 5, numbers));
        assert_eq!(followed(Some((7, 1)), vec![changes(3..=5)]), ["feeds/skipped"]);
        assert_eq!(followed(Some((7, 2)), vec![changes(2..=3)]), ["feeds/twice"]);
        assert_eq!(followed(None, vec![changes(1..=2), changes(4..=5)]), ["feeds/skipped"]);
        let late = FollowEvent::UpToDate { feed: 7, last: 3 };
        assert_eq!(followed(None, vec![changes(1..=2), late]), ["feeds/skipped"]);
        let gap = FollowEvent::Gap { feed: 7, first: 2, last: 3 };
        assert_eq!(followed(Some((7, 1)), vec![gap]), ["feeds/gap"]);
        assert_eq!(followed(Some((6, 1)), vec![changes(2..=2)]), ["feeds/name"]);
    }

    fn followed(token: Option<(u64, u64)>, events: Vec<FollowEvent>) -> Vec<String> {
        let follow = Followed { step: 1, at_us: 0, zone: EU.into(), token, events };
        signatures(vec![], vec![follow])
    }

    type Page = (Option<u64>, usize, Option<u64>, FeedView);

    fn signatures(pages: Vec<Page>, follows: Vec<Followed>) -> Vec<String> {
        let log = (0..5).map(|nth| change(nth, 1, &format!("{EU}/{}", nth + 1), 1)).collect();
        let mut observed = observed(log);
        let page = |(after, limit, at_least, view)| {
            let zone = EU.into();
            PageSeen { step: 1, at_us: 0, zone, after, limit, at_least, view }
        };
        observed.zones_seen.pages = pages.into_iter().map(page).collect();
        observed.zones_seen.follows = follows;
        look(&observed).into_iter().map(|it| it.signature.into()).collect()
    }

    fn empty() -> FeedView {
        FeedView { feed: 0, oldest: 1, last: 0, changes: Vec::new() }
    }

    fn view(oldest: u64, last: u64, numbers: std::ops::RangeInclusive<u64>) -> FeedView {
        let change = |sequence| ChangeView {
            sequence,
            entity: format!("{EU}/{sequence}").parse().expect("an entity"),
            kind: UpdateKind::Created,
            revision: Revision(1),
            time: Timestamp::from_millis(1_000),
        };
        FeedView { feed: 7, oldest, last, changes: numbers.map(change).collect() }
    }
}
