//! From source to the engine's syntax tree, with every refusal placed in the source.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jsonata_core::ast::AstNode;
use jsonata_core::functions::string::build_regex;
use jsonata_core::parser::{self, ParserError, Token};

use super::ExpressionProblem;
use super::refusals::{about_structure, ends_early, explain, unreadable};
use super::tokens::{self, Spanned};

/// The longest source, in bytes, that is parsed.
pub(super) const MAX_SOURCE: usize = 16 * 1024;
/// How deep brackets may nest. The engine's parser grows its own stack; this keeps it and all later walks shallow.
pub(super) const MAX_NESTING: usize = 64;
/// How many tokens an expression may have: enough for a table of several hundred teams.
pub(super) const MAX_TOKENS: usize = 4_000;

/// What parsing gives: the tree to evaluate, the same tree with positions in its names, and the tokens.
#[derive(Debug)]
pub(super) struct Parsed {
    pub ast: AstNode,
    pub tagged: AstNode,
    pub tokens: Vec<Spanned>,
}

/// Parses the source between the delimiters. Ranges in problems count from the source's first byte.
pub(super) fn parse(source: &str) -> Result<Parsed, Vec<ExpressionProblem>> {
    if source.len() > MAX_SOURCE {
        return Err(vec![
            ExpressionProblem::new(
                "expression-size",
                0..source.len(),
                format!(
                    "the expression has {} bytes; at most {MAX_SOURCE} are allowed",
                    source.len()
                ),
            )
            .help("move tables into `constants` and look them up"),
        ]);
    }
    let lexed = tokens::tokenize(source, MAX_TOKENS);
    if let Some((error, range)) = lexed.error {
        return Err(vec![unreadable(&error, range, source, &lexed.tokens)]);
    }
    let tokens = lexed.tokens;
    if tokens.is_empty() {
        let problem = ExpressionProblem::new(
            "expression-syntax",
            0..source.len(),
            "the expression is empty",
        );
        return Err(vec![problem.help(
            "write JSONata between `{%` and `%}`, or a plain value without them",
        )]);
    }
    let mut problems = bounds(&tokens);
    problems.extend(
        tokens
            .iter()
            .filter_map(|spanned| literal_problem(spanned, source)),
    );
    if problems
        .iter()
        .any(|problem| problem.code == "expression-size")
    {
        return Err(problems);
    }
    match engine_parse(source) {
        Err(error) => problems.push(explain(&error, source, &tokens)),
        Ok(ast) => match engine_parse(&tokens::tagged(source, &tokens)) {
            Ok(tagged) if problems.is_empty() => {
                return Ok(Parsed {
                    ast,
                    tagged,
                    tokens,
                });
            }
            Ok(_) => {}
            Err(_) => problems.push(ExpressionProblem::new(
                "expression-syntax",
                0..source.len(),
                "the expression parses, but its variables cannot be followed",
            )),
        },
    }
    problems.sort_by_key(|problem| problem.range.start);
    Err(problems)
}

/// The engine's parser, which must not be able to take the process with it.
fn engine_parse(source: &str) -> Result<AstNode, ParserError> {
    catch_unwind(AssertUnwindSafe(|| parser::parse(source)))
        .unwrap_or_else(|_| Err(ParserError::InvalidSyntax("the parser failed".to_owned())))
}

fn bounds(tokens: &[Spanned]) -> Vec<ExpressionProblem> {
    let mut depth = 0_usize;
    for spanned in tokens {
        match spanned.token {
            Token::LeftParen | Token::LeftBracket | Token::LeftBrace => depth += 1,
            Token::RightParen | Token::RightBracket | Token::RightBrace => {
                depth = depth.saturating_sub(1)
            }
            _ => {}
        }
        if depth > MAX_NESTING {
            let message = format!("brackets nest more than {MAX_NESTING} deep");
            return vec![ExpressionProblem::new(
                "expression-size",
                spanned.range.clone(),
                message,
            )];
        }
    }
    match tokens.get(MAX_TOKENS) {
        None => Vec::new(),
        Some(spanned) => {
            let message = format!("the expression has more than {MAX_TOKENS} symbols");
            vec![
                ExpressionProblem::new("expression-size", spanned.range.clone(), message)
                    .help("move tables into `constants` and look them up"),
            ]
        }
    }
}

/// Literals that the engine accepts here and would change or refuse later.
fn literal_problem(spanned: &Spanned, source: &str) -> Option<ExpressionProblem> {
    match &spanned.token {
        Token::Regex { pattern, flags } => {
            let (message, help) = match build_regex(pattern, flags) {
                Err(_) => (
                    "this regular expression is not valid",
                    "look-around and back references are not supported",
                ),
                Ok(_) if flags.chars().all(|flag| flag == 'i' || flag == 'm') => return None,
                Ok(_) => (
                    "a regular expression takes the flags `i` and `m` only",
                    "it matches as often as the function that uses it wants, without a flag",
                ),
            };
            Some(ExpressionProblem::new("invalid-regex", spanned.range.clone(), message).help(help))
        }
        Token::Number(number) if number.abs() >= super::value::INTEGERS_END => {
            let digits = source.get(spanned.range.clone()).unwrap_or_default();
            let message =
                format!("`{digits}` is beyond ±2^53, where JSONata's numbers are no longer exact");
            Some(
                ExpressionProblem::new("inexact-number", spanned.range.clone(), message)
                    .help("write it as a string"),
            )
        }
        _ => None,
    }
}

/// The token at which the source stops being the beginning of an expression.
///
/// The engine does not say where it stopped. It reads from left to right, so everything before the offending
/// token is a beginning (parsing it fails only at its end) and everything with it is not.
pub(super) fn offending(source: &str, tokens: &[Spanned]) -> Option<usize> {
    let begins = |count: usize| {
        let end = tokens.get(count.checked_sub(1)?)?.range.end;
        Some(match engine_parse(&source[..end]) {
            Ok(_) => true,
            Err(error) => ends_early(&error) || about_structure(&error, source, tokens).is_some(),
        })
    };
    let (mut good, mut bad) = (0, tokens.len());
    while good + 1 < bad {
        let middle = good + (bad - good) / 2;
        match begins(middle)? {
            true => good = middle,
            false => bad = middle,
        }
    }
    bad.checked_sub(1)
}
