//! The parser's refusals in our words, placed in the source.

use std::ops::Range;

use jsonata_core::parser::{ParserError, Token};

use super::ExpressionProblem;
use super::syntax::offending;
use super::tokens::Spanned;

fn syntax(range: Range<usize>, message: impl Into<String>) -> ExpressionProblem {
    ExpressionProblem::new("expression-syntax", range, message)
}

/// A refusal of the lexer.
pub(super) fn unreadable(
    error: &ParserError,
    range: Range<usize>,
    source: &str,
    before: &[Spanned],
) -> ExpressionProblem {
    let found = &source[range.clone()];
    match error {
        ParserError::UnclosedString if found.starts_with('/') => {
            syntax(range, "this regular expression is never closed")
                .help("it ends with `/`; a `/` inside it is written `\\/`")
        }
        ParserError::UnclosedString => syntax(range, "this string is never closed"),
        ParserError::UnclosedComment => {
            syntax(range, "this comment is never closed").help("it ends with `*/`")
        }
        ParserError::UnclosedBacktick => {
            syntax(range, "this quoted name is never closed").help("it ends with a backquote")
        }
        ParserError::InvalidEscape(_) => syntax(
            range,
            "this string has an escape that JSONata does not know",
        )
        .help("it knows \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four hexadecimal digits"),
        ParserError::InvalidNumber(_) => syntax(range, "this number is out of range"),
        ParserError::UnexpectedToken(symbol) if symbol == "!" => {
            syntax(range, "`!` is not an operator").help("write `$not(…)`, or `!=` for unequal")
        }
        ParserError::UnexpectedToken(symbol) if symbol == "~" && !before.is_empty() => {
            syntax(range, "`~` is not an operator").help("function application is written `~>`")
        }
        ParserError::UnexpectedToken(symbol) => {
            syntax(range, format!("`{symbol}` has no meaning in JSONata"))
        }
        ParserError::UnexpectedEnd
        | ParserError::InvalidSyntax(_)
        | ParserError::Expected { .. }
        | ParserError::Coded { .. } => syntax(range, "this cannot be read"),
    }
}

