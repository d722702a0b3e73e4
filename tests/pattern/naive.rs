//! A second matcher, written for these tests from the description alone: flatten the event into paths with their positions in
//! arrays, then try every choice of values. It shares nothing with the matcher under test and knows valid patterns only.

use serde_json::{Map, Value};

/// A value of the event, its path, and for each array around it the array's number and the position in it.
struct Leaf<'e> {
    path: String,
    positions: Vec<(usize, usize)>,
    value: &'e Value,
}

pub fn matches(pattern: &Value, event: &Value) -> bool {
    let (Some(pattern), Some(event)) = (pattern.as_object(), event.as_object()) else {
        return false;
    };
    let mut combinations = vec![Fields::new()];
    expand(pattern, None, &mut combinations);
    let mut leaves = Vec::new();
    let mut arrays = 0;
    flatten_object(event, None, &[], &mut arrays, &mut leaves);
    combinations.into_iter().any(|mut fields| {
        fields.sort_by_key(|(path, _)| path.encode_utf16().collect::<Vec<u16>>());
        choose(&fields, &[], &leaves)
    })
}

type Fields<'p> = Vec<(String, &'p [Value])>;

fn expand<'p>(object: &'p Map<String, Value>, prefix: Option<&str>, all: &mut Vec<Fields<'p>>) {
    for (key, value) in object {
        let path = prefix.map_or(key.clone(), |prefix| format!("{prefix}.{key}"));
        match value {
            Value::Array(objects) if key == "$or" && is_or(objects) => {
                let before = std::mem::take(all);
                for object in objects {
                    let mut forked = before.clone();
                    expand(
                        object.as_object().expect("an object in $or"),
                        prefix,
                        &mut forked,
                    );
                    all.extend(forked);
                }
            }
            Value::Array(items) => {
                for fields in all.iter_mut() {
                    fields.retain(|(other, _)| *other != path);
                    fields.push((path.clone(), items));
                }
            }
            Value::Object(inner) => expand(inner, Some(&path), all),
            other => panic!("not a valid pattern: {other}"),
        }
    }
}

fn is_or(objects: &[Value]) -> bool {
    let operators = [
        "prefix",
        "suffix",
        "equals-ignore-case",
        "wildcard",
        "numeric",
        "cidr",
        "exists",
        "anything-but",
    ];
    let plain =
        |object: &Map<String, Value>| object.keys().all(|key| !operators.contains(&key.as_str()));
    objects.len() > 1
        && objects
            .iter()
            .all(|object| object.as_object().is_some_and(plain))
}

fn flatten_object<'e>(
    object: &'e Map<String, Value>,
    prefix: Option<&str>,
    positions: &[(usize, usize)],
    arrays: &mut usize,
    leaves: &mut Vec<Leaf<'e>>,
) {
    for (key, value) in object {
        let path = prefix.map_or(key.clone(), |prefix| format!("{prefix}.{key}"));
        flatten(value, &path, positions, arrays, leaves);
    }
}

fn flatten<'e>(
    value: &'e Value,
    path: &str,
    positions: &[(usize, usize)],
    arrays: &mut usize,
    leaves: &mut Vec<Leaf<'e>>,
) {
    match value {
        Value::Object(object) => flatten_object(object, Some(path), positions, arrays, leaves),
        Value::Array(items) => {
            let array = *arrays;
            *arrays += 1;
            for (index, item) in items.iter().enumerate() {
                let mut inside = positions.to_vec();
                if item.is_object() || item.is_array() {
                    inside.push((array, index));
                }
                flatten(item, path, &inside, arrays, leaves);
            }
        }
        value => leaves.push(Leaf {
            path: path.to_owned(),
            positions: positions.to_vec(),
            value,
        }),
    }
}

/// Whether the fields find values, given the positions that fields before them have chosen.
fn choose(fields: &[(String, &[Value])], chosen: &[(usize, usize)], leaves: &[Leaf<'_>]) -> bool {
    let Some(((path, items), rest)) = fields.split_first() else {
        return true;
    };
    let consistent = |leaf: &&Leaf<'_>| {
        leaf.path == *path
            && leaf
                .positions
                .iter()
                .all(|(array, index)| chosen.iter().all(|(a, i)| a != array || i == index))
    };
    let here: Vec<&Leaf<'_>> = leaves.iter().filter(consistent).collect();
    let absent = items
        .iter()
        .any(|item| item["exists"] == Value::Bool(false));
    if absent && here.is_empty() && choose(rest, chosen, leaves) {
        return true;
    }
    here.iter().any(|leaf| {
        let positions: Vec<(usize, usize)> =
            chosen.iter().chain(&leaf.positions).copied().collect();
        items.iter().any(|item| accepts(item, leaf.value)) && choose(rest, &positions, leaves)
    })
}

