//! The JSON Schema for editors: it takes what is right, and what it refuses, the checks refuse too.

#[path = "support/breaking.rs"]
mod breaking;

use std::fs;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Value, json};
use usher::api::{
    CheckOptions, Kind, Operation, Segment, Shape, UNKNOWN_VALUES_BY_DEFAULT, check, display_path,
    json_schema,
};
use usher::rules::Rules;

fn validator() -> Validator {
    let schema = json_schema();
    jsonschema::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("the schema compiles")
}

fn file(call: Value) -> Value {
    let rule = json!({"name": "r", "when": {"source": ["acme.hr"]}, "do": [call]});
    json!({"version": 1, "rules": [rule]})
}

fn call(operation: Operation, arguments: &Value) -> Value {
    json!({"call": operation.name(), "with": arguments})
}

fn a_whole_file() -> Value {
    json!({
        "version": 1,
        "constants": {"studio": "d-abc123def456", "sizes": [1, 2]},
        "guards": {
            "roles": ["arn:aws:iam::111122223333:role/studio-*"],
            "protected": ["sagemaker:user-profile/*/admin-*"],
            "sources": {"http": ["acme.*"]},
        },
        "rules": [{
            "name": "quants",
            "when": {
                "source": ["acme.hr"],
                "detail-type": ["Person Onboarded", {"prefix": {"equals-ignore-case": "person"}}],
                "detail": {
                    "department": [{"prefix": "Quant"}, {"anything-but": {"suffix": ["x", "y"]}}, null],
                    "level": [{"numeric": [">", 0, "<=", 5]}, 7],
                    "address": [{"cidr": "10.0.0.0/8"}, {"exists": false}],
                    "$or": [{"a": [{"wildcard": "a*b"}]}, {"b": [{"anything-but": [1, 2]}]}],
                },
            },
            "at": "{% detail.effectiveAt %}",
            "do": [
                {"call": "sagemaker:UpdateUserProfile", "settle": "wait", "with": {
                    "DomainId": "{% $studio %}",
                    "UserProfileName": "{% $profileName(detail.email) %}",
                    "UserSettings": {
                        "ExecutionRole": "{% 'arn:aws:iam::111122223333:role/studio-' & detail.team %}",
                        "JupyterLabAppSettings": {
                            "LifecycleConfigArns": [],
                            "DefaultResourceSpec": {"InstanceType": "ml.new9.large"},
                        },
                        "CustomPosixUserConfig": {"Uid": 10001},
                    },
                }},
                {"call": "finspace:UpdateKxUser", "with": {
                    "environmentId": "kx1",
                    "userName": "{% $kxUserName(detail.email) %}",
                }},
            ],
        }],
    })
}

#[test]
fn a_whole_file_and_every_call_with_every_member_are_valid() {
    let validator = validator();
    let problems: Vec<String> = validator
        .iter_errors(&a_whole_file())
        .map(|error| error.to_string())
        .collect();
    assert_eq!(problems, [""; 0]);
    for operation in Operation::ALL {
        let file = file(call(operation, &breaking::maximal(operation)));
        let problems: Vec<String> = validator
            .iter_errors(&file)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(problems, [""; 0], "{operation}");
    }
}

#[test]
fn any_value_may_be_an_expression() {
    let validator = validator();
    for operation in Operation::ALL {
        let whole = breaking::maximal(operation);
        let mut paths = Vec::new();
        every_path(&whole, &mut String::new(), &mut paths);
        for path in paths {
            let mut arguments = whole.clone();
            *arguments.pointer_mut(&path).unwrap() = json!("{% $any.value %}");
            assert!(
                validator.is_valid(&file(call(operation, &arguments))),
                "{operation} {path}"
            );
        }
    }
}

fn every_path(value: &Value, path: &mut String, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => return,
    };
    for (name, value) in inner {
        let length = path.len();
        path.push('/');
        path.push_str(&name);
        found.push(path.clone());
        every_path(value, path, found);
        path.truncate(length);
    }
}

#[test]
fn every_broken_constraint_is_refused_apart_from_what_other_rules_can_mend() {
    let validator = validator();
    let (mut refused, mut accepted) = (0, 0);
    for operation in Operation::ALL {
        for broken in breaking::breaks(operation) {
            let valid = validator.is_valid(&file(call(operation, &broken.arguments)));
            let path = display_path(&broken.path);
            let tolerated = broken.path.iter().any(
                |segment| matches!(segment, Segment::Key(key) if UNKNOWN_VALUES_BY_DEFAULT.contains(&key.as_str())),
            );
            let mended = match broken.code {
                "missing-member" => !must_be_there(operation, &broken.path),
                "enum" => tolerated,
                _ => false,
            };
            assert_eq!(
                valid, mended,
                "{operation} {path} {} {}",
                broken.code, broken.what
            );
            *(if valid { &mut accepted } else { &mut refused }) += 1;
        }
    }
    println!("{refused} broken calls refused by the schema, {accepted} left to the check");
    assert!(refused > 50 * accepted);
}

fn must_be_there(operation: Operation, path: &[Segment]) -> bool {
    let identity =
        matches!(path, [Segment::Key(key)] if operation.identity().contains(&key.as_str()));
    identity
        || path
            .iter()
            .any(|segment| matches!(segment, Segment::Index(_)))
}

