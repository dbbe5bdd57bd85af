//! What tasks did, on its way into the log and their state.

use std::{sync::Arc, task::Waker};

use tidelog_core::{Overlay, port::TaskId};

use crate::{
    database::Progress,
    log::{Routed, State},
};

/// What one task did, ready to be done.
pub(crate) struct Prepared {
    pub(crate) id: TaskId,
    pub(crate) progress: Progress,
    pub(crate) rows: Arc<Overlay>,
    pub(crate) sends: Vec<Routed>,
}

impl State {
    /// Takes a commit that has been checked. Nothing in it can fail.
    pub(crate) fn commit(&mut self, prepared: Vec<Prepared>, wake: &mut Vec<Waker>) {
        self.commit_number += 1;
        self.has_progress = true;
        for Prepared { id, progress, rows, sends } in prepared {
            let task = self.tasks.get_mut(&id).expect("it was checked that it is there");
            task.progress = progress;
            task.is_dirty = true;
            task.pending.add(self.commit_number, &rows);
            self.backlog_bytes += rows.bytes();
            if !rows.is_empty() {
                self.commits.push((id, rows));
            }
            for record in sends {
                self.append(record, wake);
            }
        }
    }
}
