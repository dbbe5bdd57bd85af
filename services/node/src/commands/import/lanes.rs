//! Lanes: documents of one entity always take the same one, and a lane keeps its order, so several
//! batches can be under way at once and the last of equal ids still wins.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use tidelog_core::EntityId;

use super::ids::Part;

/// Collects parts into batches, one open batch a lane.
#[derive(Debug)]
pub(super) struct Lanes {
    open: Vec<Batch>,
}

/// Parts that travel together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    parts: Vec<Part>,
    bytes: usize,
}

impl Lanes {
    /// As many lanes as batches may be under way.
    pub(super) fn new(count: usize) -> Self {
        Self { open: vec![Batch::default(); count.max(1)] }
    }

    /// Puts a part into its lane; the batch that is now full, with its lane.
    pub(super) fn push(&mut self, part: Part) -> Option<(usize, Batch)> {
        let lane = self.lane_of(&part.entity);
        let open = &mut self.open[lane];
        let size = size_of(&part);
        if open.parts.len() < PARTS_MAX && (open.parts.is_empty() || open.bytes + size <= BYTES_MAX)
        {
            open.add(part, size);
            return None;
        }
        let mut next = Batch::default();
        next.add(part, size);
        Some((lane, std::mem::replace(open, next)))
    }

    /// The batches that are not full.
    pub(super) fn finish(self) -> impl Iterator<Item = (usize, Batch)> {
        self.open.into_iter().enumerate().filter(|(_, batch)| !batch.parts.is_empty())
    }

    fn lane_of(&self, entity: &EntityId) -> usize {
        let mut hasher = DefaultHasher::new();
        entity.as_str().hash(&mut hasher);
        let count = self.open.len() as u64;
        usize::try_from(hasher.finish() % count).unwrap_or_default()
    }
}

impl Batch {
    /// What is in it, in the order of the file.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// A batch for each part alone.
    pub(super) fn split(&self) -> impl Iterator<Item = Self> + '_ {
        self.parts.iter().map(|part| Self { parts: vec![part.clone()], bytes: size_of(part) })
    }

    fn add(&mut self, part: Part, size: usize) {
        self.parts.push(part);
        self.bytes += size;
    }
}

fn size_of(part: &Part) -> usize {
    part.entity.as_str().len() + part.value.len() + PART_OVERHEAD_BYTES
}

/// Parts of one batch.
pub(super) const PARTS_MAX: usize = 100;

/// Bytes of one batch, unless it is one document that has more.
pub(super) const BYTES_MAX: usize = 512 * 1024;

/// Names and brackets around a part.
const PART_OVERHEAD_BYTES: usize = 48;

const _: () = assert!(PARTS_MAX <= tidelog_core::limits::BATCH_PARTS_MAX);
const _: () = assert!(
    BYTES_MAX + tidelog_core::limits::DOCUMENT_BYTES_MAX <= tidelog_core::limits::BATCH_BYTES_MAX
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tidelog_core::Document;

    use super::super::ids::Op;
    use super::super::split::Position;
    use super::*;

    #[test]
    fn parts_of_one_entity_stay_in_one_lane_and_in_order() {
        let mut lanes = Lanes::new(4);
        let mut sent: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
        let mut send = |lane: usize, batch: Batch| {
            assert!(batch.parts().len() <= PARTS_MAX);
            sent.entry(lane).or_default().extend(batch.parts);
        };
        for number in 1..=2_000 {
            // 37 entities, each many times.
            if let Some((lane, batch)) = lanes.push(part(number % 37, number, 10)) {
                assert_eq!(batch.parts().len(), PARTS_MAX, "it is full");
                send(lane, batch);
            }
        }
        lanes.finish().for_each(|(lane, batch)| send(lane, batch));

        let mut seen: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for (lane, parts) in &sent {
            for part in parts {
                let number = part.position.number;
                let before = seen.insert(part.entity.to_string(), (*lane, number));
                assert!(before.is_none_or(|(other, earlier)| other == *lane && earlier < number));
            }
        }
        assert_eq!(sent.values().map(Vec::len).sum::<usize>(), 2_000);
        assert_eq!(seen.len(), 37);
        assert!(sent.len() > 1, "several lanes are used");
    }

    #[test]
    fn a_batch_ends_before_it_has_too_many_bytes() {
        let mut lanes = Lanes::new(1);
        assert_eq!(lanes.push(part(1, 1, 400_000)), None);
        let (_, full) = lanes.push(part(2, 2, 400_000)).expect("the first is full");
        assert_eq!(full.parts().len(), 1);
        let (_, full) = lanes.push(part(3, 3, 1_000_000)).expect("the second is full");
        assert_eq!(full.parts().len(), 1);
        let left: Vec<_> = lanes.finish().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].1.parts()[0].value.len(), 1_000_000);
    }

    #[test]
    fn a_batch_can_be_split_into_its_parts() {
        let mut lanes = Lanes::new(1);
        for number in 1..=3 {
            assert_eq!(lanes.push(part(number, number, 10)), None);
        }
        let (_, batch) = lanes.finish().next().expect("an open batch");
        let numbers: Vec<_> = batch.split().map(|one| one.parts()[0].position.number).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }

    fn part(entity: u64, number: u64, bytes: usize) -> Part {
        Part {
            entity: format!("a/b/c/{entity}").parse().expect("a good id"),
            op: Op::Replace,
            value: Document::parse(format!("\"{}\"", "x".repeat(bytes - 2)).as_bytes())
                .expect("a good document"),
            position: Position { number, line: number, column: 1 },
        }
    }
}
