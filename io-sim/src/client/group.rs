//! A member of a consumer group, in the classic protocol with cooperative hand-over.
//!
//! What is handed over goes in two rounds. In the first a member learns that it is to give a partition
//! away; it does, and joins again, and in the second the partition gets its new owner. A member owns a
//! number of its service's partitions, which stands for that partition of every input: the group's
//! subscription is the first input alone, and the others go along.

mod assignor;
mod calls;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::poll_fn,
    pin::pin,
    task::Poll,
};

use futures_channel::mpsc;
use futures_util::StreamExt;
use tidelog_core::{PartitionId, port::SessionError};

use self::{
    assignor::{Claim, assign},
    calls::Joined,
};
use super::{Cluster, Failure, Watched, millis};
use crate::wire::{ErrorCode, Instant};

/// What a member has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupEvent {
    /// The partition is ours.
    Assigned(PartitionId),
    /// The partition is to be released.
    Revoked(PartitionId),
    /// The membership is over, and with it everything that was assigned.
    Over(SessionError),
}

/// How the membership stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupView {
    pub(crate) group: String,
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) generation: i32,
    pub(crate) owned: BTreeSet<PartitionId>,
    pub(crate) is_over: bool,
}

/// Who makes an offset known: what the coordinator tells a member from one that has gone by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupMetadata {
    pub(crate) group: String,
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) generation: i32,
}

impl GroupView {
    pub(crate) fn metadata(&self) -> GroupMetadata {
        GroupMetadata {
            group: self.group.clone(),
            member: self.member.clone(),
            instance: self.instance.clone(),
            generation: self.generation,
        }
    }
}

/// A member of a group. When it is dropped it leaves.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) events: mpsc::UnboundedReceiver<GroupEvent>,
    released: mpsc::UnboundedSender<PartitionId>,
    view: Watched<GroupView>,
}

impl Member {
    /// Joins a group. Its events say what comes of it.
    pub(crate) fn join(cluster: Cluster, group: String, instance: Option<String>) -> Self {
        let (events_sender, events) = mpsc::unbounded();
        let (released, releases) = mpsc::unbounded();
        let generation = -1;
        let view = GroupView { group, instance, generation, ..GroupView::default() };
        let view = Watched::new(view);
        let heard = cluster.now();
        let work = Work {
            cluster,
            view: view.clone(),
            events: events_sender,
            releases,
            released: VecDeque::new(),
            heard,
            may_be_incomplete: false,
        };
        // It ends by itself once it has left.
        madsim::task::spawn_local(work.run());
        Self { events, released, view }
    }

    /// Gives a partition away that was revoked.
    pub(crate) fn release(&self, partition: PartitionId) {
        let _ = self.released.unbounded_send(partition);
    }

    pub(crate) fn view(&self) -> Watched<GroupView> {
        self.view.clone()
    }
}

struct Work {
    cluster: Cluster,
    view: Watched<GroupView>,
    events: mpsc::UnboundedSender<GroupEvent>,
    releases: mpsc::UnboundedReceiver<PartitionId>,
    /// What was released while something else was waited for.
    released: VecDeque<PartitionId>,
    /// When the coordinator was last heard of.
    heard: Instant,
    /// This member leads the group, and perhaps not every partition has an owner.
    may_be_incomplete: bool,
}

/// For so many heartbeats a leader waits until those have joined again that give something away.
const INCOMPLETE_BEATS_MAX: u32 = 4;

/// Why a member stops doing what it does.
enum Turn {
    /// To join again.
    Rejoin,
    /// Its owner is gone: to leave.
    Leave,
    /// It is no member any more.
    Over(SessionError),
}

impl Work {
    async fn run(mut self) {
        loop {
            let turn = match self.join().await {
                Ok(assigned) => self.belong(assigned).await,
                Err(turn) => turn,
            };
            match turn {
                Turn::Rejoin => {}
                Turn::Leave => {
                    self.view.change(|view| view.is_over = true);
                    let metadata = self.view.with(GroupView::metadata);
                    let leave = async || self.cluster.leave_group(&metadata).await;
                    // Should it fail, the session times out.
                    let _ = self.cluster.patiently(leave).await;
                    return;
                }
                Turn::Over(error) => {
                    self.view.change(|view| view.is_over = true);
                    let _ = self.events.unbounded_send(GroupEvent::Over(error));
                    // Should the group still count on it, it need not wait for it.
                    let metadata = self.view.with(GroupView::metadata);
                    let _ = self.cluster.leave_group(&metadata).await;
                    return;
                }
            }
        }
    }

