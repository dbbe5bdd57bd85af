//! Walking over the documents that were there when learning was switched on.

use std::ops::{Bound, ControlFlow};

use tidelog_core::{
    CollectionId, Document, Effects, EntityId, Message, Probe, State, TableId, Wake,
    message::{LearningScope, Lesson, LessonSource, WalkEnded},
    state::Table,
};

use super::{
    learning::{self, EPOCHS, Epoch, WALKS, Walk, WalkKey, Walked},
    rows::ENTITIES,
};

/// Wakes at once while there is a walk to be made.
pub(super) fn wake(state: &State<'_>) -> Option<Wake> {
    first(state)?;
    Some(Wake::at_once("documents that schemas are to be learned from"))
}

/// Goes on with the first walk: sends a chunk of documents, or says that there are no more.
pub(super) fn go_on(state: &mut State<'_>, effects: &mut Effects) {
    let Some((key, walk)) = first(state) else { return };
    let Some(epoch) = state.get(&EPOCHS, &walk.scope).filter(|epoch| epoch.number == key.epoch)
    else {
        // Only where a read failed, and then none of this counts; but never stay on it.
        return state.remove(&WALKS, &key);
    };
    let Walked::To(after) = &epoch.walked else { return state.remove(&WALKS, &key) };
    let chunk = match epoch.is_on {
        true => chunk(state, &walk.scope, after.as_ref()),
        false => Chunk { documents: Vec::new(), last: None },
    };
    let mut number = state.get(&LESSONS, &()).unwrap_or(0);
    for (entity, document) in chunk.documents {
        number += 1;
        effects.send(&Message::Lesson(Lesson {
            collection: entity.collection(),
            epoch: key.epoch,
            source: LessonSource::Walk { partition: walk.partition, number },
            before: None,
            after: Some(document),
            time: state.task_time(),
        }));
    }
    state.put(&LESSONS, &(), &number);
    let walked = match chunk.last {
        Some(last) => {
            Probe::WalkWentOn.hit();
            Walked::To(Some(last))
        }
        None => {
            state.remove(&WALKS, &key);
            say_that_it_ended(&walk, &epoch, effects);
            Walked::All
        }
    };
    state.put(&EPOCHS, &walk.scope, &Epoch { walked, ..epoch });
}

/// Tells the learner of the collection, or those of all collections that the database may have.
fn say_that_it_ended(walk: &Walk, epoch: &Epoch, effects: &mut Effects) {
    let Walk { scope, partition } = walk.clone();
    let is_database = matches!(scope, LearningScope::Database(_));
    let Epoch { number: epoch, follows, .. } = *epoch;
    let ended = Message::WalkEnded(WalkEnded { scope, epoch, follows, partition });
    if is_database {
        effects.send_every(&ended);
    } else {
        effects.send(&ended);
    }
}

/// The next documents of a walk.
struct Chunk {
    documents: Vec<(EntityId, Document)>,
    /// The entity up to which that is all; none where there are no more.
    last: Option<EntityId>,
}

fn chunk(state: &State<'_>, scope: &LearningScope, after: Option<&EntityId>) -> Chunk {
    let prefix = [scope.as_str().as_bytes(), b"/"].concat();
    // The byte after '/'.
    let end = [scope.as_str().as_bytes(), b"0"].concat();
    let from = match after {
        Some(after) => Bound::Excluded(after.as_str().as_bytes()),
        None => Bound::Included(&*prefix),
    };
    let mut chunk = Chunk { documents: Vec::new(), last: None };
    let mut passed_over = PassedOver::new(state, scope);
    let (mut rows, mut bytes) = (0, 0);
    state.scan(&ENTITIES, from, Bound::Excluded(&end), &mut |entity, row| {
        rows += 1;
        if let Some(document) = row.document.filter(|_| !passed_over.has(&entity)) {
            bytes += document.len();
            chunk.documents.push((entity.clone(), document));
        }
        if rows < ROWS_MAX && bytes < BYTES_MAX {
            return ControlFlow::Continue(());
        }
        chunk.last = Some(entity);
        ControlFlow::Break(())
    });
    chunk
}

/// What a walk over a database passes over: collections of the system, and those for which learning was
/// switched by itself.
struct PassedOver<'s, 'a> {
    state: &'s State<'a>,
    is_database: bool,
    /// The collection that was asked about last.
    last: Option<(CollectionId, bool)>,
}

impl<'s, 'a> PassedOver<'s, 'a> {
    fn new(state: &'s State<'a>, scope: &LearningScope) -> Self {
        Self { state, is_database: matches!(scope, LearningScope::Database(_)), last: None }
    }

    fn has(&mut self, entity: &EntityId) -> bool {
        if !self.is_database {
            return false;
        }
        let collection = entity.collection();
        if let Some((last, has)) = &self.last
            && *last == collection
        {
            return *has;
        }
        let has = collection.is_system()
            || learning::of_collection(self.state, collection.clone()).is_some();
        Probe::WalkPassedOver.hit_if(has && !collection.is_system());
        self.last = Some((collection, has));
        has
    }
}

fn first(state: &State<'_>) -> Option<(WalkKey, Walk)> {
    state.range(&WALKS, Bound::Unbounded, Bound::Unbounded, 1).pop()
}

/// How many lessons the task has sent of its walks.
pub(crate) const LESSONS: Table<(), u64> = Table::new(TableId::WalkLessons);

/// Rows that a chunk looks at.
const ROWS_MAX: usize = 500;

/// Bytes of documents after which a chunk ends.
const BYTES_MAX: usize = 1024 * 1024;
