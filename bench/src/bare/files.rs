//! The engine in which own files keep the log, and fjall only the rows.
//!
//! A group is one checksummed frame at the end of a file, synced once. A second thread puts the
//! rows into fjall without syncing, together with the position up to which the log is applied, so
//! that after a crash the rest of the log can be applied again. Until fjall has a row, readers find
//! it in memory.

use std::fs::File;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use super::behind::Applier;
use super::engine::{Timing, Write, by_partition, pack};
use super::options::{Options, Sync};
use super::records::{self, Numbering, TOPICS};
use crate::Result;

/// The engine with own log files.
#[derive(Debug)]
pub struct Files {
    options: Options,
    numbering: Numbering,
    applier: Applier,
    folder: PathBuf,
    file: File,
    file_bytes: u64,
    file_number: u64,
    group: u64,
    frame: Vec<u8>,
}

impl Files {
    /// Starts a new file of the log.
    ///
    /// # Errors
    /// Fails as the file system does.
    pub fn new(applier: Applier, options: Options) -> Result<Self> {
        let folder = options.data.join("log");
        std::fs::create_dir_all(&folder)?;
        let file_number = std::fs::read_dir(&folder)?.count() as u64;
        let file = create(&folder, file_number)?;
        Ok(Self {
            numbering: Numbering::new(&options, 0),
            options,
            applier,
            folder,
            file,
            file_bytes: 0,
            file_number,
            group: 0,
            frame: Vec::new(),
        })
    }

    /// Writes a group, giving each write's offset.
    ///
    /// # Errors
    /// Fails as the file system does.
    pub fn write(&mut self, group: Vec<Write>) -> Result<(Vec<u64>, Timing)> {
        let mut timing = Timing::default();
        let start = Instant::now();
        self.group += 1;
        let offsets = self.frame(&group);
        timing.build = start.elapsed();

        let start = Instant::now();
        self.file.write_all(&self.frame)?;
        timing.commit = start.elapsed();
        let start = Instant::now();
        if self.options.sync != Sync::Never {
            self.file.sync_data()?;
        }
        timing.sync = start.elapsed();

        let start = Instant::now();
        self.file_bytes += self.frame.len() as u64;
        if self.file_bytes >= self.options.segment_kib * 1_024 {
            self.file_number += 1;
            self.file = create(&self.folder, self.file_number)?;
            self.file_bytes = 0;
        }
        self.applier.send(self.group, group)?;
        timing.rotate = start.elapsed();
        Ok((offsets, timing))
    }

    fn frame(&mut self, group: &[Write]) -> Vec<u64> {
        let mut offsets = vec![0; group.len()];
        self.frame.clear();
        self.frame.extend_from_slice(&[0; 16]);
        for (partition, members) in by_partition(&self.numbering, group) {
            for topic in 0..TOPICS.len() {
                let first = self.numbering.take(topic, partition, members.len() as u64);
                let item = pack(group, &members, topic, self.options.thin);
                let key = self.numbering.key(topic, partition, first);
                self.frame.extend_from_slice(&key);
                self.frame.extend_from_slice(&(item.len() as u64).to_be_bytes());
                self.frame.extend_from_slice(&item);
                for (slot, member) in members.iter().enumerate() {
                    offsets[*member] = first + slot as u64;
                }
            }
            self.frame.extend_from_slice(&records::position_key(partition));
        }
        let mut hash = std::hash::DefaultHasher::new();
        self.frame[16..].hash(&mut hash);
        let length = self.frame.len() as u64;
        self.frame[..8].copy_from_slice(&length.to_be_bytes());
        self.frame[8..16].copy_from_slice(&hash.finish().to_be_bytes());
        offsets
    }
}

fn create(folder: &PathBuf, number: u64) -> Result<File> {
    let file = File::create_new(folder.join(format!("{number:08}.log")))?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}
