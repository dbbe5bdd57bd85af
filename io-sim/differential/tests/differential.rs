//! Scripts that the model and a real broker are put to.

#[path = "differential/cases.rs"]
mod cases;

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tidelog_differential::{Model, Names, Real, Speech, Step, play, script};
use tidelog_test_broker::shared;

/// How many scripts `cargo test` plays. `TIDELOG_SCRIPTS` says otherwise.
const SCRIPTS: u32 = 200;

/// The longest one.
const STEPS: usize = 40;

#[test]
fn the_model_does_what_a_real_broker_does() {
    let Some(shared) = shared() else { return };
    let scripts = number("TIDELOG_SCRIPTS").unwrap_or(SCRIPTS);
    let seed = number("TIDELOG_SEED").unwrap_or(1);
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases: scripts, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outcome = runner.run(&script(STEPS), |(speech, script)| {
        compare(shared.addresses(), speech, &script).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, (speech, script))) => {
            panic!("{why}\nthe script, with seed {seed}: Speech::{speech:?}, {script:#?}");
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Plays a script in both homes, and tells where they differ.
fn compare(address: &str, speech: Speech, script: &[Step]) -> Result<(), String> {
    static PLAYS: AtomicU32 = AtomicU32::new(0);
    let number = PLAYS.fetch_add(1, Ordering::Relaxed);
    let names = Names::new(&format!("play-{}-{number}-", std::process::id()));
    let real = play(&mut Real::at(address), &names, speech, script);
    let model = play(&mut Model::start(), &names, speech, script);
    let both = script.iter().zip(model.iter().zip(&real));
    let Some(at) = both.clone().position(|(_, (model, real))| model != real) else { return Ok(()) };
    let told = both.take(at + 1).map(|(step, (model, real))| {
        let differs = if model == real { String::new() } else { format!("\n  MODEL {model}") };
        format!("{step:?}\n  {real}{differs}\n")
    });
    Err(told.collect())
}

fn number(variable: &str) -> Option<u32> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, and not {text}")))
}
