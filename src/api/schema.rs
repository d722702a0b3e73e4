//! The JSON Schema (2020-12) of a rules file, for editors.
//!
//! What it refuses, `usher check` refuses too, but not the other way round: patterns of events and expressions are
//! read here only as far as a schema can.

use serde_json::{Map, Value, json};

use super::event_schema;
use super::{Kind, Member, Operation, Shape, UNBOUNDED, UNKNOWN_VALUES_BY_DEFAULT};

/// The schema of a whole rules file.
pub fn json_schema() -> Value {
    let mut definitions = Definitions::default();
    let strict = rule(&mut definitions, false);
    let lenient = rule(&mut definitions, true);
    let mut all = definitions.done;
    all.insert("expression".to_owned(), expression());
    all.insert("rule".to_owned(), strict);
    all.insert("rule-with-unknown-values".to_owned(), lenient);
    all.extend(event_schema::definitions());
    let rules = |name: &str| {
        let items = json!({"$ref": format!("#/$defs/{name}")});
        json!({"properties": {"rules": {"items": items}}})
    };
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Usher's rules",
        "description": "Which events change which AWS user profiles, and how.",
        "type": "object",
        "required": ["version", "rules"],
        "additionalProperties": false,
        "properties": {
            "$schema": {"type": "string", "description": "Where this schema is, for editors."},
            "version": {"const": 1, "description": "The version of this format."},
            "constants": constants(),
            "guards": guards(),
            "allowUnknownValues": allow_unknown_values(),
            "rules": {
                "type": "array",
                "description": "All rules that match an event apply, in this order; the later one wins.",
            },
        },
        // Enumerations are strict unless the file says that some are not.
        "if": {"required": ["allowUnknownValues"]},
        "then": rules("rule-with-unknown-values"),
        "else": rules("rule"),
        "$defs": all,
    })
}

fn expression() -> Value {
    json!({
        "title": "expression",
        "description": "A JSONata expression: {% … %}",
        "type": "string",
        "pattern": r"^\{%[\s\S]*%\}$",
    })
}

fn constants() -> Value {
    json!({
        "type": "object",
        "description": "Names that every expression can use: studio is $studio.",
    })
}

fn strings(description: &str) -> Value {
    json!({"type": "array", "description": description, "items": {"type": "string"}})
}

fn guards() -> Value {
    json!({
        "type": "object",
        "description": "Limits on what any plan may do.",
        "additionalProperties": false,
        "properties": {
            "roles": strings("Every IAM role in a call must match one of these; * stays within one part of an ARN."),
            "protected": strings("Targets that are never changed, such as sagemaker:user-profile/*/admin-*."),
            "sources": {
                "type": "object",
                "additionalProperties": false,
                "properties": {"http": strings("Which event sources may arrive over HTTP; by default any but aws.*.")},
            },
        },
    })
}

fn allow_unknown_values() -> Value {
    let defaults = UNKNOWN_VALUES_BY_DEFAULT.join(" and ");
    strings(&format!(
        "Members that may have values that Usher does not know yet; by default {defaults}."
    ))
}

fn rule(definitions: &mut Definitions, lenient: bool) -> Value {
    json!({
        "type": "object",
        "required": ["name", "when", "do"],
        "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "description": "What reports call it."},
            "when": {"$ref": "#/$defs/event-pattern"},
            "at": {
                "description": "When the event took effect, as an RFC 3339 time; by default the event's time.",
                "type": "string",
            },
            "do": {"type": "array", "description": "The calls to make.", "items": call(definitions, lenient)},
        },
    })
}

fn call(definitions: &mut Definitions, lenient: bool) -> Value {
    let mut choices = Vec::new();
    for operation in Operation::ALL {
        let arguments = |with: Value| json!({"properties": {"with": with}});
        let tolerant = arguments(definitions.arguments(operation, true));
        let then = if lenient {
            tolerant
        } else {
            let strict = arguments(definitions.arguments(operation, false));
            json!({"if": {"required": ["allowUnknownValues"]}, "then": tolerant, "else": strict})
        };
        let name =
            json!({"required": ["call"], "properties": {"call": {"const": operation.name()}}});
        choices.push(json!({"if": name, "then": then}));
    }
    json!({
        "type": "object",
        "required": ["call", "with"],
        "additionalProperties": false,
        "properties": {
            "call": {
                "enum": Operation::ALL.map(Operation::name),
                "description": "An AWS API operation, named as IAM names it.",
            },
            "with": {"description": "The arguments, under the API's own names."},
            "settle": {"enum": ["wait"], "description": "Wait until the change has taken effect."},
            "allowUnknownValues": allow_unknown_values(),
        },
        "allOf": choices,
    })
}

/// The definitions of shapes, each in up to four kinds.
#[derive(Default)]
struct Definitions {
    done: Map<String, Value>,
}

