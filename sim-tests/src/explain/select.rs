//! Which events a page has: all that matter, and of the others those around the violation.

use serde::{Serialize, Serializer, ser::SerializeTuple};
use tidelog_io_sim::trace::Line;

use super::lanes::{Lanes, task_of};

/// An event of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    at_us: u64,
    lane: usize,
    /// The lane that the message came from, if it is one.
    from: Option<usize>,
    matters: bool,
    what: &'static str,
    detail: String,
}

/// Bytes of all events of a page.
const BYTES_MAX: usize = 4_000_000;

/// Characters of one event.
const DETAIL_CHARS_MAX: usize = 240;

/// What an event costs besides its detail.
const EVENT_BYTES: usize = 48;

/// The events of a page, in the order of time.
pub(super) fn selected(lines: &[Line], lanes: &Lanes, around_us: u64) -> Vec<Event> {
    let mut events: Vec<Event> = lines.iter().filter_map(|line| event(line, lanes)).collect();
    events.sort_by_key(|event| (!event.matters, event.at_us.abs_diff(around_us)));
    let mut bytes = 0;
    let fitting = events.iter().take_while(|event| {
        bytes += event.detail.len() + EVENT_BYTES;
        bytes <= BYTES_MAX
    });
    let count = fitting.count();
    events.truncate(count);
    events.sort_by_key(|event| event.at_us);
    events
}

fn event(line: &Line, lanes: &Lanes) -> Option<Event> {
    let lane = task_of(line).and_then(|task| lanes.task(task));
    let struck = (line.what == "fault").then(|| lanes.index("net")).flatten();
    let lane = lane.or_else(|| lanes.index(&line.lane)).or(struck)?;
    let detail = match line.what {
        "fault" => format!("{} strikes {}", first_quoted(&line.detail), line.lane),
        _ => line.detail.chars().take(DETAIL_CHARS_MAX).collect(),
    };
    let from = sender(&line.detail).and_then(|sender| lanes.index(&sender));
    Some(Event {
        at_us: line.at_us,
        lane,
        from,
        matters: matters(line.what),
        what: line.what,
        detail,
    })
}

/// Whether an event matters wherever it is.
fn matters(what: &str) -> bool {
    const MATTER: [&str; 16] = [
        "fault",
        "kill",
        "start",
        "exit",
        "pause",
        "resume",
        "cut",
        "mend",
        "mend-all",
        "heal",
        "task",
        "call",
        "return",
        "store",
        "ends",
        "unreachable",
    ];
    MATTER.contains(&what)
}

/// Whom a request is from.
fn sender(detail: &str) -> Option<String> {
    let rest = detail.strip_prefix("Request { from: ")?;
    if rest.starts_with("Controller") {
        return Some("controller".to_owned());
    }
    let kind = if rest.starts_with("Broker") { "broker" } else { "client" };
    let digits: String = rest
        .chars()
        .skip_while(|it| !it.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    Some(format!("{kind}{digits}"))
}

fn first_quoted(detail: &str) -> &str {
    detail.split('"').nth(1).unwrap_or(detail)
}

/// As short as it can be: there are many of them.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(6)?;
        tuple.serialize_element(&self.at_us)?;
        tuple.serialize_element(&self.lane)?;
        tuple.serialize_element(&self.from.map_or(-1, |it| i64::try_from(it).unwrap_or(-1)))?;
        tuple.serialize_element(&u8::from(self.matters))?;
        tuple.serialize_element(self.what)?;
        tuple.serialize_element(&self.detail)?;
        tuple.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_read_from_requests() {
        let from = |text: &str| sender(&format!("Request {{ from: {text}, token: Token(9) }}"));
        assert_eq!(from("Broker(BrokerId(2))").as_deref(), Some("broker2"));
        assert_eq!(from("Client(ClientId(101))").as_deref(), Some("client101"));
        assert_eq!(from("Controller").as_deref(), Some("controller"));
        assert_eq!(sender("Ok(Fetch(3))"), None);
    }
}
