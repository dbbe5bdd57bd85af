//! Where the records of an input end, whatever the log has put behind them.

use std::time::Duration;

use tidelog_core::{Offset, port::SessionError};

use super::lost;
use crate::client::{Cluster, Failure, Place, Which};

/// How far back the first look goes; each further one goes eight times as far.
const LOOK_BACK: u64 = 64;

/// The first offset that a partition has, and the one after its last record.
pub(super) async fn bounds(cluster: &Cluster, place: Place) -> Result<(Offset, Offset), Failure> {
    let start = cluster.offset(place, Which::Earliest).await?;
    let stable = cluster.offset(place, Which::Stable).await?;
    if stable <= start {
        return Ok((start, start.max(stable)));
    }
    Ok((start, before(cluster, place, start, stable).await?))
}

/// The last stable offset of an input: what a reader gets to.
pub(super) async fn stable(cluster: &Cluster, place: Place) -> Result<Offset, SessionError> {
    let ask = async || cluster.offset(place, Which::Stable).await;
    cluster.patiently(ask).await.map_err(|failure| lost("the end of an input", place, &failure))
}

/// The offset after the last record before `stable`, which is not before `known`.
pub(super) async fn look(
    cluster: &Cluster,
    place: Place,
    known: Offset,
    stable: Offset,
) -> Result<Offset, SessionError> {
    let seek = async || before(cluster, place, known, stable).await;
    let found = cluster.patiently(seek).await;
    found.map_err(|failure| lost("the end of an input", place, &failure))
}

async fn before(
    cluster: &Cluster,
    place: Place,
    known: Offset,
    stable: Offset,
) -> Result<Offset, Failure> {
    let mut back = LOOK_BACK;
    loop {
        let from = known.max(Offset(stable.0.saturating_sub(back)));
        match last(cluster, place, from, stable).await? {
            Some(end) => return Ok(end),
            None if from == known => return Ok(known),
            None => back = back.saturating_mul(8),
        }
    }
}

/// The offset after the last record between `from` and `stable`, if there is one.
async fn last(
    cluster: &Cluster,
    place: Place,
    from: Offset,
    stable: Offset,
) -> Result<Option<Offset>, Failure> {
    let (mut next, mut found) = (from, None);
    while next < stable {
        let chunk = match cluster.fetch(place, next, Duration::ZERO).await {
            Ok(chunk) => chunk,
            // The reader is told on its own.
            Err(Failure::OutOfRange { .. }) => return Ok(found),
            Err(failure) => return Err(failure),
        };
        let before = chunk.records.iter().rev().find(|record| record.offset < stable);
        found = before.map(|record| record.offset.next()).or(found);
        if chunk.next == next {
            return Err(Failure::NothingNew);
        }
        next = chunk.next;
    }
    Ok(found)
}
