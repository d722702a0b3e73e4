//! EventBridge event patterns as JSON Schema: nested objects, and arrays of values and operators at the leaves.
//! From the EventBridge user guide, "Comparison operators for use in event patterns".

use serde_json::{Map, Value, json};

/// The definitions an event pattern needs; `event-pattern` is the whole.
pub(super) fn definitions() -> Map<String, Value> {
    let texts = json!({"anyOf": [{"type": "string"}, non_empty(json!({"type": "string"}))]});
    let numbers = json!({"anyOf": [{"type": "number"}, non_empty(json!({"type": "number"}))]});
    let definitions = [
        ("event-pattern", pattern()),
        ("event-leaf", leaf()),
        ("event-operator", operator()),
        (
            "event-text-or-case",
            text_or_case(json!({"type": "string"})),
        ),
        ("event-texts", texts),
        ("event-numbers", numbers),
        ("event-anything-but", anything_but()),
        ("event-numeric", numeric()),
    ];
    definitions
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/event-{name}")})
}

fn non_empty(items: Value) -> Value {
    json!({"type": "array", "minItems": 1, "items": items})
}

fn pattern() -> Value {
    json!({
        "description": "An EventBridge event pattern: every member must match, any item of an array may.",
        "type": "object",
        "minProperties": 1,
        "properties": {
            "$or": {
                "description": "At least one of these patterns must match.",
                "anyOf": [
                    {"type": "array", "minItems": 2, "items": reference("pattern")},
                    reference("leaf"),
                ],
            },
        },
        "additionalProperties": {"anyOf": [reference("pattern"), reference("leaf")]},
    })
}

fn leaf() -> Value {
    let mut schema = non_empty(json!({
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            reference("operator"),
        ],
    }));
    schema["description"] =
        json!("Values, any of which may match, or operators such as {prefix: …}.");
    schema
}

/// `{"prefix": "a"}` or `{"prefix": {"equals-ignore-case": "a"}}`.
fn text_or_case(text: Value) -> Value {
    let cased = json!({
        "type": "object",
        "required": ["equals-ignore-case"],
        "additionalProperties": false,
        "properties": {"equals-ignore-case": text},
    });
    json!({"anyOf": [text, cased]})
}

fn operator() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": false,
        "properties": {
            "prefix": reference("text-or-case"),
            "suffix": reference("text-or-case"),
            "equals-ignore-case": {"type": "string"},
            "wildcard": {"type": "string", "description": "* stands for any characters; \\* is a star."},
            "numeric": reference("numeric"),
            "cidr": {"type": "string", "description": "A block of IPv4 or IPv6 addresses, such as 10.0.0.0/24."},
            "exists": {"type": "boolean", "description": "Whether the field is there at all."},
            "anything-but": reference("anything-but"),
        },
    })
}

fn anything_but() -> Value {
    let texts = reference("texts");
    json!({
        "description": "The field is there and is none of these.",
        "anyOf": [
            texts,
            reference("numbers"),
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": false,
                "properties": {
                    "prefix": text_or_case(texts.clone()),
                    "suffix": text_or_case(texts.clone()),
                    "equals-ignore-case": texts,
                    "wildcard": texts,
                },
            },
        ],
    })
}

/// One comparison, or a lower and an upper bound.
fn numeric() -> Value {
    let number = json!({"type": "number"});
    let of = |signs: &[&str]| json!({"enum": signs});
    let exactly = |items: Vec<Value>| {
        let count = items.len();
        json!({"type": "array", "prefixItems": items, "minItems": count, "maxItems": count})
    };
    json!({
        "description": "Such as [\">\", 0, \"<=\", 5].",
        "anyOf": [
            exactly(vec![of(&["=", "<", "<=", ">", ">="]), number.clone()]),
            exactly(vec![of(&[">", ">="]), number.clone(), of(&["<", "<="]), number.clone()]),
            exactly(vec![of(&["<", "<="]), number.clone(), of(&[">", ">="]), number]),
        ],
    })
}
