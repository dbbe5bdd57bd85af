//! Making a failing run small: fewer faults, fewer operations, fewer nodes, less time, and the same
//! failure.
//!
//! A part is left out, the run is made again, and if it fails with the same signature the part stays out
//! (delta debugging, Zeller and Hildebrandt, 2002). Nothing that is left out moves what is left, because
//! faults are keyed by what they strike and steps by their numbers.

mod ddmin;

use std::collections::BTreeSet;

/// A run that can be made smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case<F> {
    /// The faults that are to strike, and no others.
    pub faults: Vec<F>,
    /// The steps of the workload that are to be taken, and no others.
    pub steps: BTreeSet<u32>,
    /// How many nodes there are.
    pub nodes: u32,
    /// How long faults and workload last, in milliseconds.
    pub length_ms: u64,
}

/// How a shrinking went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk<F> {
    /// The smallest run that was found.
    pub case: Case<F>,
    /// How many runs it took.
    pub runs: u32,
    /// Whether nothing is left to be tried: otherwise the time was up.
    pub is_minimal: bool,
}

/// Shrinks a case that fails. `fails` makes a run, and says whether it fails in the same way; `may_go_on`
/// says whether there is time for another one.
pub fn shrink<F: Clone + PartialEq>(
    case: Case<F>,
    fails: impl FnMut(&Case<F>) -> bool,
    may_go_on: impl FnMut() -> bool,
) -> Shrunk<F> {
    let mut shrinking = Shrinking { case, fails, may_go_on, runs: 0, is_out_of_time: false };
    loop {
        let before = shrinking.case.clone();
        shrinking.faults();
        shrinking.length();
        shrinking.steps();
        shrinking.nodes();
        // Without some steps, some faults may not be needed any more.
        if shrinking.case == before || shrinking.is_out_of_time {
            break;
        }
    }
    let Shrinking { case, runs, is_out_of_time, .. } = shrinking;
    Shrunk { case, runs, is_minimal: !is_out_of_time }
}

struct Shrinking<F, Fails, Time> {
    case: Case<F>,
    fails: Fails,
    may_go_on: Time,
    runs: u32,
    is_out_of_time: bool,
}

impl<F, Fails, Time> Shrinking<F, Fails, Time>
where
    F: Clone + PartialEq,
    Fails: FnMut(&Case<F>) -> bool,
    Time: FnMut() -> bool,
{
    fn faults(&mut self) {
        let base = self.case.clone();
        let kept = ddmin::minimize(&base.faults, |faults| {
            self.tries(&Case { faults: faults.to_vec(), ..base.clone() })
        });
        self.case.faults = kept;
    }

    fn steps(&mut self) {
        let base = self.case.clone();
        let all: Vec<u32> = base.steps.iter().copied().collect();
        let kept = ddmin::minimize(&all, |steps| {
            self.tries(&Case { steps: steps.iter().copied().collect(), ..base.clone() })
        });
        self.case.steps = kept.into_iter().collect();
    }

    fn nodes(&mut self) {
        while self.case.nodes > 1 {
            let fewer = Case { nodes: self.case.nodes - 1, ..self.case.clone() };
            if !self.tries(&fewer) {
                return;
            }
            self.case = fewer;
        }
    }

    /// The least time that still fails, to a tenth.
    fn length(&mut self) {
        let (mut too_short, mut enough) = (0, self.case.length_ms);
        while enough - too_short > enough / 10 + LENGTH_STEP_MS {
            let length_ms = too_short + (enough - too_short) / 2;
            if self.tries(&Case { length_ms, ..self.case.clone() }) {
                enough = length_ms;
            } else {
                too_short = length_ms;
            }
        }
        self.case.length_ms = enough;
    }

    fn tries(&mut self, case: &Case<F>) -> bool {
        if self.is_out_of_time || !(self.may_go_on)() {
            self.is_out_of_time = true;
            return false;
        }
        self.runs += 1;
        (self.fails)(case)
    }
}

/// Differences of time that are not worth a run.
const LENGTH_STEP_MS: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_all_that_is_left() {
        let fails = |case: &Case<u32>| {
            let faults = [17, 80].iter().all(|fault| case.faults.contains(fault));
            let steps = [3, 900, 901].iter().all(|step| case.steps.contains(step));
            faults && steps && case.nodes >= 2 && case.length_ms >= 7_000
        };
        let shrunk = shrink(large(), fails, || true);
        assert_eq!(shrunk.case.faults, [17, 80]);
        assert_eq!(shrunk.case.steps, [3, 900, 901].into());
        assert_eq!(shrunk.case.nodes, 2);
        assert!((7_000..8_000).contains(&shrunk.case.length_ms), "{}", shrunk.case.length_ms);
        assert!(shrunk.is_minimal);
        assert!(shrunk.runs < 300, "{} runs", shrunk.runs);
    }

    #[test]
    fn of_several_causes_one_is_left() {
        let fails = |case: &Case<u32>| case.faults.contains(&1) || case.faults.contains(&99);
        let shrunk = shrink(large(), fails, || true);
        assert_eq!(shrunk.case.faults.len(), 1);
        assert!(shrunk.case.steps.is_empty());
    }

    #[test]
    fn a_failure_that_needs_no_fault_has_none() {
        let shrunk = shrink(large(), |case| case.steps.contains(&5), || true);
        assert!(shrunk.case.faults.is_empty());
        assert_eq!(shrunk.case.steps, [5].into());
    }

    #[test]
    fn when_the_time_is_up_what_was_found_is_kept() {
        let mut runs = 0;
        let fails = |case: &Case<u32>| case.faults.contains(&17);
        let shrunk = shrink(large(), fails, || {
            runs += 1;
            runs <= 5
        });
        assert!(!shrunk.is_minimal);
        assert!(shrunk.case.faults.contains(&17) && shrunk.case.faults.len() < 100);
    }

    #[test]
    fn where_steps_gone_make_faults_needless_those_go_too() {
        // The fault matters only as long as there are many steps.
        let fails = |case: &Case<u32>| {
            case.steps.contains(&5) && (case.steps.len() < 10 || case.faults.contains(&17))
        };
        let shrunk = shrink(large(), fails, || true);
        assert!(shrunk.case.faults.is_empty());
    }

    fn large() -> Case<u32> {
        let (faults, steps) = ((0..100).collect(), (0..1_000).collect());
        Case { faults, steps, nodes: 4, length_ms: 60_000 }
    }
}
