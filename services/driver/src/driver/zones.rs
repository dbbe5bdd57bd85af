//! Zones as they change, devices, and what those have not read.

use tidelog_core::{
    DatabaseId, DeviceId, EntityId, Message as Record, Position, Problem, ProblemKind, ServiceName,
    Subscription, Timestamp, Topic, UserDevice, UserId, ZoneId,
    id::IdError,
    limits::PAGE_ITEMS_MAX,
    message::{Acknowledgement, Condition, Connect, DeviceCall, ForDevice},
    port::{Append, AppendOutcome, TaskId},
    query::{Answer, DeviceView, FeedView, NotificationsView, Query},
};
use tokio::sync::oneshot;

use super::{Driver, queries::another_question};
use crate::{
    answer::Changed,
    connection::{Follow, Message},
    error::Error,
    following::Follower,
    positions::Positions,
};

/// A device that has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The device.
    pub device: DeviceView,
    /// Whether it is new. Then it has no subscriptions.
    pub is_new: bool,
}

impl Driver {
    /// Changes of a zone in the order of their numbers: those after the number `after`, or from the
    /// oldest that is kept. A zone in which nothing has happened has an empty feed.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if zone-watch cannot be asked, or does not get as far as `at_least`.
    pub async fn changes(
        &self,
        zone: &ZoneId,
        after: Option<u64>,
        limit: usize,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<FeedView, Error> {
        let limit = u32::try_from(limit.clamp(1, PAGE_ITEMS_MAX)).unwrap_or(u32::MAX);
        let query = Query::Changes { zone: zone.clone(), after, limit };
        let task = self.task_of(ServiceName::ZoneWatch, zone.as_str());
        let Answer::Changes(view) = self.ask(task, query, &at_least.into(), deadline).await? else {
            return Err(another_question());
        };
        Ok(view)
    }

    /// Tells of each change of a zone from when this returns on: that there is one, not what it is.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the driver has been shut down.
    pub async fn follow_zone(&self, zone: &ZoneId) -> Result<Follower, Error> {
        self.follow(Topic::ZoneChanges, zone.as_str()).await
    }

    /// What a device has not read.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if coalescing cannot be asked, or does not get as far as `at_least`.
    pub async fn notifications(
        &self,
        device: &DeviceId,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<NotificationsView, Error> {
        let task = self.task_of(ServiceName::Coalescing, device.as_str());
        let query = Query::Notifications(device.clone());
        let Answer::Notifications(view) = self.ask(task, query, &at_least.into(), deadline).await?
        else {
            return Err(another_question());
        };
        Ok(view)
    }

    /// Has a device told of changes: makes the subscription of that name, or changes what it says.
    ///
    /// # Errors
    ///
    /// As of [`Driver::replace`]; also if `name` is no segment of an id, or the subscription is about a
    /// place that none can be about.
    pub async fn subscribe(
        &self,
        device: &DeviceId,
        name: &str,
        subscription: &Subscription,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        let id = subscription_id(&subscription.subject.database(), device, name)?;
        self.replace(&id, subscription.document(), Condition::default(), deadline).await
    }

    /// Has a device told no more of what a subscription is about.
    ///
    /// # Errors
    ///
    /// As of [`Driver::delete`].
    pub async fn unsubscribe(
        &self,
        database: &DatabaseId,
        device: &DeviceId,
        name: &str,
        deadline: Timestamp,
    ) -> Result<Changed, Error> {
        let id = subscription_id(database, device, name)?;
        self.delete(&id, Condition::default(), deadline).await
    }

    /// Tells of each notification of a device from when this returns on.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the driver has been shut down.
    pub async fn follow_device(&self, device: &DeviceId) -> Result<Follower, Error> {
        self.follow(Topic::DeviceNotifications, device.as_str()).await
    }

    /// Says that a device has read what it was told up to the number `through`, and gives what it has not
    /// read then. One from the future changes nothing; it is seen in the answer, whose `acknowledged` is
    /// then lower. It can be said again without harm.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if it is not known that this is in the log, or what came of it.
    pub async fn acknowledge(
        &self,
        device: &DeviceId,
        through: u64,
        deadline: Timestamp,
    ) -> Result<NotificationsView, Error> {
        let acknowledgement = Acknowledgement { device: device.clone(), through };
        let message = Record::ForDevice(ForDevice::Acknowledgement(acknowledgement));
        let position = self.append(&message, deadline).await?;
        self.notifications(device, position, deadline).await
    }

    /// Says that a device is there. It can be said again without harm.
    ///
    /// A device that is new has no subscriptions. Should an answer be lost, a second one says that the
    /// device is known; whoever has kept `added` sees by it whether it is still the same.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if it is not known that this is in the log, or what came of it.
    /// `Ok(None)` if the user has too many devices.
    pub async fn connect_device(
        &self,
        connect: Connect,
        deadline: Timestamp,
    ) -> Result<Option<Connected>, Error> {
        let key = connect.device.clone();
        let message = Record::DeviceCall(DeviceCall::Connect(connect));
        let position = self.append(&message, deadline).await?;
        let device = self.device(&key, position, deadline).await?;
        Ok(device.map(|device| Connected { is_new: device.added_by == position.offset, device }))
    }

    /// Has a device forgotten, with its subscriptions. It does nothing if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if it is not known that this is in the log, or that it is done.
    pub async fn forget_device(
        &self,
        device: &UserDevice,
        deadline: Timestamp,
    ) -> Result<(), Error> {
        let message = Record::DeviceCall(DeviceCall::Forget(device.clone()));
        let position = self.append(&message, deadline).await?;
        self.device(device, position, deadline).await.map(drop)
    }

    /// A device of a user, if it is known.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if device cannot be asked, or does not get as far as `at_least`.
    pub async fn device(
        &self,
        device: &UserDevice,
        at_least: impl Into<Positions>,
        deadline: Timestamp,
    ) -> Result<Option<DeviceView>, Error> {
        let task = self.task_of(ServiceName::Device, device.user_str());
        let query = Query::Device(device.clone());
        let Answer::Device(view) = self.ask(task, query, &at_least.into(), deadline).await? else {
            return Err(another_question());
        };
        Ok(view)
    }

    /// The devices of a user, in the byte order of their ids.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] if device cannot be asked.
    pub async fn devices(
        &self,
        user: &UserId,
        deadline: Timestamp,
    ) -> Result<Vec<DeviceView>, Error> {
        let task = self.task_of(ServiceName::Device, user.as_str());
        let query = Query::Devices(user.clone());
        let Answer::Devices(views) = self.ask(task, query, &Positions::default(), deadline).await?
        else {
            return Err(another_question());
        };
        Ok(views)
    }

    fn task_of(&self, service: ServiceName, key: &str) -> TaskId {
        TaskId { service, partition: self.layout().partition(key) }
    }

    async fn follow(&self, topic: Topic, key: &str) -> Result<Follower, Error> {
        let partition = self.layout().partition(key);
        let (reply, located) = oneshot::channel();
        let follow = Follow { topic, partition, key: key.into(), reply };
        self.shared.send(Message::Follow(follow)).map_err(|_| Error::Closed)?;
        let seen = located.await.map_err(|_| Error::ConnectionLost)?;
        Ok(Follower::new(self.clone(), topic, partition, seen))
    }

    /// Appends a message that nobody answers, and gives its position.
    async fn append(&self, message: &Record, deadline: Timestamp) -> Result<Position, Error> {
        let (topic, partition) = (message.topic(), self.layout().partition(message.key()));
        let append = Append {
            topic,
            partition,
            key: message.record_key().as_bytes().to_vec().into(),
            payload: message.encode(),
            headers: Default::default(),
        };
        let (reply, outcome) = oneshot::channel();
        self.shared.send(Message::Append { append, reply }).map_err(|_| Error::Closed)?;
        let outcome = async { outcome.await.map_err(|_| Error::ConnectionLost) };
        match self.until(deadline, outcome).await? {
            AppendOutcome::Appended(offset) => Ok(Position { topic, partition, offset }),
            AppendOutcome::Rejected(reason) => Err(Error::Rejected(reason)),
            AppendOutcome::Unknown(reason) => Err(Error::Unavailable(reason)),
        }
    }
}

fn subscription_id(
    database: &DatabaseId,
    device: &DeviceId,
    name: &str,
) -> Result<EntityId, Error> {
    let bad = |error: IdError| Error::problem(Problem::new(ProblemKind::BadRequest, error));
    Subscription::id(database, device, name).map_err(bad)
}
