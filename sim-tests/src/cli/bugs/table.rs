//! The table of all bugs, as it stands in `sim-tests/bugs/README.md`.

use tidelog_sim_tests::planted::Bug;

use super::score::{Score, Scores};

/// The rows of the bugs, by name, and the sums.
pub(super) fn of(bugs: &[Bug], scores: &Scores) -> String {
    let mut bugs: Vec<&Bug> = bugs.iter().collect();
    bugs.sort_by_key(|bug| &bug.name);
    let mut text = String::from(
        "| Name | Needs, one of | Found | Median | Worst | By | Without faults | By unit tests | \
         Shrunk to |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for bug in &bugs {
        text += &row(bug, &scores.of(&bug.name));
    }
    text + "\n" + &sums(&bugs.iter().map(|bug| scores.of(&bug.name)).collect::<Vec<_>>())
}

fn row(bug: &Bug, score: &Score) -> String {
    let seconds = |it: Option<f64>| it.map_or("-".into(), |it| format!("{it:.1} s"));
    let found = match score.runs {
        0 => "?".to_owned(),
        runs => format!("{} of {runs}", score.found),
    };
    let oracles: Vec<_> = score.oracles.iter().map(String::as_str).collect();
    let calm = score.needs_faults.map_or("?", |needs| if needs { "no" } else { "yes" });
    let unit_test = score.unit_test.as_ref().map_or("?", |by| by.as_ref().map_or("no", |_| "yes"));
    let shrunk = score.shrunk.as_ref().map_or("?".into(), |it| {
        format!("{} faults, {} steps in {:.0} s", it.faults, it.steps, it.seconds)
    });
    format!(
        "| `{}` | {} | {found} | {} | {} | {} | {calm} | {unit_test} | {shrunk} |\n",
        bug.name,
        bug.needs().join(", "),
        seconds(score.median_seconds),
        seconds(score.worst_seconds),
        oracles.join(", "),
    )
}

fn sums(scores: &[Score]) -> String {
    let runs: u64 = scores.iter().map(|score| score.runs).sum();
    let found: u64 = scores.iter().map(|score| score.found).sum();
    let count = |is: &dyn Fn(&&Score) -> bool| scores.iter().filter(is).count();
    let need_faults = count(&|score| score.needs_faults == Some(true));
    let by_unit_tests = count(&|score| matches!(score.unit_test, Some(Some(_))));
    let calm = count(&|score| score.needs_faults.is_some());
    let tested = count(&|score| score.unit_test.is_some());
    let mut text = format!(
        "{found} of {runs} hunts found their bug. Of {calm} bugs that were hunted without faults \
         {need_faults} need them; of {tested} that the unit tests saw these found {by_unit_tests}.\n"
    );
    let shrunk: Vec<_> = scores.iter().filter_map(|score| score.shrunk.as_ref()).collect();
    if !shrunk.is_empty() {
        let faults = median(shrunk.iter().map(|it| it.faults).collect());
        let steps = median(shrunk.iter().map(|it| it.steps).collect());
        let worst = shrunk.iter().map(|it| it.seconds).fold(0.0, f64::max);
        let alike: u64 = shrunk.iter().map(|it| it.alike).sum();
        let replays: u64 = shrunk.iter().map(|it| it.replays).sum();
        text += &format!(
            "Of {} shrunk runs the median has {faults} faults and {steps} steps; the longest took \
             {worst:.0} s; {alike} of {replays} replays failed alike.\n",
            shrunk.len()
        );
    }
    text
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    of[of.len() / 2]
}
