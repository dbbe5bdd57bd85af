//! The thread that reads what the nodes tell.

use std::{
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
};
use tidelog_core::{Message, Topic};
use tracing::{debug, warn};

use super::{Shared, table::TOLD_AGAIN_AFTER};
use crate::{context::Logging, record};

/// How long the thread waits before it looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(100);

pub(super) struct Follower {
    shared: Arc<Shared>,
    consumer: BaseConsumer<Logging>,
}

impl Follower {
    pub(super) fn new(shared: Arc<Shared>) -> KafkaResult<Self> {
        let mut config = shared.settings.reading_consumer();
        // What was there before is told anew by whoever runs it.
        config.set("auto.offset.reset", "earliest");
        let consumer: BaseConsumer<Logging> = config.create_with_context(Logging)?;
        let topic = shared.settings.topic(Topic::Owners);
        let mut list = TopicPartitionList::new();
        for partition in shared.settings.layout.all() {
            list.add_partition_offset(&topic, record::number(partition), Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        Ok(Self { shared, consumer })
    }

    pub(super) fn run(self) {
        let mut looked = Instant::now();
        while !self.shared.is_stopped.load(Ordering::Relaxed) {
            match self.consumer.poll(GLANCE) {
                Some(Ok(message)) => self.take(&message),
                // The topic may not be there yet.
                Some(Err(error)) => self.failed(&error),
                None => {}
            }
            if looked.elapsed() >= TOLD_AGAIN_AFTER {
                looked = Instant::now();
                self.tell_again();
            }
        }
    }

    fn take(&self, message: &BorrowedMessage<'_>) {
        let payload = message.payload().unwrap_or_default();
        let owner = match Message::decode(Topic::Owners, payload) {
            Ok(Message::Owner(owner)) => owner,
            Ok(_) => return,
            Err(error) => return warn!(%error, "who runs a task cannot be read"),
        };
        match owner.task() {
            Ok(task) => {
                debug!(%task, node = &*owner.node, address = ?owner.address, "the task's owner");
                let node = &self.shared.settings.node;
                if self.shared.table.change(|table| table.read(task, owner, node)) {
                    self.tell_again();
                }
            }
            // A newer release may have it.
            Err(_) => debug!(task = &*owner.task, "a task that this release does not know"),
        }
    }

    fn failed(&self, error: &KafkaError) {
        debug!(%error, "following the owners goes on");
        thread::sleep(GLANCE);
    }

    fn tell_again(&self) {
        let node = &self.shared.settings.node;
        for (task, entry) in self.shared.table.change(|table| table.untold(node)) {
            self.shared.tell(task, &entry);
        }
    }
}
