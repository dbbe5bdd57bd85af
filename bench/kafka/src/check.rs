//! What a contestant has written, read by somebody else.

use std::collections::HashMap;

use rdkafka::{
    Message,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use crate::{
    Result,
    broker::{ANSWERS, CALL_MAX, Place, UPDATES},
    wire::Update,
};

/// Checks that the updates of each entity follow upon one another without a gap, and that there are
/// `patches` updates and answers. Gives a digest of all documents as they are at the end.
///
/// # Errors
/// If anything is missing or doubled, or the broker is away.
pub fn digest(place: &Place, patches: u64) -> Result<String> {
    let mut entities: HashMap<Box<str>, (u64, Box<[u8]>)> = HashMap::new();
    let mut updates = 0;
    read(place, UPDATES, |payload| {
        updates += 1;
        follow(&mut entities, &Update::read(payload)?)
    })?;
    let mut answers = 0;
    read(place, ANSWERS, |_| {
        answers += 1;
        Ok(())
    })?;
    if (updates, answers) != (patches, patches) {
        let text = format!("{updates} updates and {answers} answers to {patches} patches");
        return Err(text.into());
    }
    let mut entities: Vec<_> = entities.into_iter().collect();
    entities.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (entity, (revision, document)) in &entities {
        for field in [entity.as_bytes(), &revision.to_le_bytes(), document] {
            hasher.update(&(field.len() as u64).to_le_bytes()).update(field);
        }
    }
    Ok(hasher.finalize().to_hex()[..16].into())
}

fn follow(entities: &mut HashMap<Box<str>, (u64, Box<[u8]>)>, update: &Update<'_>) -> Result<()> {
    let Update { entity, revision, before, after } = *update;
    let known = entities.get(entity);
    let follows = match known {
        None => revision == 1 && before.is_none(),
        Some((last, document)) => revision == last + 1 && before == Some(document),
    };
    if !follows {
        let last = known.map_or(0, |(last, _)| *last);
        let text = format!("revision {revision} of {entity} does not follow upon revision {last}");
        return Err(text.into());
    }
    entities.insert(entity.into(), (revision, after.into()));
    Ok(())
}

/// Reads all committed records of a topic.
fn read(place: &Place, topic: &str, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let consumer: BaseConsumer = place
        .consumer()
        .set("enable.partition.eof", "true")
        .set("fetch.message.max.bytes", "8388608")
        .set("queued.max.messages.kbytes", "65536")
        .create()?;
    consumer.assign(&place.beginnings_of(topic)?)?;
    let mut open = place.partitions;
    while open > 0 {
        match consumer.poll(CALL_MAX) {
            Some(Ok(record)) => each(record.payload().unwrap_or_default())?,
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => return Err(error.into()),
            None => return Err(format!("the broker tells no more of {topic}").into()),
        }
    }
    Ok(())
}
