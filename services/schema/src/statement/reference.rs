//! References, which stay inside the schema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Fault, Pointer, StatementError,
    subschema::{self, Step},
};

/// Checks that a reference is a pointer into the schema.
pub(super) fn check_form(value: &Value, at: &Pointer<'_>) -> Result<(), StatementError> {
    match value.as_str() {
        Some(target) if target == "#" || target.starts_with("#/") => Ok(()),
        Some(_) => Err(StatementError::new(at, Fault::Outside)),
        None => Err(StatementError::new(at, Fault::Expected { expected: "a string" })),
    }
}

/// Checks that every reference leads to a schema that is the user's alone, and none back to itself without
/// a step into the value: whoever followed such a one would never come to an end.
///
/// A reference to a place over which a statement is laid would let what is learned there speak elsewhere,
/// and, under `not`, take back what is stated.
pub(super) fn check(root: &Value) -> Result<(), StatementError> {
    let mut places = Places::default();
    places.add(root, String::new(), true);
    let leads = places.leads()?;
    let mut seen = Seen { on_way: vec![false; leads.len()], done: vec![false; leads.len()] };
    (0..leads.len()).try_for_each(|from| places.descend(from, &leads, &mut seen))
}

/// All schemas in a schema, by their JSON Pointers.
#[derive(Default)]
struct Places<'v> {
    all: Vec<Place<'v>>,
    by_pointer: BTreeMap<String, usize>,
}

struct Place<'v> {
    pointer: String,
    schema: &'v Value,
    /// Whether something can be learned here, for the statement to be laid over.
    is_learned: bool,
    /// The schemas in it that are about the same value.
    parts: Vec<usize>,
}

/// Where a schema leads to that is about the same value.
struct Leads {
    parts: Vec<usize>,
    reference: Option<usize>,
}

/// Which schemas have been come to.
struct Seen {
    on_way: Vec<bool>,
    done: Vec<bool>,
}

impl<'v> Places<'v> {
    /// Adds a schema, and those that are in it. Documents nest only so deep.
    fn add(&mut self, schema: &'v Value, pointer: String, is_learned: bool) -> usize {
        let number = self.all.len();
        self.by_pointer.insert(pointer.clone(), number);
        self.all.push(Place { pointer: pointer.clone(), schema, is_learned, parts: Vec::new() });
        subschema::each(schema, |keyword, step, inner| {
            let is_learned = is_learned && subschema::is_learned(keyword);
            let inner = self.add(inner, below(&pointer, keyword, step), is_learned);
            if subschema::is_of_the_same_value(keyword) {
                self.all[number].parts.push(inner);
            }
        });
        number
    }

    fn leads(&self) -> Result<Vec<Leads>, StatementError> {
        let lead = |place: &Place<'v>| {
            let target = place.schema.get("$ref").and_then(Value::as_str);
            let reference = target.map(|target| {
                let number = decoded(target).and_then(|it| self.by_pointer.get(&it)).copied();
                match number {
                    None => Err(place.fails(Fault::Dangling { target: target.into() })),
                    Some(number) if self.all[number].is_learned => {
                        Err(place.fails(Fault::Learned { target: target.into() }))
                    }
                    Some(number) => Ok(number),
                }
            });
            Ok(Leads { parts: place.parts.clone(), reference: reference.transpose()? })
        };
        self.all.iter().map(lead).collect()
    }

    /// Goes wherever a schema leads to, and fails where that is a place on the way there.
    fn descend(&self, from: usize, leads: &[Leads], seen: &mut Seen) -> Result<(), StatementError> {
        if seen.done[from] {
            return Ok(());
        }
        // Each with how many of its ways have been gone. By hand, for a chain may be long.
        let mut way = vec![(from, 0)];
        seen.on_way[from] = true;
        while let Some((number, gone)) = way.last_mut() {
            let here = *number;
            let next = leads[here].reference.iter().chain(&leads[here].parts).nth(*gone).copied();
            *gone += 1;
            match next {
                None => {
                    seen.done[here] = true;
                    seen.on_way[here] = false;
                    way.pop();
                }
                // What is in a schema is not around it, so it is a reference that leads back.
                Some(next) if seen.on_way[next] => {
                    return Err(self.all[here].fails(Fault::Circular));
                }
                Some(next) if seen.done[next] => {}
                Some(next) => {
                    seen.on_way[next] = true;
                    way.push((next, 0));
                }
            }
        }
        Ok(())
    }
}

impl Place<'_> {
    /// Why its reference is refused.
    fn fails(&self, fault: Fault) -> StatementError {
        let mut at = String::from("#");
        super::push_encoded(&self.pointer, &mut at);
        at.push_str("/$ref");
        StatementError { pointer: at.into(), fault }
    }
}

fn below(pointer: &str, keyword: &str, step: Option<Step<'_>>) -> String {
    match step {
        None => format!("{pointer}/{keyword}"),
        Some(Step::Member(name)) => format!("{pointer}/{keyword}/{}", super::escaped(name)),
        Some(Step::Element(index)) => format!("{pointer}/{keyword}/{index}"),
    }
}

/// The pointer in a fragment, whose percent signs stand for bytes.
fn decoded(target: &str) -> Option<String> {
    let mut bytes = target.strip_prefix('#')?.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}
