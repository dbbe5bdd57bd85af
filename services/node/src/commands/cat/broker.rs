//! A topic on brokers.

use std::collections::BTreeSet;
use std::time::Duration;

use tidelog_core::port::ClientError;
use tidelog_io_kafka::{Browsed, Browser, Browsing, Settings};

use super::{
    Left, begin, chosen,
    line::{self, Headers, Line},
};
use crate::cli::CatArgs;
use crate::failure::Failure;

/// How long it is waited for the next record before it is waited again.
const GLANCE: Duration = Duration::from_millis(500);

pub(super) fn run(args: &CatArgs, settings: &Settings) -> Result<(), Failure> {
    let browser = Browser::open(settings, args.topic).map_err(failed)?;
    let partitions = chosen(args, &browser.partitions().map_err(failed)?)?;
    let mut places = Vec::new();
    for partition in partitions {
        let bounds = browser.bounds(partition).map_err(failed)?;
        places.push((partition, begin(args, partition, bounds)));
    }
    browser.begin(&places).map_err(failed)?;
    let mut open: BTreeSet<_> = places.iter().map(|(partition, _)| *partition).collect();
    let mut left = Left::new(args);
    while !left.is_over() && (args.follow || !open.is_empty()) {
        match browser.next(GLANCE).map_err(failed)? {
            // What came after the end was reached is not for this run.
            Browsing::Record(record) if args.follow || open.contains(&record.partition) => {
                left.take();
                print(args, &record)?;
            }
            Browsing::End(partition) => drop(open.remove(&partition)),
            Browsing::Record(_) | Browsing::Nothing => {}
        }
    }
    Ok(())
}

fn print(args: &CatArgs, record: &Browsed) -> Result<(), Failure> {
    let headers = record.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.clone(), String::from_utf8_lossy(value).into()));
    line::print(Line {
        topic: args.topic,
        partition: record.partition,
        offset: record.offset,
        time: record.time,
        key: &record.key,
        payload: record.payload.as_deref(),
        headers: Headers::Told(headers.collect()),
    })
}

fn failed(error: ClientError) -> Failure {
    Failure::Unreachable {
        what: error.to_string(),
        advice: "look whether the brokers run and are named rightly, whether the prefix is the \
                 installation's, and whether the user may read its topics"
            .to_owned(),
    }
}
