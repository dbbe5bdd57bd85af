//! The results as tables.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use crate::{Result, measure::Outcome};

/// A column: its heading, what stands in it, and how many digits behind the point.
type Column = (&'static str, fn(&Outcome) -> f64, usize);

const COLUMNS: [Column; 7] = [
    ("patches/s, whole run", |it| it.rate, 0),
    ("patches/s, second half", |it| it.rate_second_half, 0),
    ("CPU s per million", |it| it.cpu, 1),
    ("CPU s per million, second half", |it| it.cpu_second_half, 1),
    ("broker's CPU s per million", |it| it.broker_cpu, 1),
    ("peak RSS, MiB", |it| it.rss_mib, 0),
    ("s to the first commit", |it| it.ready_s, 1),
];

/// Reads results, and prints a table for each size of patches and commit interval: median, lowest
/// and highest of the runs, and under them the ratios of the medians.
///
/// # Errors
/// If the file cannot be read, or runs on the same input ended with different documents.
pub fn print(results: &Path) -> Result<String> {
    let text = std::fs::read_to_string(results)?;
    let outcomes =
        text.lines().map(serde_json::from_str).collect::<serde_json::Result<Vec<_>>>()?;
    let mut groups: BTreeMap<_, Vec<Outcome>> = BTreeMap::new();
    for outcome in outcomes {
        let Outcome { bytes, commit_ms, patches, .. } = outcome;
        groups.entry((bytes, commit_ms, patches)).or_default().push(outcome);
    }
    let mut out = String::new();
    for ((bytes, commit_ms, patches), outcomes) in groups {
        let digest = &outcomes[0].digest;
        if let Some(other) = outcomes.iter().find(|it| it.digest != *digest) {
            let text = format!("{} and {} differ in documents", outcomes[0].name, other.name);
            return Err(text.into());
        }
        _ = writeln!(
            out,
            "\n{patches} patches of {bytes} bytes, commits every {commit_ms} ms; all ended with the \
             same documents ({digest}):\n"
        );
        write(&mut out, &outcomes);
    }
    Ok(out)
}

fn write(out: &mut String, outcomes: &[Outcome]) {
    let mut names: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !names.contains(&&*outcome.name) {
            names.push(&outcome.name);
        }
    }
    let of = |name: &str| outcomes.iter().filter(|it| it.name == name).collect::<Vec<_>>();
    let headings = COLUMNS.map(|(heading, _, _)| heading).join(" | ");
    _ = writeln!(out, "| | runs | {headings} |\n|---|---|{}", "---|".repeat(COLUMNS.len()));
    for name in &names {
        let runs = of(name);
        let cells = COLUMNS.map(|(_, value, digits)| {
            let [median, low, high] = spread(&runs, value);
            format!("{median:.digits$} ({low:.digits$}-{high:.digits$})")
        });
        _ = writeln!(out, "| {name} | {} | {} |", runs.len(), cells.join(" | "));
    }
    for (index, other) in names.iter().enumerate() {
        for name in &names[index + 1..] {
            let ratios = COLUMNS.map(|(_, value, _)| {
                let [over, under] = [name, other].map(|it| spread(&of(it), value)[0]);
                format!("{:.2}", over / under)
            });
            _ = writeln!(out, "| {name} / {other} | | {} |", ratios.join(" | "));
        }
    }
}

/// Median, lowest and highest.
fn spread(runs: &[&Outcome], value: fn(&Outcome) -> f64) -> [f64; 3] {
    let mut values: Vec<f64> = runs.iter().map(|run| value(run)).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    };
    [median, values[0], values[values.len() - 1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(name: &str, rate: f64) -> Outcome {
        Outcome {
            name: name.into(),
            bytes: 200,
            commit_ms: 20,
            patches: 10,
            ready_s: 1.0,
            rate,
            rate_second_half: rate,
            cpu: 1.0,
            cpu_second_half: 1.0,
            cpu_start_s: 1.0,
            broker_cpu: 1.0,
            rss_mib: 1.0,
            digest: "d".into(),
        }
    }

    #[test]
    fn a_table_has_medians_spread_and_ratios() {
        let rates = [("bare", 10.0), ("streams", 5.0), ("bare", 30.0), ("bare", 20.0)];
        let outcomes = rates.map(|(name, rate)| outcome(name, rate));
        let mut out = String::new();
        write(&mut out, &outcomes);
        assert!(out.contains("| bare | 3 | 20 (10-30) |"), "{out}");
        assert!(out.contains("| streams | 1 | 5 (5-5) |"), "{out}");
        assert!(out.contains("| streams / bare | | 0.25 |"), "{out}");
    }
}
