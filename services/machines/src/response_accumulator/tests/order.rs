use proptest::prelude::*;
use tidelog_core::{Message, message::PartAnswer};

use super::{answer, second_thoughts};
use crate::{
    harness::{Harness, at},
    response_accumulator::ResponseAccumulator,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn parts_in_any_order_and_number_give_the_same_answer(
        parts in Just((1..=6).collect::<Vec<u32>>()).prop_shuffle(),
        repeats in proptest::collection::vec((0usize..40, 1u32..=6), 0..12),
        commits in proptest::collection::vec(any::<bool>(), 18),
    ) {
        let mut arrivals = parts;
        for (index, part) in repeats {
            arrivals.insert(index % (arrivals.len() + 1), part);
        }
        let mut harness = Harness::new(ResponseAccumulator);
        let mut seen = std::collections::BTreeSet::new();
        let mut completions = Vec::new();
        let mut lasts_after_whole = 0;
        for (index, part) in arrivals.iter().enumerate() {
            let was_whole = seen.len() == 6;
            // What comes first counts; what comes again may even say something else.
            let response =
                if seen.insert(*part) { answer(1, *part, 6) }
                else { second_thoughts(answer(1, *part, 6)) };
            lasts_after_whole += usize::from(was_whole && *part == 6);
            completions.extend(harness.record(at(1_000), Message::PartialResponse(response)));
            if commits[index] {
                harness.commit();
            }
        }
        prop_assert_eq!(completions.len(), 1 + lasts_after_whole);
        let expected: Vec<Option<PartAnswer>> =
            (1..=6).map(|part| Some(answer(1, part, 6).answer)).collect();
        for completion in completions {
            let Message::CompleteResponse(response) = completion else { panic!("an answer") };
            prop_assert_eq!(&response.parts, &expected);
        }
    }
}
