//! A pure home for one task of a machine: tables in memory, effects decoded, crashes at will.

mod build;
mod print;
mod tables;

pub(crate) use build::*;
pub(crate) use print::line;
pub(crate) use tables::{MemoryTables, dump_line};

use std::collections::BTreeMap;

use bytes::Bytes;
use tidelog_core::{
    Answer, Effects, Input, Layout, Message, Outgoing, Overlay, PartitionId, Position, Query,
    Service, Source, State, TableId, Timestamp, Topic, Wake, topic::Offset,
};

/// What comes to a machine.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "most are records")]
pub(crate) enum Step {
    /// A record with that append time.
    Record(Timestamp, Message),
    /// A timeout at that time.
    Timeout(Timestamp),
}

/// One task of a machine.
#[derive(Clone)]
pub(crate) struct Harness<S> {
    service: S,
    tables: MemoryTables,
    committed_time: Timestamp,
    pending: Overlay,
    task_time: Timestamp,
    partition: PartitionId,
}

/// All rows of a task.
pub(crate) type Rows = BTreeMap<(TableId, Bytes), Bytes>;

impl<S: Service> Harness<S> {
    pub(crate) fn new(service: S) -> Self {
        Self {
            service,
            tables: MemoryTables::default(),
            committed_time: Timestamp::ZERO,
            pending: Overlay::default(),
            task_time: Timestamp::ZERO,
            partition: PartitionId(0),
        }
    }

    /// The task of another partition than the first.
    pub(crate) fn of_partition(service: S, partition: PartitionId) -> Self {
        Self { partition, ..Self::new(service) }
    }

    pub(crate) fn service(&self) -> &S {
        &self.service
    }

    /// Handles a step, and gives what is sent as it goes into the log.
    pub(crate) fn sent(&mut self, offset: u64, step: &Step) -> Vec<Outgoing> {
        let (overlay, sends, task_time) = self.handled(offset, step);
        (self.pending, self.task_time) = (overlay, task_time);
        sends
    }

    /// Handles a step at an offset, twice from the same state: the same must come of it.
    pub(crate) fn step(&mut self, offset: u64, step: &Step) -> Vec<Message> {
        let (overlay, sends, task_time) = self.handled(offset, step);
        let (overlay_again, sends_again, _) = self.handled(offset, step);
        assert_eq!(overlay, overlay_again, "the same state and input give the same state");
        assert_eq!(sends, sends_again, "the same state and input give the same effects");
        (self.pending, self.task_time) = (overlay, task_time);
        sends.iter().map(|send| self.decoded(send)).collect()
    }

    /// Handles a step once, where there are thousands of them.
    pub(crate) fn quick_step(&mut self, offset: u64, step: &Step) -> Vec<Message> {
        let (overlay, sends, task_time) = self.handled(offset, step);
        (self.pending, self.task_time) = (overlay, task_time);
        sends.iter().map(|send| self.decoded(send)).collect()
    }

    /// Handles a record at an offset of its own.
    pub(crate) fn record(&mut self, time: Timestamp, message: Message) -> Vec<Message> {
        self.step(time.as_millis(), &Step::Record(time, message))
    }

    /// Makes real what was done since the last commit.
    pub(crate) fn commit(&mut self) {
        self.tables.apply(&std::mem::take(&mut self.pending));
        self.committed_time = self.task_time;
    }

    /// Loses what was done since the last commit.
    pub(crate) fn crash(&mut self) {
        self.pending = Overlay::default();
        self.task_time = self.committed_time;
    }

    pub(crate) fn query(&self, query: &Query) -> Answer {
        self.service.query(&self.state(), query)
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        self.service.poll_timeout(&self.state())
    }

    pub(crate) fn rows(&self) -> Rows {
        let mut tables = self.tables.clone();
        tables.apply(&self.pending);
        tables.rows
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: TableId) -> usize {
        self.rows().keys().filter(|(id, _)| *id == table).count()
    }

