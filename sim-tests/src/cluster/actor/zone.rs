//! Taking a step that has to do with zones and devices: as the app on a device does, through its driver.

use std::{collections::BTreeMap, time::Duration};

use tidelog_core::{
    DeviceId, Document, Message, Offset, PartitionId, Position, Topic, UserDevice, UserId,
    message::{Change, Connect, EntityPatch, Part, Remember},
    port::Client,
    query::NotificationsView,
};
use tidelog_driver::{DeviceTail, Driver, With, ZoneEvent, ZoneTail};
use tidelog_io_sim::transport::SimClient;

use super::{
    Actor,
    asking::{name, patiently},
    odd::origin,
    told,
};
use crate::{
    model::{Action, Condition},
    observed::{AtLeast, DeviceSeen, FollowEvent, Followed, NotificationsSeen, PageSeen},
    workload::{Acknowledges, DATABASE, DEVICES, WATCHED, Zone, device_id, user_id},
};

/// How far a client has followed zones, by follower and zone: the feed and the number of the last change.
pub(super) type Tokens = BTreeMap<(u64, usize), (u64, u64)>;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it takes until somebody asks again who could not be answered.
const PAUSE: Duration = Duration::from_millis(300);

impl Actor {
    pub(super) async fn zone(&self, number: u32, zone: &Zone) {
        match zone {
            Zone::Connect { device } => self.connect(number, *device).await,
            Zone::Forget { device } => {
                let Some(driver) = self.driver() else { return };
                let _ = driver.forget_device(&user_device(*device), deadline(&driver)).await;
            }
            Zone::Subscribe { device, subscription, says } => {
                let action = Action::Replace(says.clone());
                let id = subscription_id(*device, *subscription);
                self.write(&id, &action, None, (20_000, 5)).await;
            }
            Zone::Unsubscribe { device, subscription } => {
                let id = subscription_id(*device, *subscription);
                self.write(&id, &Action::Delete, None, (20_000, 5)).await;
            }
            Zone::Write { zone, entity, action, from, patience_ms, again } => {
                let id = format!("{}/w{entity}", WATCHED[*zone]);
                self.write(&id, action, *from, (*patience_ms, *again)).await;
            }
            Zone::Crowd { zone, count, from } => {
                let client = format!("crowd{number}");
                let zone = WATCHED[*zone];
                let member = |nth| self.member(&client, nth, &format!("{zone}/c{nth}"), *from);
                drop(self.append((1..=*count).map(member).collect()).await);
            }
            Zone::Read { device, acknowledges } => self.read(number, *device, *acknowledges).await,
            Zone::Wait { device, for_ms } => self.wait(number, *device, *for_ms).await,
            Zone::Follow { follower, zone, for_ms } => {
                self.follow(number, *follower, *zone, *for_ms).await;
            }
            Zone::Page { zone, after, limit } => {
                self.page(number, WATCHED[*zone], *after, *limit, None).await;
            }
        }
    }

    async fn connect(&self, step: u32, device: u32) {
        let Some(driver) = self.driver() else { return };
        let version: Box<str> = format!("step {step}").into();
        let connect = Connect {
            device: user_device(device),
            app_version: Some(version.clone()),
            databases: vec![DATABASE.parse().expect("a database's id")],
        };
        let Ok(connected) = driver.connect_device(connect, deadline(&driver)).await else { return };
        let view = connected.map(|it| it.device);
        let (at_us, device) = (self.recorder().now_us(), user_device(device).as_str().into());
        let seen = DeviceSeen { step, at_us, device, version: Some(version), view };
        self.recorder().look().zones.devices.push(seen);
    }

    async fn write(&self, id: &str, action: &Action, from: Option<u32>, patience: (u64, u32)) {
        let Some(driver) = self.driver() else { return };
        let request = told::request(action, &Condition::None);
        let with = With { device: from.map(device_name), ..With::default() };
        let mut call = driver.request(id.parse().expect("an entity's id"), request, with);
        if let Ok(id) = call.id().await {
            let device = from.map(|device| device_id(device).into());
            self.recorder().look().zones.writes.push((name(&id, 1), device));
        }
        let _ = patiently(&driver, &mut call, patience.0, patience.1).await;
    }

