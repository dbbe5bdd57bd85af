//! The command `cargo sim`.

use tidelog_sim_tests::{Run, Scenario};

fn main() {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "single".into());
    let seed = args.next().and_then(|it| it.parse().ok()).unwrap_or(1);
    let mut run = Run::new(seed, Scenario::of_name(&name).expect("a scenario"));
    run.keeps_lines = args.next().is_some();
    let outcome = run.run();
    for line in &outcome.lines {
        println!("{line}");
    }
    if let Ok(entity) = std::env::var("ENTITY") {
        for it in
            outcome.history.operations.iter().filter(|it| it.is_write() && *it.entity == *entity)
        {
            println!(
                "{it} [{:?}] {:?}..{:?} {} {:?} -> {:?}",
                it.key,
                it.invoked_us,
                it.returned_us,
                serde_json::to_string(&it.action).unwrap(),
                it.condition,
                it.outcome
            );
        }
    }
    print!("{}", outcome.to_text());
    for violation in &outcome.violations {
        println!("{violation}");
    }
}
