//! Rounds: members join, and a new generation begins.

use std::collections::BTreeMap;

use super::{
    Append, Turn, record,
    state::{Group, Initial, Member, State},
};
use crate::wire::{ErrorCode, Generation, Instant, Reply};

impl Group {
    /// Begins a round, if none is under way.
    pub(super) fn rebalance(&mut self, turn: &mut Turn<'_>) {
        let now = turn.context.now.instant;
        let delay_ms = turn.context.config.group_initial_rebalance_delay_ms;
        match self.state {
            State::Preparing { .. } => {}
            State::Empty if delay_ms > 0 => {
                let remaining_ms = self.rebalance_ms().saturating_sub(delay_ms);
                let initial = Some(Initial { remaining_ms, has_grown: false });
                self.state = State::Preparing { until: now.plus_ms(delay_ms), initial };
            }
            State::Completing { .. } => {
                self.refuse_syncs(turn, ErrorCode::RebalanceInProgress);
                self.prepare(now);
            }
            State::Empty | State::Stable => self.prepare(now),
        }
        self.complete_if_all_joined(turn);
    }

    /// A member is gone: whoever stays shares what it had.
    pub(super) fn remove(&mut self, turn: &mut Turn<'_>, id: &str) {
        let Some(mut member) = self.members.remove(id) else { return };
        member.dismiss(turn, id, ErrorCode::UnknownMemberId);
        if let Some(instance) = &member.instance {
            self.instances.remove(instance);
        }
        if self.leader == id {
            self.leader = self.members.keys().next().cloned().unwrap_or_default();
        }
    }

    /// Removes members, then does what follows from it.
    pub(super) fn remove_all(&mut self, turn: &mut Turn<'_>, ids: &[String]) {
        for id in ids {
            self.remove(turn, id);
        }
        match self.state {
            State::Stable | State::Completing { .. } if !ids.is_empty() => self.rebalance(turn),
            State::Preparing { .. } => self.complete_if_all_joined(turn),
            State::Empty | State::Stable | State::Completing { .. } => {}
        }
    }

    /// Ends the round as soon as nobody is missing.
    pub(super) fn complete_if_all_joined(&mut self, turn: &mut Turn<'_>) {
        let State::Preparing { initial: None, .. } = self.state else { return };
        let is_missing = |member: &Member| member.joining.is_none();
        if self.promised.is_empty() && !self.members.values().any(is_missing) {
            self.complete(turn);
        }
    }

    /// What time brings: sessions end, rounds as well.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.context.now.instant;
        self.promised.retain(|_, until| *until > now);
        let is_silent = |it: &Member| it.session_end().is_some_and(|end| end <= now);
        let silent = self.members_that(is_silent);
        self.remove_all(turn, &silent);
        match self.state {
            State::Preparing { until, initial } if until <= now => self.time_is_up(turn, initial),
            State::Completing { until, .. } if until <= now => {
                let missing = self.members_that(|member| !member.has_synced);
                self.remove_all(turn, &missing);
                self.sync_time_is_up(now);
            }
            State::Preparing { .. } | State::Completing { .. } | State::Empty | State::Stable => {}
        }
        self.wake = self.next_deadline();
    }

    /// The assignor that all know and most prefer.
    pub(super) fn choose_protocol(&self) -> String {
        let known_to_all = |name: &String| {
            self.members.values().all(|it| it.protocols.iter().any(|(known, _)| known == name))
        };
        let mut votes: BTreeMap<&String, usize> = BTreeMap::new();
        for member in self.members.values() {
            let preferred =
                member.protocols.iter().map(|(name, _)| name).find(|it| known_to_all(it));
            let preferred = preferred.expect("nobody joins without an assignor that all know");
            *votes.entry(preferred).or_default() += 1;
        }
        let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
        most.map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// Whoever waits for an assignment does not get one.
    pub(super) fn refuse_syncs(&mut self, turn: &mut Turn<'_>, error: ErrorCode) {
        for member in self.members.values_mut() {
            member.assignment.clear();
            if let Some(token) = member.syncing.take() {
                member.heard = turn.context.now.instant;
                turn.reply(token, Reply::SyncGroup(Err(error)));
            }
        }
    }

    fn prepare(&mut self, now: Instant) {
        let until = now.plus_ms(self.rebalance_ms());
        self.state = State::Preparing { until, initial: None };
    }

    /// Waits on for as long as somebody new has come, within bounds.
    fn time_is_up(&mut self, turn: &mut Turn<'_>, initial: Option<Initial>) {
        match initial {
            Some(Initial { remaining_ms, has_grown: true }) if remaining_ms > 0 => {
                let configured_ms = turn.context.config.group_initial_rebalance_delay_ms;
                let delay_ms = configured_ms.min(remaining_ms);
                let remaining_ms = remaining_ms - delay_ms;
                let initial = Some(Initial { remaining_ms, has_grown: false });
                let until = turn.context.now.instant.plus_ms(delay_ms);
                self.state = State::Preparing { until, initial };
            }
            Some(_) | None => self.complete(turn),
        }
    }

    /// The assignment is being written: whoever came in time need not go.
    fn sync_time_is_up(&mut self, now: Instant) {
        if let State::Completing { until, is_saving } = self.state
            && until <= now
        {
            let until = now.plus_ms(self.rebalance_ms());
            self.state = State::Completing { until, is_saving };
        }
    }

    /// The round is over. Static members that did not come stay until their session ends.
    fn complete(&mut self, turn: &mut Turn<'_>) {
        let is_gone = |member: &Member| member.joining.is_none() && member.instance.is_none();
        for id in self.members_that(is_gone) {
            self.remove(turn, &id);
        }
        let has_joined = |id: &String| self.members.get(id).is_some_and(|it| it.joining.is_some());
        if !has_joined(&self.leader) {
            match self.members.keys().find(|id| has_joined(id)).cloned() {
                Some(leader) => self.leader = leader,
                None if self.members.is_empty() => self.leader = String::new(),
                None => return self.prepare(turn.context.now.instant),
            }
        }
        self.generation = Generation(self.generation.0 + 1);
        match self.members.is_empty() {
            true => self.become_empty(turn),
            false => self.begin_generation(turn),
        }
    }

    fn become_empty(&mut self, turn: &mut Turn<'_>) {
        self.state = State::Empty;
        self.since = turn.context.now.wall;
        self.protocol = String::new();
        let record = record::encode_group(&self.id, Some(&self.save(None)));
        turn.append(Append::Emptied, vec![record]);
    }

    fn begin_generation(&mut self, turn: &mut Turn<'_>) {
        let now = turn.context.now.instant;
        self.protocol = self.choose_protocol();
        let until = now.plus_ms(self.rebalance_ms());
        self.state = State::Completing { until, is_saving: false };
        let mut joined = Vec::new();
        for (id, member) in &mut self.members {
            member.has_synced = false;
            member.heard = if member.joining.is_some() { now } else { member.heard };
            joined.extend(member.joining.take().map(|token| (token, id.clone())));
        }
        for (token, id) in joined {
            turn.reply(token, Reply::JoinGroup(self.joined(&id)));
        }
    }

    fn members_that(&self, is_one: impl Fn(&Member) -> bool) -> Vec<String> {
        let those = self.members.iter().filter(|(_, member)| is_one(member));
        those.map(|(id, _)| id.clone()).collect()
    }
}
