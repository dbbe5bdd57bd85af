//! Faults in a file: what a replay reads, and what outlives edits of the code.

use serde::{Deserialize, Serialize};

use super::{Fault, Plan};

/// The faults of a run, to be saved, edited and replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultList {
    /// The version of this format.
    version: u32,
    /// The seed, from which comes all that is no fault.
    pub seed: u64,
    /// The faults, in the order in which they struck.
    pub faults: Vec<Fault>,
}

/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

impl FaultList {
    /// The faults of a seed's run.
    #[must_use]
    pub fn new(seed: u64, faults: Vec<Fault>) -> Self {
        Self { version: VERSION, seed, faults }
    }

    /// Those faults and no others.
    #[must_use]
    pub fn plan(&self) -> Plan {
        Plan::replay(&self.faults)
    }

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// If the text is no list of faults, or one of another version.
    pub fn from_json(text: &str) -> Result<Self, FileError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let Head { version } = serde_json::from_str(text)?;
        if version != VERSION {
            return Err(FileError::Version(version));
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Writes a list.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("names and numbers can be written");
        text.push('\n');
        text
    }
}

/// Why a file of faults cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is no such file.
    #[error("this is no list of faults: {0}; `sim shrink` writes such files")]
    Format(#[from] serde_json::Error),
    /// It is of another version.
    #[error(
        "the list of faults has format version {0}, and this program reads version {VERSION}: \
         make it again with `sim shrink --seed N`"
    )]
    Version(u32),
}

/// Kinds by their names.
pub(super) mod kind {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::fault::FaultKind;

    pub(in crate::plan) fn serialize<S: Serializer>(
        kind: &FaultKind,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.name())
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<FaultKind, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn a_list_reads_back_as_it_was_written() {
        let list = FaultList::new(42, vec![fault()]);
        let text = list.to_json();
        assert!(text.contains("\"kind\": \"request-lost\""), "{text}");
        assert_eq!(FaultList::from_json(&text).expect("its own text"), list);
    }

    #[test]
    fn another_version_and_other_text_are_refused_with_words() {
        let refused = |text: &str| FaultList::from_json(text).expect_err(text).to_string();
        let newer = r#"{"version": 9, "what": "is new"}"#;
        assert!(refused(newer).contains("has format version 9"), "{}", refused(newer));
        assert!(refused("[]").contains("no list of faults"));
        let unknown = FaultList::new(1, vec![fault()]).to_json().replace("request-lost", "meteor");
        assert!(refused(&unknown).contains("no fault \"meteor\""), "{}", refused(&unknown));
    }

    fn fault() -> Fault {
        let entity = "client1>broker2".into();
        Fault { kind: FaultKind::RequestLost, entity, nth: 3, value: 17 }
    }
}