    pub(crate) fn state(&self) -> State<'_> {
        State::resume(&self.tables, None, self.pending.clone(), self.task_time)
    }

    /// What a step does, by one call as the runner makes it.
    pub(crate) fn handled(&self, offset: u64, step: &Step) -> (Overlay, Vec<Outgoing>, Timestamp) {
        let mut state = self.state();
        let mut effects = Effects::new(LAYOUT);
        effects.begin_call(None);
        match step {
            Step::Record(time, message) => {
                state.advance(*time);
                let position = Position {
                    topic: message.topic(),
                    partition: self.partition,
                    offset: Offset(offset),
                };
                let source = Source { position, time: *time };
                let input = Input::Record { source, message: message.clone() };
                self.service.handle(state.task_time(), input, &mut state, &mut effects);
            }
            Step::Timeout(now) => {
                self.service.handle(*now, Input::Timeout, &mut state, &mut effects);
            }
        }
        assert_eq!(state.fault(), None);
        let task_time = state.task_time();
        let overlay = state.into_overlay();
        for (table, ..) in overlay.iter() {
            assert!(self.service.spec().tables.contains(&table), "{table:?} is not in the spec");
        }
        (overlay, effects.take(), task_time)
    }

    fn decoded(&self, send: &Outgoing) -> Message {
        let outputs = self.service.spec().outputs;
        let is_output = outputs.contains(&send.topic) || send.topic == Topic::DeadLetters;
        assert!(is_output, "{} is not in the spec", send.topic);
        Message::decode(send.topic, &send.payload).expect("what a machine sends can be read")
    }
}

/// Runs a script and prints what comes of each step.
pub(crate) fn script<S: Service + Clone>(service: S, steps: &[Step]) -> String {
    let mut harness = Harness::new(service);
    let mut lines = Vec::new();
    for (offset, step) in (0..).zip(steps) {
        match step {
            Step::Record(time, message) => lines.push(format!("{time}: {}", line(message))),
            Step::Timeout(now) => lines.push(format!("{now}: timeout")),
        }
        lines.extend(harness.step(offset, step).iter().map(|sent| format!("  {}", line(sent))));
        harness.commit();
    }
    lines.iter().map(|line| wrapped(line)).collect::<Vec<_>>().join("\n")
}

/// The line, broken between words where it is long.
fn wrapped(line: &str) -> String {
    let mut text = String::new();
    let mut width = 0;
    for word in line.split_inclusive(' ') {
        if width + word.trim_end().len() > 92 {
            text.truncate(text.trim_end().len());
            text.push_str("\n        ");
            width = 8;
        }
        text.push_str(word);
        width += word.len();
    }
    text
}

/// Whatever is lost in a crash after any step, and done again, the state and the effects are those
/// of a run without crashes; and so they are however many steps a commit covers.
pub(crate) fn check_crashes<S: Service + Clone>(service: S, steps: &[Step]) {
    let mut calm = Harness::new(service.clone());
    let sent: Vec<_> = (0..).zip(steps).map(|(offset, step)| calm.step(offset, step)).collect();
    let mut crashing = Harness::new(service.clone());
    for ((offset, step), expected) in (0..).zip(steps).zip(&sent) {
        crashing.step(offset, step);
        crashing.crash();
        assert_eq!(crashing.step(offset, step), *expected, "after a crash at step {offset}");
        crashing.commit();
    }
    assert_eq!(crashing.rows(), calm.rows(), "rows after a crash at each step");
    for lost in 0..steps.len() {
        let mut harness = Harness::new(service.clone());
        let kept = lost / 2;
        for offset in (0..kept).map(|offset| offset as u64) {
            harness.step(offset, &steps[offset as usize]);
        }
        harness.commit();
        for (offset, step) in steps.iter().enumerate().take(lost + 1).skip(kept) {
            harness.step(offset as u64, step);
        }
        harness.crash();
        for ((offset, step), expected) in steps.iter().enumerate().zip(&sent).skip(kept) {
            assert_eq!(harness.step(offset as u64, step), *expected);
        }
        assert_eq!(harness.rows(), calm.rows(), "rows after {kept} to {lost} were lost");
    }
}

/// A record that is handled again right after the first time changes no row. Gives what is sent the
/// second time to `check`.
pub(crate) fn check_repeats<S: Service + Clone>(
    service: S,
    steps: &[Step],
    mut check: impl FnMut(&[Message], &[Message]),
) {
    let mut harness = Harness::new(service);
    for (offset, step) in (0..).zip(steps) {
        let first = harness.step(offset, step);
        harness.commit();
        let rows = harness.rows();
        let again = harness.step(offset, step);
        harness.commit();
        assert_eq!(harness.rows(), rows, "step {offset} again changes a row: {step:?}");
        check(&first, &again);
    }
}

pub(crate) const LAYOUT: Layout = Layout::new(4).expect("four partitions");
