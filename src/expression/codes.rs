//! The codes of problems with expressions, and what each means.

/// Every code that [`super::ExpressionProblem`] and [`super::EvaluationError`] carry, with what to know about it.
pub const CODES: &[(&str, &str)] = &[
    (
        "argument-count",
        "A function is called with fewer or more arguments than it takes. `x ~> $f(y)` gives `$f` two: `x` and `y`.",
    ),
    (
        "current-not-allowed",
        "`$current` is the target as AWS describes it now. Members that name the target, and a rule's `at`, are computed \
         before it is read, so they cannot use it.",
    ),
    (
        "expression-data",
        "The data cannot be given to an expression: a member named `__tuple__` has a meaning inside the JSONata engine.",
    ),
    (
        "expression-delimiters",
        "An expression is a whole string: it begins with `{%` and ends with `%}`, without blanks around them. To put a value \
         into a text, join strings inside the expression: `{% 'role/' & detail.team %}`.",
    ),
    (
        "expression-failed",
        "The JSONata engine refused the expression for a reason that has no code of its own here.",
    ),
    (
        "expression-limit",
        "The evaluation took too long, nested too deep, or made a value that is too big. A function that calls itself needs \
         a case in which it does not.",
    ),
    (
        "expression-name",
        "`$profileName` or `$kxUserName` was given a text without a letter or digit from `a` to `z`, `A` to `Z` or `0` to `9`.",
    ),
    (
        "expression-raised",
        "The expression called `$error`, or `$assert` with something false.",
    ),
    (
        "expression-result",
        "An expression must yield JSON: no function, no regular expression, no infinite number, and no number beyond \
         ±2^53, which JSONata cannot hold exactly.",
    ),
    (
        "expression-size",
        "The expression is longer, has more symbols, or nests deeper than is read. Tables belong in `constants`.",
    ),
    (
        "expression-syntax",
        "The text between `{%` and `%}` is not JSONata. See docs.jsonata.org for the language.",
    ),
    (
        "expression-type",
        "A value has another type than the operator or function needs. Messages name types only, never the values.",
    ),
    (
        "forbidden-function",
        "Plans must be the same each time they are made, so functions that depend on the moment or on chance are not \
         allowed: `$now`, `$millis`, `$random`, `$shuffle`, `$uuid`, and `$toMillis` with a picture that has no year. `$eval` is \
         not allowed because nobody could tell beforehand what it reads. `$pad` and `$formatInteger` cannot be passed on as \
         values, because their results can be as long as a number says.",
    ),
    (
        "inexact-number",
        "JSONata's numbers are doubles: whole numbers are exact up to 2^53. Write a longer one as a string.",
    ),
    (
        "invalid-regex",
        "A regular expression does not compile. Look-around and back references are not supported: matching takes time in \
         proportion to the text, whatever the text.",
    ),
    (
        "reserved-variable",
        "`$event`, `$states`, `$current` and the constants always mean the same; `:=`, parameters, `@` and `#` cannot bind them.",
    ),
    (
        "unknown-function",
        "There is no such function. Functions are JSONata's, Step Functions' `$hash`, `$parse`, `$partition` and `$range`, and \
         `$profileName` and `$kxUserName`. Their names begin with `$`.",
    ),
    (
        "unknown-variable",
        "There is no such variable, constant or function. JSONata itself would take it for nothing; here it is a mistake.",
    ),
];
