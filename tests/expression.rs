//! Expressions: what they yield, what is refused and where, what they read, and that nothing breaks them.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use jsonata_core::evaluator::Evaluator;
use jsonata_core::value::JValue;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use usher::expression::{
    CODES, Evaluated, Evaluation, EvaluationError, Expression, ExpressionProblem, Inputs, Limits,
    NameMade, Scope, constant_name_problem, is_expression, kx_user_name, misplaced_delimiters,
    profile_name, warm_up,
};

const CONSTANTS: &[&str] = &["studio", "teams", "roles"];
const ANYWHERE: Scope<'static> = Scope {
    constants: CONSTANTS,
    current_allowed: true,
};

fn constants() -> Map<String, Value> {
    let constants = json!({
        "studio": "d-abc",
        "teams": ["Quant", "Risk"],
        "roles": {"Quant": "arn:q", "Risk": "arn:r"},
    });
    constants.as_object().cloned().unwrap()
}

fn event() -> Value {
    json!({
        "id": "e-1",
        "source": "acme.hr",
        "time": "2026-01-05T08:00:00Z",
        "detail": {
            "email": "jane.doe@acme.example",
            "team": "Quant",
            "level": 3,
            "share": 0.25,
            "badge": 9_007_199_254_740_993_u64,
            "manager": null,
            "tags": ["b", "a", "c"],
            "laptops": [{"kind": "x1", "year": 2023}, {"kind": "m4", "year": 2025}],
        },
    })
}

fn compile(source: &str) -> Result<Expression, Vec<ExpressionProblem>> {
    Expression::compile(&format!("{{%{source}%}}"), &ANYWHERE)
}

fn evaluate_with(
    source: &str,
    event: &Value,
    limits: &Limits,
) -> Result<Evaluated, EvaluationError> {
    let current = json!({"Status": "InService"});
    let inputs = Inputs {
        event,
        current: Some(&current),
        constants: &constants(),
    };
    let expression = compile(source).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
    expression.evaluate(&Evaluation::new(&inputs, limits)?)
}

fn evaluate(source: &str) -> Result<Option<Value>, EvaluationError> {
    evaluate_with(source, &event(), &Limits::default()).map(|evaluated| evaluated.value)
}

/// A source, the part that is blamed, and what is said about it, as a few lines to read.
fn told(text: &str, range: &std::ops::Range<usize>, said: (&str, &str, Option<&str>)) -> String {
    let (code, message, help) = said;
    let blamed = &text[range.clone()];
    let help = help.map_or(String::new(), |help| format!("\n    help: {help}"));
    format!("{text}\n    {code} at `{blamed}`: {message}{help}\n")
}

fn problems_of(sources: &[&str], scope: &Scope<'_>) -> String {
    let mut out = String::new();
    for source in sources {
        let text = format!("{{%{source}%}}");
        match Expression::compile(&text, scope) {
            Ok(_) => out.push_str(&format!("{text}\n    compiles\n")),
            Err(problems) => {
                for ExpressionProblem {
                    code,
                    range,
                    message,
                    help,
                } in &problems
                {
                    assert!(
                        CODES.iter().any(|(known, _)| known == code),
                        "{code} is explained"
                    );
                    out.push_str(&told(&text, range, (code, message, help.as_deref())));
                }
            }
        }
    }
    out
}

fn failures_of(sources: &[&str], time: Duration) -> String {
    let mut out = String::new();
    let limits = Limits {
        time,
        ..Limits::default()
    };
    for source in sources {
        let text = format!("{{%{source}%}}");
        match evaluate_with(source, &event(), &limits) {
            Ok(evaluated) => out.push_str(&format!("{text}\n    yields {:?}\n", evaluated.value)),
            Err(EvaluationError {
                code,
                range,
                message,
                help,
            }) => {
                assert!(
                    CODES.iter().any(|(known, _)| *known == code),
                    "{code} is explained"
                );
                out.push_str(&told(&text, &range, (code, &message, help.as_deref())));
            }
        }
    }
    out
}

#[test]
fn a_string_is_an_expression_only_between_both_delimiters() {
    for (text, expected) in [
        ("{% $x %}", true),
        ("{%%}", true),
        ("{%}", false),
        ("{% $x", false),
        (" {% $x %}", false),
        ("{% $x %} ", false),
        ("$x", false),
        ("", false),
    ] {
        assert_eq!(is_expression(text), expected, "{text:?}");
    }
}

