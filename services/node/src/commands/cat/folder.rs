//! A topic in the data folder of a node that does not run.

use std::path::Path;

use tidelog_core::port::{Client, ClientError};
use tidelog_core::{PartitionId, Topic};
use tidelog_io_local::LocalLog;

use super::{
    Left, begin, chosen,
    line::{self, Headers, Line},
};
use crate::cli::CatArgs;
use crate::commands::tasks;
use crate::failure::Failure;

pub(super) fn run(args: &CatArgs, folder: &Path) -> Result<(), Failure> {
    if let Topic::Changelog(_) = args.topic {
        return Err(Failure::WrongCall(format!(
            "the embedded log has no {}: its tables are in the same database as its records; to read \
             a changelog on brokers, name them (--brokers)",
            args.topic
        )));
    }
    if args.follow {
        return Err(Failure::WrongCall(
            "nothing comes into the folder of a node that does not run: leave out --follow"
                .to_owned(),
        ));
    }
    let log = tasks::open(folder)?;
    let done = print_all(args, &log);
    log.close();
    done
}

fn print_all(args: &CatArgs, log: &LocalLog) -> Result<(), Failure> {
    let there: Vec<_> = log.layout().all().collect();
    let mut left = Left::new(args);
    for partition in chosen(args, &there)? {
        pollster::block_on(print_partition(args, log, partition, &mut left))?;
    }
    Ok(())
}

async fn print_partition(
    args: &CatArgs,
    log: &LocalLog,
    partition: PartitionId,
    left: &mut Left,
) -> Result<(), Failure> {
    let client = log.client();
    let failed = |error: ClientError| Failure::Failed(error.to_string());
    let (start, end) = client.bounds(args.topic, partition).await.map_err(failed)?;
    let mut next = begin(args, partition, (start, end));
    while next < end && !left.is_over() {
        let records = client.read(args.topic, partition, next, client.now()).await;
        let records = records.map_err(failed)?;
        let Some(last) = records.last() else { break };
        next = last.offset.next();
        for record in records {
            if left.is_over() {
                break;
            }
            left.take();
            line::print(Line {
                topic: args.topic,
                partition,
                offset: record.offset,
                time: record.time,
                key: &record.key,
                payload: Some(&record.payload),
                headers: Headers::Derived(record.trace),
            })?;
        }
    }
    Ok(())
}
