//! Who was seen: numbers and names that a broker makes up, by the order in which they came.

use tidelog_io_sim::wire::{Batch, Fetched, Payload, ProducerId, ProducerIdentity};

#[derive(Default)]
pub(super) struct Seen {
    producers: Vec<ProducerId>,
    members: Vec<String>,
}

impl Seen {
    pub(super) fn producer(&mut self, id: ProducerId) -> String {
        format!("p{}", place(&mut self.producers, &id))
    }

    pub(super) fn identity(&mut self, it: ProducerIdentity) -> String {
        format!("{} epoch {}", self.producer(it.id), it.epoch)
    }

    pub(super) fn member(&mut self, id: &str) -> String {
        if id.is_empty() {
            return "nobody".into();
        }
        format!("m{}", place(&mut self.members, &id.to_owned()))
    }

    pub(super) fn fetched(&mut self, it: &Fetched) -> String {
        let aborted: Vec<_> = it
            .aborted
            .iter()
            .map(|it| format!("{} from {}", self.producer(it.producer), it.first_offset))
            .collect();
        let batches: Vec<_> = it.batches.iter().map(|it| self.batch(it)).collect();
        format!(
            "start {} stable {} high {} aborted [{}] [{}]",
            it.log_start,
            it.last_stable_offset,
            it.high_watermark,
            aborted.join(", "),
            batches.join(", ")
        )
    }

    fn batch(&mut self, it: &Batch) -> String {
        let who = it.producer.map_or("plain".into(), |it| {
            let who = self.identity(ProducerIdentity { id: it.id, epoch: it.epoch });
            let sequence = it.sequence.map_or("none".into(), |it| it.to_string());
            let kind = if it.transactional { " transactional" } else { "" };
            format!("{who} sequence {sequence}{kind}")
        });
        let what = match &it.payload {
            Payload::Marker { result, .. } => format!("{result:?}"),
            Payload::Records(records) => {
                let text = |bytes: &bytes::Bytes| String::from_utf8_lossy(bytes).into_owned();
                let values = records.iter().map(|it| it.value.as_ref().map_or("-".into(), text));
                values.collect::<Vec<_>>().join(" ")
            }
        };
        format!("{}..{} {who}: {what}", it.base_offset, it.last_offset)
    }
}

fn place<T: Clone + PartialEq>(known: &mut Vec<T>, it: &T) -> usize {
    known.iter().position(|known| known == it).unwrap_or_else(|| {
        known.push(it.clone());
        known.len() - 1
    })
}
