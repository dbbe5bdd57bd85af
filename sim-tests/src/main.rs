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
    print!("{}", outcome.to_text());
    for violation in &outcome.violations {
        println!("{violation}");
    }
}
