//! Where documents come from: a file or standard input, packed with gzip or not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use crate::failure::Failure;
use crate::output;

/// An opened source of documents.
pub(super) struct Source {
    from: Origin,
    name: String,
    /// Bytes that were taken from the file, still packed if it is packed.
    taken: Arc<AtomicU64>,
}

enum Origin {
    /// Can be read twice.
    File { file: File, bytes: u64 },
    /// Can be read once.
    Stream(Box<dyn Read + Send>),
}

/// Unpacked bytes of a source.
pub(super) type Bytes = Box<dyn BufRead + Send>;

impl Source {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let taken = Arc::default();
        if path == Path::new("-") {
            let from = Origin::Stream(Box::new(io::stdin()));
            return Ok(Self { from, name: "standard input".to_owned(), taken });
        }
        let name = path.display().to_string();
        let unreadable =
            |error: io::Error| Failure::WrongCall(format!("cannot read {name}: {error}"));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Failure::WrongCall(format!("{name} is a folder")));
        }
        let from = if metadata.is_file() {
            Origin::File { file, bytes: metadata.len() }
        } else {
            Origin::Stream(Box::new(file))
        };
        Ok(Self { from, name, taken })
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes it has, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.from {
            Origin::File { bytes, .. } => Some(*bytes),
            Origin::Stream(_) => None,
        }
    }

    /// A count of the bytes that were taken from it.
    pub(super) fn taken(&self) -> Arc<AtomicU64> {
        self.taken.clone()
    }

    /// The digest of the unpacked content. What can be read only once is put into a temporary file
    /// first, which nobody sees and which goes away by itself.
    pub(super) fn digest(&mut self) -> Result<blake3::Hash, Failure> {
        self.make_rereadable()?;
        let bytes = self.reread()?;
        let digest = digest_of(unpacked(bytes).map_err(|error| self.unreadable(&error))?);
        digest.map_err(|error| self.unreadable(&error))
    }

    /// Its unpacked bytes; if a digest is given, reading ends with an error where they differ.
    pub(super) fn bytes(mut self, digest: Option<blake3::Hash>) -> Result<Bytes, Failure> {
        let name = self.name.clone();
        let unreadable =
            |error: &io::Error| Failure::Failed(format!("cannot read {name}: {error}"));
        let taken = self.taken.clone();
        let again =
            if matches!(self.from, Origin::File { .. }) { Some(self.reread()?) } else { None };
        let plain: Box<dyn Read + Send> = match (again, self.from) {
            (Some(file), _) | (None, Origin::File { file, .. }) => Box::new(file),
            (None, Origin::Stream(stream)) => stream,
        };
        let bytes = unpacked(Counted { from: plain, taken }).map_err(|error| unreadable(&error))?;
        Ok(match digest {
            Some(expected) => {
                let seen = blake3::Hasher::new();
                Box::new(BufReader::with_capacity(BUFFER_BYTES, Verified { bytes, seen, expected }))
            }
            None => bytes,
        })
    }

    fn make_rereadable(&mut self) -> Result<(), Failure> {
        let Origin::Stream(stream) = &mut self.from else { return Ok(()) };
        output::say(&format!(
            "reading {} into a temporary file first: ids are made of its digest",
            self.name
        ));
        let spooled = tempfile::tempfile().and_then(|mut file| {
            let bytes = io::copy(stream, &mut file)?;
            Ok(Origin::File { file, bytes })
        });
        self.from = spooled.map_err(|error| {
            Failure::Failed(format!("cannot put {} into a temporary file: {error}", self.name))
        })?;
        Ok(())
    }

    fn reread(&mut self) -> Result<File, Failure> {
        let Origin::File { file, .. } = &mut self.from else {
            return Err(Failure::Failed(format!("{} can be read only once", self.name)));
        };
        let again = file.rewind().and_then(|()| file.try_clone());
        again.map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::Failed(format!("cannot read {}: {error}", self.name))
    }
}

