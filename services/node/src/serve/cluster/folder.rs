//! The folder of a node of a cluster: its name, and its store.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::serve::Error;

/// The folder of a node of a cluster.
pub(super) struct Folder {
    /// The name of the node.
    pub(super) node: String,
    /// Where its store is.
    pub(super) store: PathBuf,
}

/// The file with the name of the node, which tells that the folder is one of a node of a cluster.
const NAME_FILE: &str = "node";

impl Folder {
    /// Opens a folder, which is made if it is not there. The node keeps its name over restarts: so it
    /// ends the transactions that it left open itself.
    pub(super) fn open(data: &Path, name: Option<&str>) -> Result<Self, Error> {
        let failed = |source| Error::Folder { data: data.to_owned(), source };
        fs::create_dir_all(data).map_err(failed)?;
        let file = data.join(NAME_FILE);
        let kept = match fs::read_to_string(&file) {
            Ok(kept) => Some(kept.trim().to_owned()).filter(|kept| !kept.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if fs::read_dir(data).map_err(failed)?.next().is_some() {
                    return Err(Error::ForeignFolder { data: data.to_owned() });
                }
                None
            }
            Err(error) => return Err(failed(error)),
        };
        let node = match (name, &kept) {
            (Some(name), _) => name.to_owned(),
            (None, Some(kept)) => kept.clone(),
            (None, None) => uuid::Uuid::now_v7().simple().to_string(),
        };
        if kept.as_ref() != Some(&node) {
            fs::write(&file, format!("{node}\n")).map_err(failed)?;
        }
        Ok(Self { node, store: data.join("store") })
    }
}

/// Refuses the folder of a node of a cluster to one that keeps its log in its folder.
pub(in crate::serve) fn refuse_folder_of_cluster(data: &Path) -> Result<(), Error> {
    if data.join(NAME_FILE).is_file() {
        return Err(Error::FolderOfCluster { data: data.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(data: &Path, name: Option<&str>) -> Option<String> {
        Folder::open(data, name).ok().map(|folder| folder.node)
    }

    #[test]
    fn a_node_keeps_its_name_until_it_is_told_another() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("node-0");
        assert!(refuse_folder_of_cluster(&data).is_ok());
        let first = name(&data, None).expect("a name");
        assert_eq!(name(&data, None).as_ref(), Some(&first));
        assert_eq!(name(&data, Some("pod-3")).as_deref(), Some("pod-3"));
        assert_eq!(name(&data, None).as_deref(), Some("pod-3"));
        assert!(refuse_folder_of_cluster(&data).is_err());
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("letter.txt"), "dear").expect("a file");
        assert_eq!(name(folder.path(), None), None);
    }
}
