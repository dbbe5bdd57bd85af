//! Writing the input into its topic.

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

use crate::{
    Result,
    broker::{CALL_MAX, PATCHES, Place},
    input::Input,
};

/// Writes all patches. Returns once the broker has every one of them.
///
/// # Errors
/// If the broker is away or refuses.
pub fn preload(place: &Place, input: &Input) -> Result<()> {
    let producer: ThreadedProducer<DefaultProducerContext> = place
        .producer()
        .set("linger.ms", "20")
        .set("batch.size", "262144")
        .set("queue.buffering.max.messages", "100000")
        .create()?;
    let topic = place.name(PATCHES);
    for n in 0..input.patches {
        let (key, payload) = input.patch(n);
        send(&producer, BaseRecord::to(&topic).key(&*key).payload(&payload))?;
    }
    producer.flush(CALL_MAX)?;
    Ok(())
}

/// Sends a record, after waiting for room where there is none.
///
/// # Errors
/// As librdkafka's, but for a full queue.
pub fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    record: BaseRecord<'_, str, Vec<u8>>,
) -> Result<()> {
    let mut record = record;
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                record = again;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error.into()),
        }
    }
}
