//! The lanes of a page: machines, and tasks.

use std::collections::BTreeMap;

use serde::Serialize;
use tidelog_io_sim::trace::Line;

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Lane {
    pub(super) name: String,
    /// What it is, in a word.
    pub(super) kind: &'static str,
}

/// The lanes of a run, and who is in which.
#[derive(Debug)]
pub(super) struct Lanes {
    list: Vec<Lane>,
    index: BTreeMap<String, usize>,
    /// What machines are called that have a number only.
    names: BTreeMap<String, String>,
}

impl Lanes {
    pub(super) fn of(lines: &[Line]) -> Self {
        let mut lanes = Self { list: Vec::new(), index: BTreeMap::new(), names: names(lines) };
        let mut found: Vec<(u8, Lane)> = Vec::new();
        let mut add = |lane: Lane| {
            if !found.iter().any(|(_, it)| *it == lane) {
                found.push((rank(&lane), lane));
            }
        };
        for line in lines {
            if let Some(lane) = lanes.lane_of(&line.lane) {
                add(lane);
            }
            if let Some(task) = task_of(line) {
                add(Lane { name: task.to_owned(), kind: "task" });
            }
        }
        found.sort_by(|a, b| (a.0, &a.1.name).cmp(&(b.0, &b.1.name)));
        lanes.list = found.into_iter().map(|(_, lane)| lane).collect();
        let named = lanes.list.iter().enumerate();
        lanes.index = named.map(|(nth, lane)| (lane.name.clone(), nth)).collect();
        lanes
    }

    /// The lane of whoever is called so in the trace.
    pub(super) fn index(&self, name: &str) -> Option<usize> {
        let lane = self.lane_of(name)?;
        self.index.get(&lane.name).copied()
    }

    /// The lane of a task.
    pub(super) fn task(&self, task: &str) -> Option<usize> {
        self.index.get(task).copied()
    }

    pub(super) fn into_list(self) -> Vec<Lane> {
        self.list
    }

    fn lane_of(&self, name: &str) -> Option<Lane> {
        let machine = machine(name);
        let machine = self.names.get(machine).map_or(machine, String::as_str);
        let kind = match machine.trim_end_matches(|it: char| it.is_ascii_digit()) {
            "controller" | "broker" => "broker",
            "node" => "node",
            "client" | "app" | "last" | "observer" => "client",
            "net" | "sim" => "network",
            // What faults strike that is no machine: links, disks, partitions.
            _ => return None,
        };
        Some(Lane { name: machine.to_owned(), kind })
    }
}

/// The machine in a name such as `node1@client1#2/entity-storage/3`, `app0-1`, `node1/disk`.
fn machine(name: &str) -> &str {
    let end = name.find(['@', '/', '>']).unwrap_or(name.len());
    let name = &name[..end];
    match name.rsplit_once('-') {
        Some((machine, life)) if life.parse::<u32>().is_ok() => machine,
        _ => name,
    }
}

/// What machines with a number are called, as far as sessions and clients tell it.
fn names(lines: &[Line]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for line in lines {
        if let Some((name, rest)) = line.lane.split_once('@') {
            let number = &rest[..rest.find('#').unwrap_or(rest.len())];
            // A twin is another machine of the same name.
            names.entry(number.to_owned()).or_insert_with(|| match is_twin(number) {
                true => number.to_owned(),
                false => name.to_owned(),
            });
        }
    }
    for number in 0..CLIENTS_MAX {
        names.insert(format!("client{}", 101 + number), format!("app{number}"));
    }
    names.insert("client100".to_owned(), "last".to_owned());
    names
}

const CLIENTS_MAX: u32 = 100;

fn is_twin(machine: &str) -> bool {
    let number = machine.strip_prefix("client").and_then(|it| it.parse::<u32>().ok());
    number.is_some_and(|number| number >= 1 << 16)
}

/// The task that an event is about, if it is about one.
pub(super) fn task_of(line: &Line) -> Option<&str> {
    let words = (line.what == "task").then(|| line.detail.trim_matches('"'))?;
    words.split(' ').next()
}

fn rank(lane: &Lane) -> u8 {
    match lane.kind {
        "client" => 0,
        "node" => 1,
        "task" => 2,
        "broker" => 3,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_found_in_the_names_of_what_is_on_them() {
        for (name, expected) in [
            ("node1@client1#2/entity-storage/3", "node1"),
            ("app0-12", "app0"),
            ("node2/disk", "node2"),
            ("client1>broker2", "client1"),
            ("broker3", "broker3"),
        ] {
            assert_eq!(machine(name), expected);
        }
        assert!(is_twin("client65537") && !is_twin("client101"));
    }
}