#[test]
fn what_the_schema_refuses_the_check_of_a_part_refuses() {
    let validator = validator();
    let allowed: Vec<String> = UNKNOWN_VALUES_BY_DEFAULT
        .iter()
        .map(ToString::to_string)
        .collect();
    let options = CheckOptions {
        computed: &|_| false,
        allow_unknown_values: &allowed,
        partial: true,
    };
    for operation in Operation::ALL {
        for broken in breaking::breaks(operation) {
            let refused = !validator.is_valid(&file(call(operation, &broken.arguments)));
            let found = check(operation, &broken.arguments, &options);
            assert!(
                !refused || !found.is_empty(),
                "{operation} {} {}",
                display_path(&broken.path),
                broken.what
            );
        }
    }
}

#[test]
fn unknown_values_are_accepted_where_the_file_or_the_call_says_so() {
    let validator = validator();
    let with = json!({"DomainId": "d-abc", "UserProfileName": "jane", "UserSettings": {"StudioWebPortal": "NEW"}});
    let mut one = call(Operation::SageMakerUpdateUserProfile, &with);
    assert!(!validator.is_valid(&file(one.clone())));
    let mut whole = file(one.clone());
    whole["allowUnknownValues"] = json!(["StudioWebPortal"]);
    assert!(validator.is_valid(&whole));
    one["allowUnknownValues"] = json!(["StudioWebPortal"]);
    assert!(validator.is_valid(&file(one.clone())));
    one["with"]["UserSettings"]["StudioWebPortal"] = json!(7);
    assert!(!validator.is_valid(&file(one)));
}

#[test]
fn mistakes_around_the_calls_are_refused() {
    let validator = validator();
    let changes: &[(&str, Value)] = &[
        ("/version", json!(2)),
        ("/rules", json!({})),
        ("/rules/0/name", json!(7)),
        ("/rules/0/do/0/call", json!("sagemaker:DeleteDomain")),
        ("/rules/0/do/0/settle", json!("no")),
        ("/rules/0/do/1/with", json!({"environmentId": "kx1"})),
        ("/guards/roles", json!("arn:aws:iam::111122223333:role/x")),
        ("/guards/sources", json!({"https": []})),
        ("/rules/0/when", json!({})),
        ("/rules/0/when/source", json!("acme.hr")),
        ("/rules/0/when/source", json!([])),
        ("/rules/0/when/source", json!([["acme.hr"]])),
        ("/rules/0/when/source", json!([{"Prefix": "acme"}])),
        (
            "/rules/0/when/source",
            json!([{"prefix": "a", "suffix": "b"}]),
        ),
        ("/rules/0/when/source", json!([{"prefix": 1}])),
        ("/rules/0/when/source", json!([{"exists": "yes"}])),
        ("/rules/0/when/source", json!([{"numeric": [">", "1"]}])),
        (
            "/rules/0/when/source",
            json!([{"numeric": [">", 1, ">=", 2]}]),
        ),
        ("/rules/0/when/source", json!([{"anything-but": [1, "a"]}])),
        (
            "/rules/0/when/source",
            json!([{"anything-but": {"numeric": [">", 1]}}]),
        ),
        ("/rules/0/when/detail/$or", json!([{"a": [1]}])),
    ];
    for (pointer, value) in changes {
        let mut file = a_whole_file();
        *file.pointer_mut(pointer).expect(pointer) = value.clone();
        assert!(!validator.is_valid(&file), "{pointer} {value}");
    }
    for key in ["rule", "$comment"] {
        let mut file = a_whole_file();
        file[key] = json!([]);
        assert!(!validator.is_valid(&file), "{key}");
    }
}

#[test]
fn every_member_is_described_for_the_editor() {
    let schema = json_schema();
    let described = |shape: Shape| {
        let definition = &schema["$defs"][format!("{}.{}", shape.service(), shape.name())];
        for member in shape.members() {
            let text = definition["properties"][member.name]["description"]
                .as_str()
                .unwrap_or_default();
            assert_eq!(text, member.description);
            assert!(text.chars().count() <= 120 && !text.contains('<'), "{text}");
        }
    };
    for operation in Operation::ALL {
        described(operation.input());
        for settings in operation.settings() {
            let shape = operation.input().member(settings).unwrap().shape;
            assert!(matches!(shape.kind(), Kind::Structure { .. }));
            described(shape);
        }
    }
    let size = schema.to_string().len();
    println!("the schema has {size} bytes");
    assert!(size < 300_000);
}

/// The YAML or JSON of a file as plain values. Nothing when it cannot be read as one.
fn values(text: &str) -> Option<Value> {
    serde_saphyr::from_str(text).ok()
}

#[test]
fn the_rules_file_of_the_repository_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("usher.yaml")).expect("usher.yaml");
    let file = values(&text).expect("YAML");
    let problems: Vec<String> = validator()
        .iter_errors(&file)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(problems, [""; 0]);
}

#[test]
fn what_the_schema_refuses_of_the_bad_samples_the_check_refuses() {
    let validator = validator();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut refused, mut left) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(root.join("tests/rules")).expect("the samples") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a name")
            .to_owned();
        let text = fs::read_to_string(&path).expect("a sample");
        // What is no YAML, no schema can see.
        let Some(file) = values(&text) else { continue };
        if validator.is_valid(&file) {
            left.push(name);
            continue;
        }
        assert!(
            Rules::load(&name, &text).is_err(),
            "the schema refuses {name}, the check does not"
        );
        refused.push(name);
    }
    println!(
        "{} bad samples refused by the schema, {} left to the check",
        refused.len(),
        left.len()
    );
    for sample in [
        "enum",
        "unknown-member",
        "wrong-type",
        "too-long",
        "unknown-key",
        "missing-key",
        "pattern-unknown-operator",
    ] {
        let name = format!("{sample}.yaml");
        assert!(refused.contains(&name), "the schema accepts {name}");
    }
}
