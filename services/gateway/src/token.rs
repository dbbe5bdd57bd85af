//! How far a reader of a zone's feed is, as an opaque text.
//!
//! A token holds the number of the last change that its holder has seen, and a digest of that, the zone and
//! the feed: the feed of the same zone in another log is another one. So a token that is made up, or of
//! another zone or installation, is told from one that was given out here, by any gateway.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tidelog_core::{ZoneId, query::FeedView};

use crate::{failure::Failure, problem::Kind};

/// A token as it came, which is not known to be one of this feed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// The number of the last change that its holder has seen.
    pub after: u64,
    check: [u8; CHECK_BYTES],
}

/// Where a token stands in the feed that it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// All that comes after it is kept.
    Kept,
    /// Some of what comes after it is not kept any more.
    Expired,
}

impl Token {
    /// The text of the token of whoever has seen all changes up to `after`.
    pub(crate) fn print(zone: &ZoneId, feed: u64, after: u64) -> String {
        let mut bytes = check(zone, feed, after).to_vec();
        bytes.extend_from_slice(&after.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        let decoded =
            if text.len() <= TEXT_BYTES_MAX { URL_SAFE_NO_PAD.decode(text).ok() } else { None };
        let token = decoded.as_deref().and_then(|bytes| {
            let (check, after) = bytes.split_first_chunk::<CHECK_BYTES>()?;
            let after = u64::from_be_bytes(after.try_into().ok()?);
            Some(Self { after, check: *check })
        });
        token.ok_or_else(invalid)
    }

    /// Refuses a token that the feed never gave out, and says whether it is too old.
    pub(crate) fn check(self, zone: &ZoneId, view: &FeedView) -> Result<Standing, Failure> {
        // One from before anything happened in the zone is right wherever nothing has been seen.
        let is_first = self.after == 0 && self.check == check(zone, 0, 0);
        let is_ours = self.check == check(zone, view.feed, self.after) && self.after <= view.last;
        if !is_first && !is_ours {
            return Err(invalid());
        }
        let is_kept = self.after + 1 >= view.oldest;
        Ok(if is_kept { Standing::Kept } else { Standing::Expired })
    }
}

/// What tells that a token is one of this feed. It keeps mistakes out, not intruders: a forged token
/// shows nothing that the feed would not.
fn check(zone: &ZoneId, feed: u64, after: u64) -> [u8; CHECK_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&feed.to_be_bytes());
    hasher.update(&after.to_be_bytes());
    hasher.update(zone.as_str().as_bytes());
    let mut bytes = [0; CHECK_BYTES];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK_BYTES]);
    bytes
}

fn invalid() -> Failure {
    Failure::new(
        Kind::InvalidChangeToken,
        "the token is not one that this zone's feed gave out; read the zone's entities, and begin again \
         with since=now before you do, or without a token",
    )
}

const CHECK_BYTES: usize = 7;

/// No token is longer.
const TEXT_BYTES_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(text: &str) -> ZoneId {
        text.parse().expect("a zone")
    }

    fn view(feed: u64, oldest: u64, last: u64) -> FeedView {
        FeedView { feed, oldest, last, changes: Vec::new() }
    }

    fn standing(text: &str, at: &str, view: &FeedView) -> Option<Standing> {
        Token::read(text).ok()?.check(&zone(at), view).ok()
    }

    #[test]
    fn a_token_belongs_to_its_zone_and_its_log() {
        let eu = "shop/orders/eu";
        let token = Token::print(&zone(eu), 7, 5);
        assert_eq!(standing(&token, eu, &view(7, 1, 9)), Some(Standing::Kept));
        assert_eq!(standing(&token, eu, &view(7, 6, 9)), Some(Standing::Kept));
        assert_eq!(standing(&token, eu, &view(7, 7, 9)), Some(Standing::Expired));
        assert_eq!(standing(&token, eu, &view(7, 1, 4)), None, "it is from the future");
        assert_eq!(standing(&token, eu, &view(8, 1, 9)), None, "it is of another log");
        assert_eq!(standing(&token, "shop/orders/us", &view(7, 1, 9)), None);
        let first = Token::print(&zone(eu), 0, 0);
        assert_eq!(standing(&first, eu, &view(0, 1, 0)), Some(Standing::Kept));
        assert_eq!(standing(&first, eu, &view(7, 1, 9)), Some(Standing::Kept));
        assert_eq!(standing(&first, eu, &view(7, 2, 9)), Some(Standing::Expired));
    }

    proptest! {
        #[test]
        fn a_made_up_token_is_refused(text in "[A-Za-z0-9_-]{0,24}") {
            prop_assert_eq!(standing(&text, "shop/orders/eu", &view(7, 1, u64::MAX)), None);
        }

        #[test]
        fn a_token_reads_back_as_printed(feed: u64, after in 0..u64::MAX) {
            let zone = zone("shop/orders/eu");
            let token = Token::read(&Token::print(&zone, feed, after)).expect("a token");
            prop_assert_eq!(token.after, after);
            let checked = token.check(&zone, &view(feed, 1, after)).expect("it is of this feed");
            prop_assert_eq!(checked, Standing::Kept);
        }
    }
}
