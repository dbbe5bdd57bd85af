//! `tidelog cat`: the records of a topic as lines of JSON, on brokers or in the data folder of a node that
//! does not run.

mod broker;
mod folder;
mod line;

use std::time::Duration;

use tidelog_core::{Offset, PartitionId};

use super::serve::settings_of;
use crate::cli::{CatArgs, From, ServeArgs};
use crate::failure::Failure;
use crate::settings::Layer;
use crate::{kafka, output};

pub(super) fn run(args: &CatArgs, timeout: Duration) -> Result<(), Failure> {
    let ServeArgs { config, flags } = args.brokers.clone().into_serve();
    let names_folder = args.data.is_some();
    let flags = Layer { data: args.data.clone(), ..flags };
    let settings = settings_of(ServeArgs { config, flags })?;
    if settings.brokers.is_some() && !names_folder {
        broker::run(args, &kafka::settings(&settings, timeout)?)
    } else {
        folder::run(args, &settings.data)
    }
}

/// Those of the partitions that are wanted.
fn chosen(args: &CatArgs, there: &[PartitionId]) -> Result<Vec<PartitionId>, Failure> {
    match args.partition {
        None => Ok(there.to_vec()),
        Some(wanted) if there.contains(&wanted) => Ok(vec![wanted]),
        Some(wanted) => Err(Failure::WrongCall(format!(
            "{} has no partition {wanted}: it has {} partition(s), from 0",
            args.topic,
            there.len()
        ))),
    }
}

/// Where reading a partition with these bounds begins.
fn begin(args: &CatArgs, partition: PartitionId, (start, end): (Offset, Offset)) -> Offset {
    match args.from {
        From::Beginning => start,
        From::End => end,
        From::Offset(offset) if offset < start => {
            output::say(&format!(
                "{}:{partition} begins at {start}: what was before is gone",
                args.topic
            ));
            start
        }
        From::Offset(offset) => offset.min(end),
    }
}

/// Counts the records that may still be printed.
struct Left(Option<u64>);

impl Left {
    fn new(args: &CatArgs) -> Self {
        Self(args.count)
    }

    fn is_over(&self) -> bool {
        self.0 == Some(0)
    }

    fn take(&mut self) {
        self.0 = self.0.map(|left| left - 1);
    }
}