#[test]
fn delimiters_in_the_wrong_place_are_explained() {
    let mut out = String::new();
    for text in [
        "{% $x",
        "$x %}",
        " {% $x %}",
        "role/{% $x %}",
        "{%}",
        "%} {%",
    ] {
        let problem = misplaced_delimiters(text).unwrap();
        let said = (
            problem.code,
            problem.message.as_str(),
            problem.help.as_deref(),
        );
        out.push_str(&told(text, &problem.range, said));
    }
    assert_eq!(misplaced_delimiters("{% $x %}"), None);
    assert_eq!(misplaced_delimiters("100 % {x}"), None);
    insta::assert_snapshot!(out, @r#"
    {% $x
        expression-delimiters at `{%`: this `{%` has no `%}` after it
        help: end the string with `%}`
    $x %}
        expression-delimiters at `%}`: this `%}` has no `{%` before it
        help: begin the string with `{%`
     {% $x %}
        expression-delimiters at `{%`: there are blanks around the expression
        help: begin with `{%` and end with `%}`
    role/{% $x %}
        expression-delimiters at `{%`: an expression cannot stand in the middle of a text
        help: make all of it one expression: `{% 'text' & $x %}`
    {%}
        expression-delimiters at `{%`: this `{%` has no `%}` after it
        help: end the string with `%}`
    %} {%
        expression-delimiters at `{%`: this `{%` has no `%}` after it
        help: end the string with `%}`
    "#);
}

#[test]
fn expressions_yield_what_step_functions_users_expect() {
    let table = [
        ("detail.email", json!("jane.doe@acme.example")),
        ("$.detail.team", json!("Quant")),
        ("$$.id", json!("e-1")),
        ("$event.source", json!("acme.hr")),
        ("$states.input.detail.level", json!(3)),
        ("$current.Status", json!("InService")),
        ("$studio", json!("d-abc")),
        ("$lookup($roles, detail.team)", json!("arn:q")),
        ("'arn:' & $lowercase(detail.team)", json!("arn:quant")),
        ("detail.level + 1", json!(4)),
        ("detail.level / 2", json!(1.5)),
        ("detail.share", json!(0.25)),
        ("-0.0", json!(0)),
        ("9007199254740991", json!(9_007_199_254_740_991_i64)),
        ("detail.manager", json!(null)),
        ("[]", json!([])),
        ("[detail.team]", json!(["Quant"])),
        ("detail.laptops[year > 2024].kind", json!("m4")),
        ("detail.laptops.kind", json!(["x1", "m4"])),
        (
            "{'a': detail.nothing, 'b': [detail.nothing, 1]}",
            json!({"b": [1]}),
        ),
        (
            "detail.tags#$i.{'i': $i, 't': $}[1]",
            json!({"i": 1, "t": "a"}),
        ),
        ("$sort(detail.tags) ~> $join('-')", json!("a-b-c")),
        ("$map(detail.tags, $uppercase)", json!(["B", "A", "C"])),
        ("$profileName(detail.email)", json!("jane-doe-acme-example")),
        ("$map(detail.tags, $profileName)", json!(["b", "a", "c"])),
        (
            "detail.email ~> $kxUserName(true)",
            json!("jane-doe-acme-example-7f0da4d2"),
        ),
        (
            "($s := function($n, $a) { $n = 0 ? $a : $s($n - 1, $a + $n) }; $s(2000, 0))",
            json!(2_001_000),
        ),
        ("/(\\w+)@/('x@y').groups[0]", json!("x")),
        (
            "$toMillis('05.01.2026', '[D01].[M01].[Y0001]')",
            json!(1_767_571_200_000_i64),
        ),
        (
            "$ ~> |detail|{'team': 'x'}, 'email'| ~> $lookup('id')",
            json!("e-1"),
        ),
    ];
    for (source, expected) in table {
        assert_eq!(evaluate(source), Ok(Some(expected)), "{source}");
    }
}

#[test]
fn nothing_and_null_are_told_apart() {
    assert_eq!(evaluate("detail.manager"), Ok(Some(Value::Null)));
    assert_eq!(evaluate("detail.nothing"), Ok(None));
    assert_eq!(evaluate("$profileName(detail.nothing)"), Ok(None));
    let event = event();
    let inputs = Inputs {
        event: &event,
        current: None,
        constants: &constants(),
    };
    let evaluation = Evaluation::new(&inputs, &Limits::default()).unwrap();
    let current = compile("$current.Status").unwrap();
    assert_eq!(current.evaluate(&evaluation).unwrap().value, None);
    let other = evaluation
        .with_current(Some(&json!({"Status": "Failed"})))
        .unwrap();
    assert_eq!(
        current.evaluate(&other).unwrap().value,
        Some(json!("Failed"))
    );
    assert_eq!(current.evaluate(&evaluation).unwrap().value, None);
}

#[test]
fn step_functions_own_functions_work_as_documented() {
    let table = [
        (
            "$hash('abc', 'MD5')",
            json!("900150983cd24fb0d6963f7d28e17f72"),
        ),
        (
            "$hash('abc', 'SHA-1')",
            json!("a9993e364706816aba3e25717850c26c9cd0d89d"),
        ),
        (
            "$hash('abc', 'SHA-256')",
            json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ),
        ("$length($hash('abc', 'SHA-384'))", json!(96)),
        ("$length($hash('abc', 'SHA-512'))", json!(128)),
        ("$parse('{\"a\": [1, null, 1.5]}').a[2]", json!(1.5)),
        (
            "$partition([1, 2, 3, 4, 5, 6, 7, 8, 9], 4)",
            json!([[1, 2, 3, 4], [5, 6, 7, 8], [9]]),
        ),
        ("$partition(detail.team, 2)", json!([["Quant"]])),
        ("$range(1, 9, 2)", json!([1, 3, 5, 7, 9])),
        ("$range(1, 8, 2)", json!([1, 3, 5, 7])),
        ("$range(5, 1, -2)", json!([5, 3, 1])),
        ("$range(1, 0, 1)", json!([])),
        ("$count($range(1, 1000, 1))", json!(1000)),
    ];
    for (source, expected) in table {
        assert_eq!(evaluate(source), Ok(Some(expected)), "{source}");
    }
}

#[test]
fn whole_numbers_beyond_two_to_the_53rd_never_change_unseen() {
    assert_eq!(
        evaluate("detail.badge"),
        Ok(Some(json!("9007199254740993")))
    );
    assert_eq!(
        evaluate("'b-' & detail.badge"),
        Ok(Some(json!("b-9007199254740993")))
    );
    assert_eq!(
        evaluate("$parse('[-9223372036854775808]')[0]"),
        Ok(Some(json!("-9223372036854775808")))
    );
    assert_eq!(
        evaluate("detail.badge + 1").unwrap_err().code,
        "expression-type"
    );
    assert_eq!(
        evaluate("9007199254740991 + 1").unwrap_err().code,
        "expression-result"
    );
    assert_eq!(
        compile("9007199254740992").unwrap_err()[0].code,
        "inexact-number"
    );
}

#[test]
fn what_does_not_parse_is_pointed_at() {
    let sources = [
        "",
        "  ",
        "a &",
        "a == b",
        "a && b",
        "a || b",
        "!a",
        "a b",
        "detail.team 'x'",
        "$f(a",
        "[1, 2",
        "{'a' 1}",
        "{'a': 1",
        "[1, 2)",
        "a)",
        "'never closed",
        "/never closed",
        "/* never closed",
        "`never closed",
        "'\\q'",
        "a.1",
        "a@b",
        "a.%.%.%",
        "a ? : b",
        "function(x) { 1 }",
        "( $x := ; 1)",
        "1e999",
        "/(?=x)/",
        "/x/g",
        "a ~ $f",
        "§",
        "Zoë & 'ü' 'é'",
        "$a.{ 'x': }",
    ];
    insta::assert_snapshot!(problems_of(&sources, &ANYWHERE), @r#"
    {%%}
        expression-syntax at ``: the expression is empty
        help: write JSONata between `{%` and `%}`, or a plain value without them
    {%  %}
        expression-syntax at `  `: the expression is empty
        help: write JSONata between `{%` and `%}`, or a plain value without them
    {%a &%}
        expression-syntax at `&`: the expression ends after `&`, where a value is expected
    {%a == b%}
        expression-syntax at `=`: expected a value, found `=`
        help: JSONata compares with one `=`
    {%a && b%}
        expression-syntax at `&`: expected a value, found `&`
        help: write `and`
    {%a || b%}
        expression-syntax at `|`: `|` cannot stand here
        help: write `or`
    {%!a%}
        expression-syntax at `!`: `!` is not an operator
        help: write `$not(…)`, or `!=` for unequal
    {%a b%}
        expression-syntax at `b`: `b` cannot stand here
        help: an operator is missing in between
    {%detail.team 'x'%}
        expression-syntax at `'x'`: `'x'` cannot stand here
        help: strings are joined with `&`
    {%$f(a%}
        expression-syntax at `(`: this `(` is never closed
    {%[1, 2%}
        expression-syntax at `[`: this `[` is never closed
    {%{'a' 1}%}
        expression-syntax at `1`: expected `:`, found `1`
    {%{'a': 1%}
        expression-syntax at `{`: this `{` is never closed
    {%[1, 2)%}
        expression-syntax at `)`: expected `]`, found `)`
    {%a)%}
        expression-syntax at `)`: `)` cannot stand here
    {%'never closed%}
        expression-syntax at `'never closed`: this string is never closed
    {%/never closed%}
        expression-syntax at `/never closed`: this regular expression is never closed
        help: it ends with `/`; a `/` inside it is written `\/`
    {%/* never closed%}
        expression-syntax at `/* never closed`: this comment is never closed
        help: it ends with `*/`
    {%`never closed%}
        expression-syntax at ``never closed`: this quoted name is never closed
        help: it ends with a backquote
    {%'\q'%}
        expression-syntax at `'\q'`: this string has an escape that JSONata does not know
        help: it knows \" \\ \/ \b \f \n \r \t and \u with four hexadecimal digits
    {%a.1%}
        expression-syntax at `1`: a literal cannot be a step of a path
    {%a@b%}
        expression-syntax at `@`: `@` and `#` are followed by a variable
    {%a.%.%.%%}
        expression-syntax at `%`: `%` has no parent to refer to here
    {%a ? : b%}
        expression-syntax at `:`: expected a value, found `:`
    {%function(x) { 1 }%}
        expression-syntax at `x`: a function's parameters are variables such as `$x`, not `x`
    {%( $x := ; 1)%}
        expression-syntax at `;`: expected a value, found `;`
    {%1e999%}
        expression-syntax at `1e999`: this number is out of range
    {%/(?=x)/%}
        invalid-regex at `/(?=x)/`: this regular expression is not valid
        help: look-around and back references are not supported
    {%/x/g%}
        invalid-regex at `/x/g`: a regular expression takes the flags `i` and `m` only
        help: it matches as often as the function that uses it wants, without a flag
    {%a ~ $f%}
        expression-syntax at `~`: `~` is not an operator
        help: function application is written `~>`
    {%§%}
        expression-syntax at `§`: `§` has no meaning in JSONata
    {%Zoë & 'ü' 'é'%}
        expression-syntax at `'é'`: `'é'` cannot stand here
        help: strings are joined with `&`
    {%$a.{ 'x': }%}
        expression-syntax at `}`: expected a value, found `}`
    "#);
}

#[test]
fn what_means_nothing_is_pointed_at_without_an_event() {
    let sources = [
        "$profilName(detail.email)",
        "$lowercas(detail.team)",
        "$studoi",
        "$states.context.Execution.Id",
        "lowercase('A')",
        "detail.email(1)",
        "$studio('x')",
        "$substring()",
        "$substring('a', 1, 2, 3)",
        "$profileName()",
        "detail.team ~> $lookup($roles, 1)",
        "$hash('x')",
        "$range(1, 2)",
        "$now()",
        "$millis",
        "$map([1], $random)",
        "detail.tags ~> $shuffle",
        "$map(detail.tags, $shuffle(?))",
        "$f := $uuid",
        "$eval('1')",
        "$toMillis('10:00', '[H]:[m]')",
        "'10:00' ~> $toMillis('[H]:[m]')",
        "$toMillis('x', detail.picture)",
        "$reduce(['x', 9], $pad)",
        "$map([9], $formatInteger(?, 'I'))",
        "($x := 1; $y)",
        "($y; $y := 1)",
        "(($x := 1); $x)",
        "$map([1], function($v) { $w })",
        "$map([1], function($event) { 1 })",
        "$studio := 1",
        "detail@$current.team",
        "$nope & $nada",
    ];
    insta::assert_snapshot!(problems_of(&sources, &ANYWHERE), @r#"
    {%$profilName(detail.email)%}
        unknown-function at `$profilName`: there is no function `$profilName`
        help: did you mean `$profileName`?
    {%$lowercas(detail.team)%}
        unknown-function at `$lowercas`: there is no function `$lowercas`
        help: did you mean `$lowercase`?
    {%$studoi%}
        unknown-variable at `$studoi`: there is no variable, constant or function `$studoi`
        help: did you mean `$studio`?
    {%$states.context.Execution.Id%}
        unknown-variable at `$states`: `$states.context` is not bound; `$states` has `input` only, the event
    {%lowercase('A')%}
        unknown-function at `lowercase`: `lowercase` is called, but only names with `$` are functions
        help: write `$lowercase(…)`
    {%detail.email(1)%}
        unknown-function at `email`: `email` is called, but only names with `$` are functions
    {%$studio('x')%}
        unknown-function at `$studio`: `$studio` is not a function
    {%$substring()%}
        argument-count at `$substring`: `$substring` takes 1 to 3 arguments, found 0
    {%$substring('a', 1, 2, 3)%}
        argument-count at `$substring`: `$substring` takes 1 to 3 arguments, found 4
    {%$profileName()%}
        argument-count at `$profileName`: `$profileName` takes 1 or 2 arguments, found 0
    {%detail.team ~> $lookup($roles, 1)%}
        argument-count at `$lookup`: `$lookup` takes 1 or 2 arguments, found 3, the one before `~>` included
    {%$hash('x')%}
        argument-count at `$hash`: `$hash` takes 2 arguments, found 1
    {%$range(1, 2)%}
        argument-count at `$range`: `$range` takes 3 arguments, found 2
    {%$now()%}
        forbidden-function at `$now`: `$now` is not allowed: a plan must be the same each time
        help: use the event's `time`
    {%$millis%}
        forbidden-function at `$millis`: `$millis` is not allowed: a plan must be the same each time
        help: use the event's `time`
    {%$map([1], $random)%}
        forbidden-function at `$random`: `$random` is not allowed: a plan must be the same each time
        help: `$hash(…)` makes a fixed text of the event's `id`
    {%detail.tags ~> $shuffle%}
        forbidden-function at `$shuffle`: `$shuffle` is not allowed: a plan must be the same each time
        help: `$sort(…)` gives a fixed order
    {%$map(detail.tags, $shuffle(?))%}
        forbidden-function at `$shuffle`: `$shuffle` is not allowed: a plan must be the same each time
        help: `$sort(…)` gives a fixed order
    {%$f := $uuid%}
        forbidden-function at `$uuid`: `$uuid` is not allowed: a plan must be the same each time
        help: `$hash(…)` makes a fixed text of the event's `id`
    {%$eval('1')%}
        forbidden-function at `$eval`: `$eval` is not allowed: what it reads cannot be known beforehand
        help: `$parse(…)` reads JSON
    {%$toMillis('10:00', '[H]:[m]')%}
        forbidden-function at `$toMillis`: `$toMillis` takes what its picture leaves out from today's date
        help: write the picture as a string with a year in it, such as `'[Y0001]-[M01]-[D01]'`
    {%'10:00' ~> $toMillis('[H]:[m]')%}
        forbidden-function at `$toMillis`: `$toMillis` takes what its picture leaves out from today's date
        help: write the picture as a string with a year in it, such as `'[Y0001]-[M01]-[D01]'`
    {%$toMillis('x', detail.picture)%}
        forbidden-function at `$toMillis`: `$toMillis` takes what its picture leaves out from today's date
        help: write the picture as a string with a year in it, such as `'[Y0001]-[M01]-[D01]'`
    {%$reduce(['x', 9], $pad)%}
        forbidden-function at `$pad`: `$pad` is passed on without its arguments
        help: write `function($x) { $pad($x, …) }`
    {%$map([9], $formatInteger(?, 'I'))%}
        forbidden-function at `$formatInteger`: `$formatInteger` is passed on without its arguments
        help: write `function($x) { $formatInteger($x, …) }`
    {%($x := 1; $y)%}
        unknown-variable at `$y`: there is no variable, constant or function `$y`
    {%($y; $y := 1)%}
        unknown-variable at `$y`: there is no variable, constant or function `$y`
    {%(($x := 1); $x)%}
        unknown-variable at `$x`: there is no variable, constant or function `$x`
    {%$map([1], function($v) { $w })%}
        unknown-variable at `$w`: there is no variable, constant or function `$w`
    {%$map([1], function($event) { 1 })%}
        reserved-variable at `$event`: `$event` is always bound and cannot be bound again
        help: use another name
    {%$studio := 1%}
        reserved-variable at `$studio`: `$studio` is a constant and cannot be bound again
        help: use another name
    {%detail@$current.team%}
        reserved-variable at `$current`: `$current` is always bound and cannot be bound again
        help: use another name
    {%$nope & $nada%}
        unknown-variable at `$nope`: there is no variable, constant or function `$nope`
    {%$nope & $nada%}
        unknown-variable at `$nada`: there is no variable, constant or function `$nada`
    "#);
}

#[test]
fn current_is_refused_where_the_target_is_not_known_yet() {
    let identity = Scope {
        constants: CONSTANTS,
        current_allowed: false,
    };
    let sources = [
        "$current.Status",
        "($f := function() { $current }; $f())",
        "detail.current",
    ];
    insta::assert_snapshot!(problems_of(&sources, &identity), @r#"
    {%$current.Status%}
        current-not-allowed at `$current`: `$current` cannot be used here
        help: it is known only after the target has been named and read
    {%($f := function() { $current }; $f())%}
        current-not-allowed at `$current`: `$current` cannot be used here
        help: it is known only after the target has been named and read
    {%detail.current%}
        compiles
    "#);
}

#[test]
fn names_that_the_expression_binds_are_in_sight_where_jsonata_says() {
    for source in [
        "($x := 1; $y := $x + 1; $y)",
        "($even := function($n) { $n = 0 ? true : $odd($n - 1) }; $odd := function($n) { $n = 0 ? false : $even($n - 1) }; $even(4))",
        "($x := 1; (($z := 2; $x + $z)))",
        "$map([1], function($v, $i) { $v + $i })",
        "$reduce([1, 2], λ($a, $b) { $a + $b })",
        "detail.tags#$i[$i > 0]",
        "detail.laptops@$l.tags@$t[$t = $l.kind].{'l': $l, 't': $t}",
        "detail.laptops#$i^(>year).{'i': $i}",
        "detail.laptops@$l{$l.kind: $l.year}",
        "($add := function($a, $b) { $a + $b }; $inc := $add(?, 1); $inc(2))",
        "($now := 5; $now)",
        "($string := function($s) { $s }; $string(1, 2, 3))",
    ] {
        assert!(
            compile(source).is_ok(),
            "{source}: {:?}",
            compile(source).unwrap_err()
        );
    }
}

#[test]
fn what_an_expression_reads_is_known_without_an_event() {
    let e = (true, false, vec![]);
    let c = (false, true, vec![]);
    let studio = (false, false, vec!["studio"]);
    let teams = (false, false, vec!["teams"]);
    let roles = (false, false, vec!["roles"]);
    let none = (false, false, vec![]);
    let table = [
        ("'arn:aws:iam::1:role/x'", &none),
        ("$lowercase('ABC') & 'x'", &none),
        ("$studio", &studio),
        ("$roles.Quant", &roles),
        ("$roles.*", &roles),
        ("$roles.**", &roles),
        ("$teams[0]", &teams),
        ("$teams[$ = 'Risk']", &teams),
        ("$map($teams, function($t) { $uppercase($t) })", &teams),
        ("$map($teams, $uppercase)", &teams),
        ("$teams ~> $join(',')", &teams),
        ("$split($studio, '-')[1]", &studio),
        ("$substringBefore($studio, '-')", &studio),
        ("($x := $studio; $x & $x)", &studio),
        ("{'a': $studio}.a", &studio),
        ("[1..3].$string($)", &none),
        ("$teams.{'t': $}", &teams),
        ("$roles{'x': $}", &roles),
        ("$roles ~> |Quant|{'x': 1}|", &roles),
        ("$teams^($)", &teams),
        ("$current.Arn", &c),
        ("($c := $current; $c.Arn)", &c),
        // All of these can be moved by the event.
        ("detail.team", &e),
        ("`detail`", &e),
        ("$", &e),
        ("$$", &e),
        ("*", &e),
        ("**.team", &e),
        ("$event.x", &e),
        ("$states.input", &e),
        ("'a' ~> function($x) { detail.team }", &e),
        ("($f := function() { $ }; $f())", &e),
        ("detail.team = 'x' ? 'arn:a' : 'arn:b'", &e),
        ("$exists(detail) and true ? 'a' : 'b'", &e),
        ("$uppercase()", &e),
        ("$substring(1, 2)", &e),
        ("$lookup('team')", &e),
        ("function($x)<s-:s> { $x }()", &e),
        ("$sift(function($v) { true })", &e),
        ("'x'.%.detail", &e),
        ("[detail]", &e),
        ("{'a': 1, id: 2}", &e),
    ];
    for (source, (event, current, constants)) in table {
        let expression =
            compile(source).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
        let uses = expression.uses();
        let named: Vec<_> = uses.constants.iter().map(String::as_str).collect();
        assert_eq!(
            (!uses.event.is_nothing(), uses.current, &named),
            (*event, *current, constants),
            "{source}"
        );
    }
    // A constant does not hide an event that is read beside it.
    for source in [
        "$teams.($$.detail.team)",
        "$teams@$t.detail",
        "$teams[$ = $$.detail.team]",
        "$lookup($roles, detail.team)",
        "$map($teams, function($t) { $event.detail.team & $t })",
        "$teams.$event",
        "$roles@$r^($r).detail.role",
        "$roles@$r^($r)[detail.role]",
        "($l := $lookup; $l('source'))",
        "($k := $keys; $k())",
        "(function($f) { $f() })($string)",
        "($lookup)('source')",
        "($f := $trim ~> $lookup; $f('source'))",
        "$string($teams) & id",
    ] {
        assert!(
            !compile(source).unwrap().uses().event.is_nothing(),
            "{source}"
        );
    }
    let uses = compile("$profileName($uppercase(detail.email))")
        .unwrap()
        .uses()
        .clone();
    assert_eq!(
        uses.functions.into_iter().collect::<Vec<_>>(),
        ["profileName", "uppercase"]
    );
}

/// The event moves a value only if `uses` said that it could: tried with an event that shares nothing.
#[test]
fn an_expression_that_does_not_use_the_event_yields_the_same_for_any() {
    let other = json!({"id": "q", "detail": {"team": "Z"}, "Quant": "evil", "Risk": "evil", "studio": "evil"});
    for source in [
        "$studio",
        "$roles.Quant",
        "$teams[$ = 'Risk']",
        "$map($teams, function($t) { $lookup($roles, $t) })",
        "$split($studio, '-')[1]",
        "$teams.{'t': $}",
        "$roles ~> |$|{'x': Quant}|",
        "$sort($teams)^(>$)",
        "[1..3].$string($)",
        "$substringBefore($studio, '-')",
        "$roles.(Quant & Risk)",
        "$roles{'x': Quant}",
        "($f := function($t) { $t & 'x' }; $f($studio))",
        "$studio ~> $uppercase",
    ] {
        assert!(
            compile(source).unwrap().uses().event.is_nothing(),
            "{source}"
        );
        let one = evaluate(source).unwrap();
        let two = evaluate_with(source, &other, &Limits::default())
            .unwrap()
            .value;
        assert!(one.is_some(), "{source}");
        assert_eq!(one, two, "{source}");
    }
}

#[test]
fn what_fails_with_an_event_is_told_without_its_data() {
    let sources = [
        "1 + detail.email",
        "detail.email - 1",
        "-detail.email",
        "[1..detail.email]",
        "detail.email > 1",
        "$number(detail.email)",
        "$lowercase(detail.level)",
        "$uppercase()",
        "$join(detail.laptops)",
        "$sum(detail.tags)",
        "$map(detail.tags, 1)",
        "(detail.email)()",
        "{detail.level: 1}",
        "detail.tags{'x': $error(detail.email)}",
        "$error('no such team')",
        "$error('no ' & detail.email)",
        "$assert(false, detail.email)",
        "$assert(false)",
        "$single(detail.tags)",
        "$sort(detail.laptops)",
        "$toMillis(detail.email)",
        "$fromMillis(0, '[Q]')",
        "$formatNumber(1, detail.email)",
        "$formatBase(1, 99)",
        "$parse(detail.email)",
        "$hash(detail.email, detail.team)",
        "$hash(detail.level, 'MD5')",
        "$partition([1], 0)",
        "$partition([1], 1.5)",
        "$range(1, 9, 0)",
        "$range(0, 1000, 1)",
        "$range(1, 'x', 1)",
        "$profileName(detail.level)",
        "$profileName('李')",
        "$kxUserName('..')",
        "$profileName(detail.email, 'yes')",
        "1 / 0",
        "0 / 0",
        "$sqrt(-1)",
        "$power(10, 400)",
        "9007199254740991 * 2",
        "$uppercase",
        "function($x) { $x }",
        "/x/",
        "[$sum]",
        "{'f': $sum}",
        "$replace(detail.email, '', 'x')",
        "$replace(detail.email, /x*/, 'y')",
        "$split(detail.email, 'x', -1)",
        "detail ~> 1",
        "$decodeUrl('%')",
    ];
    let told = failures_of(&sources, Limits::default().time);
    for secret in ["jane", "acme", "Quant", "x1", "m4", "InService"] {
        assert!(!told.contains(secret), "{secret} is told:\n{told}");
    }
    insta::assert_snapshot!(told, @r#"
    {%1 + detail.email%}
        expression-type at `+`: `+` needs a number on both sides
        help: strings are joined with `&`; `$number(…)` reads a number from a string
    {%detail.email - 1%}
        expression-type at `-`: `-` needs a number on both sides
        help: strings are joined with `&`; `$number(…)` reads a number from a string
    {%-detail.email%}
        expression-type at `-`: `-` needs a number
    {%[1..detail.email]%}
        expression-type at `..`: `..` needs a whole number on both sides
    {%detail.email > 1%}
        expression-type at `{%detail.email > 1%}`: only two numbers or two strings can be put in order
    {%$number(detail.email)%}
        expression-type at `$number`: `$number` cannot make a number of this value
    {%$lowercase(detail.level)%}
        expression-type at `$lowercase`: an argument of `$lowercase` is of the wrong type
    {%$uppercase()%}
        expression-type at `$uppercase`: an argument of `$uppercase` is of the wrong type
    {%$join(detail.laptops)%}
        expression-type at `$join`: an item of the array given to `$join` is of the wrong type
    {%$sum(detail.tags)%}
        expression-type at `$sum`: an item of the array given to `$sum` is of the wrong type
    {%$map(detail.tags, 1)%}
        expression-type at `$map`: an argument of `$map` is of the wrong type
    {%(detail.email)()%}
        expression-type at `{%(detail.email)()%}`: something is called that is not a function
    {%{detail.level: 1}%}
        expression-type at `{%{detail.level: 1}%}`: the name of an object's member must be a string
    {%detail.tags{'x': $error(detail.email)}%}
        expression-raised at `$error`: `$error` was raised
        help: its message is shown when it is a plain string
    {%$error('no such team')%}
        expression-raised at `{%$error('no such team')%}`: no such team
    {%$error('no ' & detail.email)%}
        expression-raised at `$error`: `$error` was raised
        help: its message is shown when it is a plain string
    {%$assert(false, detail.email)%}
        expression-raised at `$assert`: `$assert` was raised
        help: its message is shown when it is a plain string
    {%$assert(false)%}
        expression-raised at `$assert`: `$assert` was raised
        help: its message is shown when it is a plain string
    {%$single(detail.tags)%}
        expression-type at `$single`: `$single` finds more than one item
    {%$sort(detail.laptops)%}
        expression-type at `$sort`: `$sort` without a function sorts either strings or numbers only
    {%$toMillis(detail.email)%}
        expression-type at `$toMillis`: `$toMillis` needs an ISO 8601 timestamp
    {%$fromMillis(0, '[Q]')%}
        expression-type at `{%$fromMillis(0, '[Q]')%}`: a picture string is not valid, or the text does not follow it
    {%$formatNumber(1, detail.email)%}
        expression-type at `{%$formatNumber(1, detail.email)%}`: a picture string is not valid, or the text does not follow it
    {%$formatBase(1, 99)%}
        expression-type at `{%$formatBase(1, 99)%}`: the radix must be between 2 and 36
    {%$parse(detail.email)%}
        expression-type at `$parse`: `$parse` was given text that is not JSON
    {%$hash(detail.email, detail.team)%}
        expression-type at `$hash`: `$hash` does not know this algorithm
        help: it knows MD5, SHA-1, SHA-256, SHA-384 and SHA-512
    {%$hash(detail.level, 'MD5')%}
        expression-type at `$hash`: `$hash` needs a string to hash, found a number
    {%$partition([1], 0)%}
        expression-type at `$partition`: `$partition` needs a size of at least 1
    {%$partition([1], 1.5)%}
        expression-type at `$partition`: `$partition` needs a whole number as its size, found another number
    {%$range(1, 9, 0)%}
        expression-type at `$range`: `$range` needs a step other than 0
    {%$range(0, 1000, 1)%}
        expression-limit at `$range`: `$range` gives at most 1000 items
    {%$range(1, 'x', 1)%}
        expression-type at `$range`: `$range` needs a whole number as its second argument, found a string
    {%$profileName(detail.level)%}
        expression-type at `$profileName`: `$profileName` needs a string to make a name of, found a number
    {%$profileName('李')%}
        expression-name at `$profileName`: `$profileName` cannot make a name: the input has no letter or digit that a name may have
    {%$kxUserName('..')%}
        expression-name at `$kxUserName`: `$kxUserName` cannot make a name: the input has no letter or digit that a name may have
    {%$profileName(detail.email, 'yes')%}
        expression-type at `$profileName`: `$profileName` needs true or false as its second argument, found a string
    {%1 / 0%}
        expression-result at `{%1 / 0%}`: the expression yields a number that is not finite
    {%0 / 0%}
        expression-result at `{%0 / 0%}`: the expression yields a number that is not finite
    {%$sqrt(-1)%}
        expression-type at `$sqrt`: `$sqrt` needs a number that is not negative
    {%$power(10, 400)%}
        expression-type at `{%$power(10, 400)%}`: a number is out of range
    {%9007199254740991 * 2%}
        expression-result at `{%9007199254740991 * 2%}`: the expression yields a number beyond ±2^53, where JSONata's numbers are no longer exact
        help: yield it as a string
    {%$uppercase%}
        expression-result at `{%$uppercase%}`: the expression yields a function
        help: call it: a function is followed by its arguments in parentheses
    {%function($x) { $x }%}
        expression-result at `{%function($x) { $x }%}`: the expression yields a function
        help: call it: a function is followed by its arguments in parentheses
    {%/x/%}
        expression-result at `{%/x/%}`: the expression yields a regular expression
    {%[$sum]%}
        expression-result at `{%[$sum]%}`: the expression yields a function
        help: call it: a function is followed by its arguments in parentheses
    {%{'f': $sum}%}
        expression-result at `{%{'f': $sum}%}`: the expression yields a function
        help: call it: a function is followed by its arguments in parentheses
    {%$replace(detail.email, '', 'x')%}
        expression-type at `{%$replace(detail.email, '', 'x')%}`: the pattern is empty
    {%$replace(detail.email, /x*/, 'y')%}
        expression-type at `{%$replace(detail.email, /x*/, 'y')%}`: a regular expression matches the empty string
    {%$split(detail.email, 'x', -1)%}
        expression-type at `{%$split(detail.email, 'x', -1)%}`: the limit must be a positive number
    {%detail ~> 1%}
        expression-type at `~>`: `~>` needs a function on its right side
    {%$decodeUrl('%')%}
        yields Some(String("%"))
    "#);
}

#[test]
fn what_never_ends_or_grows_without_end_is_stopped() {
    let sources = [
        "($f := function() { $f() }; $f())",
        "($f := function() { 1 + $f() }; $f())",
        "($f := function($x) { $x ~> $f }; $f(1))",
        "($f := function($n) { $f($n - 1) & $f($n - 1) }; $f(60))",
        "($y := function($f) { $f($f) }; $y($y))",
        "[1..10000000]",
        "$count([1..10001])",
        "[1..10000].[1..10000]",
        "($r := [1..10000]; $r.$r)",
        "($r := [1..9000]; $map($r, function($x) { $map($r, function($y) { {'a': $x} }) }))",
        "$reduce([1..60], function($a, $b) { $a & $a }, 'x')",
        "$reduce([1..60], function($a, $b) { [$a, $a] }, 1)",
        "$reduce([1..60], function($a, $b) { {'a': $a, 'b': $a} }, 1)",
        "$reduce([1..60], function($a, $b) { $append($a, $a) }, [1])",
        "$reduce([1..60], function($a, $b) { $base64encode($a) }, 'xx')",
        "$reduce([1..400], function($a, $b) { [[$a]] }, 1)",
        "{'s': 'xxxxxxxx'}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}.{'s': s & s & s & s}",
        "$pad('x', 1000000000)",
        "'x' ~> $pad(-1000000000)",
        "detail.team.$pad(1000000000)",
        "$formatInteger($power(10, 300), 'I')",
        "$power(10, 300).$formatInteger('I')",
        "$power(10, 300) ~> $formatInteger('I')",
        "$fromMillis(0, '[H,500000000]')",
        "$fromMillis(0, '[H,' & '500000000]')",
        "$join($map([1..10000], function($i) { 'x' }), $pad('-', 4000))",
        "$replace($reduce([1..4000], function($a, $b) { $a & 'x' }, ''), /x/, $reduce([1..5000], function($a, $b) { $a & 'y' }, ''))",
    ];
    let started = Instant::now();
    let told = failures_of(&sources, Duration::from_millis(50));
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
    assert!(!told.contains("yields"), "{told}");
    let other: Vec<_> = told
        .lines()
        .filter(|line| line.contains(" at `") && !line.contains("expression-limit"))
        .collect();
    assert!(other.is_empty(), "{other:#?}");
}

#[test]
fn a_source_that_is_too_much_is_refused_before_it_is_parsed() {
    let nested =
        |open: &str, close: &str, count: usize| open.repeat(count) + "1" + &close.repeat(count);
    for source in [
        nested("(", ")", 65),
        nested("[", "]", 3_000),
        nested("{'a':", "}", 65),
        nested("function(){", "}", 500),
        "1+".repeat(2_100) + "1",
        format!("'{}'", "x".repeat(17_000)),
    ] {
        let problems = compile(&source).unwrap_err();
        assert_eq!(problems[0].code, "expression-size", "{}", problems[0]);
    }
    assert!(compile(&nested("(", ")", 60)).is_ok());
    assert!(compile(&("1+".repeat(300) + "1")).is_ok());
}

#[test]
fn a_small_stack_is_enough() {
    let sources = [
        "(".repeat(60) + "detail.team" + &")".repeat(60),
        "1+".repeat(450) + "1",
        "-".repeat(400) + "detail.level",
        "$not(".repeat(60) + "true" + &")".repeat(60),
        "true ? ".repeat(200) + "1",
        "a.".repeat(900) + "b",
        "1&".repeat(990) + "1",
        "a[0]".to_owned() + &"[0]".repeat(900),
        "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(150))".to_owned(),
        "$reduce([1..60], function($a, $b) { [[$a]] }, 1)".to_owned(),
    ];
    let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
    let outcomes = thread.spawn(move || {
        let event = event();
        let inputs = Inputs {
            event: &event,
            current: None,
            constants: &Map::new(),
        };
        let evaluation = Evaluation::new(&inputs, &Limits::default()).unwrap();
        sources.map(|source| match compile(&source) {
            Ok(expression) => expression
                .evaluate(&evaluation)
                .map_or_else(|error| error.code, |_| "yields"),
            Err(problems) => problems[0].code,
        })
    });
    let outcomes = outcomes.unwrap().join().unwrap();
    for outcome in outcomes {
        assert!(
            ["yields", "expression-limit", "expression-size"].contains(&outcome),
            "{outcomes:?}"
        );
    }
}

#[test]
fn data_that_the_engine_would_take_for_its_own_is_refused() {
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    for (event, code) in [
        (
            json!({"detail": [{"@": 1, "__tuple__": true, "$studio": "d-evil"}]}),
            "expression-data",
        ),
        (json!({"detail": deep}), "expression-limit"),
    ] {
        let error = evaluate_with("$studio", &event, &Limits::default())
            .err()
            .unwrap();
        assert_eq!((error.code, error.range), (code, 0..0));
    }
    let smuggled = "$parse('{\"@\": 1, \"__tuple__\": true}')";
    assert_eq!(evaluate(smuggled).unwrap_err().code, "expression-data");
}

#[test]
fn a_panic_in_the_engine_is_an_error_and_the_next_expression_works() {
    let event = event();
    let inputs = Inputs {
        event: &event,
        current: None,
        constants: &constants(),
    };
    let evaluation = Evaluation::new(&inputs, &Limits::default()).unwrap();
    // 2.2.13 divides by zero when a year's width does not fit its integers.
    let broken = compile("$fromMillis(0, '[Y,9999-9999]')").unwrap();
    assert_eq!(
        broken.evaluate(&evaluation).err().unwrap().code,
        "expression-failed"
    );
    let sound = compile("$studio & detail.team").unwrap();
    assert_eq!(
        sound.evaluate(&evaluation).unwrap().value,
        Some(json!("d-abcQuant"))
    );
}

#[test]
fn one_expression_leaves_nothing_behind_for_the_next() {
    let event = event();
    let inputs = Inputs {
        event: &event,
        current: None,
        constants: &constants(),
    };
    let evaluation = Evaluation::new(&inputs, &Limits::default()).unwrap();
    let value = |source: &str| {
        compile(source)
            .unwrap()
            .evaluate(&evaluation)
            .map(|made| (made.value, made.names.len()))
    };
    assert_eq!(
        value("($t := detail.team; $profileName($t))"),
        Ok((Some(json!("Quant")), 1))
    );
    assert_eq!(value("detail.team"), Ok((Some(json!("Quant")), 0)));
    assert!(value("$hash('x', 'CRC')").is_err());
    assert_eq!(value("detail.level"), Ok((Some(json!(3)), 0)));
}

#[test]
fn expressions_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let expression = compile("$profileName(detail.email)").unwrap();
    shared(&expression);
    assert_eq!(expression.source(), "{%$profileName(detail.email)%}");
    warm_up();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let event = event();
                let inputs = Inputs {
                    event: &event,
                    current: None,
                    constants: &constants(),
                };
                let evaluation = Evaluation::new(&inputs, &Limits::default()).unwrap();
                let made = expression.evaluate(&evaluation).unwrap();
                assert_eq!(made.value, Some(json!("jane-doe-acme-example")));
            });
        }
    });
}

/// The checks that keep values small are written into the tree: they must not change what it yields.
#[test]
fn the_checks_on_size_change_no_result() {
    let event = event();
    let data = JValue::from(event.clone());
    for source in [
        "detail.tags[0] & '-' & detail.tags[1]",
        "[[1, 2], [3]]",
        "[[1, [2]], detail.tags, [detail.tags]]",
        "[detail.tags][0]",
        "$append([1], [[2]])",
        "$append(detail.tags, 'x')[]",
        "[$map(detail.tags, function($t) { [$t] })]",
        "$map(detail.tags, function($t) { $t & $t })[]",
        "$filter(detail.tags, function($t) { $t > 'a' })",
        "$reduce(detail.tags, function($a, $b) { $a & $b })",
        "detail.laptops.{kind: year}",
        "detail.laptops{kind: year}",
        "detail.laptops{kind: $sum(year)}",
        "$merge(detail.laptops.{kind: year})",
        "detail.laptops^(>year).kind",
        "detail.laptops@$l.{'k': $l.kind}",
        "detail.laptops#$i.{'i': $i}",
        "detail.laptops.[kind, year]",
        "detail.laptops.kind.%.year",
        "$each(detail.laptops[0], function($v, $k) { $k & ':' & $v })",
        "$sift(detail, function($v, $k) { $k = 'team' })",
        "$string(detail.laptops)",
        "$string([1, [2, {'a': null}]])",
        "$join(detail.tags, '+')",
        "$join($map([1..3], $string), ',')",
        "$exists(detail.x) ? 1 : 2",
        "$exists($sum)",
        "$type(detail.tags)",
        "$type($string)",
        "detail.email ~> $substringBefore('@') ~> $uppercase",
        "($t := $trim ~> $uppercase; $t(' a '))",
        "$replace(detail.email, /[aeiou]/, function($m) { $uppercase($m.match) })",
        "$replace(detail.email, 'a', 'b', 1)",
        "$match(detail.email, /a(.)/).groups",
        "$split(detail.email, /[.@]/)",
        "$pad('x', 5) & '|'",
        "$pad('x', -5, '#')",
        "'x' ~> $pad(3, '-')",
        "detail.team.$pad(8, '.')",
        "$zip([1, 2], [3, 4])",
        "$distinct([1, 1, 'a'])",
        "$keys(detail)",
        "$lookup(detail, 'team')",
        "$spread(detail.laptops)",
        "$sort(detail.laptops, function($a, $b) { $a.year < $b.year }).kind",
        "$formatNumber(1234.5, '#,##0.00')",
        "$fromMillis(0, '[Y0001]')",
        "detail.nothing ~> $count()",
        "$count(detail.nothing)",
        "detail.tags.($ & 'x')",
        "detail.(team; email)",
        "(($x := 5; $x * 2))",
        "detail.tags ~> $map(function($t, $i) { $i })",
        "$ ~> |detail.laptops|{'z': 1}, ['year']|",
        "(function($x) { $x & 'y' })('x')",
        "($f := function($a, $b) { $a & $b }; $g := $f('p', ?); $g('q'))",
        "detail.manager ?? 'none'",
        "detail.nothing ?: 'none'",
        "$not(detail.manager)",
        "[1..3][$ > 1]",
        "[1..3].($ * 2)",
        "'a' in detail.tags",
        "detail.*",
        "**.year",
        "{'a': [1, 2], 'b': {'c': detail.tags}}",
        "$count([1..5][[0..1]])",
        "$single([1, 2, 3], function($v) { $v = 2 })",
        "$eval2 := 1",
        "$string($string(detail.tags))",
        "$max(detail.laptops.year)",
        "$average([1, 2])",
        "$number('12') + 1",
        "$base64decode($base64encode(detail.team))",
        "$encodeUrlComponent(detail.email)",
    ] {
        let ast = jsonata_core::parser::parse(source).unwrap();
        let plain = Evaluator::new()
            .evaluate(&ast, &data)
            .map(|value| match value {
                JValue::Undefined => None,
                value => {
                    Some(serde_json::from_str::<Value>(&value.to_json_string().unwrap()).unwrap())
                }
            });
        let checked = compile(source).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
        let inputs = Inputs {
            event: &event,
            current: None,
            constants: &Map::new(),
        };
        let evaluation = Evaluation::new(&inputs, &Limits::default()).unwrap();
        let checked = checked.evaluate(&evaluation).map(|made| made.value);
        let badge = |value: Option<Value>| {
            value.map(|value| {
                value
                    .to_string()
                    .replace("9007199254740992", "B")
                    .replace("\"9007199254740993\"", "B")
            })
        };
        assert_eq!(badge(checked.unwrap()), badge(plain.unwrap()), "{source}");
    }
}

#[test]
fn profile_names_follow_the_stated_rule() {
    let long = "anna-lena.von-und-zu-hohenstein-waldenburg@people.engineering.acme.example";
    for (input, expected) in [
        ("jane-doe", Ok("jane-doe")),
        ("Jane.Doe@acme.example", Ok("Jane-Doe-acme-example")),
        ("a--b", Ok("a-b")),
        ("..a..b..", Ok("a-b")),
        ("a_b", Ok("a-b")),
        ("Zoë", Ok("Zo")),
        ("Zoë Müller", Ok("Zo-M-ller")),
        (
            long,
            Ok("anna-lena-von-und-zu-hohenstein-waldenburg-people-engi-HASH"),
        ),
        ("", Err(())),
        ("--", Err(())),
        ("李", Err(())),
    ] {
        let name = profile_name(input, false).map_err(|_| ());
        let name = name.map(|name| match expected {
            Ok(expected) if expected.ends_with("HASH") => {
                name[..name.len() - 8].to_owned() + "HASH"
            }
            _ => name,
        });
        assert_eq!(name.as_deref().map_err(|error| *error), expected, "{input}");
    }
    assert_ne!(profile_name("a.b", true), profile_name("a-b", true));
    assert_eq!(profile_name("a.b", false), profile_name("a-b", false));
    assert_eq!(profile_name(long, false), profile_name(long, true));
    assert_eq!(
        kx_user_name("jane_doe@acme", false).as_deref(),
        Ok("jane_doe-acme")
    );
    assert_eq!(kx_user_name(long, false).unwrap().len(), 50);
}

#[test]
fn two_people_with_one_name_are_noticed() {
    let made = |function, input: &str, name: &str| NameMade {
        function,
        input: input.into(),
        name: name.into(),
    };
    let jane = made("profileName", "jane.doe", "jane-doe");
    assert!(jane.collides_with(&made("profileName", "jane-doe", "jane-doe")));
    assert!(jane.collides_with(&made("profileName", "Jane.Doe", "Jane-Doe")));
    assert!(!jane.collides_with(&jane.clone()));
    assert!(!jane.collides_with(&made("kxUserName", "jane-doe", "jane-doe")));
    let two = evaluate_with(
        "$profileName('Zoë') & $profileName('Zoé')",
        &event(),
        &Limits::default(),
    )
    .unwrap();
    assert!(two.names[0].collides_with(&two.names[1]));
}

#[test]
fn constants_have_names_that_expressions_can_spell() {
    for name in ["studio", "lake_2", "_x", "Event"] {
        assert_eq!(constant_name_problem(name), None, "{name}");
    }
    for name in [
        "",
        "2x",
        "a-b",
        "ü",
        "event",
        "states",
        "current",
        "string",
        "profileName",
        "now",
        "a$b",
    ] {
        assert!(constant_name_problem(name).is_some(), "{name}");
    }
}

#[test]
fn every_code_is_explained_once_and_in_order() {
    assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(CODES.iter().all(|(_, text)| text.ends_with('.')));
}

/// Bits of JSONata in any order: more of it parses than of arbitrary text.
fn soup() -> impl Strategy<Value = String> {
    let bits = prop::sample::select(vec![
        "detail",
        ".",
        "tags",
        "$",
        "$$",
        "$x",
        "$event",
        "$current",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'a'",
        "\"ë\"",
        "1",
        "0",
        "-1",
        "1e300",
        " & ",
        " + ",
        " - ",
        " * ",
        " / ",
        " % ",
        " = ",
        " < ",
        " in ",
        " and ",
        "?",
        ":",
        ":=",
        ";",
        ",",
        "~>",
        "..",
        "^",
        "#$i",
        "@$j",
        "*",
        "**",
        "/a+/",
        "|",
        "function",
        "($a)",
        "{$a}",
        "$map",
        "$filter",
        "$reduce",
        "$sort",
        "$string",
        "$substring",
        "$pad",
        "$replace",
        "$formatNumber",
        "$formatInteger",
        "$fromMillis",
        "$match",
        "$split",
        "$join",
        "$profileName",
        "$hash",
        "$range",
        "$partition",
        "$parse",
        "$now",
        "$zip",
        "$each",
        "$power",
        "$round",
        "true",
        "null",
        "`b c`",
        "??",
        "?:",
        "λ",
        "/*c*/",
        "\\",
        "\u{0}",
    ]);
    prop::collection::vec(bits, 0..14).prop_map(|bits| bits.concat())
}

/// Calls of every function with arguments that are at the edge of something.
fn calls() -> impl Strategy<Value = String> {
    const FUNCTIONS: &str = "abs append assert average base64decode base64encode boolean ceil contains count \
        decodeUrl decodeUrlComponent distinct each encodeUrl encodeUrlComponent error exists filter floor formatBase \
        formatInteger formatNumber fromMillis join keys length lookup lowercase map match max merge min not number pad \
        parseInteger power reduce replace reverse round sift single sort split spread sqrt string substring \
        substringAfter substringBefore sum toMillis trim type uppercase zip hash parse partition range kxUserName \
        profileName";
    let function = prop::sample::select(FUNCTIONS.split_whitespace().collect::<Vec<_>>());
    let edge = prop::sample::select(vec![
        "0",
        "-1",
        "1",
        "2",
        "0.5",
        "-0.5",
        "64",
        "4096",
        "-4096",
        "1e15",
        "-1e15",
        "$power(10, 300)",
        "-$power(10, 300)",
        "$number('1e308')",
        "($power(10, 308) * 10)",
        "1e-300",
        "9007199254740991",
        "(1/0)",
        "(0/0)",
        "''",
        "'a'",
        "'ë😀'",
        "'\\ud83d\\ude00'",
        "'é' & 'x'",
        "'[Y0001]-[M01]'",
        "'[Y,2-3]'",
        "'[H,500000000]'",
        "'[f,1-500000000]'",
        "'[YI]'",
        "'[FNn]'",
        "'#,##0.00'",
        "'0000'",
        "'w'",
        "'Ww;o'",
        "'I'",
        "'A'",
        "'%'",
        "'-0100'",
        "'+9999'",
        "'1e5'",
        "'0x1F'",
        "'{}'",
        "'MD5'",
        "null",
        "true",
        "detail",
        "detail.tags",
        "nothing",
        "[]",
        "[[]]",
        "[1..3]",
        "['b', 'a']",
        "[1, 'a']",
        "[{'a': 1}]",
        "{}",
        "{'a': {'b': []}}",
        "/a*/",
        "/(.)(?:x)?/i",
        "/^$/m",
        "$sum",
        "$string",
        "function($a) { $a }",
        "function($a, $b) { $a }",
        "function() { nothing }",
        "function($a)<s:n> { 1 }",
        "?",
    ]);
    let argument = prop_oneof![
        4 => edge.clone().prop_map(str::to_owned),
        1 => (function.clone(), edge).prop_map(|(function, edge)| format!("${function}({edge})")),
    ];
    let arguments = prop::collection::vec(argument, 0..5);
    let shape = prop::sample::select(vec![
        "$F(A)",
        "detail.tags.$F(A)",
        "'ë' ~> $F(A)",
        "$F(A) ~> $string",
        "[$F(A)][0]",
        "{'k': $F(A)}",
    ]);
    (function, arguments, shape).prop_map(|(function, arguments, shape)| {
        shape
            .replace('F', function)
            .replace('A', &arguments.join(", "))
    })
}

/// Whole expressions, most of which compile, around the constants.
fn programs() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "$studio",
        "$teams",
        "$roles",
        "$roles.Quant",
        "'Quant'",
        "1",
        "[1..3]",
        "Quant",
        "Risk",
        "detail",
        "team",
        "$",
        "*",
        "$v",
        "function($v) { Quant }",
        "function($v)<s-:s> { $v }",
        "$uppercase",
        "$string",
        "%",
        "nothing",
        "detail.Quant",
        "detail.team.kind",
        "detail[0].team",
        "\"detail\".team",
        "$$",
        "$.detail.team",
        "$event",
        "$event.detail.Risk",
        "$states.input",
        "$states.input.detail",
        "**.kind",
    ]);
    atom.prop_map(str::to_owned)
        .prop_recursive(4, 24, 3, |inner| {
            let shape = prop::sample::select(vec![
                "A & B",
                "A.B",
                "A.(B)",
                "A.{'k': B}",
                "A[B]",
                "A[B = C]",
                "(A; B)",
                "($v := A; B)",
                "A ~> $uppercase",
                "A ~> B",
                "A ~> $map(B)",
                "A^(B)",
                "A^(>B).C",
                "{'k': A}",
                "{A: B}",
                "A{B: C}",
                "[A, B]",
                "A ? B : C",
                "A ?? B",
                "$map(A, function($v) { B })",
                "$filter(A, function($v, $i) { B })",
                "$reduce(A, function($v, $w) { B })",
                "A@$v",
                "A@$v.B",
                "A@$v.B.C",
                "A@$v^(B).C",
                "A@$v^(B)[C]",
                "(A@$v.B).C",
                "($f := $lookup; $f('team'))",
                "($f := $string; $f())",
                "($f := A; $f(B))",
                "($f := $keys; A.$f())",
                "($f := $trim ~> $lookup; $f('team'))",
                "('team' ~> ($lookup))",
                "($f := $lookup; 'team' ~> $f)",
                "($f := $lookup(?, 'team'); $f(A))",
                "($f := $substring(?, 1); $f())",
                "($string)()",
                "($lookup)('detail')",
                "(function($f){ $f() })($string)",
                "A@$v[B].C",
                "A#$v.B",
                "A#$v[B]",
                "A.B.%",
                "A.(B.%)",
                "A.B.%.C",
                "$lookup(A, B)",
                "$lookup('team')",
                "$string()",
                "$substring(1, 2)",
                "$split(A, 'u')",
                "$substringBefore(A, 'u')",
                "$sort(A)",
                "$each(A, function($v) { B })",
                "$sift(function($v) { A })",
                "$merge([A, B])",
                "$spread(A)",
                "A ~> |B|{'k': C}|",
                "($f := function($v) { A }; B.$f(C))",
                "($f := $string(?); $f(A))",
                "A.$string()",
                "A.$uppercase()",
                "A.$lookup('Quant')",
                "A in B",
                "$exists(A)",
                "$count(A)",
                "$keys(A)",
                "$zip(A, B)",
                "$append(A, B)",
                "$join(A)",
                "$profileName(A)",
                "A.*",
                "A.**",
                "A.$",
                "A[0]",
                "A[]",
                "$pad(A, 3)",
                "A.$pad(3)",
                "$formatInteger('w')",
                "$formatNumber('0')",
                "$replace('u', 'v')",
            ]);
            (shape, inner.clone(), inner.clone(), inner).prop_map(|(shape, a, b, c)| {
                let part = |symbol| match symbol {
                    'A' => a.clone(),
                    'B' => b.clone(),
                    'C' => c.clone(),
                    other => other.to_string(),
                };
                let symbols: Vec<char> = shape.chars().collect();
                // A capital is a place for a part only where it stands alone: `substringBefore` has one too.
                let alone = |at: usize| {
                    [at.checked_sub(1), Some(at + 1)]
                        .into_iter()
                        .flatten()
                        .all(|near| !symbols.get(near).is_some_and(|c| c.is_alphanumeric()))
                };
                (0..symbols.len())
                    .map(|at| {
                        if alone(at) {
                            part(symbols[at])
                        } else {
                            symbols[at].to_string()
                        }
                    })
                    .collect()
            })
        })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            Just("detail".to_owned()),
            Just("tags".to_owned()),
            "\\PC{0,4}"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Compiles and evaluates; what comes of it must be in order whatever it is.
