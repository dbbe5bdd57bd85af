//! What a member says to its coordinator.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Claim, GroupMetadata};
use crate::{
    client::{Cluster, Failure, millis},
    wire::{
        CoordinatorKind, ErrorCode, Generation, HeartbeatRequest, JoinGroupReply, JoinGroupRequest,
        LeaveGroupRequest, LeavingMember, Reply, SyncGroupRequest,
    },
};

/// The one assignor that members know.
const ASSIGNOR: &str = "cooperative-sticky";

/// What came of joining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// The coordinator gave the member an id, with which it is to join again.
    Named(String),
    /// It is a member of a new generation.
    Member {
        member: String,
        generation: i32,
        /// What the members own, for the one that is to deal out; for the others nothing.
        claims: BTreeMap<String, Claim>,
        /// It leads the group again, in whose place it has come, and is not to deal out anew (KIP-814).
        leads_again: bool,
    },
}

impl Cluster {
    pub(super) async fn join_group(
        &self,
        metadata: &GroupMetadata,
        claim: &Claim,
    ) -> Result<Joined, Failure> {
        let settings = self.settings();
        let request = JoinGroupRequest {
            group_id: metadata.group.clone(),
            member_id: metadata.member.clone(),
            group_instance_id: metadata.instance.clone(),
            session_timeout_ms: millis(settings.session_timeout),
            rebalance_timeout_ms: millis(settings.rebalance_timeout),
            protocol_type: "consumer".into(),
            protocols: vec![(ASSIGNOR.into(), claim.encode())],
        };
        // The answer comes when all others have joined, too, or their time is over.
        let timeout = settings.rebalance_timeout + settings.request_timeout;
        let group = &metadata.group;
        let reply = self.ask_coordinator_within(GROUP, group, request, timeout).await?;
        let Reply::JoinGroup(reply) = reply else { unreachable!("{reply:?}") };
        match reply {
            JoinGroupReply { error: Some(ErrorCode::MemberIdRequired), member_id, .. } => {
                Ok(Joined::Named(member_id))
            }
            JoinGroupReply { error: Some(code), .. } => Err(self.refused(GROUP, group, code)),
            JoinGroupReply { generation, member_id, members, skip_assignment, .. } => {
                let dealt = members.iter().filter(|_| !skip_assignment);
                let claims = dealt.map(|it| (it.member_id.clone(), Claim::decode(&it.metadata)));
                let claims = claims.collect();
                let (member, generation) = (member_id, generation.0);
                Ok(Joined::Member { member, generation, claims, leads_again: skip_assignment })
            }
        }
    }

    pub(super) async fn sync_group(
        &self,
        metadata: &GroupMetadata,
        assignments: &BTreeMap<String, BTreeSet<u32>>,
    ) -> Result<BTreeSet<u32>, Failure> {
        let assignment = |(member, partitions): (&String, &BTreeSet<u32>)| {
            (member.clone(), encode_partitions(BytesMut::new(), partitions))
        };
        let request = SyncGroupRequest {
            group_id: metadata.group.clone(),
            generation: Generation(metadata.generation),
            member_id: metadata.member.clone(),
            group_instance_id: metadata.instance.clone(),
            assignments: assignments.iter().map(assignment).collect(),
        };
        let settings = self.settings();
        let timeout = settings.rebalance_timeout + settings.request_timeout;
        let group = &metadata.group;
        let reply = self.ask_coordinator_within(GROUP, group, request, timeout).await?;
        let Reply::SyncGroup(reply) = reply else { unreachable!("{reply:?}") };
        let assigned = reply.map_err(|code| self.refused(GROUP, group, code))?;
        Ok(decode_partitions(assigned))
    }

    pub(super) async fn heartbeat(&self, metadata: &GroupMetadata) -> Result<(), Failure> {
        let request = HeartbeatRequest {
            group_id: metadata.group.clone(),
            generation: Generation(metadata.generation),
            member_id: metadata.member.clone(),
            group_instance_id: metadata.instance.clone(),
        };
        let reply = self.ask_coordinator(GROUP, &metadata.group, request).await?;
        let Reply::Heartbeat(reply) = reply else { unreachable!("{reply:?}") };
        reply.map_err(|code| self.refused(GROUP, &metadata.group, code))
    }

    pub(super) async fn leave_group(&self, metadata: &GroupMetadata) -> Result<(), Failure> {
        let leaving = LeavingMember {
            member_id: metadata.member.clone(),
            group_instance_id: metadata.instance.clone(),
        };
        let request =
            LeaveGroupRequest { group_id: metadata.group.clone(), members: vec![leaving] };
        let reply = self.ask_coordinator(GROUP, &metadata.group, request).await?;
        let Reply::LeaveGroup(reply) = reply else { unreachable!("{reply:?}") };
        match reply.error {
            Some(code) => Err(self.refused(GROUP, &metadata.group, code)),
            None => Ok(()),
        }
    }
}

const GROUP: CoordinatorKind = CoordinatorKind::Group;

impl Claim {
    fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::new();
        bytes.put_i32(self.generation);
        encode_partitions(bytes, &self.partitions)
    }

    fn decode(bytes: &Bytes) -> Self {
        let mut bytes = bytes.clone();
        let generation = bytes.try_get_i32().unwrap_or(-1);
        Self { generation, partitions: decode_partitions(bytes) }
    }
}

fn encode_partitions(mut bytes: BytesMut, partitions: &BTreeSet<u32>) -> Bytes {
    partitions.iter().for_each(|partition| bytes.put_u32(*partition));
    bytes.freeze()
}

fn decode_partitions(mut bytes: Bytes) -> BTreeSet<u32> {
    std::iter::from_fn(|| bytes.try_get_u32().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_reads_back_as_written() {
        for claim in [
            Claim { generation: -1, partitions: BTreeSet::new() },
            Claim { generation: 7, partitions: [0, 3, 70_000].into() },
        ] {
            assert_eq!(Claim::decode(&claim.encode()), claim);
        }
    }
}
