//! The files of the tree, as they are now.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use xxhash_rust::xxh3::Xxh3;

use super::super::WrongCall;

/// The files of the tree around the current folder.
pub(super) struct Tree {
    root: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// What a program is not made of. Cargo finds its settings in the folders around the copy.
const OTHER: [&str; 5] = [".cargo", "sim-tests/bugs", "docs", ".ci", ".github"];

impl Tree {
    /// The files that git knows here, with those that are not committed yet.
    pub(super) fn read() -> Result<Self, WrongCall> {
        let root = PathBuf::from(git(Path::new("."), &["rev-parse", "--show-toplevel"])?.trim());
        let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let text = git(&root, &listing)?;
        let names = text.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
        let names = names.filter(|name| OTHER.iter().all(|other| !name.starts_with(other)));
        // One that was removed is still known until that is committed.
        let read = |name: PathBuf| Some((fs::read(root.join(&name)).ok()?, name));
        let files: BTreeMap<_, _> =
            names.filter_map(read).map(|(bytes, name)| (name, bytes)).collect();
        if files.is_empty() {
            return Err(WrongCall("git knows of no files here: bugs need a checkout".into()));
        }
        Ok(Self { root, files })
    }

    /// Where it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// A hash of all, and of the lines of a diff.
    pub(super) fn hash_with(&self, diff: &[String]) -> String {
        let mut hash = Xxh3::new();
        for (name, bytes) in &self.files {
            hash.update(name.as_os_str().as_encoded_bytes());
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        diff.iter().for_each(|line| hash.update(line.as_bytes()));
        format!("{:016x}", hash.digest())
    }

    /// Makes a copy. What is the same there keeps its time, so that it is not built again.
    pub(super) fn copy(&self, to: &Path) -> Result<(), WrongCall> {
        let told = |error: io::Error| WrongCall(format!("the tree cannot be copied: {error}"));
        for (name, bytes) in &self.files {
            let to = to.join(name);
            if fs::read(&to).ok().as_ref() != Some(bytes) {
                fs::create_dir_all(to.parent().unwrap_or(&to)).map_err(told)?;
                fs::write(&to, bytes).map_err(told)?;
            }
        }
        self.remove_others(to, to).map_err(told)
    }

    fn remove_others(&self, root: &Path, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.remove_others(root, &path)?;
            } else if path.strip_prefix(root).is_ok_and(|name| !self.files.contains_key(name)) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn git(folder: &Path, args: &[&str]) -> Result<String, WrongCall> {
    let output = Command::new("git").args(args).current_dir(folder).output();
    let output = output.map_err(|error| WrongCall(format!("git cannot be run: {error}")))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(WrongCall(format!("git {}: {}", args.join(" "), words.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
