//! A copy of the tree, into which one bug after the other is planted, and the programs built from it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tidelog_sim_tests::planted::Bug;

use super::{super::WrongCall, tree::Tree};

/// A copy of the tree, and the target folder that all bugs share.
pub(super) struct Copied {
    original: Tree,
    folder: PathBuf,
}

/// The packages whose tests are there to find bugs before any simulation.
const TESTED: [&str; 5] =
    ["tidelog-core", "tidelog-machines", "tidelog-runtime", "tidelog-driver", "tidelog-io-local"];

impl Copied {
    pub(super) fn make() -> Result<Self, WrongCall> {
        let original = Tree::read()?;
        let copied = Self { folder: original.root().join("target/bugs"), original };
        for folder in [copied.programs(), copied.tree()] {
            fs::create_dir_all(&folder).map_err(|error| {
                WrongCall(format!("{} cannot be made: {error}", folder.display()))
            })?;
        }
        Ok(copied)
    }

    /// Where all of this is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The unit test that finds a bug; none, if none does.
    pub(super) fn unit_test(&self, bug: &Bug) -> Result<Option<String>, WrongCall> {
        self.plant(bug)?;
        let packages = TESTED.iter().flat_map(|package| ["--package", package]);
        let what = format!("the tests with the bug {}", bug.name);
        checked(&what, self.cargo("test").arg("--no-run").args(packages.clone()).output())?;
        let output = self.cargo("test").args(packages).output();
        let output = output.map_err(|error| WrongCall(format!("{what}: {error}")))?;
        if output.status.success() {
            return Ok(None);
        }
        // Of a test that failed there are its words, under its name.
        let text = String::from_utf8_lossy(&output.stdout);
        let heading = |line: &str| {
            line.strip_prefix("---- ")
                .and_then(|line| line.strip_suffix(" stdout ----"))
                .map(String::from)
        };
        Ok(Some(text.lines().find_map(heading).unwrap_or_else(|| "a test that ends badly".into())))
    }

    /// The program with a bug in it, which is not built again if it is there already.
    pub(super) fn with(&self, bug: &Bug) -> Result<PathBuf, WrongCall> {
        let program = self.programs().join(&bug.name);
        let stamp = program.with_extension("stamp");
        let hash = self.original.hash_with(&bug.diff);
        if program.exists() && fs::read_to_string(&stamp).is_ok_and(|it| it == hash) {
            return Ok(program);
        }
        self.plant(bug)?;
        let build = self
            .cargo("build")
            .args(["--profile", "planted", "--package", "tidelog-sim-tests", "--bin", "sim"])
            .output();
        checked(&format!("the tree with the bug {} does not build", bug.name), build)?;
        let built = self.target().join("planted/sim");
        fs::copy(&built, &program)
            .and_then(|_| fs::write(&stamp, hash))
            .map_err(|error| WrongCall(format!("{} cannot be copied: {error}", built.display())))?;
        Ok(program)
    }

    /// Makes the copy as the tree is, but for a bug.
    fn plant(&self, bug: &Bug) -> Result<(), WrongCall> {
        self.original.copy(&self.tree())?;
        let diff = bug.path.canonicalize().unwrap_or_else(|_| bug.path.clone());
        let apply = Command::new("git")
            .args(["apply", "--whitespace=nowarn"])
            .arg(&diff)
            .current_dir(self.tree())
            // The copy is in no repository; within the one around it git would skip its files.
            .env("GIT_CEILING_DIRECTORIES", &self.folder)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .output();
        checked(&format!("the bug {} does not apply", bug.name), apply)
    }

    fn cargo(&self, what: &str) -> Command {
        let mut command = Command::new("cargo");
        command.args([what, "--quiet"]).current_dir(self.tree());
        command.env("CARGO_TARGET_DIR", self.target());
        command
    }

    fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    fn programs(&self) -> PathBuf {
        self.folder.join("programs")
    }
}

fn checked(what: &str, output: io::Result<Output>) -> Result<(), WrongCall> {
    let output = output.map_err(|error| WrongCall(format!("{what}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let words = [output.stdout, output.stderr].concat();
    Err(WrongCall(format!("{what}: {}", String::from_utf8_lossy(&words).trim())))
}
