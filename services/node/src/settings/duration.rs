//! Lengths of time as people write them.

use std::time::Duration;

/// Reads `500ms`, `10s`, `2m`, `1h`, or a number of seconds: above zero, at most a day.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let digits_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    let millis_each: u64 = match unit.trim() {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(EXPECTED.to_owned()),
    };
    let count: u64 = digits.parse().map_err(|_| EXPECTED.to_owned())?;
    match count.checked_mul(millis_each) {
        Some(millis @ 1..=DAY_MILLIS) => Ok(Duration::from_millis(millis)),
        _ => Err(EXPECTED.to_owned()),
    }
}

/// Reads days, as in `60d`, or what [`parse_duration`] reads: at most ten years.
pub(crate) fn parse_lease(text: &str) -> Result<Duration, String> {
    let Some(days) = text.trim().strip_suffix('d') else { return parse_duration(text) };
    let days = days.trim_end().parse().ok().filter(|days| (1..=LEASE_DAYS_MAX).contains(days));
    let days: u64 = days.ok_or_else(|| format!("there are 1d to {LEASE_DAYS_MAX}d"))?;
    Ok(Duration::from_millis(days * DAY_MILLIS))
}

/// What a length of time looks like.
const EXPECTED: &str = "a time looks like 500ms, 10s, 2m or 1h, above zero and at most 24h";

const LEASE_DAYS_MAX: u64 = 3_650;

const DAY_MILLIS: u64 = 24 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_can_have_days() {
        assert_eq!(parse_lease("60d"), Ok(Duration::from_secs(60 * 86_400)));
        assert_eq!(parse_lease("90s"), Ok(Duration::from_secs(90)));
        assert!(parse_lease("0d").is_err_and(|words| words.contains("3650d")));
        assert!(parse_lease("long").is_err_and(|words| words.contains("24h")));
    }

    #[test]
    fn times_are_read_with_and_without_a_unit() {
        let millis = |text: &str| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("10s"), Ok(10_000));
        assert_eq!(millis("10"), Ok(10_000));
        assert_eq!(millis(" 2 m "), Ok(120_000));
        assert_eq!(millis("24h"), Ok(86_400_000));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "s", "0", "-1s", "1d", "1.5s", "25h", "99999999999999999999", "10sec"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
