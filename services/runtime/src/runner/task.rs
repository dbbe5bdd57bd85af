//! A task: the tables of one partition, and what has been done to them since the last commit.

use std::{mem, sync::Arc};

use tidelog_core::{
    Effects, Input, Layout, Message, Offset, Overlay, Position, Probe, ReadFault, Service, Source,
    State, Tables, Timestamp, Topic, TraceContext, Wake,
    message::DecodeError,
    port::{Record, Restored, TaskCommit, TaskId},
};
use tracing::warn;

use super::{
    alarm::{Alarm, Call},
    totals::Totals,
};

pub(super) struct Task<T> {
    pub(super) id: TaskId,
    pub(super) alarm: Alarm,
    tables: T,
    /// For each input, the offset to be read next.
    positions: Vec<(Topic, Offset)>,
    task_time: Timestamp,
    /// What a commit under way writes. Tables need not show it before they must.
    in_flight: Option<Arc<Overlay>>,
    overlay: Overlay,
    effects: Effects,
    records: usize,
    /// Since when there is something to commit.
    since: Option<Timestamp>,
    is_stopped: bool,
}

/// Why a task does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    /// The record is of a newer release. Nothing was done about it.
    Newer(Position, DecodeError),
    /// A read failed. Nothing since the last commit is worth anything.
    Fault(ReadFault),
}

impl<T: Tables> Task<T> {
    pub(super) fn new(id: TaskId, layout: Layout, restored: Restored<T>) -> Self {
        Self {
            id,
            alarm: Alarm::new(),
            tables: restored.tables,
            positions: restored.positions,
            task_time: restored.task_time,
            in_flight: None,
            overlay: Overlay::default(),
            effects: Effects::new(layout),
            records: 0,
            since: None,
            is_stopped: false,
        }
    }

    /// Has a record handled, or sets it aside.
    pub(super) fn handle(
        &mut self,
        service: &(impl Service + ?Sized),
        topic: Topic,
        record: &Record,
        now: Timestamp,
    ) -> Result<(), Halt> {
        let at = Position { topic, partition: self.id.partition, offset: record.offset };
        let message = match Message::decode(topic, &record.payload) {
            Err(error @ DecodeError::NewerVersion(_)) => return Err(Halt::Newer(at, error)),
            outcome => outcome,
        };
        self.move_to(at);
        self.since.get_or_insert(now);
        self.records += 1;
        let source = Source { position: at, time: record.time };
        let task_time = self.task_time;
        let id = self.id;
        self.call(record.trace, |state, effects| {
            state.advance(record.time);
            let now = state.task_time();
            assert!(now >= task_time, "the time of {id} went back from {task_time} to {now}");
            match message {
                Ok(message) => {
                    service.handle(now, Input::Record { source, message }, state, effects);
                }
                Err(error) => {
                    Probe::RecordSetAside.hit();
                    warn!(task = %id, %at, %error, "a record is set aside as a dead letter");
                    effects.dead_letter(id.service, source, error, &record.key, &record.payload);
                }
            }
        })
        .map_err(Halt::Fault)
    }

    /// Gives the service its timeout. Says whether anything came of it.
    pub(super) fn ring(
        &mut self,
        service: &(impl Service + ?Sized),
        now: Timestamp,
    ) -> Result<bool, ReadFault> {
        self.call(None, |state, effects| service.handle(now, Input::Timeout, state, effects))?;
        let did_something = self.has_effects();
        if did_something {
            self.since.get_or_insert(now);
        }
        Ok(did_something)
    }

    /// Asks the service when it wants its next timeout, if that may have changed.
    pub(super) fn ask(
        &mut self,
        service: &(impl Service + ?Sized),
    ) -> Result<Option<Wake>, ReadFault> {
        let wake = self.state(|state, _| service.poll_timeout(state))?;
        self.alarm.set(wake);
        Ok(wake)
    }

    /// What the alarm asks for.
    pub(super) fn alarm_call(&self, now: Timestamp) -> Call {
        if self.is_stopped { Call::Wait(None) } else { self.alarm.call(now, &self.positions) }
    }

    /// What the task has to commit, if it did anything. From here on that is in flight.
    pub(super) fn commit(&mut self) -> Option<TaskCommit> {
        self.since.take()?;
        self.records = 0;
        let rows = Arc::new(mem::take(&mut self.overlay));
        let before = self.in_flight.replace(Arc::clone(&rows));
        assert!(before.is_none(), "{} has a commit under way already", self.id);
        Some(TaskCommit {
            partition: self.id.partition,
            positions: self.positions.clone(),
            task_time: self.task_time,
            rows,
            sends: self.effects.take(),
        })
    }

    /// What was in flight is real. Says whether anything was.
    pub(super) fn committed(&mut self) -> bool {
        self.in_flight.take().is_some()
    }

    /// Whether a commit under way covers the task.
    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Reads nothing from here on. What was done so far is still to be committed.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    pub(super) fn totals(&self) -> Totals {
        Totals {
            records: self.records,
            bytes: self.effects.bytes() + self.overlay.bytes(),
            effects: self.has_effects(),
            since: self.since,
        }
    }

    fn has_effects(&self) -> bool {
        !self.effects.is_empty() || !self.overlay.is_empty()
    }

    fn move_to(&mut self, at: Position) {
        let position = self.positions.iter_mut().find(|(topic, _)| *topic == at.topic);
        let Some((_, position)) = position else { panic!("{at} is of no input of {}", self.id) };
        assert!(at.offset >= *position, "{} was to read {position} next, not {at}", self.id);
        *position = at.offset.next();
    }

    /// A call of the service that may change something.
    fn call(
        &mut self,
        trace: Option<TraceContext>,
        call: impl FnOnce(&mut State<'_>, &mut Effects),
    ) -> Result<(), ReadFault> {
        self.alarm.changed();
        self.effects.begin_call(trace);
        self.state(call)
    }

    fn state<R>(
        &mut self,
        call: impl FnOnce(&mut State<'_>, &mut Effects) -> R,
    ) -> Result<R, ReadFault> {
        let overlay = mem::take(&mut self.overlay);
        let in_flight = self.in_flight.as_deref();
        let mut state = State::resume(&self.tables, in_flight, overlay, self.task_time);
        let result = call(&mut state, &mut self.effects);
        let fault = state.fault();
        Probe::ReadFailed.hit_if(fault.is_some());
        self.task_time = state.task_time();
        self.overlay = state.into_overlay();
        fault.map_or(Ok(result), Err)
    }
}
