//! What is known of a bug: how it was found, and how small a run shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{super::WrongCall, hunted::Find, shrunk::Shrunk};

/// What is known of a bug.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Score {
    pub(super) bug: String,
    /// From how many seeds it was hunted, and how many of these hunts found it.
    pub(super) runs: u64,
    pub(super) found: u64,
    /// The oracles that found it, and the first of each run in which none is one that its story names.
    pub(super) oracles: BTreeSet<String>,
    pub(super) unforeseen: BTreeSet<String>,
    pub(super) signatures: BTreeSet<String>,
    /// In CPU time; a hunt that misses it counts as longer than any other.
    pub(super) median_seconds: Option<f64>,
    /// In CPU time, of the hunts that found it.
    pub(super) worst_seconds: Option<f64>,
    /// Whether it is not found where faults are switched off; none, if that was not tried.
    pub(super) needs_faults: Option<bool>,
    /// The unit test that finds it, if one does; none, if that was not tried.
    #[serde(default, with = "tried")]
    pub(super) unit_test: Option<Option<String>>,
    /// A seed that shows it.
    pub(super) seeds: Vec<u64>,
    pub(super) shrunk: Option<Shrunk>,
}

/// The scores of all bugs, in a file.
pub(super) struct Scores {
    file: PathBuf,
    all: BTreeMap<String, Score>,
}

impl Score {
    /// Takes the finds of so many hunts.
    pub(super) fn take(&mut self, runs: u64, finds: &[Find], foreseen: &[String]) {
        let mut seconds: Vec<f64> = finds.iter().map(|find| find.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        self.runs = runs;
        self.found = finds.len() as u64;
        self.median_seconds =
            usize::try_from(runs / 2).ok().and_then(|middle| seconds.get(middle).copied());
        self.worst_seconds = seconds.last().copied();
        self.oracles = finds.iter().flat_map(|find| find.oracles.iter().cloned()).collect();
        let is_foreseen = |find: &&Find| find.oracles.iter().any(|it| foreseen.contains(it));
        let others = finds.iter().filter(|find| !is_foreseen(find));
        self.unforeseen = others.filter_map(|find| find.oracles.first().cloned()).collect();
        self.signatures = finds.iter().map(|find| find.signature.clone()).collect();
        self.seeds = finds.iter().map(|find| find.seed).collect();
    }
}

impl Scores {
    /// Those that are kept in a file, if there is one.
    pub(super) fn open(file: PathBuf) -> Result<Self, WrongCall> {
        let Ok(text) = fs::read_to_string(&file) else {
            return Ok(Self { file, all: BTreeMap::new() });
        };
        let all = serde_json::from_str(&text)
            .map_err(|error| WrongCall(format!("{}: {error}: remove it", file.display())))?;
        Ok(Self { file, all })
    }

    pub(super) fn of(&self, bug: &str) -> Score {
        let known = self.all.get(bug).cloned();
        known.unwrap_or_else(|| Score { bug: bug.to_owned(), ..Score::default() })
    }

    pub(super) fn keep(&mut self, score: Score) -> Result<(), WrongCall> {
        self.all.insert(score.bug.clone(), score);
        let text = serde_json::to_string_pretty(&self.all).expect("texts and numbers");
        fs::write(&self.file, text)
            .map_err(|error| WrongCall(format!("{}: {error}", self.file.display())))
    }
}

/// `null` is what was not tried, `false` what no test found.
mod tried {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Tried {
        No(bool),
        By(String),
    }

    #[expect(clippy::ref_option, reason = "what serde gives")]
    pub(super) fn serialize<S: Serializer>(
        tried: &Option<Option<String>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let tried = tried.clone().map(|by| by.map_or(Tried::No(false), Tried::By));
        tried.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Option<String>>, D::Error> {
        let tried = Option::<Tried>::deserialize(from)?;
        Ok(tried.map(|tried| match tried {
            Tried::No(_) => None,
            Tried::By(test) => Some(test),
        }))
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |it: Option<f64>| it.map_or("-".into(), |it| format!("{it:.1} s"));
        let signatures: Vec<_> = self.signatures.iter().map(String::as_str).collect();
        let faults = match self.needs_faults {
            Some(true) => ", needs faults",
            Some(false) => ", found without faults",
            None => "",
        };
        write!(
            f,
            "{:<58} {}/{} median {:>7} worst {:>7}  {}{faults}",
            self.bug,
            self.found,
            self.runs,
            seconds(self.median_seconds),
            seconds(self.worst_seconds),
            signatures.join(", ")
        )?;
        if !self.unforeseen.is_empty() {
            write!(f, ", not foreseen: {:?}", self.unforeseen)?;
        }
        match &self.unit_test {
            Some(Some(test)) => write!(f, ", unit test {test}")?,
            Some(None) => write!(f, ", no unit test")?,
            None => {}
        }
        if let Some(shrunk) = &self.shrunk {
            write!(f, ", {shrunk}")?;
        }
        Ok(())
    }
}
