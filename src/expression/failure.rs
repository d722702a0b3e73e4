//! The engine's errors in our words. Its own messages quote the values they complain about, and those are people's.

use std::ops::Range;

use jsonata_core::evaluator::error_code_prefix;
use jsonata_core::parser::Token;

use super::catalog;
use super::evaluate::{Failure, Limits};
use super::syntax::MAX_TOKENS;
use super::tokens::tokenize;

/// What the engine's `message` says about an expression with this source, without any value.
pub(super) fn explain(message: &str, source: &str, limits: &Limits) -> Failure {
    let code = error_code_prefix(message).unwrap_or_default();
    let rest = message.get(code.len() + 1..).unwrap_or_default().trim();
    let of_type = |text: &str| Failure::new("expression-type", text);
    match code {
        "T2001" | "T2002" => {
            let text = match operator(message) {
                Some(operator) => format!("`{operator}` needs a number on both sides"),
                None => "arithmetic needs a number on both sides".to_owned(),
            };
            of_type(&text)
                .help("strings are joined with `&`; `$number(…)` reads a number from a string")
        }
        "T2003" | "T2004" => of_type("`..` needs a whole number on both sides"),
        "T2006" => of_type("`~>` needs a function on its right side"),
        "T2007" => of_type("values of different types cannot be sorted together"),
        "T2008" => of_type("only numbers and strings can be sorted"),
        "T2009" | "T2010" => of_type("only two numbers or two strings can be put in order"),
        "T2011" | "T2012" => {
            of_type("a transform needs an object to merge and an array of names to delete")
        }
        "T0410" | "T0411" | "T0412" => of_type(&wrong_argument(code, message, source)),
        "T1003" => of_type("the name of an object's member must be a string"),
        "T1005" | "T1006" => of_type("something is called that is not a function"),
        "T1007" | "T1008" => of_type("something is partially applied that is not a function"),
        "T1010" => of_type("a matching function gives something else than a match"),
        "D1001" | "D3001" | "D3061" => of_type("a number is out of range"),
        "D1002" => of_type("`-` needs a number"),
        "D1004" => of_type("a regular expression matches the empty string"),
        "D1009" => of_type("two members of an object have the same name"),
        "D1011" | "U1001" => limit(format!(
            "evaluation nests more than {} levels deep",
            limits.depth
        ))
        .help("a function may call itself without end"),
        "D1012" => limit(format!(
            "evaluation takes longer than {} ms",
            limits.time.as_millis()
        ))
        .help("a function may call itself without end"),
        "D2014" | "D2015" => limit(format!(
            "a sequence has more than {} items",
            limits.sequence
        )),
        "D3010" => of_type("the pattern is empty"),
        "D3011" | "D3020" | "D3040" => of_type("the limit must be a positive number"),
        "D3012" => of_type("a match can only be replaced by a string"),
        "D3030" => of_type("`$number` cannot make a number of this value"),
        "D3050" => of_type("`$reduce` needs a function of at least two parameters"),
        "D3060" => of_type("`$sqrt` needs a number that is not negative"),
        "D3070" => of_type("`$sort` without a function sorts either strings or numbers only"),
        "D3100" => of_type("the radix must be between 2 and 36"),
        "D3110" => of_type("`$toMillis` needs an ISO 8601 timestamp"),
        "D3138" => of_type("`$single` finds more than one item"),
        "D3139" => of_type("`$single` finds no item"),
        "D3140" => of_type("the text is not a well-formed URL"),
        "D3137" => raised("error", rest, source),
        "D3141" => raised("assert", rest, source),
        _ if code.starts_with("D308") || code.starts_with("D309") || code.starts_with("D313") => {
            of_type("a picture string is not valid, or the text does not follow it")
        }
        "" => Failure::new(
            "expression-failed",
            "the expression cannot be evaluated with this event",
        ),
        _ => Failure::new(
            "expression-failed",
            format!("the expression fails with JSONata's error {code}"),
        ),
    }
}

fn limit(message: String) -> Failure {
    Failure::new("expression-limit", message)
}

/// The operator in "The left side of the + operator must …".
fn operator(message: &str) -> Option<&'static str> {
    let (_, rest) = message.split_once("side of the ")?;
    let named = rest.split(' ').next()?;
    ["+", "-", "*", "/", "%"]
        .into_iter()
        .find(|operator| *operator == named)
}

fn wrong_argument(code: &str, message: &str, source: &str) -> String {
    let what = match code {
        "T0411" => "the context, which stands in for an argument of",
        "T0412" => "an item of the array given to",
        _ => "an argument of",
    };
    match named(message).or_else(|| only_called(source)) {
        Some(name) => format!("{what} `${name}` is of the wrong type"),
        None => format!("{what} a function is of the wrong type"),
    }
}

/// The function in "Argument 1 of function $join does not …".
fn named(message: &str) -> Option<&'static str> {
    let (_, rest) = message.split_once("of function ")?;
    let named = rest.split_whitespace().next()?.trim_matches(['$', '"']);
    catalog::known(named).map(|known| known.name)
}

/// The known function that the source names, if it names no other.
fn only_called(source: &str) -> Option<&'static str> {
    let mut found = None;
    for spanned in tokenize(source, MAX_TOKENS).tokens {
        let Token::Variable(name) = &spanned.token else {
            continue;
        };
        match (catalog::known(name), found) {
            (Some(known), Some(other)) if known.name != other => return None,
            (Some(known), _) => found = Some(known.name),
            (None, _) => {}
        }
    }
    found
}

/// `$error` and `$assert` speak for the rule's author: their words are shown when they stand in the source as they
/// are. Words made of data are not.
fn raised(function: &str, words: &str, source: &str) -> Failure {
    let written = tokenize(source, MAX_TOKENS)
        .tokens
        .into_iter()
        .any(|spanned| match spanned.token {
            Token::String(text) => text == words,
            _ => false,
        });
    if written {
        return Failure::new("expression-raised", words);
    }
    let failure = Failure::new("expression-raised", format!("`${function}` was raised"));
    failure.help("its message is shown when it is a plain string")
}

/// The one place in the source that a failure can be about, if there is only one.
pub(super) fn narrow(failure: &Failure, source: &str) -> Option<Range<usize>> {
    let (_, rest) = failure.message.split_once('`')?;
    let (quoted, _) = rest.split_once('`')?;
    let tokens = tokenize(source, MAX_TOKENS).tokens;
    let mut places = tokens
        .into_iter()
        .map(|spanned| spanned.range)
        .filter(|range| source.get(range.clone()) == Some(quoted));
    let first = places.next()?;
    places.next().is_none().then_some(first)
}
