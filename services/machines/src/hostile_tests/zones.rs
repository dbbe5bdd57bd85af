//! What the services tell each other about zones and devices.

use proptest::{collection::vec, option, prelude::*};
use tidelog_core::{
    DeviceId, Message, Offset, PartitionId, Query, Revision, Timestamp, UserDevice, UserId,
    message::{
        Acknowledgement, Connect, DeviceCall, EntityUpdate, ForDevice, ForgetZone, News, Part,
        Removal, SubscriptionChange, UpdateKind, UpdateSource, ZoneChange, ZoneMessage,
    },
    query::Scope,
    subscription::Terms,
};

use super::{database, document, entity, number, request_id};
use crate::harness::parsed;

pub(super) fn message() -> impl Strategy<Value = Message> {
    let update = (entity(), kind(), option::of(document()), option::of(document()), request_id());
    let update = update.prop_map(|(entity, kind, before, after, request)| {
        Message::EntityUpdate(EntityUpdate {
            entity,
            kind,
            revision: Revision(1),
            before,
            after,
            request: request.name,
            part: Part::ONLY,
            user: None,
            device: None,
            time: Timestamp::MAX,
        })
    });
    prop_oneof![
        1 => update.boxed(),
        4 => zone_message().prop_map(Message::Zone).boxed(),
        4 => for_device().prop_map(Message::ForDevice).boxed(),
        3 => call().prop_map(Message::DeviceCall).boxed(),
        1 => (entity(), number()).prop_map(|(entity, number)| {
            let (zone, partition, time) = (entity.zone(), PartitionId(0), Timestamp::ZERO);
            Message::ForgetZone(ForgetZone { zone, partition, number, time })
        }).boxed(),
    ]
}

pub(super) fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        (entity(), option::of(number()), any::<u32>()).prop_map(|(entity, after, limit)| {
            Query::Changes { zone: entity.zone(), after, limit }
        }),
        device().prop_map(Query::Notifications),
        user_device().prop_map(Query::Device),
        "[a-b]".prop_map(|user| Query::Devices(parsed::<UserId>(&user))),
    ]
}

fn zone_message() -> impl Strategy<Value = ZoneMessage> {
    let change = (entity(), kind(), option::of(device()), source()).prop_map(
        |(entity, kind, device, source)| {
            let (revision, time) = (Revision(1), Timestamp::ZERO);
            ZoneMessage::Change(ZoneChange { entity, kind, revision, device, source, time })
        },
    );
    let subscription = (entity(), entity(), any::<bool>(), option::of(terms()), source()).prop_map(
        |(subscription, about, is_zone, terms, source)| {
            let zone = about.zone();
            let subject =
                if is_zone { Scope::Zone(zone) } else { Scope::Collection(zone.collection()) };
            let time = Timestamp::ZERO;
            let change = SubscriptionChange { subscription, subject, terms, source, time };
            ZoneMessage::Subscription(change)
        },
    );
    prop_oneof![change, subscription]
}

fn for_device() -> impl Strategy<Value = ForDevice> {
    let news =
        (device(), entity(), number(), kind()).prop_map(|(device, entity, sequence, kind)| {
            let (zone, time) = (entity.zone(), Timestamp::ZERO);
            ForDevice::News(News { device, zone, sequence, kind, time })
        });
    let read = (device(), number()).prop_map(|(device, through)| {
        ForDevice::Acknowledgement(Acknowledgement { device, through })
    });
    let removal = (device(), number()).prop_map(|(device, number)| {
        let (partition, time) = (PartitionId(0), Timestamp::ZERO);
        ForDevice::Removal(Removal { device, partition, number, time })
    });
    prop_oneof![4 => news, 2 => read, 1 => removal]
}

fn call() -> impl Strategy<Value = DeviceCall> {
    let version = option::of(".{0,200}".prop_map(Into::into));
    let connect = (user_device(), version, vec(database(), 0..110)).prop_map(
        |(device, app_version, databases)| {
            DeviceCall::Connect(Connect { device, app_version, databases })
        },
    );
    prop_oneof![2 => connect, 1 => user_device().prop_map(DeviceCall::Forget)]
}

fn device() -> impl Strategy<Value = DeviceId> {
    "[a-b]".prop_map(|text| parsed(&text))
}

fn user_device() -> impl Strategy<Value = UserDevice> {
    "[a-b]/[a-b]".prop_map(|text| parsed(&text))
}

fn kind() -> impl Strategy<Value = UpdateKind> {
    prop::sample::select(vec![UpdateKind::Created, UpdateKind::Updated, UpdateKind::Deleted])
}

fn terms() -> impl Strategy<Value = Terms> {
    any::<[bool; 4]>().prop_map(|[created, updated, deleted, own]| Terms {
        created,
        updated,
        deleted,
        own,
    })
}

fn source() -> impl Strategy<Value = UpdateSource> {
    (0u32..2, number(), any::<u32>()).prop_map(|(partition, offset, number)| UpdateSource {
        partition: PartitionId(partition),
        offset: Offset(offset),
        number,
    })
}