/// Unpacks what begins as gzip does, and refuses what is packed otherwise.
fn unpacked(from: impl Read + Send + 'static) -> io::Result<Bytes> {
    let mut bytes = BufReader::with_capacity(BUFFER_BYTES, from);
    let start = bytes.fill_buf()?;
    if start.starts_with(GZIP) {
        return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(bytes))));
    }
    for (magic, what, instead) in FOREIGN {
        if start.starts_with(magic) {
            let words = format!("it is {what}, which is not understood; {instead}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, words));
        }
    }
    Ok(Box::new(bytes))
}

fn digest_of(mut bytes: Bytes) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut bytes, &mut hasher)?;
    Ok(hasher.finalize())
}

/// Counts what is read.
struct Counted<R> {
    from: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(into)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Fails at the end if the content was not what its digest says.
struct Verified {
    bytes: Bytes,
    seen: blake3::Hasher,
    expected: blake3::Hash,
}

impl Read for Verified {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(into)?;
        self.seen.update(&into[..count]);
        if count == 0 && !into.is_empty() && self.seen.finalize() != self.expected {
            return Err(io::Error::other(
                "it changed while it was imported, so what is imported is a mix; import it again",
            ));
        }
        Ok(count)
    }
}

/// How a gzip stream begins.
const GZIP: &[u8] = b"\x1f\x8b";

/// How other things begin that people might try, what they are, and what to do.
const FOREIGN: [(&[u8], &str, &str); 6] = [
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "unpack it: zstd -dc FILE | tidelog import - …"),
    (b"PK\x03\x04", "a zip archive", "unpack it: unzip -p FILE | tidelog import - …"),
    (b"BZh", "packed with bzip2", "unpack it: bzip2 -dc FILE | tidelog import - …"),
    (b"\xfd7zXZ\x00", "packed with xz", "unpack it: xz -dc FILE | tidelog import - …"),
    (b"\xff\xfe", "UTF-16", "JSON is UTF-8: iconv -f utf-16 -t utf-8 FILE | tidelog import - …"),
    (b"\xfe\xff", "UTF-16", "JSON is UTF-8: iconv -f utf-16 -t utf-8 FILE | tidelog import - …"),
];

/// Large enough that reads cost little.
const BUFFER_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn packed_and_plain_content_have_the_same_digest_and_bytes() {
        let text = b"[1, 2, 3]\n".repeat(100_000);
        let plain = file_of(&text);
        let packed = file_of(&gzip(&text));
        let mut members = gzip(&text[..500]);
        members.extend(gzip(&text[500..]));
        let members = file_of(&members);

        let expected = blake3::hash(&text);
        for file in [plain, packed, members] {
            let mut source = Source::open(file.path()).expect("a file");
            assert_eq!(source.digest().ok(), Some(expected));
            let mut bytes = source.bytes(Some(expected)).expect("a file");
            let mut read = Vec::new();
            assert!(bytes.read_to_end(&mut read).is_ok());
            assert!(read == text);
        }
    }

    #[test]
    fn content_that_changes_is_noticed_at_its_end() {
        let file = file_of(b"[1]");
        let source = Source::open(file.path()).expect("a file");
        let mut bytes = source.bytes(Some(blake3::hash(b"[2]"))).expect("a file");
        let error = bytes.read_to_end(&mut Vec::new()).map_err(|error| error.to_string());
        assert!(error.is_err_and(|words| words.contains("changed while it was imported")));
    }

    #[test]
    fn what_is_packed_otherwise_is_named() {
        let mut source = Source::open(file_of(b"PK\x03\x04rest").path()).expect("a file");
        let words = source.digest().map_or_else(|error| error.to_string(), |_| String::new());
        assert!(words.contains("a zip archive") && words.contains("unzip -p"), "{words}");
    }

    #[test]
    fn a_packed_file_that_is_cut_off_is_an_error() {
        let packed = gzip(&b"[1, 2, 3]\n".repeat(1_000));
        let mut source = Source::open(file_of(&packed[..packed.len() - 9]).path()).expect("a file");
        assert!(source.digest().is_err());
    }

    #[test]
    fn what_is_not_there_is_a_wrong_call() {
        for path in ["/nowhere/at/all.json", "/"] {
            let failure = Source::open(Path::new(path)).map(|_| ());
            assert!(matches!(failure, Err(Failure::WrongCall(words)) if words.contains(path)));
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a Vec takes everything")
    }

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(bytes).expect("room in the temporary folder");
        file
    }
}
