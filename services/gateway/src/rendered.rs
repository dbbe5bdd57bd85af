//! Events of feeds as text: written once for all who read them.
//!
//! What a feed says under some numbers never changes, so a text is right for as long as it is kept. A
//! thousand readers that were away for as long read the same pages.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use tidelog_core::ZoneId;

/// The texts that were made last.
#[derive(Debug, Default)]
pub(crate) struct Rendered(Mutex<Kept>);

/// Which changes of which feed: the zone, what tells its feed from others, the first number and the last.
pub(crate) type Name = (ZoneId, u64, u64, u64);

#[derive(Debug, Default)]
struct Kept {
    texts: BTreeMap<Name, Bytes>,
    /// From the one that was made first to the one that was made last.
    order: VecDeque<Name>,
    bytes: usize,
}

impl Rendered {
    /// The text of that name, made if it is not kept.
    pub(crate) fn text(&self, name: Name, make: impl FnOnce() -> Bytes) -> Bytes {
        // It is made under the lock: whoever wants the same would make it at the same time.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = kept.texts.get(&name) {
            return text.clone();
        }
        let text = make();
        kept.bytes += text.len();
        kept.order.push_back(name.clone());
        kept.texts.insert(name, text.clone());
        while kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.order.pop_front() else { break };
            let text = kept.texts.remove(&oldest);
            kept.bytes -= text.map_or(0, |text| text.len());
        }
        text
    }
}

/// Bytes of texts that are kept.
const BYTES_MAX: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_made_once_and_the_oldest_give_way() {
        let rendered = Rendered::default();
        let name = |first| ("shop/orders/eu".parse().expect("a zone"), 7, first, first);
        let large = Bytes::from(vec![b'x'; BYTES_MAX / 2]);
        let mut made = 0;
        for first in [1, 1, 2, 1, 3, 3, 1] {
            let text = rendered.text(name(first), || {
                made += 1;
                large.clone()
            });
            assert_eq!(text.len(), large.len());
        }
        assert_eq!(made, 4, "1, 2, 3, and 1 again");
    }
}
