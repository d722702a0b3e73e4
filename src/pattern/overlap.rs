//! Whether two patterns can match one event.

use serde_json::Value;

use super::Pattern;
use super::field::Field;
use super::fold::{self, Part};
use super::operator::Operator;

/// The one field of which EventBridge itself says that it is an array.
pub const ALWAYS_AN_ARRAY: &str = "resources";

/// Whether some event could match both patterns.
///
/// `false` is certain as long as no field they share is, or lies in, an array in the event: they want values of one path that
/// exclude each other, in every combination of their `$or`s. An array can hold both values, but nothing in a pattern tells that a
/// field is one, and to reckon with it everywhere would be to tell no two patterns apart. Only `resources` is known to be an array
/// in every event (EventBridge user guide, events). `true` may be wrong.
pub fn could_both_match(a: &Pattern, b: &Pattern) -> bool {
    a.combinations.iter().any(|a| {
        b.combinations.iter().any(|b| {
            !a.iter().any(|field| {
                let other = b.iter().find(|other| other.name == field.name);
                other.is_some_and(|other| exclude(field, other))
            })
        })
    })
}

fn exclude(a: &Field, b: &Field) -> bool {
    if a.absent && b.absent || *a.name == *ALWAYS_AN_ARRAY {
        return false;
    }
    a.operators
        .iter()
        .all(|a| b.operators.iter().all(|b| disjoint(a, b)))
}

/// Whether it is certain that no single value is accepted by both.
fn disjoint(a: &Operator, b: &Operator) -> bool {
    if let (Operator::Text(a), Operator::Text(b)) = (a, b) {
        return a != b;
    }
    match (exact(a), exact(b)) {
        (Some(value), _) => return !b.accepts(&value),
        (None, Some(value)) => return !a.accepts(&value),
        (None, None) => {}
    }
    if let (Some(a), Some(b)) = (kind(a), kind(b))
        && a != b
    {
        return true;
    }
    match (a, b) {
        (Operator::Address(a, _), Operator::Address(b, _)) => a != b,
        (Operator::Address(_, text), Operator::Cidr(block))
        | (Operator::Cidr(block), Operator::Address(_, text)) => !block.contains(text),
        (Operator::Numeric(a), Operator::Numeric(b)) => a.low.max(b.low) > a.high.min(b.high),
        (Operator::Cidr(a), Operator::Cidr(b)) => {
            a.family != b.family || a.first.max(b.first) > a.last.min(b.last)
        }
        (Operator::IgnoreCase(Part::Whole, a), Operator::IgnoreCase(Part::Whole, b)) => {
            fold::key(a) != fold::key(b)
        }
        _ => {
            let (start_a, end_a) = ends(a);
            let (start_b, end_b) = ends(b);
            !(start_a.starts_with(start_b) || start_b.starts_with(start_a))
                || !(end_a.ends_with(end_b) || end_b.ends_with(end_a))
        }
    }
}

