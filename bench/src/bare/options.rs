//! The flags of the bare server.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// How records are spread over keyspaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Keyspaces {
    /// Everything in one.
    One,
    /// The log records in one, the rows (entities, positions) in another.
    Two,
    /// One for each of the five kinds.
    Five,
}

/// What a log record's key begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogKey {
    /// (topic, partition, offset): new records go into the middle of the key space.
    Topic,
    /// (segment, topic, partition, offset): the segment rises, so each flush has its own range.
    Segment,
}

/// What keeps the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// fjall keeps log and rows; its journal is synced once a group.
    Fjall,
    /// One fjall database keeps the log and is synced; a second keeps the rows, written behind.
    Behind,
    /// Own append-only files keep the log and are synced; fjall keeps the rows, written behind.
    Files,
}

/// When a group becomes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sync {
    /// In the commit of the batch: `batch.durability(SyncData)`.
    Batch,
    /// By `persist(SyncData)` after a commit without durability: allows timing the two apart.
    Split,
    /// Never: shows what the rest costs.
    Never,
}

/// The bare server.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// The folder of the data.
    #[arg(long, default_value = "/tmp/bare")]
    pub data: PathBuf,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:7071")]
    pub listen: String,
    /// Removes the data first.
    #[arg(long)]
    pub fresh: bool,
    /// Who keeps the log.
    #[arg(long, value_enum, default_value = "fjall")]
    pub engine: Engine,
    /// Memtable size of each keyspace, in KiB.
    #[arg(long, default_value_t = 16 * 1024)]
    pub memtable_kib: u64,
    /// Memtable size of the keyspace of rows, in KiB, if it differs.
    #[arg(long)]
    pub row_memtable_kib: Option<u64>,
    /// The number of keyspaces.
    #[arg(long, value_enum, default_value = "five")]
    pub keyspaces: Keyspaces,
    /// The layout of the keys of log records.
    #[arg(long, value_enum, default_value = "topic")]
    pub log_key: LogKey,
    /// With segment keys: the size of a segment in KiB, after which the memtable is rotated.
    #[arg(long, default_value_t = 16 * 1024)]
    pub segment_kib: u64,
    /// One item for all records of a group in a partition.
    #[arg(long)]
    pub pack: bool,
    /// Response records carry 60 bytes instead of the document.
    #[arg(long)]
    pub thin: bool,
    /// Partitions of each topic.
    #[arg(long, default_value_t = 8)]
    pub partitions: u16,
    /// When a group is synced.
    #[arg(long, value_enum, default_value = "batch")]
    pub sync: Sync,
    /// fjall's worker threads.
    #[arg(long, default_value_t = 2)]
    pub workers: usize,
    /// Tables in level 0 at which they are compacted.
    #[arg(long, default_value_t = 4)]
    pub l0: u8,
    /// Target size of a table, in MiB.
    #[arg(long, default_value_t = 64)]
    pub table_mib: u64,
    /// Never merge tables (only for short runs: at 20 runs in level 0 writes are slowed).
    #[arg(long)]
    pub no_compaction: bool,
    /// With segment keys: tables of the log stay in level 0 (FIFO strategy without a limit).
    #[arg(long)]
    pub fifo: bool,
    /// Compress data blocks with lz4 at all levels, instead of only from level 2 on.
    #[arg(long)]
    pub lz4: bool,
    /// Compress no data blocks.
    #[arg(long)]
    pub no_lz4: bool,
    /// Size of data blocks, in KiB.
    #[arg(long, default_value_t = 4)]
    pub block_kib: u32,
    /// Values of at least this many bytes go into blob files (0: none).
    #[arg(long, default_value_t = 0)]
    pub separate: u32,
    /// Block cache, in MiB.
    #[arg(long, default_value_t = 32)]
    pub cache_mib: u64,
    /// Journals in all, in MiB.
    #[arg(long, default_value_t = 512)]
    pub journal_mib: u64,
    /// Most requests in a group (0: no bound).
    #[arg(long, default_value_t = 0)]
    pub group_max: usize,
    /// Least time from the start of one group to the next, in microseconds.
    #[arg(long, default_value_t = 0)]
    pub group_wait_us: u64,
    /// A helper holds on to memtables, so that fjall does not free them under its lock.
    #[arg(long)]
    pub hold: bool,
    /// A helper syncs growing tables every so many milliseconds (0: none).
    #[arg(long, default_value_t = 0)]
    pub helper_ms: u64,
    /// A helper lowers the priority of fjall's workers to this niceness (0: unchanged).
    #[arg(long, default_value_t = 0)]
    pub worker_nice: i32,
    /// Threads of the HTTP server.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// Groups that took at least this many milliseconds are printed, with what fjall did.
    #[arg(long, default_value_t = 0)]
    pub stall_ms: u64,
}