    fn member(
        &self,
        client: &str,
        number: u64,
        id: &str,
        from: Option<u32>,
    ) -> tidelog_core::port::Append {
        let document = Document::from_value(&serde_json::json!({ "n": number }));
        let change = Change::Replace(document.expect("a document"));
        let mut origin = origin(client, number, 1, self.now());
        origin.device = from.map(device_name);
        self.record(&Message::EntityPatch(EntityPatch {
            origin,
            part: Part::ONLY,
            key: None,
            entity: id.parse().expect("an entity's id"),
            request: change.into(),
            wants_value: false,
            remember: Remember::No,
        }))
    }

    async fn read(&self, step: u32, device: u32, acknowledges: Acknowledges) {
        let Some(driver) = self.driver() else { return };
        let named = device_name(device);
        let Ok(view) = driver.notifications(&named, None, deadline(&driver)).await else { return };
        let last = view.last;
        self.told(step, device, AtLeast::Nothing, 0, view);
        let through = match acknowledges {
            Acknowledges::Nothing => return,
            Acknowledges::All => last,
            Acknowledges::AllBut(count) => last.saturating_sub(count),
            Acknowledges::TheFuture => last + 1_000_000,
        };
        self.acknowledge(step, device, through).await;
    }

    async fn acknowledge(&self, step: u32, device: u32, through: u64) {
        let Some(driver) = self.driver() else { return };
        let named = device_name(device);
        if let Ok(view) = driver.acknowledge(&named, through, deadline(&driver)).await {
            self.told(step, device, AtLeast::Acknowledgement(through), 0, view);
        }
    }

    fn told(&self, step: u32, device: u32, at_least: AtLeast, after: u64, view: NotificationsView) {
        let (at_us, device) = (self.recorder().now_us(), device_id(device).into());
        let seen = NotificationsSeen { step, at_us, device, at_least, after, view };
        self.recorder().look().zones.notifications.push(seen);
    }

    async fn wait(&self, step: u32, device: u32, for_ms: u64) {
        let Some(driver) = self.driver() else { return };
        let until = driver.now().plus(Duration::from_millis(for_ms));
        let Ok(view) = driver.notifications(&device_name(device), None, until).await else {
            return;
        };
        let mut after = view.acknowledged;
        let mut tail = DeviceTail::new(driver.clone(), device_name(device), after);
        while driver.now() < until {
            match tail.next(until).await {
                Ok(Some(view)) => {
                    let last = view.last;
                    self.told(step, device, AtLeast::Nothing, after, view);
                    self.acknowledge(step, device, last).await;
                    after = last;
                }
                Ok(None) => return,
                Err(_) => self.pause().await,
            }
        }
    }

    async fn follow(&self, step: u32, follower: u64, zone: usize, for_ms: u64) {
        let Some(driver) = self.driver() else { return };
        let until = driver.now().plus(Duration::from_millis(for_ms));
        let token = self.tokens().get(&(follower, zone)).copied();
        let mut at = token.map_or((0, None), |(feed, after)| (feed, Some(after)));
        let id = WATCHED[zone].parse().expect("a zone's id");
        let mut tail = ZoneTail::new(driver.clone(), id, at.1);
        let nth = {
            let at_us = self.recorder().now_us();
            let follows = &mut self.recorder().look().zones.follows;
            let (zone, events) = (WATCHED[zone].into(), Vec::new());
            follows.push(Followed { step, at_us, zone, token, events });
            follows.len() - 1
        };
        while driver.now() < until {
            let event = match tail.next(until).await {
                Ok(Some(event)) => event,
                Ok(None) => return,
                Err(_) => {
                    self.pause().await;
                    continue;
                }
            };
            let event = match event {
                ZoneEvent::Changes(view) => {
                    at = (view.feed, view.changes.last().map(|change| change.sequence));
                    FollowEvent::Changes((*view).clone())
                }
                ZoneEvent::UpToDate { feed, last } => {
                    at.0 = feed;
                    FollowEvent::UpToDate { feed, last }
                }
                ZoneEvent::Gap { feed, first, last } => {
                    at = (feed, Some(last));
                    FollowEvent::Gap { feed, first, last }
                }
            };
            self.recorder().look().zones.follows[nth].events.push(event);
            // What it has seen it remembers, also if it ends now.
            if let (feed, Some(after)) = at {
                self.tokens().insert((follower, zone), (feed, after));
            }
        }
    }

