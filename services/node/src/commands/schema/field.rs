//! Where a schema speaks of a field of documents.

use serde_json::{Map, Value};

use crate::cli::{Field, Step};

/// What a schema says of a field, if it says anything.
pub(super) fn find<'s>(schema: &'s Value, field: &Field) -> Option<&'s Value> {
    field.0.iter().try_fold(schema, |schema, step| match step {
        Step::Member(name) => schema.get("properties")?.get(name),
        Step::Elements => schema.get("items"),
    })
}

/// Has a schema say something of a field.
pub(super) fn set(schema: &mut Value, field: &[Step], keywords: &Map<String, Value>) {
    if !schema.is_object() {
        *schema = Value::Object(Map::new());
    }
    let Value::Object(members) = schema else { return };
    let nothing = || Value::Object(Map::new());
    match field {
        [] => members.extend(keywords.clone()),
        [Step::Elements, rest @ ..] => {
            set(members.entry("items").or_insert_with(nothing), rest, keywords);
        }
        [Step::Member(name), rest @ ..] => {
            let properties = members.entry("properties").or_insert_with(nothing);
            if let Value::Object(properties) = properties {
                set(properties.entry(name).or_insert_with(nothing), rest, keywords);
            }
        }
    }
}

/// Has a schema say these keywords no more of a field; none: nothing at all. Gives whether it had said
/// any of it. What is left empty by that is taken away.
pub(super) fn clear(schema: &mut Value, field: &[Step], keywords: &[String]) -> bool {
    let Value::Object(members) = schema else { return false };
    match field {
        [] if keywords.is_empty() => {
            let has_said = !members.is_empty();
            members.clear();
            has_said
        }
        [] => {
            let taken = keywords.iter().filter(|keyword| members.shift_remove(*keyword).is_some());
            taken.count() > 0
        }
        [Step::Elements, rest @ ..] => clear_in(members, "items", rest, keywords),
        [Step::Member(name), rest @ ..] => {
            let Some(Value::Object(properties)) = members.get_mut("properties") else {
                return false;
            };
            let has_said = clear_in(properties, name, rest, keywords);
            if has_said && properties.is_empty() {
                members.shift_remove("properties");
            }
            has_said
        }
    }
}

fn clear_in(
    members: &mut Map<String, Value>,
    name: &str,
    rest: &[Step],
    keywords: &[String],
) -> bool {
    let Some(schema) = members.get_mut(name) else { return false };
    // `true` and `false` say all of it at once.
    let has_said = match (&*schema, rest) {
        (Value::Bool(_), []) => true,
        _ => clear(schema, rest, keywords),
    };
    let is_empty = schema.as_object().is_none_or(Map::is_empty);
    if has_said && is_empty {
        members.shift_remove(name);
    }
    has_said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sku() -> Field {
        let member = |name: &str| Step::Member(name.to_owned());
        Field(vec![member("lines"), Step::Elements, member("sku")])
    }

    fn stated() -> Value {
        let sku = json!({"properties":{"sku":{"maxLength":9,"minLength":1}}});
        json!({"title":"Orders","properties":{"lines":{"items":sku}}})
    }

    #[test]
    fn a_field_is_found_through_members_and_elements() {
        let found = json!({"maxLength":9,"minLength":1});
        assert_eq!(find(&stated(), &sku()), Some(&found));
        assert_eq!(find(&stated(), &Field(Vec::new())), Some(&stated()));
        assert_eq!(find(&json!({}), &sku()), None);
    }

    #[test]
    fn what_is_set_can_be_cleared_and_leaves_nothing() {
        let mut schema = json!({"title":"Orders"});
        let keywords = json!({"maxLength":9,"minLength":1});
        set(&mut schema, &sku().0, keywords.as_object().expect("an object"));
        assert_eq!(schema, stated());
        assert!(clear(&mut schema, &sku().0, &["maxLength".to_owned()]));
        assert!(!clear(&mut schema, &sku().0, &["maxLength".to_owned()]));
        assert_eq!(find(&schema, &sku()), Some(&json!({"minLength":1})));
        assert!(clear(&mut schema, &sku().0, &[]));
        assert_eq!(schema, json!({"title":"Orders"}));
        assert!(!clear(&mut schema, &sku().0, &[]));
        assert!(clear(&mut schema, &[], &[]));
        assert_eq!(schema, json!({}));
    }

    #[test]
    fn a_field_that_may_not_be_there_is_cleared_whole() {
        let mut schema = json!({"properties":{"age":false}});
        assert!(clear(&mut schema, &[Step::Member("age".to_owned())], &[]));
        assert_eq!(schema, json!({}));
    }
}
