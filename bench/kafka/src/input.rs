//! The patches: the same ones for the same settings, whoever reads them.

use std::fmt::Write as _;

use crate::wire::{Millis, Patch};

/// How many clients the patches come from.
const CLIENTS: u64 = 16;

/// How many requests each client has under way: so far its first incomplete number lies behind.
const UNDER_WAY: u64 = 64;

/// Which patches there are.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// How many patches.
    pub patches: u64,
    /// How many entities they are about, each drawn at random.
    pub entities: u64,
    /// Bytes of each merge patch.
    pub bytes: usize,
    /// Other patches for another seed.
    pub seed: u64,
    /// When they were sent.
    pub sent: Millis,
}

impl Input {
    /// Patch number `n`, from 0: its key, and its payload.
    #[must_use]
    pub fn patch(&self, n: u64) -> (String, Vec<u8>) {
        let random = mix(self.seed ^ mix(n));
        let entity = format!("bench/docs/default/{:08}", random % self.entities);
        let document = document(n, random, self.bytes);
        let client = format!("app-{:02}", n % CLIENTS);
        let number = n / CLIENTS + 1;
        let patch = Patch {
            client: &client,
            number,
            first_incomplete: number.saturating_sub(UNDER_WAY).max(1),
            sent: self.sent,
            entity: &entity,
            document: document.as_bytes(),
            wants_value: true,
        };
        let payload = patch.write();
        (entity, payload)
    }
}

/// A merge patch of `bytes` bytes, or of about 130 if that is more. It changes members that every
/// document has, sets one of four others and removes another one, so that what comes out depends on
/// the order of an entity's patches, and documents stay of one size.
fn document(n: u64, random: u64, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 32);
    let slot = mix(random) % 4;
    // Writing into a String does not fail.
    _ = write!(
        text,
        "{{\"count\":{n},\"score\":{}.5,\"owner\":{{\"level\":{},\"id\":\"{random:016x}\"}},\
         \"tags\":[\"a{}\",\"b{}\"],\"slot-{slot}\":\"{:012x}\",\"slot-{}\":null,\"note\":\"",
        random % 1_000,
        random % 5,
        random % 7,
        random % 11,
        mix(n) >> 16,
        (slot + 1) % 4,
    );
    let end = bytes.saturating_sub(2).max(text.len());
    let mut word = 0;
    while text.len() < end {
        // Half of it is noise, so that compression has no easy game.
        if word % 2 == 0 {
            _ = write!(text, "{:016x}", mix(random ^ (word << 40)));
        } else {
            text.push_str(" lorem ipsum dolor");
        }
        word += 1;
    }
    text.truncate(end);
    text.push_str("\"}");
    text
}

/// A small mixing function (splitmix64): the same number gives the same noise.
const fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: Input = Input { patches: 0, entities: 50, bytes: 200, seed: 1, sent: 7 };

    #[test]
    fn patches_are_json_of_the_size_that_was_asked_for() {
        for bytes in [200, 400] {
            let input = Input { bytes, ..INPUT };
            for n in 0..1_000 {
                let (key, payload) = input.patch(n);
                let patch = Patch::read(&payload).expect("a patch");
                assert_eq!(patch.entity, key);
                assert_eq!(patch.document.len(), bytes);
                serde_json::from_slice::<serde_json::Value>(patch.document).expect("JSON");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_patches() {
        let other = Input { seed: 2, ..INPUT };
        assert!((0..100).all(|n| INPUT.patch(n) == INPUT.patch(n)));
        assert!((0..100).all(|n| INPUT.patch(n) != other.patch(n)));
    }
}