fn accepts(item: &Value, value: &Value) -> bool {
    let Value::Object(operator) = item else {
        return equal(item, value);
    };
    let (name, operand) = operator.iter().next().expect("one operator");
    match name.as_str() {
        "exists" => operand == &Value::Bool(true),
        "anything-but" => !excludes(operand, value),
        "numeric" => value
            .as_f64()
            .is_some_and(|number| within(operand.as_array().expect("an array"), number)),
        name => value
            .as_str()
            .is_some_and(|text| text_matches(name, operand, text)),
    }
}

fn equal(expected: &Value, value: &Value) -> bool {
    match (expected, value) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => {
            a == b || address(a).is_some_and(|a| address(b) == Some(a))
        }
        (a, b) => a == b,
    }
}

fn excludes(operand: &Value, value: &Value) -> bool {
    match operand {
        Value::Array(items) => items.iter().any(|item| excludes(item, value)),
        Value::Object(operator) => {
            let (name, operand) = operator.iter().next().expect("one operator");
            let operands = operand
                .as_array()
                .cloned()
                .unwrap_or_else(|| vec![operand.clone()]);
            value.as_str().is_some_and(|text| {
                operands
                    .iter()
                    .any(|operand| text_matches(name, operand, text))
            })
        }
        Value::Number(number) => value.as_f64() == number.as_f64() && value.is_number(),
        other => other == value,
    }
}

fn within(operand: &[Value], number: f64) -> bool {
    (-5e9..=5e9).contains(&number)
        && operand.chunks(2).all(|pair| {
            let bound = pair[1].as_f64().expect("a number");
            match pair[0].as_str().expect("an operator") {
                "=" => number == bound,
                "<" => number < bound,
                "<=" => number <= bound,
                ">" => number > bound,
                _ => number >= bound,
            }
        })
}

fn text_matches(name: &str, operand: &Value, text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    if let Some(inner) = operand.as_object() {
        let pattern: Vec<char> = inner["equals-ignore-case"]
            .as_str()
            .expect("a string")
            .chars()
            .collect();
        return (0..=characters.len()).any(|at| match name {
            "prefix" => same(&pattern, &characters[..at]),
            _ => same(&pattern, &characters[at..]),
        });
    }
    let operand = operand.as_str().expect("a string");
    match name {
        "prefix" => text.starts_with(operand),
        "suffix" => text.ends_with(operand),
        "equals-ignore-case" => same(&operand.chars().collect::<Vec<char>>(), &characters),
        "wildcard" => like(&operand.chars().collect::<Vec<char>>(), &characters),
        "cidr" => in_block(operand, text),
        other => panic!("no operator: {other}"),
    }
}

/// Equal but for case, where each character of the pattern stands for itself, its lower and its upper case.
fn same(pattern: &[char], text: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    let spellings = [
        vec![*first],
        first.to_lowercase().collect(),
        first.to_uppercase().collect(),
    ];
    spellings.iter().any(|spelling| {
        text.strip_prefix(spelling.as_slice())
            .is_some_and(|text| same(rest, text))
    })
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|at| like(rest, &text[at..])),
        ['\\', c, rest @ ..] | [c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
    }
}

fn in_block(block: &str, text: &str) -> bool {
    let (first, bits) = block.split_once('/').expect("a block");
    let (Some((width, first)), Some((other, position))) = (address(first), address(text)) else {
        return false;
    };
    let free = width - bits.parse::<u32>().expect("bits");
    let last = (0..free).fold(first, |last, bit| last | 1 << bit);
    width == other && first <= position && position <= last
}

/// The number of bits of the address's family, and the address.
fn address(text: &str) -> Option<(u32, u128)> {
    if !text.contains(':') {
        // Unlike the engine, the standard library reads `+1`, and numbers of any length.
        if text.contains('+') || text.len() > 15 {
            return None;
        }
        let octets = text
            .split('.')
            .map(|part| part.parse::<u8>().ok())
            .collect::<Option<Vec<u8>>>()?;
        let sum = octets
            .iter()
            .fold(0u128, |sum, octet| sum * 256 + u128::from(*octet));
        return (octets.len() == 4).then_some((32, sum));
    }
    if text.contains('.') {
        return None;
    }
    let v6: std::net::Ipv6Addr = text.parse().ok()?;
    Some(match v6.to_ipv4_mapped() {
        Some(v4) => (32, u128::from(u32::from(v4))),
        None => (128, u128::from(v6)),
    })
}
