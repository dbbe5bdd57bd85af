//! The process of a broker. It ends with this one, however that ends: its input is a pipe from here.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    Transactions,
    installation::Installation,
    ports::{free_port, free_ports},
};

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Whether it has said so.
    is_ready: bool,
}

/// The data of a broker, and where it listens. It outlives the broker's process.
#[derive(Debug)]
pub(crate) struct Home {
    installation: Installation,
    properties: PathBuf,
    port: u16,
    /// The data is gone with it. A test process that ends without dropping it has the broker do that.
    folder: TempDir,
}

impl Home {
    /// The home of a broker without others, with a copy of the template's data.
    pub(crate) fn alone(
        installation: &Installation,
        transactions: Transactions,
    ) -> Result<Self, String> {
        let folder = folder()?;
        let data = folder.path().join(DATA);
        copy(&installation.template(transactions), &data).map_err(|error| error.to_string())?;
        let port = free_port().map_err(|error| error.to_string())?;
        let lines = format!("{}{ALONE}", listeners(port, 0));
        let properties = installation.properties("broker.properties", &data, &lines)?;
        Ok(Self { installation: installation.clone(), properties, port, folder })
    }

    /// The homes of a controller and of a broker that has no other one.
    pub(crate) fn apart(
        installation: &Installation,
        transactions: Transactions,
    ) -> Result<(Self, Self), String> {
        let apart = Apart::with_free_ports()?;
        let template = installation.apart_template(transactions);
        let home = |name: &str, lines: &str| {
            let folder = folder()?;
            let data = folder.path().join(DATA);
            copy(&template.join(name), &data).map_err(|error| error.to_string())?;
            let properties = installation.properties("broker.properties", &data, lines)?;
            let installation = installation.clone();
            Ok::<_, String>(Self { installation, properties, port: apart.port, folder })
        };
        Ok((home("controller", &apart.controller())?, home("broker", &apart.broker())?))
    }

    /// The homes of three brokers that copy everything, each of them a controller as well.
    pub(crate) fn three(
        installation: &Installation,
        transactions: Transactions,
    ) -> Result<Vec<Self>, String> {
        let ports = free_ports::<6>().map_err(|error| error.to_string())?;
        let (brokers, controllers) = ports.split_at(3);
        let voters: Vec<_> =
            (1..).zip(controllers).map(|(n, port)| format!("{n}@{}", address(*port))).collect();
        let home = |(number, (port, controller)): (u32, (&u16, &u16))| {
            let folder = folder()?;
            let data = folder.path().join(DATA);
            let lines = format!(
                "{}node.id={number}\ncontroller.quorum.voters={}\n{THREE}",
                listeners(*port, *controller),
                voters.join(",")
            );
            let properties = installation.properties("broker.properties", &data, &lines)?;
            installation.format(&properties, transactions, &[])?;
            let installation = installation.clone();
            Ok(Self { installation, properties, port: *port, folder })
        };
        (1..).zip(brokers.iter().zip(controllers)).map(home).collect()
    }

    /// The home of a broker without others that asks its clients who they are, at the listeners of
    /// [`Guarded`](crate::Guarded).
    pub(crate) fn guarded(
        installation: &Installation,
        properties: impl FnOnce(&Path) -> Result<String, String>,
    ) -> Result<Self, String> {
        let folder = folder()?;
        let data = folder.path().join(DATA);
        let port = free_port().map_err(|error| error.to_string())?;
        let lines = format!("{}{ALONE}", properties(folder.path())?);
        let lines = lines.replace("{port}", &port.to_string());
        let properties = installation.properties("broker.properties", &data, &lines)?;
        let users = crate::guarded::SCRAM_USERS.map(|user| ["--add-scram", user]).concat();
        let flags = [&["--standalone"], &users[..]].concat();
        installation.format(&properties, Transactions::Newest, &flags)?;
        Ok(Self { installation: installation.clone(), properties, port, folder })
    }

