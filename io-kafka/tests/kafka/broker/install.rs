//! Fetching Apache Kafka, and making ready what every start needs.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Failure,
    process::{Process, free_port},
};

const POM: &str = include_str!("pom.xml");
const JARS: &str = include_str!("jars.txt");
const PROPERTIES: &str = include_str!("broker.properties");
const SOURCE: &str = include_str!("TestBroker.java");

/// A folder with everything that it takes to start a broker.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// The installation of this workspace, which is made if it is not there.
    pub(super) fn get() -> Result<Self, Failure> {
        for (program, flag) in [("java", "-version"), ("javac", "-version"), ("mvn", "-v")] {
            let mut command = Command::new(program);
            let found = command.arg(flag).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !found.is_ok_and(|status| status.success()) {
                let reason =
                    format!("there is no {program}: install a JDK, 17 or later, and Maven");
                return Err(Failure::Missing(reason));
            }
        }
        // What is made of other sources is another installation.
        let sources = blake3::hash([POM, JARS, PROPERTIES, SOURCE].concat().as_bytes());
        let name = format!("kafka-{}", &sources.to_hex()[..12]);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let installation = Self { folder };
        installation.make().map_err(|reason| {
            let folder = installation.folder.display();
            Failure::Broken(format!("Apache Kafka could not be made ready in {folder}: {reason}"))
        })?;
        Ok(installation)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A Java of our own, with the classes of the broker.
    pub(super) fn java(&self) -> Command {
        let mut java = Command::new("java");
        java.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{}/*:{}", self.path("lib").display(), self.path("broker.jar").display()))
            .current_dir(&self.folder);
        java
    }

    fn make(&self) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        fs::create_dir_all(&self.folder).map_err(failed)?;
        // Other test processes may be at it, too.
        let lock = File::create(self.path("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let ready = self.path("ready");
        if ready.exists() {
            return Ok(());
        }
        self.fetch()?;
        self.compile()?;
        self.make_template()?;
        File::create(ready).map_err(failed).map(drop)
    }

    /// Fetches the jars, and compares them with what they should be.
    fn fetch(&self) -> Result<(), String> {
        let lib = self.path("lib");
        write(&self.path("pom.xml"), POM)?;
        run(Command::new("mvn")
            .args(["-B", "-q", "-DincludeScope=runtime"])
            .arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", lib.display()))
            .current_dir(&self.folder))?;
        let mut found: Vec<_> = fs::read_dir(&lib)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
            .map_err(|error: std::io::Error| error.to_string())?;
        found.sort();
        let mut sums = String::new();
        for name in found {
            let bytes = fs::read(lib.join(&name)).map_err(|error| error.to_string())?;
            sums += &format!("{}  {}\n", blake3::hash(&bytes).to_hex(), name.display());
        }
        if sums != JARS {
            let found = self.path("jars.txt");
            write(&found, &sums)?;
            return Err(format!(
                "the jars from Maven Central are not those of tests/kafka/broker/jars.txt; what came \
                 is in {}",
                found.display()
            ));
        }
        Ok(())
    }

    fn compile(&self) -> Result<(), String> {
        write(&self.path("TestBroker.java"), SOURCE)?;
        let lib = format!("{}/*", self.path("lib").display());
        run(Command::new("javac")
            .args(["-cp", &lib, "-d", "classes", "TestBroker.java"])
            .current_dir(&self.folder))?;
        run(Command::new("jar")
            .args(["cf", "broker.jar", "-C", "classes", "."])
            .current_dir(&self.folder))
    }

    /// Makes a data folder in which the broker's own topics are there already, and an archive of loaded
    /// classes: with both a broker starts in about a second.
    fn make_template(&self) -> Result<(), String> {
        let data = self.path("template");
        if data.exists() {
            fs::remove_dir_all(&data).map_err(|error| error.to_string())?;
        }
        let properties = self.properties("template.properties", &data)?;
        run(self
            .java()
            .args(["kafka.tools.StorageTool", "format", "--standalone"])
            .args(["-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c"])
            .arg(&properties))?;
        let mut java = self.java();
        java.arg(format!("-XX:ArchiveClassesAtExit={}", self.path("kafka.jsa").display()));
        let mut process = Process::spawn(java, &properties, free_port()?)?;
        process.ask("warm")?;
        process.stop()
    }

    /// Writes the properties of a broker with that data folder.
    pub(super) fn properties(&self, name: &str, data: &Path) -> Result<PathBuf, String> {
        let path = data.with_file_name(name);
        write(&path, &format!("{PROPERTIES}log.dirs={}\n", data.display()))?;
        Ok(path)
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let texts = [output.stdout, output.stderr].concat();
    Err(format!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&texts)))
}
