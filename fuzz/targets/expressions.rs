//! An expression, without its delimiters, up to a NUL, and perhaps an event after it: whatever compiles ends in time, yields the same of
//! what it reads of an event as of all of it, and depends on nothing but what it says it uses.
#![no_main]

use std::borrow::Cow;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};
use usher::expression::{
    CODES, Evaluated, Evaluation, EvaluationError, Expression, Inputs, Limits, Scope,
};

const SCOPE: Scope<'static> = Scope {
    constants: &["studio", "teams"],
    current_allowed: true,
};

fuzz_target!(init: usher_fuzz::arm(), |text: &str| {
    let (source, event) = text.split_once('\0').unwrap_or((text, ""));
    let text = format!("{{%{source}%}}");
    let expression = match Expression::compile(&text, &SCOPE) {
        Ok(expression) => expression,
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(known(problem.code) && !problem.message.is_empty());
                assert!(text.get(problem.range).is_some(), "inside the text");
            }
            return;
        }
    };
    let event: Value = serde_json::from_str(event).unwrap_or_else(|_| person());
    let current = json!({"Status": "InService", "UserSettings": {"SecurityGroups": ["sg-1"]}});
    let studio = constants("d-abc");
    let first = evaluate(&expression, &event, Some(&current), &studio);
    if let Err(error) = &first {
        assert!(known(error.code) && text.get(error.range.clone()).is_some());
        // Which limit is met first may depend on the machine. And all of an event is looked through for what expressions cannot read.
        if ["expression-limit", "expression-data"].contains(&error.code) {
            return;
        }
    }
    let reads = [&expression.uses().event];
    let same = |event, current, constants, what| {
        // Whatever the event has besides what is read.
        let part = Evaluation::partial(Cow::Borrowed(event), &reads, current, constants, &limits());
        let other = part.and_then(|part| expression.evaluate(&part));
        let limit = matches!(&other, Err(error) if error.code == "expression-limit");
        assert!(limit || outcome(&other) == outcome(&first), "{what}");
    };
    same(&event, Some(&current), &studio, "of what it reads the same");
    let uses = expression.uses();
    if uses.event.is_nothing() {
        same(&Value::Null, Some(&current), &studio, "it said that it reads no event");
    }
    if !uses.current {
        same(&event, None, &studio, "it said that it reads no target");
    }
    if !uses.constants.contains("studio") {
        same(&event, Some(&current), &constants("d-other"), "it said that it reads no `$studio`");
    }
});

fn known(code: &str) -> bool {
    CODES.iter().any(|(known, _)| *known == code)
}

fn evaluate(
    expression: &Expression,
    event: &Value,
    current: Option<&Value>,
    constants: &Map<String, Value>,
) -> Result<Evaluated, EvaluationError> {
    let inputs = Inputs {
        event,
        current,
        constants,
    };
    expression.evaluate(&Evaluation::new(&inputs, &limits())?)
}

/// libFuzzer ends what takes longer than its own -timeout.
fn limits() -> Limits {
    Limits {
        time: Duration::from_millis(500),
        ..Limits::default()
    }
}

/// Without the texts of errors: the engine's own name values.
fn outcome(evaluated: &Result<Evaluated, EvaluationError>) -> Result<&Option<Value>, &str> {
    match evaluated {
        Ok(evaluated) => Ok(&evaluated.value),
        Err(error) => Err(error.code),
    }
}

fn constants(studio: &str) -> Map<String, Value> {
    let mut constants = Map::new();
    constants.insert("studio".to_owned(), json!(studio));
    constants.insert(
        "teams".to_owned(),
        json!({"rates": ["a", "b"], "credit": ["c"]}),
    );
    constants
}

fn person() -> Value {
    json!({
        "id": "e-1",
        "source": "acme.hr",
        "detail-type": "Person Moved",
        "time": "2026-01-05T08:00:00Z",
        "detail": {
            "email": "jane.doe@acme.example",
            "team": "rates",
            "level": 3,
            "share": 0.25,
            "manager": null,
            "tags": ["b", "a", "c"],
            "laptops": [{"kind": "x1", "year": 2023}, {"kind": "m4", "year": 2025}],
        },
    })
}
