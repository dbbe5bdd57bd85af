//! A copy of the tree, into which one bug after the other is planted.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use super::super::WrongCall;

/// A copy of the tree, and the target folder that all bugs share.
pub(super) struct Copied {
    tree: PathBuf,
    target: PathBuf,
    programs: PathBuf,
    root: PathBuf,
}

/// What there is of the tree that is built.
const PARTS: [&str; 8] =
    ["Cargo.toml", "Cargo.lock", ".cargo", "core", "services", "io-local", "io-sim", "sim-tests"];

impl Copied {
    pub(super) fn make() -> Result<Self, WrongCall> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_owned();
        let base = root.join("target/bugs");
        let copied = Self {
            tree: base.join("tree"),
            target: base.join("target"),
            programs: base.join("programs"),
            root,
        };
        std::fs::create_dir_all(&copied.programs).map_err(|error| {
            WrongCall(format!("{} cannot be made: {error}", copied.programs.display()))
        })?;
        Ok(copied)
    }

    /// The program with a bug in it.
    pub(super) fn with(&self, name: &str, diff: &Path) -> Result<PathBuf, WrongCall> {
        self.refresh()?;
        let diff = diff.canonicalize().unwrap_or_else(|_| diff.to_owned());
        let apply = Command::new("patch")
            .args(["--strip=1", "--batch", "--forward", "--quiet", "--input"])
            .arg(&diff)
            .current_dir(&self.tree)
            .output();
        checked(&format!("the bug {name} does not apply"), apply)?;
        let build = Command::new("cargo")
            .args([
                "build",
                "--release",
                "--quiet",
                "--package",
                "tidelog-sim-tests",
                "--bin",
                "sim",
            ])
            .env("CARGO_TARGET_DIR", &self.target)
            .current_dir(&self.tree)
            .output();
        checked(&format!("the tree with the bug {name} does not build"), build)?;
        let program = self.programs.join(name);
        let built = self.target.join("release/sim");
        std::fs::copy(&built, &program)
            .map_err(|error| WrongCall(format!("{} cannot be copied: {error}", built.display())))?;
        Ok(program)
    }

    /// Makes the copy as the tree is. What is the same keeps its time, so that it is not built again.
    fn refresh(&self) -> Result<(), WrongCall> {
        std::fs::create_dir_all(&self.tree).map_err(|error| {
            WrongCall(format!("{} cannot be made: {error}", self.tree.display()))
        })?;
        for part in PARTS.into_iter().chain(["bench"]) {
            refresh(&self.root.join(part), &self.tree.join(part))
                .map_err(|error| WrongCall(format!("{part} cannot be copied: {error}")))?;
        }
        Ok(())
    }
}

fn refresh(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_file() {
        let bytes = std::fs::read(from)?;
        if std::fs::read(to).ok().as_ref() != Some(&bytes) {
            std::fs::write(to, bytes)?;
        }
        return Ok(());
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        refresh(&entry.path(), &to.join(entry.file_name()))?;
    }
    for entry in std::fs::read_dir(to)? {
        let entry = entry?;
        let is_gone = !from.join(entry.file_name()).exists();
        if is_gone && entry.path().is_file() {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn checked(what: &str, output: std::io::Result<std::process::Output>) -> Result<(), WrongCall> {
    let output = output.map_err(|error| WrongCall(format!("{what}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].concat();
    Err(WrongCall(format!("{what}: {}", String::from_utf8_lossy(&words).trim())))
}
