//! Messages of zones and devices in one line.

use tidelog_core::{
    message::{DeviceNotification, ForDevice, UpdateSource, ZoneMessage},
    subscription::Terms,
};

pub(super) fn zone(message: &ZoneMessage) -> String {
    match message {
        ZoneMessage::Change(change) => format!(
            "change of {} {:?} at r{}{} at {} ({})",
            change.entity,
            change.kind,
            change.revision,
            change.device.as_ref().map_or(String::new(), |device| format!(" by {device}")),
            change.time,
            source(change.source),
        ),
        ZoneMessage::Subscription(change) => format!(
            "subscription {} to {} {} at {} ({})",
            change.subscription,
            change.subject.as_str(),
            change.terms.map_or("ended".into(), terms),
            change.time,
            source(change.source),
        ),
    }
}

pub(super) fn for_device(message: &ForDevice) -> String {
    match message {
        ForDevice::News(news) => format!(
            "tell {} of {} #{} {:?} at {}",
            news.device, news.zone, news.sequence, news.kind, news.time
        ),
        ForDevice::Acknowledgement(acknowledgement) => {
            format!("{} has read {}", acknowledgement.device, acknowledgement.through)
        }
        ForDevice::Removal(removal) => format!(
            "{} is gone ({}/{}) at {}",
            removal.device, removal.partition, removal.number, removal.time
        ),
    }
}

pub(super) fn notification(notification: &DeviceNotification) -> String {
    format!(
        "notify {} {}: {} #{} {:?} at {}, {} unread{}",
        notification.device,
        notification.number,
        notification.zone,
        notification.sequence,
        notification.kind,
        notification.time,
        notification.unread_zones,
        if notification.overflowed { ", and more" } else { "" },
    )
}

fn terms(terms: Terms) -> String {
    let Terms { created, updated, deleted, own } = terms;
    let named = [(created, "created"), (updated, "updated"), (deleted, "deleted"), (own, "own")];
    let wanted: Vec<_> =
        named.iter().filter(|(is_wanted, _)| *is_wanted).map(|(_, name)| *name).collect();
    format!("for {}", wanted.join("+"))
}

fn source(source: UpdateSource) -> String {
    format!("{}:{}:{}", source.partition, source.offset, source.number)
}
