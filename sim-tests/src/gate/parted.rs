//! Where two runs part.

use std::fmt;

use super::traced::Event;

/// The first event in which two runs differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parted(Place);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The one before, those that differ, and their number.
    Event(Box<[Option<Event>; 3]>, u64),
    /// All events are alike, and what the runs come to is not.
    End { expected: String, left: String, right: String },
}

/// Characters of an event that are told.
const CHARS_MAX: usize = 160;

/// Of these, so many before the first that differs.
const CHARS_BEFORE: usize = 60;

impl Parted {
    pub(super) fn at(
        number: u64,
        before: Option<Event>,
        left: Option<Event>,
        right: Option<Event>,
    ) -> Self {
        Self(Place::Event(Box::new([before, left, right]), number))
    }

    pub(super) fn at_the_end(expected: &str, left: &str, right: &str) -> Self {
        let (expected, left, right) = (expected.into(), left.into(), right.into());
        Self(Place::End { expected, left, right })
    }
}

impl fmt::Display for Parted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ([before, left, right], number) = match &self.0 {
            Place::Event(events, number) => (&**events, number),
            Place::End { expected, left, right } => {
                return write!(
                    f,
                    "no event differs, but the hashes do: {left} and {right}, and {expected} before"
                );
            }
        };
        writeln!(f, "event {number} is the first that differs:")?;
        let from = match (left, right) {
            (Some(left), Some(right)) => first_difference(&left.detail, &right.detail),
            (None, _) | (_, None) => 0,
        };
        if let Some(before) = before {
            writeln!(f, "  before  {}", told(Some(before), 0))?;
        }
        writeln!(f, "  fresh   {}", told(left.as_ref(), from))?;
        write!(f, "  here    {}", told(right.as_ref(), from))?;
        if let (Some(left), Some(right)) = (left, right)
            && left.looks_like(right)
        {
            write!(f, "\n  They look alike: something that is hashed does not show.")?;
        }
        Ok(())
    }
}

/// An event, with what stands around a character of its detail.
fn told(event: Option<&Event>, around: usize) -> String {
    let Some(Event { at_us, lane, what, detail, .. }) = event else {
        return "(its events have ended)".into();
    };
    let skipped = around.saturating_sub(CHARS_BEFORE);
    let shown: String = detail.chars().skip(skipped).take(CHARS_MAX).collect();
    let begin = if skipped > 0 { "…" } else { "" };
    let end = if detail.chars().count() > skipped + CHARS_MAX { "…" } else { "" };
    let (seconds, micros) = (at_us / 1_000_000, at_us % 1_000_000);
    format!("{seconds}.{micros:06} {lane} {what} {begin}{shown}{end}")
}

/// The first character in which two texts differ.
fn first_difference(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shows_what_differs_and_what_came_before() {
        let long = "x".repeat(500);
        let [left, right] = ["1", "2"].map(|end| event(&format!("{long}{end}{long}")));
        let text = Parted::at(7, Some(event("start")), Some(left), Some(right)).to_string();
        assert!(text.starts_with("event 7 is the first"), "{text}");
        assert!(text.contains("before  0.001500 node1 Fetch start"), "{text}");
        assert!(text.contains("x1x") && text.contains("x2x"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() < 250), "{text}");
    }

    #[test]
    fn it_says_so_when_nothing_shows_and_when_one_run_is_shorter() {
        let other = Event { hash: "2".into(), ..event("same") };
        let text = Parted::at(0, None, Some(event("same")), Some(other)).to_string();
        assert!(text.contains("They look alike"), "{text}");
        let text = Parted::at(3, None, Some(event("more")), None).to_string();
        assert!(text.contains("here    (its events have ended)"), "{text}");
    }

    fn event(detail: &str) -> Event {
        let (lane, what) = ("node1".into(), "Fetch".into());
        Event { at_us: 1_500, lane, what, detail: detail.into(), hash: "1".into() }
    }
}