    /// Joins, and learns what is assigned in the next generation.
    async fn join(&mut self) -> Result<BTreeSet<PartitionId>, Turn> {
        loop {
            let (metadata, owned) = self.view.with(|view| {
                (view.metadata(), view.owned.iter().map(|it| it.0).collect::<BTreeSet<u32>>())
            });
            let claim = Claim { generation: metadata.generation, partitions: owned };
            let cluster = self.cluster.clone();
            let before = metadata.generation;
            let join = async move { cluster.join_group(&metadata, &claim).await };
            match self.unless_left(join).await? {
                Ok(Joined::Named(member)) => self.view.change(|view| view.member = member),
                Ok(Joined::Member { member, generation, claims, leads_again }) => {
                    self.heard = self.cluster.now();
                    self.has_missed_nothing(before, generation)?;
                    self.view.change(|view| (view.member, view.generation) = (member, generation));
                    self.may_be_incomplete = leads_again;
                    match self.sync(claims).await? {
                        Some(assigned) => return Ok(assigned),
                        None => continue,
                    }
                }
                Err(failure) => self.unsettled(&failure).await?,
            }
        }
    }

    /// A member that was not there when partitions were dealt out owns nothing any more, whatever it
    /// believes: in the new generation its commits would count again.
    fn has_missed_nothing(&self, before: i32, generation: i32) -> Result<(), Turn> {
        let owns = self.view.with(|view| !view.owned.is_empty());
        if owns && generation > before + 1 {
            let group = self.view.with(|view| view.group.clone());
            let why = format!("{group} has had a generation without this member");
            return Err(Turn::Over(SessionError::Lost(why.into())));
        }
        Ok(())
    }

    /// Gets the assignment, and makes it if this member is the leader. None says to join again.
    async fn sync(
        &mut self,
        claims: BTreeMap<String, Claim>,
    ) -> Result<Option<BTreeSet<PartitionId>>, Turn> {
        let partitions = self.cluster.settings().layout.partitions();
        let assignments = assign(&claims, partitions);
        let given: usize = assignments.values().map(BTreeSet::len).sum();
        self.may_be_incomplete |= !assignments.is_empty() && given < partitions as usize;
        loop {
            let metadata = self.view.with(GroupView::metadata);
            let (cluster, assignments) = (self.cluster.clone(), assignments.clone());
            let sync = async move { cluster.sync_group(&metadata, &assignments).await };
            match self.unless_left(sync).await? {
                Ok(assigned) => {
                    self.heard = self.cluster.now();
                    return Ok(Some(assigned.into_iter().map(PartitionId).collect()));
                }
                Err(failure) => match failure.code() {
                    Some(ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration) => {
                        return Ok(None);
                    }
                    Some(_) | None => self.unsettled(&failure).await?,
                },
            }
        }
    }

    /// Takes what is new, has released what is gone, and stays until something changes.
    async fn belong(&mut self, assigned: BTreeSet<PartitionId>) -> Turn {
        let owned = self.view.with(|view| view.owned.clone());
        let mut revoked: BTreeSet<_> = owned.difference(&assigned).copied().collect();
        self.view.change(|view| view.owned.extend(assigned.iter().copied()));
        for partition in assigned.difference(&owned) {
            let _ = self.events.unbounded_send(GroupEvent::Assigned(*partition));
        }
        for partition in &revoked {
            let _ = self.events.unbounded_send(GroupEvent::Revoked(*partition));
        }
        let gives_away = !revoked.is_empty();
        // Whoever gives something away joins again then. Should it be restarted in the meantime, under
        // its static id, it knows nothing of that, and its coordinator sees no reason for a rebalance.
        let patience = self.cluster.settings().heartbeat_interval * INCOMPLETE_BEATS_MAX;
        let rejoin_at = self.may_be_incomplete.then(|| self.cluster.after(patience));
        let mut beat_at = self.cluster.after(self.cluster.settings().heartbeat_interval);
        loop {
            if gives_away && revoked.is_empty() {
                return Turn::Rejoin;
            }
            match self.until(beat_at).await {
                Next::Released(partition) => {
                    revoked.remove(&partition);
                    self.view.change(|view| {
                        view.owned.remove(&partition);
                    });
                }
                Next::Left => return Turn::Leave,
                Next::Due => {
                    let now = self.cluster.now();
                    if revoked.is_empty() && rejoin_at.is_some_and(|at| at <= now) {
                        return Turn::Rejoin;
                    }
                    match self.beat().await {
                        Ok(()) => {}
                        // What is being given away is given away first.
                        Err(Turn::Rejoin) if !revoked.is_empty() => {}
                        Err(turn) => return turn,
                    }
                    beat_at = self.cluster.after(self.cluster.settings().heartbeat_interval);
                }
            }
        }
    }

