//! The body of a batch, taken apart without parsing its documents, so that a part which is wrong in
//! itself fails alone.

mod members;
mod part;

use tidelog_core::{
    Document, ProblemKind,
    limits::{BATCH_BYTES_MAX, BATCH_PARTS_MAX},
    message::{BatchPart, Change},
};

use self::members::Members;
use crate::failure::Failure;

/// A batch as it is to be sent.
#[derive(Debug)]
pub(crate) struct Batch {
    pub parts: Vec<BatchPart>,
}

impl Batch {
    /// Reads a body. What is wrong with one part is in that part.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Failure> {
        let text = members::checked(body)?;
        let mut members = Members::of(text).map_err(|error| {
            Failure::bad_request(format_args!(
                "a batch is an object with the list \"parts\": {error}"
            ))
        })?;
        let parts = members
            .take("parts")
            .ok_or_else(|| Failure::bad_request("the batch has no \"parts\""))?;
        if let Some(name) = members.left() {
            return Err(Failure::bad_request(format_args!("{name:?} means nothing in a batch")));
        }
        let parts = members::elements(parts)
            .ok_or_else(|| Failure::bad_request("\"parts\" of a batch is a list"))?;
        match parts.len() {
            0 => return Err(Failure::bad_request("the batch has no parts")),
            1..=BATCH_PARTS_MAX => {}
            count => {
                return Err(Failure::new(
                    ProblemKind::TooLarge,
                    format_args!("the batch has {count} parts and {BATCH_PARTS_MAX} are allowed"),
                ));
            }
        }
        let parts: Vec<BatchPart> = parts.into_iter().map(part::parse).collect();
        let bytes = parts.iter().map(bytes_in_log).sum::<usize>();
        if bytes > BATCH_BYTES_MAX {
            return Err(Failure::new(
                ProblemKind::TooLarge,
                format_args!(
                    "the batch has {bytes} bytes in the log and {BATCH_BYTES_MAX} are allowed; \
                     split it"
                ),
            ));
        }
        Ok(Self { parts })
    }

    /// For each part, the document that the entity has after it if it succeeds, where that can be
    /// told from the part.
    pub(crate) fn documents(&self) -> Vec<Option<Document>> {
        self.parts.iter().map(document_after).collect()
    }

    /// Whether the answer needs a document that is not in the batch itself.
    pub(crate) fn asks_for_documents(&self) -> bool {
        let asks = |change: &Change| match change {
            Change::Read | Change::Patch(_) | Change::Merge(_) | Change::Operations(_) => true,
            Change::Create(_) | Change::Replace(_) | Change::Delete => false,
        };
        self.parts.iter().filter_map(|part| part.request.as_ref().ok()).any(|it| asks(&it.change))
    }
}

fn document_after(part: &BatchPart) -> Option<Document> {
    match &part.request.as_ref().ok()?.change {
        Change::Create(document) | Change::Replace(document) => Some(document.clone()),
        Change::Read
        | Change::Patch(_)
        | Change::Merge(_)
        | Change::Operations(_)
        | Change::Delete => None,
    }
}

/// At most how many bytes the part has in the log.
fn bytes_in_log(part: &BatchPart) -> usize {
    // Tags and lengths, and a precondition at its longest.
    const FRAME_BYTES: usize = 32;
    const REVISION_BYTES: usize = 10;
    let request = match &part.request {
        Ok(request) => {
            let change = match &request.change {
                Change::Read | Change::Delete => 0,
                Change::Create(document) | Change::Replace(document) | Change::Merge(document) => {
                    document.len()
                }
                Change::Patch(patch) => patch.as_str().len(),
                Change::Operations(operations) => operations.as_str().len(),
            };
            let revisions = match &request.condition.matches {
                Some(tidelog_core::message::Match::Revisions(revisions)) => revisions.len(),
                Some(tidelog_core::message::Match::Any) | None => 0,
            };
            change + revisions * REVISION_BYTES
        }
        Err(problem) => problem.detail.len(),
    };
    FRAME_BYTES + part.entity.len() + request
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(body: &str) -> String {
        Batch::parse(body.as_bytes()).expect_err("refused").detail().to_owned()
    }

    #[test]
    fn what_is_no_batch_is_refused_whole() {
        assert!(refused("").contains("not JSON"));
        assert!(refused("{\"parts\":[{]}").contains("not JSON"));
        assert!(refused("{\"parts\":[]} x").contains("not JSON"));
        assert!(refused("[]").contains("a batch is an object"));
        assert!(refused("{}").contains("no \"parts\""));
        assert!(refused("{\"parts\":{}}").contains("is a list"));
        assert!(refused("{\"parts\":[]}").contains("has no parts"));
        assert!(refused("{\"parts\":[1],\"atomic\":true}").contains("\"atomic\" means nothing"));
        assert!(refused("{\"parts\":[1],\"parts\":[2]}").contains("\"parts\" stands twice"));
        let body = [b"{\"parts\":[\"".as_slice(), &[0xff], b"\"]}"].concat();
        assert!(Batch::parse(&body).expect_err("refused").detail().contains("not UTF-8"));
    }

    #[test]
    fn a_batch_may_have_so_many_parts_and_no_more() {
        let body = |count: usize| format!("{{\"parts\":[{}]}}", vec!["{}"; count].join(","));
        assert_eq!(Batch::parse(body(1_000).as_bytes()).expect("a batch").parts.len(), 1_000);
        assert!(refused(&body(1_001)).contains("1001 parts and 1000 are allowed"));
    }

    #[test]
    fn a_batch_may_have_so_many_bytes_and_no_more() {
        let part = |n: usize| {
            let filler = "x".repeat(1024 * 1024 - 100);
            format!(r#"{{"op":"replace","entity":"a/b/c/{n}","value":"{filler}"}}"#)
        };
        let body = |count: usize| {
            let parts: Vec<_> = (0..count).map(part).collect();
            format!("{{\"parts\":[{}]}}", parts.join(","))
        };
        assert!(Batch::parse(body(2).as_bytes()).is_ok());
        assert!(refused(&body(4)).contains("bytes in the log and 3145728 are allowed"));
    }

    #[test]
    fn only_reads_and_patches_need_documents_from_elsewhere() {
        let batch = |parts: &str| {
            Batch::parse(format!("{{\"parts\":[{parts}]}}").as_bytes()).expect("a batch")
        };
        let replace = r#"{"op":"replace","entity":"a/b/c/1","value":{"n": 1}}"#;
        let read = r#"{"op":"read","entity":"a/b/c/1"}"#;
        let plain = batch(&format!("{replace},{{}}"));
        assert!(!plain.asks_for_documents());
        assert_eq!(plain.documents()[0].as_ref().map(Document::as_str), Some("{\"n\":1}"));
        assert!(batch(&format!("{replace},{read}")).asks_for_documents());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_batch_or_refused(body in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Batch::parse(&body);
        }

        #[test]
        fn any_text_in_the_place_of_a_part_fails_alone(
            part in r#"[\[\]{}":,0-9a-z\\ ]{0,40}"#,
        ) {
            let _ = Batch::parse(format!("{{\"parts\":[{part}]}}").as_bytes());
        }
    }
}