/// The one value the operator accepts. An address is not one: it has several spellings.
fn exact(operator: &Operator) -> Option<Value> {
    match operator {
        Operator::Text(text) => Some(Value::from(&**text)),
        Operator::Number(number) => serde_json::from_str(&number.to_string()).ok(),
        Operator::Bool(flag) => Some(Value::from(*flag)),
        Operator::Null => Some(Value::Null),
        _ => None,
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Text,
    Number,
}

/// The only kind of value the operator accepts, when there is one.
fn kind(operator: &Operator) -> Option<Kind> {
    match operator {
        Operator::Text(_)
        | Operator::Address(..)
        | Operator::Prefix(_)
        | Operator::Suffix(_)
        | Operator::IgnoreCase(..)
        | Operator::Wildcard(_)
        | Operator::Cidr(_) => Some(Kind::Text),
        Operator::Number(_) | Operator::Numeric(_) => Some(Kind::Number),
        Operator::Bool(_) | Operator::Null | Operator::Exists | Operator::AnythingBut(_) => None,
    }
}

/// What every accepted string starts and ends with.
fn ends(operator: &Operator) -> (&str, &str) {
    match operator {
        Operator::Prefix(text) => (text, ""),
        Operator::Suffix(text) => ("", text),
        Operator::Wildcard(wildcard) => (wildcard.start(), wildcard.end()),
        _ => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn both(a: Value, b: Value) -> bool {
        let pattern =
            |items: Value| Pattern::parse(&json!({"detail": {"x": items}})).expect("a pattern");
        let (a, b) = (pattern(a), pattern(b));
        assert_eq!(could_both_match(&a, &b), could_both_match(&b, &a));
        could_both_match(&a, &b)
    }

    #[test]
    fn values_that_exclude_each_other_are_told_apart() {
        assert!(
            !both(json!(["a"]), json!(["b", 1, null])) && both(json!(["a"]), json!(["b", "a"]))
        );
        assert!(!both(json!(["Sales"]), json!([{"prefix": "Quant"}])));
        assert!(!both(json!([{"prefix": "ab"}]), json!([{"prefix": "b"}])));
        assert!(
            both(json!([{"prefix": "ab"}]), json!([{"prefix": "a"}]))
                && both(json!([{"prefix": "a"}]), json!([{"suffix": "b"}]))
        );
        assert!(!both(
            json!([{"wildcard": "*.png"}]),
            json!([{"suffix": ".jpg"}])
        ));
        assert!(!both(
            json!([{"equals-ignore-case": "AB"}]),
            json!([{"equals-ignore-case": "b"}])
        ));
        assert!(both(
            json!([{"equals-ignore-case": "AB"}]),
            json!([{"equals-ignore-case": "ab"}])
        ));
        assert!(!both(
            json!([{"numeric": ["<", 5]}]),
            json!([{"numeric": [">=", 5]}])
        ));
        assert!(both(
            json!([{"numeric": ["<=", 5]}]),
            json!([{"numeric": [">=", 5]}])
        ));
        assert!(
            !both(json!([5]), json!([{"numeric": [">", 5]}])) && !both(json!([5]), json!(["5"]))
        );
        assert!(!both(
            json!([{"cidr": "10.0.0.0/8"}]),
            json!([{"cidr": "11.0.0.0/8"}])
        ));
        assert!(
            !both(json!(["10.0.0.1"]), json!([{"cidr": "11.0.0.0/8"}]))
                && both(json!(["10.0.0.1"]), json!(["10.0.0.1"]))
        );
        assert!(!both(json!(["10.0.0.1"]), json!(["10.0.0.2"])));
        assert!(!both(json!([{"exists": false}]), json!([{"exists": true}])));
        assert!(both(
            json!([{"exists": false}]),
            json!(["a", {"exists": false}])
        ));
        assert!(
            !both(json!([{"anything-but": "a"}]), json!(["a"]))
                && both(json!([{"anything-but": "a"}]), json!(["b"]))
        );
        assert!(both(json!([123456789012i64]), json!([123456789012i64])));
    }

    #[test]
    fn an_array_can_hold_values_that_exclude_each_other_and_resources_is_one() {
        let of = |resource: &str| {
            Pattern::parse(&json!({"source": ["a"], "resources": [resource]})).expect("a pattern")
        };
        assert!(could_both_match(&of("arn:a"), &of("arn:b")));
    }

    #[test]
    fn every_combination_of_or_counts() {
        let a = Pattern::parse(&json!({"source": ["a"], "$or": [{"x": [1]}, {"y": [1]}]}))
            .expect("a pattern");
        let b = Pattern::parse(&json!({"source": ["a"], "x": [2]})).expect("a pattern");
        let c = Pattern::parse(&json!({"source": ["b"]})).expect("a pattern");
        assert!(could_both_match(&a, &b) && !could_both_match(&a, &c));
    }
}