/// A refusal of the parser.
pub(super) fn explain(error: &ParserError, source: &str, tokens: &[Spanned]) -> ExpressionProblem {
    if let Some(problem) = about_structure(error, source, tokens) {
        return problem;
    }
    if ends_early(error) {
        return ended(error, source, tokens);
    }
    let Some(at) = offending(source, tokens) else {
        return syntax(0..source.len(), "this is not a JSONata expression");
    };
    let (Some(spanned), before) = (
        tokens.get(at),
        at.checked_sub(1).and_then(|i| tokens.get(i)),
    ) else {
        return syntax(0..source.len(), "this is not a JSONata expression");
    };
    let found = source.get(spanned.range.clone()).unwrap_or_default();
    let message = match error {
        ParserError::Expected { expected, .. } if expected == "parameter name" => {
            format!("a function's parameters are variables such as `$x`, not `{found}`")
        }
        ParserError::Expected { expected, .. } => match symbol(expected) {
            Some(symbol) => format!("expected `{symbol}`, found `{found}`"),
            None => format!("`{found}` cannot stand here"),
        },
        ParserError::UnexpectedToken(_) => format!("expected a value, found `{found}`"),
        _ => format!("`{found}` cannot stand here"),
    };
    let problem = syntax(spanned.range.clone(), message);
    let after = tokens.get(at + 1).map(|spanned| &spanned.token);
    let advised = match error {
        ParserError::Expected { .. } => None,
        _ => advice(before.map(|before| &before.token), &spanned.token, after),
    };
    match advised {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Refusals of things that parse and still make no sense, by JSONata's code.
pub(super) fn about_structure(
    error: &ParserError,
    source: &str,
    tokens: &[Spanned],
) -> Option<ExpressionProblem> {
    let code = match error {
        ParserError::Coded { code, .. } => code,
        ParserError::InvalidSyntax(message) => message.get(..5)?,
        _ => return None,
    };
    let first = |wanted: fn(&Token) -> bool| {
        let found = tokens.iter().find(|spanned| wanted(&spanned.token));
        found.map_or(0..source.len(), |spanned| spanned.range.clone())
    };
    let problem = match code {
        "S0213" => syntax(
            literal_step(tokens).unwrap_or(0..source.len()),
            "a literal cannot be a step of a path",
        ),
        "S0214" => syntax(
            first(|t| matches!(t, Token::At | Token::Hash)),
            "`@` and `#` are followed by a variable",
        ),
        "S0215" => syntax(
            first(|t| *t == Token::At),
            "`@` stands before the predicates of its step",
        ),
        "S0216" => syntax(
            first(|t| *t == Token::At),
            "`@` stands before the sorting of its step",
        ),
        "S0217" => syntax(
            first(|t| *t == Token::Percent),
            "`%` has no parent to refer to here",
        ),
        "S0401" => syntax(
            first(|t| matches!(t, Token::Function(_))),
            "only `f` and `a` take a type in a signature",
        ),
        "S0402" => syntax(
            first(|t| matches!(t, Token::Function(_))),
            "a choice of types cannot contain `a<…>`",
        ),
        "U1002" => ExpressionProblem::new(
            "expression-size",
            0..source.len(),
            "the expression nests too deep",
        ),
        _ => return None,
    };
    Some(problem)
}

/// A literal next to a dot.
fn literal_step(tokens: &[Spanned]) -> Option<Range<usize>> {
    let literal = |token: &Token| {
        matches!(
            token,
            Token::Number(_) | Token::True | Token::False | Token::Null
        )
    };
    tokens.windows(2).find_map(|pair| match pair {
        [a, b] if literal(&a.token) && b.token == Token::Dot => Some(a.range.clone()),
        [a, b] if a.token == Token::Dot && literal(&b.token) => Some(b.range.clone()),
        _ => None,
    })
}

pub(super) fn ends_early(error: &ParserError) -> bool {
    match error {
        ParserError::UnexpectedEnd => true,
        ParserError::UnexpectedToken(token) => token == "Eof",
        ParserError::Expected { found, .. } => found == "Eof",
        _ => false,
    }
}

fn ended(error: &ParserError, source: &str, tokens: &[Spanned]) -> ExpressionProblem {
    let mut open = Vec::new();
    for spanned in tokens {
        match spanned.token {
            Token::LeftParen | Token::LeftBracket | Token::LeftBrace => {
                open.push(spanned.range.clone())
            }
            Token::RightParen | Token::RightBracket | Token::RightBrace => drop(open.pop()),
            _ => {}
        }
    }
    let last = tokens
        .last()
        .map_or(0..source.len(), |spanned| spanned.range.clone());
    match (open.pop(), error) {
        (Some(range), ParserError::Expected { .. }) => {
            let bracket = source.get(range.clone()).unwrap_or_default().to_owned();
            syntax(range, format!("this `{bracket}` is never closed"))
        }
        _ => {
            let found = source.get(last.clone()).unwrap_or_default();
            syntax(
                last.clone(),
                format!("the expression ends after `{found}`, where a value is expected"),
            )
        }
    }
}

/// How the source writes a token that the engine names.
fn symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        "RightParen" => ")",
        "RightBracket" => "]",
        "RightBrace" => "}",
        "LeftBrace" => "{",
        "LeftParen" => "(",
        "Colon" => ":",
        "Pipe" => "|",
        "<" => "<",
        _ => return None,
    })
}

/// What people who write such tokens in a row usually mean.
fn advice(before: Option<&Token>, found: &Token, after: Option<&Token>) -> Option<&'static str> {
    let value = |token: &Token| {
        matches!(
            token,
            Token::String(_)
                | Token::Number(_)
                | Token::Identifier(_)
                | Token::Variable(_)
                | Token::RightParen
        )
    };
    match (before, found) {
        (_, Token::Pipe) if after == Some(&Token::Pipe) => Some("write `or`"),
        (_, Token::RightParen | Token::RightBracket | Token::RightBrace) => None,
        (Some(Token::Equal), Token::Equal) => Some("JSONata compares with one `=`"),
        (Some(Token::Ampersand), Token::Ampersand) => Some("write `and`"),
        (Some(before @ Token::String(_)), found) | (Some(before), found @ Token::String(_))
            if value(before) && value(found) =>
        {
            Some("strings are joined with `&`")
        }
        (Some(before), found) if value(before) && value(found) => {
            Some("an operator is missing in between")
        }
        _ => None,
    }
}
