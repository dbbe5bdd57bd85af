//! Opening fjall as the flags say.

use std::sync::Arc;

use fjall::compaction::{Fifo, Leveled};
use fjall::config::{BlockSizePolicy, CompressionPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions};

use super::options::{Keyspaces, LogKey, Options};
use crate::Result;

/// The open database and its keyspaces.
#[derive(Clone)]
pub struct Store {
    /// The database.
    pub db: Database,
    /// Requests, updates, responses, in this order; they may be the same keyspace.
    pub topics: [Keyspace; 3],
    /// Entities.
    pub entities: Keyspace,
    /// Positions.
    pub positions: Keyspace,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or creates the database in the named folder of the data.
    ///
    /// # Errors
    /// Fails as fjall does.
    pub fn open(options: &Options, folder: &str) -> Result<Self> {
        let db = Database::builder(options.data.join(folder))
            .worker_threads(options.workers)
            .cache_size(options.cache_mib << 20)
            .max_journaling_size(options.journal_mib << 20)
            .open()?;
        let log = |name: &str| db.keyspace(name, || keyspace(options, true));
        let rows = |name: &str| db.keyspace(name, || keyspace(options, false));
        let (topics, entities, positions) = match options.keyspaces {
            Keyspaces::One => {
                let all = log("all")?;
                ([all.clone(), all.clone(), all.clone()], all.clone(), all)
            }
            Keyspaces::Two => {
                let (log, rows) = (log("log")?, rows("rows")?);
                ([log.clone(), log.clone(), log], rows.clone(), rows)
            }
            Keyspaces::Five => (
                [log("requests")?, log("updates")?, log("responses")?],
                rows("entities")?,
                rows("positions")?,
            ),
        };
        Ok(Self { db, topics, entities, positions })
    }

    /// The distinct keyspaces.
    #[must_use]
    pub fn keyspaces(&self) -> Vec<Keyspace> {
        let mut all: Vec<Keyspace> = self.topics.to_vec();
        all.push(self.entities.clone());
        all.push(self.positions.clone());
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all.dedup_by(|a, b| a.name() == b.name());
        all
    }
}

fn keyspace(options: &Options, log: bool) -> KeyspaceCreateOptions {
    let mut memtable = options.memtable_kib;
    if !log {
        memtable = options.row_memtable_kib.unwrap_or(memtable);
    } else if options.log_key == LogKey::Segment {
        // The writer rotates it with each segment.
        memtable = memtable.max(options.segment_kib * 4);
    }
    let mut made = KeyspaceCreateOptions::default()
        .max_memtable_size(memtable * 1_024)
        .data_block_size_policy(BlockSizePolicy::all(options.block_kib * 1_024));
    made = if log && options.fifo {
        made.compaction_strategy(Arc::new(Fifo::new(u64::MAX, None)))
    } else {
        let l0 = if options.no_compaction { u8::MAX } else { options.l0 };
        made.compaction_strategy(Arc::new(
            Leveled::default()
                .with_l0_threshold(l0)
                .with_table_target_size(options.table_mib << 20),
        ))
    };
    if options.lz4 {
        made = made.data_block_compression_policy(CompressionPolicy::all(CompressionType::Lz4));
    } else if options.no_lz4 {
        made = made.data_block_compression_policy(CompressionPolicy::all(CompressionType::None));
    }
    if options.separate > 0 {
        made = made.with_kv_separation(Some(
            KvSeparationOptions::default()
                .separation_threshold(options.separate)
                .compression(CompressionType::None),
        ));
    }
    made
}
