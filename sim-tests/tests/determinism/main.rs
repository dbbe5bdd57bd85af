//! The determinism gate, and the proof that it catches what it is for.
//!
//! Called with `leak`, this program is the fixture: a small run into which one thing leaks that is no
//! function of the seed.

mod leak;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use tidelog_sim_tests::gate::{Judged, Program, Surroundings, judge};

use crate::leak::Leak;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("leak") {
        leak::main();
        return ExitCode::SUCCESS;
    }
    let mut trials = vec![
        Trial::test("a_run_is_the_same_whatever_surrounds_it", || {
            a_run_is_the_same_whatever_surrounds_it()
        }),
        Trial::test("what_madsim_answers_for_does_not_leak", || {
            what_madsim_answers_for_does_not_leak()
        }),
    ];
    for leak in Leak::ALL.into_iter().filter(|leak| leak.shows().is_some()) {
        let name = format!("a_leak_of_{}_is_caught", leak.name().replace('-', "_"));
        trials.push(Trial::test(name, move || a_leak_is_caught(leak)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A hundredth seed of its process, among others. The other build is compared by `cargo sim gate`: here
/// it would have to be made first.
fn a_run_is_the_same_whatever_surrounds_it() -> Result<(), Failed> {
    let args = ["run", "--scenario", "brief"].map(str::to_owned).to_vec();
    let program = Program { path: env!("CARGO_BIN_EXE_sim").into(), args };
    let others = vec![
        Surroundings::Untraced,
        Surroundings::Elsewhere,
        Surroundings::After(99),
        Surroundings::Beside(2),
    ];
    passes(&judge(&program, 4_711, others)?)
}

fn what_madsim_answers_for_does_not_leak() -> Result<(), Failed> {
    passes(&judge(&fixture(Leak::Closed), 7, surroundings(Leak::Closed))?)
}

fn a_leak_is_caught(leak: Leak) -> Result<(), Failed> {
    let judged = judge(&fixture(leak), 7, surroundings(leak))?;
    let caught: Vec<_> = judged
        .compared
        .iter()
        .filter_map(|it| it.parted.as_ref().map(|parted| (&it.surroundings, parted.to_string())))
        .collect();
    let expected = leak.shows().expect("a leak that shows");
    let Some((_, told)) = caught.iter().find(|(surroundings, _)| **surroundings == expected) else {
        return Err(format!("it does not show {expected}: {judged:?}").into());
    };
    // The event before is the same, and the one that is told is the one into which it leaked.
    if told.contains(leak::EVENT) && told.contains("event 10 is the first") {
        return Ok(());
    }
    Err(format!("another event is told: {told}").into())
}

fn passes(judged: &Judged) -> Result<(), Failed> {
    let parted =
        judged.compared.iter().find_map(|it| Some((&it.surroundings, it.parted.as_ref()?)));
    match parted {
        Some((surroundings, parted)) => Err(format!("it differs {surroundings}: {parted}").into()),
        None if judged.events == 0 => Err("a run without events proves nothing".into()),
        None => Ok(()),
    }
}

fn fixture(leak: Leak) -> Program {
    let args = vec!["leak".to_owned(), leak.name()];
    Program { path: std::env::current_exe().expect("the path of this program"), args }
}

fn surroundings(leak: Leak) -> Vec<Surroundings> {
    let mut other = fixture(leak);
    other.args.push("--optimised".into());
    vec![
        Surroundings::Fresh,
        Surroundings::Elsewhere,
        Surroundings::After(3),
        Surroundings::OtherBuild(other),
    ]
}
