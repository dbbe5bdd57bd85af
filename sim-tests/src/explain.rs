//! A run as one HTML page: a lane for each machine and each task, messages as arrows, faults as bars,
//! committed positions, and the violation. It needs nothing but itself to be looked at.

mod lanes;
mod select;

use std::collections::BTreeMap;

use serde::Serialize;

use self::{
    lanes::{Lane, Lanes},
    select::{Event, selected},
};
use crate::{oracle::Oracle, outcome::Outcome, violation::Violation};

/// The page, into which the data goes.
const PAGE: &str = include_str!("explain/page.html");

/// Where it goes.
const DATA: &str = "\"the data of the run\"";

/// What the page shows.
#[derive(Debug, Serialize)]
struct Data<'o> {
    title: String,
    reproduce: &'o str,
    operations: String,
    violations: &'o [Violation],
    /// How many there are of each signature after the first violation.
    more: BTreeMap<&'o str, usize>,
    /// What each oracle holds.
    holds: BTreeMap<&'static str, &'static str>,
    lanes: Vec<Lane>,
    bars: Vec<Bar>,
    events: Vec<Event>,
    /// How many events there were, of which the page may not have all.
    all_events: usize,
    end_us: u64,
}

/// A time during which something was broken.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Bar {
    lane: usize,
    from_us: u64,
    to_us: u64,
    what: String,
}

/// The timeline of a run whose trace was kept.
#[must_use]
pub fn html(outcome: &Outcome) -> String {
    let lanes = Lanes::of(&outcome.lines);
    let end_us = outcome.virtual_ms * 1_000;
    let counted: Vec<_> =
        outcome.operations.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let data = Data {
        title: format!("seed {}, scenario {}", outcome.seed, outcome.scenario),
        reproduce: &outcome.reproduce,
        operations: counted.join(", "),
        violations: &outcome.violations[..outcome.violations.len().min(VIOLATIONS_MAX)],
        more: more(outcome),
        holds: Oracle::ALL.iter().map(|oracle| (oracle.name, oracle.holds)).collect(),
        bars: bars(outcome, &lanes, end_us),
        events: selected(&outcome.lines, &lanes, at_us(outcome)),
        lanes: lanes.into_list(),
        all_events: outcome.lines.len(),
        end_us,
    };
    let json = serde_json::to_string(&data).expect("texts and numbers can be written");
    // Nothing in a text may end the script.
    PAGE.replace(DATA, &json.replace("</", "<\\/"))
}

/// A page does not list more violations.
const VIOLATIONS_MAX: usize = 30;

fn more(outcome: &Outcome) -> BTreeMap<&str, usize> {
    let mut more = BTreeMap::new();
    for violation in outcome.violations.iter().skip(1) {
        *more.entry(&*violation.signature).or_default() += 1;
    }
    more
}

/// The time around which the page has all events.
fn at_us(outcome: &Outcome) -> u64 {
    outcome.violation().map_or(outcome.virtual_ms * 1_000, |violation| violation.at_us)
}

/// What begins something that lasts, and what ends it.
const LASTING: [(&str, &str, &str); 4] = [
    ("kill", "start", "down"),
    ("exit", "start", "down"),
    ("pause", "resume", "stands still"),
    ("cut", "mend", "cut off"),
];

fn bars(outcome: &Outcome, lanes: &Lanes, end_us: u64) -> Vec<Bar> {
    let lines = &outcome.lines;
    let mut bars = Vec::new();
    for (nth, line) in lines.iter().enumerate() {
        let Some((_, until, what)) = LASTING.iter().find(|(begin, ..)| *begin == line.what) else {
            continue;
        };
        let Some(lane) = lanes.index(&line.lane) else { continue };
        let is_end = |other: &&tidelog_io_sim::trace::Line| {
            let is_same = line.what != "cut" || other.detail == line.detail;
            other.lane == line.lane && other.what == *until && is_same
                || other.what == "mend-all" && line.what == "cut"
                || other.what == "kill" && line.what == "pause" && other.lane == line.lane
        };
        let to_us = lines[nth + 1..].iter().find(is_end).map_or(end_us, |end| end.at_us);
        let what =
            if line.what == "cut" { format!("{what}: {}", line.detail) } else { (*what).into() };
        bars.push(Bar { lane, from_us: line.at_us, to_us, what });
    }
    bars
}

#[cfg(test)]
mod tests {
    use tidelog_io_sim::trace::Trace;

    use super::*;
    use crate::outcome::tests::outcome;

    #[test]
    fn a_page_has_its_lanes_bars_and_the_violation_and_needs_nothing_else() {
        let page = html(&story(3));
        for expected in ["broker1", "node1", "entity-storage/0", "durable/lost", "a record is gone"]
        {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(page.contains(r#""from_us":1000,"to_us":3000,"what":"down""#), "{page}");
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
        assert!(!page.contains(DATA));
    }

    #[test]
    fn a_page_of_a_long_run_is_below_five_megabytes() {
        let page = html(&story(120_000));
        assert!(page.len() < 5_000_000, "{} bytes", page.len());
        assert!(page.contains("entity-storage/0"), "what matters is there all the same");
    }

    #[test]
    fn no_text_can_end_the_script() {
        let mut outcome = story(1);
        outcome.violations[0].message = "</script><script>".into();
        assert!(!html(&outcome).contains("</script><script>"));
    }

    fn story(messages: u64) -> Outcome {
        let mut trace = Trace::new(true);
        trace.event(
            500,
            "node1@client1#1/entity-storage/1",
            "task",
            "entity-storage/0 Restored({})",
        );
        trace.event(1_000, "client1", "kill", &1);
        for nth in 0..messages {
            let detail = format!(
                "Request {{ from: Broker(BrokerId(2)), request: Fetch {} }}",
                "x".repeat(300)
            );
            trace.event(1_100 + nth, "broker1", "Fetch", detail.as_str());
        }
        trace.event(3_000, "client1", "start", &2);
        Outcome { lines: trace.lines().to_vec(), ..outcome(Some("durable/lost")) }
    }
}