    async fn beat(&mut self) -> Result<(), Turn> {
        let metadata = self.view.with(GroupView::metadata);
        let cluster = self.cluster.clone();
        let beat = async move { cluster.heartbeat(&metadata).await };
        match self.unless_left(beat).await? {
            Ok(()) => {
                self.heard = self.cluster.now();
                Ok(())
            }
            Err(failure) => match failure.code() {
                Some(ErrorCode::RebalanceInProgress) => Err(Turn::Rejoin),
                Some(_) | None => self.unsettled(&failure).await,
            },
        }
    }

    /// Waits a little after a failure that passes, or says how it ends.
    async fn unsettled(&mut self, failure: &Failure) -> Result<(), Turn> {
        let lost = |why: String| Err(Turn::Over(SessionError::Lost(why.into())));
        let (is_new, group) = self.view.with(|view| (view.generation < 0, view.group.clone()));
        match failure.code() {
            Some(ErrorCode::UnknownMemberId) if is_new => {
                self.view.change(|view| view.member = "".into());
            }
            Some(ErrorCode::UnknownMemberId) => {
                return lost(format!("the group {group} goes on without this member"));
            }
            Some(ErrorCode::IllegalGeneration) => {
                return lost(format!("{group} has had a generation without this member"));
            }
            Some(ErrorCode::FencedInstanceId) => {
                return lost(format!("another instance of the same name has joined {group}"));
            }
            Some(_) | None if !failure.is_retriable() => {
                return lost(format!("{group}: {failure}"));
            }
            Some(_) | None => {}
        }
        let silent = self.cluster.now().ms_since(self.heard);
        if silent > millis(self.cluster.settings().session_timeout) {
            return lost(format!("{group} has not been heard of for {silent} ms: {failure}"));
        }
        self.cluster.back_off().await;
        Ok(())
    }

    /// Runs a request to its end, unless the owner of the member goes in the meantime.
    async fn unless_left<T>(&mut self, request: impl Future<Output = T>) -> Result<T, Turn> {
        let mut request = pin!(request);
        let (releases, released) = (&mut self.releases, &mut self.released);
        poll_fn(|context| {
            if let Poll::Ready(answer) = request.as_mut().poll(context) {
                return Poll::Ready(Ok(answer));
            }
            while let Poll::Ready(release) = releases.poll_next_unpin(context) {
                match release {
                    Some(partition) => released.push_back(partition),
                    None => return Poll::Ready(Err(Turn::Leave)),
                }
            }
            Poll::Pending
        })
        .await
    }

    async fn until(&mut self, at: Instant) -> Next {
        if let Some(partition) = self.released.pop_front() {
            return Next::Released(partition);
        }
        let mut timer = pin!(self.cluster.sleep_until(at));
        poll_fn(|context| {
            match self.releases.poll_next_unpin(context) {
                Poll::Ready(Some(partition)) => return Poll::Ready(Next::Released(partition)),
                Poll::Ready(None) => return Poll::Ready(Next::Left),
                Poll::Pending => {}
            }
            timer.as_mut().poll(context).map(|()| Next::Due)
        })
        .await
    }
}

/// What comes next for a member that belongs.
enum Next {
    Released(PartitionId),
    Left,
    Due,
}
