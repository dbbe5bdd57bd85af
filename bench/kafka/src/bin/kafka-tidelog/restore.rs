//! How fast the tables of entity-storage are rebuilt from their changelog.

use std::time::Instant;

use pollster::block_on;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tidelog_bench_kafka::{
    Result,
    broker::{CALL_MAX, CHANGELOG},
};
use tidelog_core::{
    Service,
    port::{Event, Session, Transport, Wait},
};
use tidelog_machines::EntityStorage;

use super::Common;

/// Joins, restores what it is given, and prints one line.
pub(super) fn run(common: &Common) -> Result<()> {
    let consumer: BaseConsumer = common.place.consumer().create()?;
    let changelog = common.place.name(CHANGELOG);
    let transport = common.transport()?;
    block_on(async {
        let mut session = transport.join(EntityStorage.spec()).await?;
        let (mut offsets, mut seconds) = (0, 0.0);
        for _ in 0..common.place.partitions {
            let partition = match session.next(Wait::Forever).await? {
                Event::Assigned(partition) => partition,
                other => return Err(format!("instead of a partition came {other:?}").into()),
            };
            let number = i32::try_from(partition.0)?;
            let (start, end) = consumer.fetch_watermarks(&changelog, number, CALL_MAX)?;
            let began = Instant::now();
            session.restore(partition).await?;
            session.park(partition);
            seconds += began.elapsed().as_secs_f64();
            offsets += end - start;
        }
        let rate = offsets as f64 / seconds;
        println!("restored {offsets} offsets in {seconds:.2} s: {rate:.0}/s");
        Ok(())
    })
}