    /// Its folder, with room for other files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder in it.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join(DATA)
    }

    pub(crate) fn address(&self) -> String {
        address(self.port)
    }

    /// Starts a broker, and does not wait until it answers.
    pub(crate) fn spawn(&self) -> Result<Process, String> {
        let archive = self.installation.path("kafka.jsa");
        let mut java = self.installation.java();
        if archive.exists() {
            java.arg(format!("-XX:SharedArchiveFile={}", archive.display()));
        }
        java.arg(format!("-Dtidelog.folder={}", self.folder.path().display()));
        Process::spawn(java, &self.properties, self.port)
    }
}

impl Process {
    /// Starts what talks to a broker that is there already.
    pub(crate) fn beside(installation: &Installation, brokers: &str) -> Result<Self, String> {
        let mut java = installation.java();
        java.args(["TestBroker", brokers]);
        let mut process = Self::launch(java)?;
        process.is_ready()?;
        Ok(process)
    }

    /// Starts a broker, and does not wait until it answers.
    pub(crate) fn spawn(mut java: Command, properties: &Path, port: u16) -> Result<Self, String> {
        java.args(["TestBroker", &address(port)]).arg(properties);
        Self::launch(java)
    }

    fn launch(mut java: Command) -> Result<Self, String> {
        java.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = java.spawn().map_err(|error| format!("java: {error}"))?;
        let input = child.stdin.take().ok_or("java has no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("java has no output")?);
        Ok(Self { child, input, output, is_ready: false })
    }

    /// Waits until it answers.
    pub(crate) fn is_ready(&mut self) -> Result<(), String> {
        if !self.is_ready {
            self.hear("ready")?;
            self.is_ready = true;
        }
        Ok(())
    }

    /// Has a command carried out.
    pub(crate) fn ask(&mut self, command: &str) -> Result<(), String> {
        writeln!(self.input, "{command}")
            .map_err(|error| format!("the broker is gone: {error}"))?;
        self.hear("done")
    }

    /// Stops the broker in good order.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        writeln!(self.input, "stop").map_err(|error| format!("the broker is gone: {error}"))?;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the broker ended with {status}")) }
    }

    fn hear(&mut self, expected: &str) -> Result<(), String> {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.output.read_line(&mut line).map_err(|error| error.to_string())?;
            if read == 0 {
                return Err("the broker ended before it answered".into());
            }
            // The JVM has things to say there, too.
            match line.trim() {
                answer if answer == expected => return Ok(()),
                answer if answer.starts_with("failed") => return Err(answer.into()),
                _ => {}
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its end is all that matters, and it may have come already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The ports of a broker and of its controller, each in a process of its own.
#[derive(Clone, Copy)]
pub(crate) struct Apart {
    pub(crate) port: u16,
    controller: u16,
}

impl Apart {
    pub(crate) fn with_free_ports() -> Result<Self, String> {
        let [port, controller] = free_ports().map_err(|error| error.to_string())?;
        Ok(Self { port, controller })
    }

    /// The controller's lines of properties.
    pub(crate) fn controller(self) -> String {
        let controller = address(self.controller);
        format!(
            "process.roles=controller\nlisteners=CONTROLLER://{controller}\n{ALONE}\
             node.id=100\ncontroller.quorum.bootstrap.servers={controller}\n"
        )
    }

    /// The broker's lines of properties.
    pub(crate) fn broker(self) -> String {
        let (broker, controller) = (address(self.port), address(self.controller));
        format!(
            "process.roles=broker\nlisteners=PLAINTEXT://{broker}\n{ALONE}\
             controller.quorum.bootstrap.servers={controller}\n"
        )
    }
}

/// The data folder in the folder of a broker.
const DATA: &str = "data";

/// One node holds everything, and nobody is waited for.
pub(crate) const ALONE: &str = "\
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
";

/// Three copies of everything, two of them in sync.
const THREE: &str = "\
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
replica.lag.time.max.ms=3000
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
";

/// The line of properties that says where a broker listens.
pub(crate) fn listeners(port: u16, controller: u16) -> String {
    format!("listeners=PLAINTEXT://{},CONTROLLER://{}\n", address(port), address(controller))
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn folder() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(|error| error.to_string())
}

/// Copies a folder.
pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
