//! What can go wrong when a data folder is opened.

use std::path::PathBuf;

/// Why a data folder cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "the data folder {} is in use by another process; stop that one, or give this one a \
         folder of its own",
        path.display()
    )]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// It was made with another number of partitions.
    #[error(
        "the data folder {} has topics of {found} partitions and not of {wanted}; that number is \
         fixed for the life of a folder: start with {found}, or with an empty folder",
        path.display()
    )]
    Layout {
        /// The folder.
        path: PathBuf,
        /// How many partitions it has.
        found: u32,
        /// How many were asked for.
        wanted: u32,
    },
    /// It was written by a newer release, or is no data folder of ours.
    #[error(
        "the data folder {} has format {found:?} and this release knows {known}; use the release \
         that wrote it, or a newer one",
        path.display()
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// The format that it has.
        found: Vec<u8>,
        /// The newest format that this release knows.
        known: u8,
    },
    /// There is something in it, and it does not say of what format.
    #[error(
        "the data folder {} holds something and does not say of what format; choose the folder that \
         was meant, or an empty one",
        path.display()
    )]
    NoFormat {
        /// The folder.
        path: PathBuf,
    },
    /// Something in it cannot be understood.
    #[error("the data folder {} is damaged: {what}; restore it from a backup", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What.
        what: String,
    },
    /// The database does not open.
    #[error("the data folder {} cannot be opened: {source}", path.display())]
    Database {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: fjall::Error,
    },
    /// The writer thread cannot be started.
    #[error("the log's writer thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
}