/// How a shape is used.
#[derive(Copy, Clone)]
struct Use {
    /// Enumerations have unknown values too.
    lenient: bool,
    /// Required members must be there: inside of lists, which are replaced; elsewhere other rules can bring them.
    whole: bool,
}

impl Definitions {
    /// The arguments of a call: identity members must be there.
    fn arguments(&mut self, operation: Operation, lenient: bool) -> Value {
        let usage = Use {
            lenient,
            whole: false,
        };
        json!({"allOf": [self.reference(operation.input(), usage)], "required": operation.identity()})
    }

    /// A reference to a shape's definition, which is made when it is new.
    fn reference(&mut self, shape: Shape, usage: Use) -> Value {
        // One definition serves both uses of a shape in which they are the same.
        let usage = Use {
            lenient: usage.lenient && contains(shape, &has_values),
            whole: usage.whole
                && contains(shape, &|shape| {
                    shape.members().iter().any(|member| member.required)
                }),
        };
        let mut name = format!("{}.{}", shape.service(), shape.name());
        for (set, suffix) in [(usage.lenient, ".open"), (usage.whole, ".whole")] {
            if set {
                name.push_str(suffix);
            }
        }
        if !self.done.contains_key(&name) {
            let schema = self.shape(shape, usage);
            self.done.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }

    fn shape(&mut self, shape: Shape, usage: Use) -> Value {
        match shape.kind() {
            Kind::Structure { union, .. } => self.structure(shape, union, usage),
            Kind::List { item, min, max } => {
                let items = self.or_expression(
                    item,
                    Use {
                        whole: true,
                        ..usage
                    },
                );
                let mut schema = json!({"type": "array", "items": items});
                bounds(&mut schema, ["minItems", "maxItems"], min, max);
                schema
            }
            Kind::Map {
                value, min, max, ..
            } => {
                let values = self.or_expression(
                    value,
                    Use {
                        whole: true,
                        ..usage
                    },
                );
                let mut schema = json!({"type": "object", "additionalProperties": values});
                bounds(&mut schema, ["minProperties", "maxProperties"], min, max);
                schema
            }
            Kind::String {
                min, max, values, ..
            } => {
                let mut schema = json!({"type": "string"});
                if !values.values().is_empty() {
                    let known = json!({"enum": values.values()});
                    return if usage.lenient {
                        json!({"anyOf": [known, schema]})
                    } else {
                        known
                    };
                }
                bounds(&mut schema, ["minLength", "maxLength"], min, max);
                if let Some(pattern) = shape.pattern() {
                    schema["pattern"] = json!(pattern.whole());
                }
                schema
            }
            Kind::Integer { min, max } => {
                json!({"type": "integer", "minimum": min, "maximum": max})
            }
        }
    }

    fn structure(&mut self, shape: Shape, union: bool, usage: Use) -> Value {
        let mut properties = Map::new();
        for member in shape.members() {
            let lenient = usage.lenient || UNKNOWN_VALUES_BY_DEFAULT.contains(&member.name);
            let mut schema = self.or_expression(member.shape, Use { lenient, ..usage });
            if !member.description.is_empty() {
                schema["description"] = json!(member.description);
            }
            properties.insert(member.name.to_owned(), schema);
        }
        let mut schema =
            json!({"type": "object", "additionalProperties": false, "properties": properties});
        let required = |member: &&Member| usage.whole && member.required;
        let required: Vec<&str> = shape
            .members()
            .iter()
            .filter(required)
            .map(|member| member.name)
            .collect();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        if union {
            schema["minProperties"] = json!(1);
            schema["maxProperties"] = json!(1);
        }
        schema
    }

    fn or_expression(&mut self, shape: Shape, usage: Use) -> Value {
        json!({"anyOf": [self.reference(shape, usage), {"$ref": "#/$defs/expression"}]})
    }
}

fn has_values(shape: Shape) -> bool {
    matches!(shape.kind(), Kind::String { values, .. } if !values.values().is_empty())
}

/// Whether a shape or one that it consists of is such. As deep as the model.
fn contains(shape: Shape, such: &dyn Fn(Shape) -> bool) -> bool {
    such(shape)
        || match shape.kind() {
            Kind::Structure { members, .. } => members
                .members()
                .iter()
                .any(|member| contains(member.shape, such)),
            Kind::List { item, .. } => contains(item, such),
            Kind::Map { value, .. } => contains(value, such),
            Kind::String { .. } | Kind::Integer { .. } => false,
        }
}

fn bounds(schema: &mut Value, names: [&str; 2], min: u32, max: u32) {
    if min > 0 {
        schema[names[0]] = json!(min);
    }
    if max != UNBOUNDED {
        schema[names[1]] = json!(max);
    }
}
