//! What the log and the services say about requests.

use tidelog_core::{
    Timestamp,
    message::{CompleteResponse, PartialResponse},
    port::AppendOutcome,
};

use super::{
    Output, Reply, Requests, Slot, Told,
    entry::{Entry, InLog},
};
use crate::{
    answer::{Answered, BatchAnswered},
    error::Error,
};

impl<R> Requests<R> {
    pub(super) fn appended(&mut self, slots: Vec<Slot>, outcomes: Vec<AppendOutcome>) {
        let silent = std::iter::repeat_with(|| AppendOutcome::Unknown("nothing was said".into()));
        for (slot, outcome) in slots.into_iter().zip(outcomes.into_iter().chain(silent)) {
            let Some(entry) = self.entry(slot) else { continue };
            entry.is_being_appended = false;
            match outcome {
                AppendOutcome::Appended(_) => self.is_in_log(slot),
                AppendOutcome::Unknown(_) => entry.in_log = entry.in_log.max(InLog::Perhaps),
                AppendOutcome::Rejected(reason) if entry.in_log == InLog::No => {
                    self.end(slot, Err(Error::Rejected(reason)));
                }
                // An earlier sending may still be answered.
                AppendOutcome::Rejected(_) => {}
            }
        }
    }

    pub(super) fn partial(&mut self, response: PartialResponse) {
        self.task_time = self.task_time.max(response.time);
        let Some(slot) = self.slot(&response.request) else { return };
        let Some(entry) = self.entry(slot) else { return };
        let PartialResponse { request, part, answer, position, .. } = response;
        let reply = match &mut entry.gathering {
            // The parts of a batch are gathered by the response accumulator.
            Some(gathering) if part.of != 1 => {
                gathering.add(part, position);
                let Some(answered) = gathering.complete() else { return };
                Reply::Batch(answered)
            }
            Some(gathering) => {
                gathering.add(part, position);
                let parts = vec![Some(answer)];
                let positions = gathering.positions(&parts).unwrap_or_default();
                Reply::Batch(BatchAnswered { request, parts, positions })
            }
            None if part.of != 1 => return,
            None => Reply::One(Answered { request, answer, position }),
        };
        self.end(slot, Ok(reply));
    }

    pub(super) fn complete(&mut self, now: Timestamp, response: CompleteResponse) {
        self.task_time = self.task_time.max(response.time);
        let Some(slot) = self.slot(&response.request) else { return };
        let Some(entry) = self.entry(slot) else { return };
        let (is_whole, is_wanted) = (response.is_whole(), entry.reply.is_some());
        let Some(gathering) = &mut entry.gathering else { return };
        let CompleteResponse { request, parts, .. } = response;
        let positions = gathering.positions(&parts);
        let is_placed = positions.is_some();
        let answered = BatchAnswered { request, parts, positions: positions.unwrap_or_default() };
        match is_whole {
            true if is_placed || !is_wanted => self.end(slot, Ok(Reply::Batch(answered))),
            true => self.update(slot, |entry| {
                if let Some(gathering) = &mut entry.gathering {
                    gathering.hold(now, answered);
                }
            }),
            false => self.linger(slot, Ok(Reply::Batch(answered))),
        }
    }

    fn is_in_log(&mut self, slot: Slot) {
        let mut waiting = None;
        self.update(slot, |entry| waiting = entry.appended());
        if let Some(reply) = waiting
            && let Some(id) = self.id(slot)
        {
            self.outputs.push(Output::Tell(reply, Told::Appended(id)));
        }
    }

    /// Hands an incomplete answer out, and keeps the number incomplete.
    fn linger(&mut self, slot: Slot, answer: Result<Reply, Error>) {
        let Some(entry) = self.entry(slot) else { return };
        let token = entry.token;
        let (reply, is_first) = (entry.reply.take(), entry.append.is_some());
        self.tokens.remove(&token);
        self.lingering += usize::from(is_first);
        self.update(slot, Entry::linger);
        if let Some(reply) = reply {
            self.tell(reply, answer);
        }
    }
}
