//! **Invariant.** A record of a newer format than a node knows stops its task until a newer node takes it: it
//! is neither passed over nor set aside.

use super::Oracle;
use crate::{observed::Observed, violation::Violation};

pub(super) const ORACLE: Oracle = Oracle {
    name: "newer-records",
    holds: "A record of a newer format stops its task, and nothing becomes of it.",
    check: look,
};

fn look(observed: &Observed) -> Vec<Violation> {
    let Some(newer) = &observed.newer else { return Vec::new() };
    let spot = newer.spot;
    let wrong = [
        (
            newer.is_set_aside,
            "set-aside",
            format!("{spot} is of a newer format, and was set aside"),
        ),
        (
            newer.was_read,
            "passed-over",
            format!("{spot} is of a newer format, and was passed over"),
        ),
        (!newer.has_stopped, "goes-on", format!("{spot} is of a newer format: its task goes on")),
    ];
    let first = wrong.into_iter().find(|(is_wrong, ..)| *is_wrong);
    let violation =
        first.map(|(_, kind, text)| Violation::new(ORACLE.name, kind, observed.end_us, text));
    violation.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use tidelog_core::Topic;

    use super::*;
    use crate::observed::{NewerRecord, Spot};

    #[test]
    fn it_passes_tasks_that_stop_and_fails_all_others() {
        let stops = NewerRecord {
            spot: Spot { topic: Topic::EntityPatches, partition: 0, offset: 7 },
            has_stopped: true,
            was_read: false,
            is_set_aside: false,
        };
        assert_eq!(signatures(NewerRecord { ..stops }), [""; 0]);
        let aside = NewerRecord { is_set_aside: true, ..stops };
        assert_eq!(signatures(aside), ["newer-records/set-aside"]);
        let read = NewerRecord { was_read: true, ..stops };
        assert_eq!(signatures(read), ["newer-records/passed-over"]);
        let on = NewerRecord { has_stopped: false, ..stops };
        assert_eq!(signatures(on), ["newer-records/goes-on"]);
    }

    fn signatures(newer: NewerRecord) -> Vec<String> {
        let found = look(&Observed { newer: Some(newer), ..Observed::default() });
        found.into_iter().map(|violation| violation.signature.into()).collect()
    }
}