fn survives(source: &str, event: &Value) {
    let text = format!("{{%{source}%}}");
    match Expression::compile(&text, &ANYWHERE) {
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(
                    text.get(problem.range.clone()).is_some(),
                    "{:?} of {text:?}",
                    problem.range
                );
            }
        }
        Ok(expression) => {
            let limits = Limits {
                time: Duration::from_millis(200),
                ..Limits::default()
            };
            let inputs = Inputs {
                event,
                current: None,
                constants: &constants(),
            };
            let started = Instant::now();
            if let Ok(evaluation) = Evaluation::new(&inputs, &limits)
                && let Err(error) = expression.evaluate(&evaluation)
            {
                assert!(
                    text.get(error.range.clone()).is_some(),
                    "{:?} of {text:?}",
                    error.range
                );
            }
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{text:?} is slow"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn no_source_breaks_it(source in "\\PC{0,40}", event in any_json()) {
        survives(&source, &event);
    }

    #[test]
    fn no_mixture_of_jsonata_breaks_it(source in soup(), event in any_json()) {
        survives(&source, &event);
    }

    #[test]
    fn no_call_breaks_it(source in calls(), event in any_json()) {
        survives(&source, &event);
    }

    #[test]
    fn no_expression_reads_what_it_does_not_own_up_to(source in programs()) {
        if let Ok(expression) = compile(&source) {
            let uses = expression.uses();
            let events = [
                json!({"Quant": "e1", "Risk": ["f1"], "team": "Quant", "detail": {"Quant": "g1", "team": "h1"}, "kind": 1}),
                json!("a string like any other"),
                json!({"Quant": {"Quant": "e2"}, "detail": [{"team": 2, "Risk": "i2"}], "team": "Risk", "more": true}),
            ];
            let yields = |event: &Value, current: Value| {
                let inputs = Inputs { event, current: Some(&current), constants: &constants() };
                let evaluation = Evaluation::new(&inputs, &Limits::default()).unwrap();
                expression.evaluate(&evaluation).map(|made| made.value).map_err(|error| error.code)
            };
            let first = yields(&events[0], json!({"Quant": 1}));
            prop_assert!(uses.current || first == yields(&events[0], json!("other")), "{} reads $current", source);
            for other in &events[1..] {
                let second = yields(other, json!({"Quant": 1}));
                prop_assert!(!uses.event.is_nothing() || first == second, "{}: {:?} and {:?}", source, first, second);
            }
        }
    }

    #[test]
    fn what_an_expression_does_not_read_is_not_missed(source in programs(), detail in any_json()) {
        if let Ok(expression) = compile(&source) {
            let uses = expression.uses();
            let events = [
                json!({"Quant": "e1", "team": "Quant", "detail": {"Quant": "g1", "team": "h1", "kind": {"Risk": 2}}, "kind": [1, {"team": 3}]}),
                json!({"detail": [{"team": 2, "Risk": "i2"}, [{"team": {"kind": 4}}]], "Risk": {"Quant": null}, "more": true}),
                json!({"id": "e-1", "detail": detail, "kind": "k"}),
            ];
            for event in &events {
                let (constants, limits, reads) = (constants(), Limits::default(), [&uses.event]);
                let current = Some(event);
                let whole = Evaluation::new(&Inputs { event, current, constants: &constants }, &limits).unwrap();
                let part = Evaluation::partial(Cow::Borrowed(event), &reads, current, &constants, &limits).unwrap();
                let moved = Evaluation::partial(Cow::Owned(event.clone()), &reads, current, &constants, &limits).unwrap();
                let yields = |evaluation: &Evaluation| {
                    expression.evaluate(evaluation).map(|made| made.value).map_err(|error| error.message)
                };
                prop_assert_eq!(yields(&whole), yields(&part), "{}", source);
                prop_assert_eq!(yields(&whole), yields(&moved), "{}", source);
            }
        }
    }

    #[test]
    fn any_event_comes_back_as_it_went_in_but_for_great_numbers(event in any_json()) {
        let yielded = evaluate_with("$$", &event, &Limits::default()).map(|made| made.value);
        let great = event.to_string().chars().collect::<Vec<_>>().windows(16).any(|w| w.iter().all(char::is_ascii_digit));
        match yielded {
            Ok(yielded) if !great => prop_assert!(same(&yielded.unwrap(), &event)),
            Ok(_) => {}
            Err(error) => prop_assert_eq!(error.code, "expression-result"),
        }
    }

    #[test]
    fn profile_names_are_always_legal(input in "\\PC{0,90}", always in any::<bool>()) {
        let legal = regex::Regex::new("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$").unwrap();
        if let Ok(name) = profile_name(&input, always) {
            prop_assert!(legal.is_match(&name) && name.len() <= 63, "{}", name);
            prop_assert_eq!(profile_name(&input, always).unwrap(), name.clone());
            prop_assert_eq!(profile_name(&name, false).unwrap(), name);
        } else {
            prop_assert!(!input.chars().any(|c| c.is_ascii_alphanumeric()));
        }
    }

    #[test]
    fn legal_profile_names_stay_as_they_are(name in "[a-zA-Z0-9](-?[a-zA-Z0-9]){0,31}") {
        prop_assert_eq!(profile_name(&name, false).unwrap(), name);
    }

    #[test]
    fn kx_user_names_are_always_legal(input in "\\PC{0,90}", always in any::<bool>()) {
        let legal = regex::Regex::new("^[0-9A-Za-z_-]{1,50}$").unwrap();
        if let Ok(name) = kx_user_name(&input, always) {
            prop_assert!(legal.is_match(&name), "{}", name);
            prop_assert_eq!(kx_user_name(&name, false).unwrap(), name);
        }
    }
}

/// Equal as JSON: `1.0` and `1` are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, member)| b.get(name).is_some_and(|other| same(member, other)))
        }
        _ => a == b,
    }
}
