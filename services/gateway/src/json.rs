//! Writing JSON by hand: documents go in as the text that they are, without being parsed.

use serde::Serialize;
use tidelog_core::{Document, Revision, Timestamp};

/// An answer's body while it is written.
#[derive(Debug, Default)]
pub(crate) struct Json(Vec<u8>);

impl Json {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Puts in punctuation, keys, and texts that have no character to be escaped.
    pub(crate) fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// Puts in a string with its quotes.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        text.serialize(&mut serde_json::Serializer::new(&mut self.0))
            .expect("a Vec takes all that is written to it");
        self
    }

    /// Puts in a string, or null.
    pub(crate) fn string_or_null(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.string(text),
            None => self.raw("null"),
        }
    }

    pub(crate) fn number(&mut self, number: impl itoa::Integer) -> &mut Self {
        self.raw(itoa::Buffer::new().format(number))
    }

    pub(crate) fn revision(&mut self, revision: Revision) -> &mut Self {
        self.number(revision.0)
    }

    pub(crate) fn document(&mut self, document: &Document) -> &mut Self {
        self.raw(document.as_str())
    }

    /// Puts in a point in time as RFC 3339 has it, in UTC, with milliseconds.
    pub(crate) fn time(&mut self, time: Timestamp) -> &mut Self {
        self.string(&rfc3339(time))
    }

    /// Puts in a list, each item as `item` writes it.
    pub(crate) fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        self.raw("[");
        for (index, value) in items.into_iter().enumerate() {
            if index > 0 {
                self.raw(",");
            }
            item(self, value);
        }
        self.raw("]")
    }

    /// Puts one more member into the object that has been written.
    pub(crate) fn add_member(&mut self, name: &str, value: &Self) -> &mut Self {
        assert_eq!(self.0.pop(), Some(b'}'), "what has been written is an object");
        self.raw(r#",""#).raw(name).raw(r#"":"#);
        self.0.extend_from_slice(&value.0);
        self.raw("}")
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A point in time as RFC 3339 has it. Years beyond 9999 get more digits.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let millis = time.as_millis();
    let (seconds, millis) = (millis / 1_000, millis % 1_000);
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) =
        (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. The years of
/// the calculation begin in March, so that the leap day is the last (Howard Hinnant's
/// `civil_from_days`).
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_BEFORE_1970: u64 = 719_468;
    const DAYS_OF_ERA: u64 = 146_097;
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_as_people_know_them() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_764_000_000_123, "2025-11-24T16:00:00.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (millis, text) in cases {
            assert_eq!(rfc3339(Timestamp::from_millis(millis)), text);
        }
        assert!(rfc3339(Timestamp::MAX).ends_with('Z'));
    }

    #[test]
    fn strings_are_escaped_and_lists_have_commas_between() {
        let mut json = Json::default();
        json.list(["a\"b", "\u{1}"], |json, text| {
            json.string(text);
        });
        json.raw(",").string_or_null(None).raw(",").number(7_u16);
        assert_eq!(json.into_bytes(), br#"["a\"b","\u0001"],null,7"#);
    }
}
