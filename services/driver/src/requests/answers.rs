//! What the log and the services say about requests.

use tidelog_core::{
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
        // The parts of a batch are gathered by the response accumulator.
        if response.part.of != 1 {
            return;
        }
        let Some(slot) = self.slot(&response.request) else { return };
        let Some(entry) = self.entry(slot) else { return };
        let PartialResponse { request, answer, position, .. } = response;
        let reply = match entry.is_batch {
            true => Reply::Batch(BatchAnswered { request, parts: vec![Some(answer)] }),
            false => Reply::One(Answered { request, answer, position }),
        };
        self.end(slot, Ok(reply));
    }

    pub(super) fn complete(&mut self, response: CompleteResponse) {
        self.task_time = self.task_time.max(response.time);
        let Some(slot) = self.slot(&response.request) else { return };
        let Some(entry) = self.entry(slot) else { return };
        if !entry.is_batch {
            return;
        }
        let is_whole = response.is_whole();
        let CompleteResponse { request, parts, .. } = response;
        let reply = Ok(Reply::Batch(BatchAnswered { request, parts }));
        match is_whole {
            true => self.end(slot, reply),
            false => self.linger(slot, reply),
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