    async fn page(
        &self,
        step: u32,
        zone: &str,
        after: Option<u64>,
        limit: usize,
        at_least: Option<Position>,
    ) {
        let Some(driver) = self.driver() else { return };
        let id = zone.parse().expect("a zone's id");
        let Ok(view) = driver.changes(&id, after, limit, at_least, deadline(&driver)).await else {
            return;
        };
        let at_us = self.recorder().now_us();
        let at_least = at_least.map(|position| position.offset.0);
        let page = PageSeen { step, at_us, zone: zone.into(), after, limit, at_least, view };
        self.recorder().look().zones.pages.push(page);
    }

    /// Looks at every zone and device when everything has been told.
    pub(in crate::cluster) async fn look_at_zones(&self, observer: &SimClient, step: u32) {
        let layout = self.0.world.settings.layout;
        for zone in WATCHED {
            let (topic, partition) = (Topic::ZoneChanges, layout.partition(zone));
            let at_least = last_of(observer, topic, partition).await;
            self.page(step, zone, None, 1_000, at_least).await;
        }
        for device in 0..DEVICES {
            let Some(driver) = self.driver() else { return };
            let named = device_name(device);
            let (topic, partition) = (Topic::ChangesByDevice, layout.partition(named.as_str()));
            let at_least = last_of(observer, topic, partition).await;
            let told = driver.notifications(&named, at_least, deadline(&driver)).await;
            if let (Ok(view), Some(position)) = (told, at_least) {
                self.told(step, device, AtLeast::Offset(position.offset.0), 0, view);
            }
        }
        self.look_at_devices(observer, step).await;
    }

    async fn look_at_devices(&self, observer: &SimClient, step: u32) {
        let layout = self.0.world.settings.layout;
        for device in 0..DEVICES {
            let Some(driver) = self.driver() else { return };
            let key = user_device(device);
            let (topic, partition) = (Topic::Connections, layout.partition(key.user_str()));
            // Whoever was the owner may not have read everything.
            let at_least = last_of(observer, topic, partition).await;
            let Ok(view) = driver.device(&key, at_least, deadline(&driver)).await else { continue };
            let (at_us, device) = (self.recorder().now_us(), key.as_str().into());
            let seen = DeviceSeen { step, at_us, device, version: None, view };
            self.recorder().look().zones.devices.push(seen);
        }
    }

    async fn pause(&self) {
        let world = &self.0.world;
        world.net.sim().machine(self.0.node).clock().sleep(PAUSE).await;
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        self.0.tokens.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The position of the last record of a partition, if it has any.
async fn last_of(observer: &SimClient, topic: Topic, partition: PartitionId) -> Option<Position> {
    let (_, end) = observer.bounds(topic, partition).await.ok()?;
    let offset = Offset(end.0.checked_sub(1)?);
    Some(Position { topic, partition, offset })
}

fn deadline(driver: &Driver) -> tidelog_core::Timestamp {
    driver.now().plus(PATIENCE)
}

fn device_name(device: u32) -> DeviceId {
    device_id(device).parse().expect("a device's name")
}

fn user_device(device: u32) -> UserDevice {
    let user: UserId = user_id(device).parse().expect("a user's name");
    UserDevice::new(&user, &device_name(device))
}

fn subscription_id(device: u32, subscription: u64) -> String {
    format!("{DATABASE}/$zoneSubscription/{}/{subscription}", device_id(device))
}
