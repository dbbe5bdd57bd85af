//! Planted bugs: small diffs, each with a story in its head, which the tree is built with to see whether
//! a hunt finds them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A planted bug.
#[derive(Clone, Debug)]
pub struct Bug {
    /// Its name, which is the file's.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The fields of its story, as they stand.
    pub story: Vec<(String, String)>,
    /// The lines from the first file on.
    pub diff: Vec<String>,
}

impl Bug {
    /// Every bug of a folder, by name.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read, or a file in it is no diff with a story.
    pub fn all(folder: &Path) -> Result<Vec<Self>, String> {
        let told = |error| format!("the folder {} cannot be read: {error}", folder.display());
        let entries = fs::read_dir(folder).map_err(told)?;
        let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(told));
        let mut paths = paths.collect::<Result<Vec<_>, _>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "diff"));
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is no diff with a story.
    pub fn read(path: PathBuf) -> Result<Self, String> {
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut story: Vec<(String, String)> = Vec::new();
        let mut lines = text.lines();
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let line = line.strip_prefix("# ").ok_or_else(|| format!("{name}: {line}"))?;
            match (line.strip_prefix("  "), line.split_once(": "), story.last_mut()) {
                (Some(more), _, Some((_, text))) => {
                    text.push(' ');
                    text.push_str(more);
                }
                (None, Some((field, text)), _) => story.push((field.into(), text.into())),
                (Some(_), _, None) | (None, None, _) => {
                    return Err(format!(
                        "{name}: {line:?} is neither a field nor goes on with one"
                    ));
                }
            }
        }
        let diff = lines.map(str::to_owned).collect();
        Ok(Self { name, path, story, diff })
    }

    /// The oracles that see it.
    #[must_use]
    pub fn oracles(&self) -> Vec<String> {
        self.words("Oracle")
    }

    /// What it needs to show.
    #[must_use]
    pub fn needs(&self) -> Vec<String> {
        self.words("Needs")
    }

    /// The files that it changes.
    #[must_use]
    pub fn files(&self) -> BTreeSet<&str> {
        self.diff.iter().filter_map(|line| line.strip_prefix("+++ b/")).collect()
    }

    /// The words before the first colon of a field, which are separated by commas; a full stop ends
    /// them too.
    fn words(&self, field: &str) -> Vec<String> {
        let text = self.story.iter().find(|(of, _)| of == field).map_or("", |(_, text)| text);
        let words = text.split(':').next().unwrap_or_default().trim_end_matches('.');
        words.split(',').map(|word| word.trim().to_owned()).collect()
    }
}
