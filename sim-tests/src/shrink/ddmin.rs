//! The smallest part of a list that is still enough.

/// Leaves elements out for as long as the rest is still `enough`. The result is minimal: without any one
/// of its elements it would not be enough.
pub(super) fn minimize<T: Clone>(all: &[T], mut enough: impl FnMut(&[T]) -> bool) -> Vec<T> {
    // Often nothing of it matters.
    if all.is_empty() || enough(&[]) {
        return Vec::new();
    }
    let mut kept = all.to_vec();
    let mut pieces = 2;
    while kept.len() > 1 {
        let size = kept.len().div_ceil(pieces);
        if let Some(smaller) = smaller(&kept, size, pieces, &mut enough) {
            pieces = if smaller.1 { 2 } else { (pieces - 1).max(2) };
            kept = smaller.0;
        } else if size == 1 {
            break;
        } else {
            pieces = (pieces * 2).min(kept.len());
        }
    }
    kept
}

/// One piece alone, or all but one, if that is enough; and whether it is one alone.
fn smaller<T: Clone>(
    kept: &[T],
    size: usize,
    pieces: usize,
    enough: &mut impl FnMut(&[T]) -> bool,
) -> Option<(Vec<T>, bool)> {
    if let Some(piece) = kept.chunks(size).find(|piece| enough(piece)) {
        return Some((piece.to_vec(), true));
    }
    if pieces == 2 {
        // All but one of two pieces is the other one.
        return None;
    }
    (0..kept.len()).step_by(size).find_map(|from| {
        let rest = [&kept[..from], &kept[(from + size).min(kept.len())..]].concat();
        enough(&rest).then_some((rest, false))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_of_many_takes_a_logarithm_of_runs() {
        let runs = Cell::new(0);
        let all: Vec<u32> = (0..1_024).collect();
        let kept = minimize(&all, |part| {
            runs.set(runs.get() + 1);
            part.contains(&700)
        });
        assert_eq!(kept, [700]);
        assert!(runs.get() < 40, "{} runs", runs.get());
    }

    proptest! {
        #[test]
        fn what_is_needed_is_left_and_nothing_else(
            length in 0_u32..60,
            needed in prop::collection::btree_set(0_u32..60, 0..6),
        ) {
            let all: Vec<u32> = (0..length).collect();
            let needed: Vec<u32> = needed.into_iter().filter(|it| *it < length).collect();
            let kept = minimize(&all, |part| needed.iter().all(|it| part.contains(it)));
            prop_assert_eq!(kept, needed);
        }
    }
}
