//! What happens by itself with time: transactions that are open for too long are aborted, ids that
//! nobody uses are forgotten.

use super::{
    Answer, TransactionCoordinator, Turn,
    state::{State, Transaction},
};

impl TransactionCoordinator {
    /// Aborts the transactions that are overdue, and fences their producers.
    pub(super) fn abort_overdue(&mut self, turn: &mut Turn<'_>) {
        let now = turn.context.now.wall;
        for (id, next) in self.idle(|it| it.is_overdue(now).then(|| it.fence(now))) {
            self.change(turn, &id, Some(next), Answer::Nobody);
        }
        self.schedule_scan(turn);
    }

    /// Forgets the ids that nobody uses.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) {
        let (now, limit) =
            (turn.context.now.wall, turn.context.config.transactional_id_expiration_ms);
        for (id, ()) in self.idle(|it| it.is_idle_for(limit, now).then_some(())) {
            self.change(turn, &id, None, Answer::Nobody);
        }
        self.schedule_expiry(turn);
    }

    /// Looks for overdue transactions at intervals, while any is open.
    pub(super) fn schedule_scan(&mut self, turn: &Turn<'_>) {
        if self.scan_at.is_some() {
            return;
        }
        let mut known = self.entries.values().filter_map(|entry| entry.current.as_ref());
        if known.any(|it| it.state == State::Ongoing) {
            let interval = turn.context.config.transaction_abort_interval_ms;
            self.scan_at = Some(turn.context.now.instant.plus_ms(interval));
        }
    }

    pub(super) fn schedule_expiry(&mut self, turn: &Turn<'_>) {
        let interval = turn.context.config.transactional_id_expiration_ms.min(EXPIRY_SCAN_MS);
        self.expire_at = Some(turn.context.now.instant.plus_ms(interval));
    }

    /// What `pick` finds among the ids about which nothing is being written.
    fn idle<T>(&self, pick: impl Fn(&Transaction) -> Option<T>) -> Vec<(String, T)> {
        let idle = self.entries.iter().filter(|(_, entry)| entry.pending.is_none());
        idle.filter_map(|(id, entry)| Some((id.clone(), pick(entry.current.as_ref()?)?))).collect()
    }
}

/// `transaction.remove.expired.transaction.cleanup.interval.ms`.
const EXPIRY_SCAN_MS: u64 = 60 * 60 * 1000;
