mod bytes;
mod model;
mod script;

use tidelog_core::{Answer, Message, Query, message::ForDevice, query::FeedView};

use super::{Chunk, ZoneWatch};
use crate::harness::{Harness, parsed, timeout};

/// One that tells a device or two in a call.
pub(super) const SMALL: ZoneWatch =
    ZoneWatch { feed_changes: 100, chunk: Chunk { devices: 2, subscriptions: 3 } };

/// Lets a task tell all that there is to tell.
fn drain(harness: &mut Harness<ZoneWatch>) -> Vec<Message> {
    let mut sent = Vec::new();
    for _ in 0..10_000 {
        if harness.wake().is_none() {
            return sent;
        }
        sent.extend(harness.quick_step(0, &timeout(1_000_000)));
        harness.commit();
    }
    panic!("it does not come to an end");
}

/// Who was told what, in the order in which that was done.
fn told(sent: &[Message]) -> Vec<String> {
    let line = |message: &Message| match message {
        Message::ForDevice(ForDevice::News(news)) => {
            format!("{} {} #{}", news.device, news.zone, news.sequence)
        }
        other => panic!("{other:?}"),
    };
    sent.iter().map(line).collect()
}

fn feed(harness: &Harness<ZoneWatch>, zone: &str, after: Option<u64>, limit: u32) -> FeedView {
    match harness.query(&Query::Changes { zone: parsed(zone), after, limit }) {
        Answer::Changes(view) => view,
        other => panic!("{other:?}"),
    }
}
