//! Fetching Apache Kafka, and making ready what every start needs.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Failure, Transactions,
    ports::free_port,
    process::{ALONE, Apart, Process, listeners},
};

const POM: &str = include_str!("installation/pom.xml");
const JARS: &str = include_str!("installation/jars.txt");
const PROPERTIES: &str = include_str!("installation/broker.properties");
const SOURCES: [(&str, &str); 2] = [
    ("TestBroker.java", include_str!("installation/TestBroker.java")),
    ("Ledger.java", include_str!("installation/Ledger.java")),
];

/// A folder with everything that it takes to start a broker.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    folder: PathBuf,
}

impl Installation {
    /// The installation of this workspace, which is made if it is not there.
    pub(crate) fn get() -> Result<Self, Failure> {
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
        let sources = SOURCES.map(|(_, text)| text).concat();
        let made_of = blake3::hash([POM, JARS, PROPERTIES, &sources].concat().as_bytes());
        let name = format!("kafka-{}", &made_of.to_hex()[..12]);
        let installation = Self { folder: target().join("tmp").join(name) };
        installation.make().map_err(|reason| {
            let folder = installation.folder.display();
            Failure::Broken(format!("Apache Kafka could not be made ready in {folder}: {reason}"))
        })?;
        Ok(installation)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The data folder of a broker that has its own topics already.
    pub(crate) fn template(&self, transactions: Transactions) -> PathBuf {
        self.path(match transactions {
            Transactions::Newest => "template",
            Transactions::Oldest => "template-oldest",
        })
    }

    /// The data folders of a controller and a broker apart from each other, likewise.
    pub(crate) fn apart_template(&self, transactions: Transactions) -> PathBuf {
        self.path(match transactions {
            Transactions::Newest => "apart",
            Transactions::Oldest => "apart-oldest",
        })
    }

    /// A Java of our own, with the classes of the broker.
    pub(crate) fn java(&self) -> Command {
        let mut java = Command::new("java");
        java.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{}/*:{}", self.path("lib").display(), self.path("broker.jar").display()))
            .current_dir(&self.folder);
        java
    }

    fn make(&self) -> Result<(), String> {
        fs::create_dir_all(&self.folder).map_err(|error| error.to_string())?;
        self.once("ready", || {
            self.fetch()?;
            self.compile()
        })
    }

    /// Makes what is to be made once, and leaves a file of that name to say that it was.
    fn once(&self, name: &str, make: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        // Other test processes may be at it, too.
        let lock = File::create(self.path("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let made = self.path(name);
        if made.exists() {
            return Ok(());
        }
        make()?;
        File::create(made).map_err(failed).map(drop)
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
                "the jars from Maven Central are not those of test-broker/src/installation/jars.txt; what came \
                 is in {}",
                found.display()
            ));
        }
        Ok(())
    }

    fn compile(&self) -> Result<(), String> {
        for (name, text) in SOURCES {
            write(&self.path(name), text)?;
        }
        let lib = format!("{}/*", self.path("lib").display());
        run(Command::new("javac")
            .args(["-cp", &lib, "-d", "classes"])
            .args(SOURCES.map(|(name, _)| name))
            .current_dir(&self.folder))?;
        run(Command::new("jar")
            .args(["cf", "broker.jar", "-C", "classes", "."])
            .current_dir(&self.folder))
    }

    /// Makes a data folder in which the broker's own topics are there already, and an archive of loaded
    /// classes: with both a broker starts in about a second.
    pub(crate) fn make_template(&self, transactions: Transactions) -> Result<(), String> {
        let data = self.template(transactions);
        let name = data.file_name().expect("the name of a template").to_string_lossy();
        self.once(&format!("ready-{name}"), || {
            if data.exists() {
                fs::remove_dir_all(&data).map_err(|error| error.to_string())?;
            }
            let port = free_port().map_err(|error| error.to_string())?;
            let lines = format!("{}{ALONE}", listeners(port, 0));
            let properties = self.properties(&format!("{name}.properties"), &data, &lines)?;
            self.format(&properties, transactions, &["--standalone"])?;
            let mut java = self.java();
            let archive = self.path("kafka.jsa");
            if !archive.exists() {
                java.arg(format!("-XX:ArchiveClassesAtExit={}", archive.display()));
            }
            let mut process = Process::spawn(java, &properties, port)?;
            process.is_ready()?;
            process.ask("warm")?;
            process.stop()
        })
    }

    /// Makes the data folders of a controller and a broker in which the broker's own topics are there
    /// already.
    pub(crate) fn make_apart_template(&self, transactions: Transactions) -> Result<(), String> {
        let folder = self.apart_template(transactions);
        let name = folder.file_name().expect("the name of a template").to_string_lossy();
        self.once(&format!("ready-{name}"), || {
            if folder.exists() {
                fs::remove_dir_all(&folder).map_err(|error| error.to_string())?;
            }
            fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
            let apart = Apart::with_free_ports()?;
            let controller = folder.join("controller");
            let properties = apart.controller();
            let properties = self.properties("controller.properties", &controller, &properties)?;
            self.format(&properties, transactions, &["--standalone"])?;
            let _controller = Process::spawn(self.java(), &properties, apart.port)?;
            let broker = folder.join("broker");
            let properties = self.properties("broker.properties", &broker, &apart.broker())?;
            self.format(&properties, Transactions::Newest, &["--no-initial-controllers"])?;
            let mut process = Process::spawn(self.java(), &properties, apart.port)?;
            process.is_ready()?;
            process.ask("warm")?;
            process.stop()
        })
    }

    /// Makes the empty data folder of a broker with those properties.
    pub(crate) fn format(
        &self,
        properties: &Path,
        transactions: Transactions,
        flags: &[&str],
    ) -> Result<(), String> {
        let features: &[_] = match transactions {
            Transactions::Newest => &[],
            Transactions::Oldest => {
                &["--feature", "transaction.version=0", "--feature", "group.version=0"]
            }
        };
        run(self
            .java()
            .args(["kafka.tools.StorageTool", "format"])
            .args(flags)
            .args(features)
            .args(["-t", "AAAAAAAAQACAAAAAAAAAAQ", "-c"])
            .arg(properties))
    }

    /// Writes the properties of a broker with that data folder, and those lines besides.
    pub(crate) fn properties(
        &self,
        name: &str,
        data: &Path,
        lines: &str,
    ) -> Result<PathBuf, String> {
        let path = data.with_file_name(name);
        write(&path, &format!("{PROPERTIES}{lines}log.dirs={}\n", data.display()))?;
        Ok(path)
    }
}

/// The folder that everything built goes to: that of the test that runs, whatever it is called.
fn target() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let mut folders = program.ancestors();
    let found = folders.find(|folder| folder.join("CACHEDIR.TAG").exists());
    found.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), Into::into)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let texts = [output.stdout, output.stderr].concat();
    Err(format!("{command:?} ended with {}: {}", output.status, String::from_utf8_lossy(&texts)))
}
