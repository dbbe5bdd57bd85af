//! Sample documents and the ids they are stored under.

/// A small mixing function (splitmix64): the same input gives the same pseudo-random output.
#[must_use]
pub const fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Writes the JSON document number `n` of about `bytes` bytes into `out`.
///
/// Half of its text is pseudo-random hex, so that compression has no easy game.
pub fn write(n: u64, bytes: usize, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let start = out.len();
    let r = mix(n);
    // Writing into a Vec does not fail.
    let _ = write!(
        out,
        "{{\"name\":\"entity {n}\",\"count\":{},\"active\":{},\"score\":{}.{},\"tags\":[\"a{}\",\"b{}\"],\"owner\":{{\"id\":\"{r:016x}\",\"level\":{}}},\"note\":\"",
        r % 1_000,
        r & 1 == 0,
        r % 97,
        r % 89,
        r % 7,
        r % 11,
        r % 5,
    );
    let end = start + bytes.saturating_sub(2);
    let mut word = 0;
    while out.len() < end {
        if word % 2 == 0 {
            let _ = write!(out, "{:016x}", mix(n ^ (word << 40)));
        } else {
            out.extend_from_slice(b" lorem ipsum dolor");
        }
        word += 1;
    }
    out.truncate(end.max(start));
    out.extend_from_slice(b"\"}");
}

/// The id of document `n` of a run: ascending, or scattered over the key space.
#[must_use]
pub fn id(run: &str, n: u64, scatter: bool) -> String {
    if scatter { format!("{run}-{:016x}", mix(n)) } else { format!("{run}-{n:09}") }
}
