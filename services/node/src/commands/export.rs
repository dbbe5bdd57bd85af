//! `tidelog export`: NDJSON lines that `tidelog import --entities` takes back.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;
use tempfile::NamedTempFile;

use super::{pages, stop};
use crate::cli::ExportArgs;
use crate::client::{Client, Patience};
use crate::failure::Failure;
use crate::output;

pub(super) async fn run(client: &Client, args: &ExportArgs) -> Result<(), Failure> {
    tokio::select! {
        biased;
        () = stop::asked() => Err(Failure::Interrupted(match &args.output {
            Some(path) => format!("stopped; {} is as it was", path.display()),
            None => "stopped".to_owned(),
        })),
        exported = export(client, args) => exported,
    }
}

async fn export(client: &Client, args: &ExportArgs) -> Result<(), Failure> {
    let mut to = Target::open(args.output.as_deref())?;
    let bar = progress();
    let patience = Patience { give_up_after: args.give_up_after };
    let mut cursor: Option<String> = None;
    let mut written = 0_u64;
    loop {
        let say = |words: &str| bar.suspend(|| output::say(words));
        let page =
            pages::page(client, &args.place, pages::PAGE_MAX, cursor.as_deref(), patience, say);
        let page = page.await?;
        for listed in &page.entities {
            to.line(listed)?;
            written += 1;
        }
        bar.set_position(written);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    bar.finish_and_clear();
    to.finish()?;
    output::say(&format!("exported {written} entities of {}", args.place));
    Ok(())
}

/// Where lines go: standard output or a device, or a file that appears once it is whole.
enum Target {
    Plain(BufWriter<Box<dyn Write>>),
    File { part: BufWriter<NamedTempFile>, path: PathBuf },
}

impl Target {
    fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Plain(BufWriter::new(Box::new(io::stdout()))));
        };
        // A link is followed, and a device or a pipe is written to, not replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let device = OpenOptions::new().write(true).open(&path);
            let device = device.map_err(|error| unwritable(&path, &error))?;
            return Ok(Self::Plain(BufWriter::new(Box::new(device))));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        builder.prefix(".tidelog-export-");
        // As for any other new file, whose rights the umask cuts; else it were its owner's alone.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let part = builder.tempfile_in(folder.unwrap_or(Path::new(".")));
        let part = part.map_err(|error| unwritable(&path, &error))?;
        Ok(Self::File { part: BufWriter::new(part), path })
    }

    fn line(&mut self, listed: &pages::Listed) -> Result<(), Failure> {
        match self {
            Self::Plain(out) => write_line(out, listed).map_err(|e| output::write_failed(&e)),
            Self::File { part, path } => {
                write_line(part, listed).map_err(|error| unwritable(path, &error))
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Plain(mut out) => out.flush().map_err(|error| output::write_failed(&error)),
            Self::File { part, path } => {
                let moved =
                    part.into_inner().map_err(|error| error.into_error()).and_then(|part| {
                        part.as_file().sync_all()?;
                        part.persist(&path).map_err(|error| error.error)
                    });
                let _: File = moved.map_err(|error| unwritable(&path, &error))?;
                Ok(())
            }
        }
    }
}

fn write_line(out: &mut impl Write, listed: &pages::Listed) -> io::Result<()> {
    serde_json::to_writer(&mut *out, listed)?;
    out.write_all(b"\n")
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot write {}: {error}", path.display()))
}

fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message("entities");
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
