//! The life of a device, by the description of the system: all that it can have been, as far as is known.

/// Something that was asked of the keeper of devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The partition of `connections`.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
    /// The task time.
    pub time_ms: u64,
    /// Where the device connects: what was said to it. Otherwise it is to be forgotten.
    pub said: Option<Said>,
}

/// What was said to a device that connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The version of the app that connected.
    pub version: Box<str>,
    /// Since which record it is known, if it was told.
    pub added_by: Option<u64>,
}

/// That a device was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The task of device that did it.
    pub partition: u32,
    /// Counts what the task has forgotten.
    pub number: u64,
    /// When: the task time, or the node's, where a lease has ended.
    pub time_ms: u64,
}

/// A device that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The record that added it.
    pub added_by: u64,
    /// When it was last used.
    pub used_ms: u64,
    /// The version of its app.
    pub version: Box<str>,
}

/// What a device can be, with the number of removals that have been.
type World = (Option<Life>, usize);

/// How a device's life can have ended; none, if it is not known any more.
///
/// # Errors
///
/// If there is no life that fits what was asked and said.
pub fn lives(
    calls: &[Call],
    removals: &[Removal],
    lease_ms: u64,
) -> Result<Vec<Option<Life>>, (&'static str, String)> {
    let is_over = |life: &Life, removal: &Removal| removal.time_ms >= life.used_ms + lease_ms;
    // A lease may have ended before whatever comes next.
    let with_ends = |worlds: &[World]| -> Vec<World> {
        let ended = worlds.iter().filter_map(|(life, nth)| {
            let (life, removal) = (life.as_ref()?, removals.get(*nth)?);
            is_over(life, removal).then_some((None, nth + 1))
        });
        worlds.iter().cloned().chain(ended).collect()
    };
    let mut worlds: Vec<World> = vec![(None, 0)];
    for call in calls {
        let mut next: Vec<World> = Vec::new();
        for (life, nth) in with_ends(&worlds) {
            match (&call.said, life) {
                (None, None) => next.push((None, nth)),
                (None, Some(_)) => {
                    let is_it = |it: &&Removal| {
                        it.time_ms == call.time_ms && it.partition == call.partition
                    };
                    if removals.get(nth).filter(is_it).is_some() {
                        next.push((None, nth + 1));
                    }
                }
                (Some(said), life) => {
                    let added_by = life.map_or(call.offset, |life| life.added_by);
                    // Said later, it may be of a later life.
                    if said.added_by.is_none_or(|it| it == added_by || it > call.offset) {
                        let (used_ms, version) = (call.time_ms, said.version.clone());
                        next.push((Some(Life { added_by, used_ms, version }), nth));
                    }
                }
            }
        }
        next.dedup();
        if next.is_empty() {
            let kind = if call.said.is_some() { "another-life" } else { "not-forgotten" };
            return Err((kind, format!("nothing fits {call:?} after {worlds:?}")));
        }
        worlds = next;
    }
    let ends = with_ends(&worlds);
    if !ends.iter().any(|(_, nth)| *nth == removals.len()) {
        return Err(("forgotten-unasked", format!("not all removals fit {ends:?}")));
    }
    Ok(ends.into_iter().map(|(life, _)| life).collect())
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    #[test]
    fn a_device_lives_until_it_is_forgotten_or_its_lease_ends() {
        let calls = [connect(0, 10, Some(0)), connect(1, 50, Some(0)), forget(2, 60)];
        assert_eq!(lives(&calls, &[removal(1, 60)], 100), Ok(vec![None]));
        let expired = [connect(0, 10, Some(0)), connect(1, 150, Some(1))];
        let ends = lives(&expired, &[removal(1, 120)], 100).expect("it fits");
        assert_eq!(ends.iter().flatten().map(|life| life.added_by).collect::<Vec<_>>(), [1]);
        let again = [connect(0, 10, Some(0)), connect(1, 150, Some(0))];
        assert!(lives(&again, &[], 100).is_ok(), "nobody has to look at once");
    }

    #[test]
    fn a_life_that_fits_nothing_is_none() {
        let kind = |calls: &[Call], removals: &[Removal]| {
            lives(calls, removals, 100).err().map(|(kind, _)| kind)
        };
        let one = connect(0, 10, Some(0));
        assert_eq!(kind(&[one.clone(), forget(1, 20)], &[]), Some("not-forgotten"));
        assert_eq!(kind(&[one.clone(), forget(1, 20)], &[removal(1, 30)]), Some("not-forgotten"));
        assert_eq!(kind(from_ref(&one), &[removal(1, 109)]), Some("forgotten-unasked"));
        let two = [removal(1, 200), removal(2, 200)];
        assert_eq!(kind(from_ref(&one), &two), Some("forgotten-unasked"));
        assert_eq!(kind(&[forget(0, 10)], &[removal(1, 10)]), Some("forgotten-unasked"));
        assert_eq!(kind(&[one, connect(1, 20, Some(1))], &[]), Some("another-life"));
    }

    fn connect(offset: u64, time_ms: u64, added_by: Option<u64>) -> Call {
        let said = Some(Said { version: "1".into(), added_by });
        Call { partition: 0, offset, time_ms, said }
    }

    fn forget(offset: u64, time_ms: u64) -> Call {
        Call { partition: 0, offset, time_ms, said: None }
    }

    fn removal(number: u64, time_ms: u64) -> Removal {
        Removal { partition: 0, number, time_ms }
    }
}
