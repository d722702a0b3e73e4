//! Codes of problems with patterns, as the file's problems have them: they say what they are about.

const CODES: &[(&str, &str)] = &[
    ("cidr", "pattern-cidr"),
    ("empty-array", "pattern-empty-array"),
    ("empty-object", "pattern-empty-object"),
    ("leaf-not-an-array", "pattern-leaf-not-an-array"),
    ("mixed-types", "pattern-mixed-types"),
    ("nested-array", "pattern-nested-array"),
    ("not-an-object", "pattern-not-an-object"),
    ("number-range", "pattern-number-range"),
    ("numeric", "pattern-numeric"),
    ("operand", "pattern-operand"),
    ("or", "pattern-or"),
    ("reserved-in-or", "pattern-reserved-in-or"),
    ("several-operators", "pattern-several-operators"),
    ("too-complex", "pattern-too-complex"),
    ("too-deep", "pattern-too-deep"),
    ("too-many-combinations", "pattern-too-many-combinations"),
    ("unknown-operator", "pattern-unknown-operator"),
    ("wildcard", "pattern-wildcard"),
];

pub(super) fn pattern_code(code: &str) -> &'static str {
    let found = CODES.iter().find(|(own, _)| *own == code);
    found.map_or("event-pattern", |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;
    use crate::problem::explain;
    use serde_json::{Value, json};

    #[test]
    fn every_code_is_explained() {
        assert!(explain("event-pattern").is_some());
        for (_, code) in CODES {
            assert!(explain(code).is_some(), "{code}");
        }
    }

    #[test]
    fn what_patterns_are_refused_for_has_a_code_of_its_own() {
        let or: Vec<Value> = (0..40).map(|n| json!({"x": [n]})).collect();
        let patterns = [
            json!({"a": [{"cidr": "x"}]}),
            json!({"a": []}),
            json!({"a": {}}),
            json!({"a": "x"}),
            json!({"a": [{"anything-but": ["x", 1]}]}),
            json!({"a": [["x"]]}),
            json!([]),
            json!({"a": [{"numeric": ["<", 1e300]}]}),
            json!({"a": [{"numeric": ["<"]}]}),
            json!({"a": [{"prefix": 1}]}),
            json!({"$or": [{"a": ["x"]}]}),
            json!({"a": [{"prefix": "x", "suffix": "y"}]}),
            json!({"$or": or, "a": {"$or": or}}),
            json!({"a": [{"prefx": "y"}]}),
            json!({"a": [{"wildcard": "**"}]}),
        ];
        for pattern in patterns {
            for problem in Pattern::parse(&pattern).expect_err("a refusal") {
                assert_ne!(pattern_code(problem.code), "event-pattern", "{problem}");
            }
        }
    }
}
