//! What readers do.

use tidelog_io_sim::wire::{
    DeleteRecordsRequest, ErrorCode, FetchPartition, FetchRequest, Fetched, Isolation,
    ListOffsetsPartition, ListOffsetsRequest, Offset, OffsetFetchRequest, OffsetSpec, Reply,
};

use super::Play;
use crate::Home;

impl<H: Home> Play<'_, H> {
    /// Reads to the end. How much comes at a time is the broker's to choose.
    pub(super) fn read(&mut self, partition: usize, committed: bool, from: u64) -> String {
        let mut all = match self.fetch(partition, committed, Offset(from)) {
            Ok(fetched) => fetched,
            Err(error) => return error.to_string(),
        };
        let mut end = all.batches.last().map(|batch| batch.last_offset.next());
        while let Some(from) = end {
            let more = match self.fetch(partition, committed, from) {
                Ok(fetched) => fetched,
                Err(error) => return error.to_string(),
            };
            end = more.batches.last().map(|batch| batch.last_offset.next());
            all.batches.extend(more.batches);
            all.aborted.extend(more.aborted);
        }
        all.aborted.sort();
        all.aborted.dedup();
        self.seen.fetched(&all)
    }

    fn fetch(
        &mut self,
        partition: usize,
        committed: bool,
        from: Offset,
    ) -> Result<Fetched, ErrorCode> {
        let partition = FetchPartition {
            partition: self.names.partition(partition),
            offset: from,
            current_leader_epoch: None,
            last_fetched_epoch: None,
            log_start: Offset::ZERO,
            max_bytes: 1 << 20,
        };
        let reply = self.ask(FetchRequest {
            replica: None,
            isolation: isolation(committed),
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 1 << 24,
            partitions: vec![partition],
        });
        let Reply::Fetch(mut reply) = reply else { unreachable!("{reply:?}") };
        reply.partitions.remove(0).result
    }

    pub(super) fn bounds(&mut self, partition: usize, committed: bool) -> String {
        [OffsetSpec::Earliest, OffsetSpec::Latest]
            .map(|spec| {
                let partition = self.names.partition(partition);
                let partition =
                    ListOffsetsPartition { partition, current_leader_epoch: None, spec };
                let isolation = isolation(committed);
                let reply = self.ask(ListOffsetsRequest { isolation, partitions: vec![partition] });
                let Reply::ListOffsets(reply) = reply else { unreachable!("{reply:?}") };
                match reply.partitions[0].1 {
                    Ok(listed) => listed.offset.map_or("none".into(), |it| it.to_string()),
                    Err(error) => error.to_string(),
                }
            })
            .join(" to ")
    }

    pub(super) fn trim(&mut self, partition: usize, to: Option<u64>) -> String {
        let partitions = vec![(self.names.partition(partition), to.map(Offset))];
        let reply = self.ask(DeleteRecordsRequest { partitions, timeout_ms: 9_000 });
        let Reply::DeleteRecords(reply) = reply else { unreachable!("{reply:?}") };
        match reply.partitions[0].1 {
            Ok(start) => format!("starts at {start}"),
            Err(error) => error.to_string(),
        }
    }

    pub(super) fn committed(&mut self, stable: bool) -> String {
        let partitions = Some((0..2).map(|it| self.names.partition(it)).collect());
        let group_id = self.names.group.clone();
        let request = OffsetFetchRequest { group_id, require_stable: stable, partitions };
        let reply = self.ask(request);
        let Reply::OffsetFetch(reply) = reply else { unreachable!("{reply:?}") };
        if let Some(error) = reply.error {
            return error.to_string();
        }
        let told = reply.partitions.iter().map(|(_, answer)| match answer {
            Ok(Some(it)) => format!("{} {}", it.offset, it.metadata),
            Ok(None) => "none".into(),
            Err(error) => error.to_string(),
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

fn isolation(committed: bool) -> Isolation {
    if committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted }
}
