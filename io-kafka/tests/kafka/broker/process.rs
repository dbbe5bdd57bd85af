//! The process of the broker. It ends with this one, however that ends: its input is a pipe from here.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

use super::install::Installation;

pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The data of a broker, and where it listens. It outlives the broker's process.
pub(super) struct Home {
    installation: Installation,
    properties: PathBuf,
    port: u16,
    /// The data is gone with it. A test process that ends without dropping it has the broker do that.
    folder: TempDir,
}

impl Home {
    pub(super) fn new(installation: &Installation) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let data = folder.path().join("data");
        copy(&installation.path("template"), &data).map_err(|error| error.to_string())?;
        let properties = installation.properties("broker.properties", &data)?;
        let (installation, port) = (installation.clone(), free_port()?);
        Ok(Self { installation, properties, port, folder })
    }

    pub(super) fn address(&self) -> String {
        address(self.port)
    }

    /// Starts a broker, and waits until it answers.
    pub(super) fn start(&self) -> Result<Process, String> {
        let mut java = self.installation.java();
        let archive = self.installation.path("kafka.jsa");
        java.arg(format!("-XX:SharedArchiveFile={}", archive.display()));
        java.arg(format!("-Dtidelog.folder={}", self.folder.path().display()));
        Process::spawn(java, &self.properties, self.port)
    }
}

impl Process {
    /// Starts what talks to a broker that is there already.
    pub(super) fn beside(installation: &Installation, brokers: &str) -> Result<Self, String> {
        let mut java = installation.java();
        java.args(["TestBroker", brokers]);
        Self::launch(java)
    }

    pub(super) fn spawn(mut java: Command, properties: &Path, port: u16) -> Result<Self, String> {
        let address = address(port);
        java.args(["TestBroker", &address]).arg(properties).arg("--override");
        java.arg(format!("listeners=PLAINTEXT://{address},CONTROLLER://127.0.0.1:0"));
        Self::launch(java)
    }

    fn launch(mut java: Command) -> Result<Self, String> {
        java.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = java.spawn().map_err(|error| format!("java: {error}"))?;
        let input = child.stdin.take().ok_or("java has no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("java has no output")?);
        let mut process = Self { child, input, output };
        process.hear("ready")?;
        Ok(process)
    }

    /// Has a command carried out.
    pub(super) fn ask(&mut self, command: &str) -> Result<(), String> {
        writeln!(self.input, "{command}")
            .map_err(|error| format!("the broker is gone: {error}"))?;
        self.hear("done")
    }

    /// Stops the broker in good order.
    pub(super) fn stop(mut self) -> Result<(), String> {
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

/// A port that nobody listens at, at this time.
pub(super) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
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
