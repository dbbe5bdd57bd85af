//! Learning from what comes.

use tidelog_core::{
    CollectionId, Effects, Message, Probe, Revision, Source, State, message::Lesson,
};
use tidelog_schema::Model;

use super::{
    Pace, SPEC, openings, publishing,
    rows::{LEARNERS, Learner, MODELS, SOURCES, SourceKey},
};
use crate::set_aside::set_aside;

/// Learns from a lesson, unless it is known, or of an epoch that is over.
pub(super) fn take(
    pace: Pace,
    source: Source,
    lesson: Lesson,
    state: &mut State<'_>,
    effects: &mut Effects,
) {
    let (key, number) = SourceKey::of(lesson.source);
    if state.get(&SOURCES, &key).is_some_and(|last| number <= last) {
        Probe::LessonRepeated.hit();
        return;
    }
    state.put(&SOURCES, &key, &number);
    let Some(learner) = in_epoch(state, &lesson.collection, lesson.epoch) else {
        Probe::LessonTooLate.hit();
        return;
    };
    let model = state.get_kept(&MODELS, &lesson.collection).unwrap_or_default();
    match model.learn(lesson.before.as_ref(), lesson.after.as_ref(), lesson.time) {
        Ok(model) => state.put_kept(&MODELS, &lesson.collection, model),
        Err(error) => {
            return set_aside(SPEC.name, source, &Message::Lesson(lesson), error, effects);
        }
    }
    if openings::is_open(state, &lesson.collection, lesson.epoch) {
        publishing::schedule(pace, state, &lesson.collection, learner);
    } else {
        Probe::LearnedDuringWalks.hit();
    }
}

/// The learner of a collection in an epoch, which begins here if it is new. `None` if it is over.
pub(super) fn in_epoch(
    state: &mut State<'_>,
    collection: &CollectionId,
    epoch: Revision,
) -> Option<Learner> {
    let known = state.get(&LEARNERS, collection);
    let known_epoch = known.as_ref().map(|learner| learner.epoch);
    if known_epoch > Some(epoch) {
        return None;
    }
    if known_epoch == Some(epoch) {
        return known;
    }
    let before = known.unwrap_or_default();
    let learner = Learner { epoch, number: 0, published: None, ..before };
    state.put(&MODELS, collection, &Model::default());
    Some(publishing::put_off(state, collection, learner))
}
