//! One task: a partition's tables, and what has been done since the last commit.

use std::sync::Arc;

use bytes::Bytes;
use tidelog_core::{
    Effects, Input, Layout, Message, Offset, Overlay, PartitionId, Position, ReadFault, Service,
    Source, State, Tables, Timestamp, Topic, Wake,
    message::DecodeError,
    port::{Record, Restored, TaskCommit},
};

/// A task as the runner holds it.
pub(crate) struct Task<T> {
    partition: PartitionId,
    tables: T,
    positions: Vec<(Topic, Offset)>,
    task_time: Timestamp,
    /// The rows of the commit under way.
    in_flight: Option<Arc<Overlay>>,
    overlay: Overlay,
    effects: Effects,
    /// Whether the positions have moved since the last commit.
    has_moved: bool,
    /// When the service wants to be called.
    pub(crate) wake: Option<Wake>,
    /// What must have been read before the timeout that is due can be told.
    pub(crate) due: Option<Vec<(Topic, Offset)>>,
}

/// Why a record could not be handled.
pub(crate) enum Halt {
    /// It is of a newer format: the task stops until there is a newer node.
    Newer(DecodeError),
    /// A table could not be read: nothing since the last commit is worth anything.
    Fault(ReadFault),
}

impl<T: Tables> Task<T> {
    pub(crate) fn new(partition: PartitionId, restored: Restored<T>, layout: Layout) -> Self {
        let Restored { tables, positions, task_time } = restored;
        Self {
            partition,
            tables,
            positions,
            task_time,
            in_flight: None,
            overlay: Overlay::default(),
            effects: Effects::new(layout),
            has_moved: false,
            wake: None,
            due: None,
        }
    }

    /// Handles one record.
    pub(crate) fn record<S: Service + ?Sized>(
        &mut self,
        service: &S,
        topic: Topic,
        record: &Record,
    ) -> Result<(), Halt> {
        let position = Position { topic, partition: self.partition, offset: record.offset };
        let source = Source { position, time: record.time };
        let next = self.next(topic);
        assert!(record.offset >= *next, "{position} comes after {next} was to be read");
        *next = record.offset.next();
        self.has_moved = true;
        match Message::decode(topic, &record.payload) {
            Ok(message) => self.call(service, Input::Record { source, message }, record.time),
            Err(error @ DecodeError::NewerVersion(_)) => Err(Halt::Newer(error)),
            Err(error) => {
                self.task_time = self.task_time.max(record.time);
                self.set_aside(service, source, &error, &record.key, &record.payload);
                Ok(())
            }
        }
    }

    /// Tells the service that its deadline has passed.
    pub(crate) fn timeout<S: Service + ?Sized>(
        &mut self,
        service: &S,
        now: Timestamp,
    ) -> Result<(), Halt> {
        self.due = None;
        self.call(service, Input::Timeout, now)
    }

    /// Asks the service when it wants to be called.
    pub(crate) fn ask_wake<S: Service + ?Sized>(&mut self, service: &S) -> Result<(), Halt> {
        let overlay = std::mem::take(&mut self.overlay);
        let in_flight = self.in_flight.as_deref();
        let state = State::resume(&self.tables, in_flight, overlay, self.task_time);
        let wake = service.poll_timeout(&state);
        let fault = state.fault();
        self.overlay = state.into_overlay();
        if wake != self.wake {
            self.due = None;
        }
        self.wake = wake;
        fault.map_or(Ok(()), |fault| Err(Halt::Fault(fault)))
    }

    /// Whether everything has been read that was there when the deadline passed.
    pub(crate) fn has_reached(&self, ends: &[(Topic, Offset)]) -> bool {
        ends.iter().all(|(topic, end)| {
            self.positions.iter().any(|(input, position)| input == topic && position >= end)
        })
    }

    /// Whether there is anything to commit, be it positions alone.
    pub(crate) fn has_work(&self) -> bool {
        self.has_moved || self.has_effects()
    }

    /// Whether there is anything to commit that somebody may wait for.
    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty() || !self.overlay.is_empty()
    }

    /// The bytes that a commit would write.
    pub(crate) fn bytes(&self) -> usize {
        self.effects.bytes() + self.overlay.bytes()
    }

    /// What is to be committed; it is under way from now on.
    pub(crate) fn begin_commit(&mut self) -> TaskCommit {
        assert!(self.in_flight.is_none(), "a task has one commit under way");
        let rows = Arc::new(std::mem::take(&mut self.overlay));
        self.in_flight = Some(Arc::clone(&rows));
        self.has_moved = false;
        TaskCommit {
            partition: self.partition,
            positions: self.positions.clone(),
            task_time: self.task_time,
            rows,
            sends: self.effects.take(),
        }
    }

    /// The commit under way is real.
    pub(crate) fn committed(&mut self) {
        self.in_flight = None;
    }

    fn call<S: Service + ?Sized>(
        &mut self,
        service: &S,
        input: Input,
        time: Timestamp,
    ) -> Result<(), Halt> {
        let is_record = matches!(input, Input::Record { .. });
        let overlay = std::mem::take(&mut self.overlay);
        let in_flight = self.in_flight.as_deref();
        let mut state = State::resume(&self.tables, in_flight, overlay, self.task_time);
        if is_record {
            state.advance(time);
        }
        let now = if is_record { state.task_time() } else { time };
        self.effects.begin_call();
        service.handle(now, input, &mut state, &mut self.effects);
        let fault = state.fault();
        self.task_time = state.task_time();
        self.overlay = state.into_overlay();
        fault.map_or(Ok(()), |fault| Err(Halt::Fault(fault)))
    }

    fn set_aside<S: Service + ?Sized>(
        &mut self,
        service: &S,
        source: Source,
        reason: &DecodeError,
        key: &Bytes,
        payload: &Bytes,
    ) {
        let name = service.spec().name;
        tracing::warn!(service = %name, position = %source.position, %reason, "set a record aside");
        self.effects.begin_call();
        self.effects.dead_letter(name, source, reason, key, payload);
    }

    fn next(&mut self, topic: Topic) -> &mut Offset {
        let found = self.positions.iter_mut().find(|(input, _)| *input == topic);
        &mut found.expect("a record comes from an input of its service").1
    }
}
