//! Where the engine's tokens stand in the source.
//!
//! The engine's own lexer decides what a token is (so that a `/` is a division or a regular expression exactly
//! where the engine thinks so), but it keeps no positions. Walking the source beside it gives them: a token's
//! length follows from its kind.

use std::ops::Range;

use jsonata_core::parser::{Lexer, ParserError, Token};

/// One token and the bytes of the source it covers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned {
    pub token: Token,
    pub range: Range<usize>,
}

/// The tokens up to the end of the source, or up to the first one that the lexer refuses.
pub(super) struct Tokens {
    pub tokens: Vec<Spanned>,
    pub error: Option<(ParserError, Range<usize>)>,
}

/// Splits `source` into tokens, at most `limit` of them: more than that is for the caller to refuse.
pub(super) fn tokenize(source: &str, limit: usize) -> Tokens {
    let mut lexer = Lexer::new(source.to_owned());
    let mut tokens = Vec::new();
    let mut at = 0;
    while tokens.len() <= limit {
        let start = at + blank_len(&source[at..]);
        match lexer.next_token() {
            Ok(Token::Eof) => break,
            Ok(token) => {
                at = (start + token_len(&token, &source[start..])).min(source.len());
                tokens.push(Spanned {
                    token,
                    range: start..at,
                });
            }
            Err(error) => {
                let rest = source[start..].trim_end();
                let len = match &error {
                    ParserError::UnexpectedToken(symbol) => symbol.len().min(rest.len()),
                    _ => rest.len(),
                };
                return Tokens {
                    tokens,
                    error: Some((error, start..start + len)),
                };
            }
        }
    }
    Tokens {
        tokens,
        error: None,
    }
}

/// The length of the white space and comments that `rest` begins with.
fn blank_len(rest: &str) -> usize {
    let mut at = 0;
    loop {
        let tail = &rest[at..];
        let spaces = tail.len() - tail.trim_start().len();
        at += spaces;
        match rest[at..].strip_prefix("/*").and_then(|c| c.find("*/")) {
            Some(end) => at += end + "/*".len() + "*/".len(),
            None => return at,
        }
    }
}

fn token_len(token: &Token, rest: &str) -> usize {
    match token {
        Token::String(_) => quoted_len(rest),
        Token::Number(_) => number_len(rest),
        Token::Regex { pattern, flags } => "//".len() + pattern.len() + flags.len(),
        Token::Identifier(name) if rest.starts_with('`') => "``".len() + name.len(),
        Token::Identifier(name) | Token::Function(name) => name.len(),
        Token::Variable(name) => "$".len() + name.len(),
        Token::ParentVariable(name) => "$$".len() + name.len(),
        Token::Undefined => "undefined".len(),
        Token::False => "false".len(),
        Token::True | Token::Null => "true".len(),
        Token::And => "and".len(),
        Token::StarStar
        | Token::NotEqual
        | Token::LessThanOrEqual
        | Token::GreaterThanOrEqual
        | Token::Or
        | Token::In
        | Token::DotDot
        | Token::QuestionQuestion
        | Token::QuestionColon
        | Token::ColonEqual
        | Token::TildeArrow => 2,
        Token::Plus
        | Token::Minus
        | Token::Star
        | Token::Slash
        | Token::Percent
        | Token::Equal
        | Token::LessThan
        | Token::GreaterThan
        | Token::Ampersand
        | Token::Dot
        | Token::Question
        | Token::Colon
        | Token::LeftParen
        | Token::RightParen
        | Token::LeftBracket
        | Token::RightBracket
        | Token::LeftBrace
        | Token::RightBrace
        | Token::Comma
        | Token::Semicolon
        | Token::Caret
        | Token::Pipe
        | Token::Hash
        | Token::At => 1,
        Token::Eof => 0,
    }
}

fn quoted_len(rest: &str) -> usize {
    let mut chars = rest.char_indices();
    let quote = chars.next().map(|(_, c)| c);
    let mut escaped = false;
    for (at, c) in chars {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if Some(c) == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// `0`, `12`, `1.5`, `1e-3`: a point or an exponent belongs to the number only when digits follow it.
fn number_len(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = |from: usize| {
        bytes
            .iter()
            .skip(from)
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let mut len = match bytes.first() {
        Some(b'0') => 1,
        _ => digits(0),
    };
    if bytes.get(len) == Some(&b'.') && digits(len + 1) > 0 {
        len += 1 + digits(len + 1);
    }
    if matches!(bytes.get(len), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
        if digits(len + 1 + sign) > 0 {
            len += 1 + sign + digits(len + 1 + sign);
        }
    }
    len
}

/// The source with every variable's name made unique by its token's number: `$team` becomes `$team$7`.
///
/// The engine's syntax tree has no positions. Parsed from this source it carries them in its names, and
/// [`untag`] reads them back.
pub(super) fn tagged(source: &str, tokens: &[Spanned]) -> String {
    let mut out = String::with_capacity(source.len() + tokens.len() * 4);
    let mut copied = 0;
    for (number, spanned) in tokens.iter().enumerate() {
        if matches!(&spanned.token, Token::Variable(name) if !name.is_empty()) {
            out.push_str(&source[copied..spanned.range.end]);
            out.push_str(&format!("${number}"));
            copied = spanned.range.end;
        }
    }
    out.push_str(&source[copied..]);
    out
}

/// The name and the token number in a tagged name. `$` alone has neither.
pub(super) fn untag(name: &str) -> (&str, Option<usize>) {
    match name.rsplit_once('$') {
        Some((plain, number)) => match number.parse() {
            Ok(number) => (plain, Some(number)),
            Err(_) => (name, None),
        },
        None => (name, None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_token_covers_what_it_was_made_of() {
        let source = "/* a */ $a.`b c`[$x:=1.5e3..2] ~> λ($y){'\\\\é'} & \"\\u00e9\" != a/b ?? /x\\/y/i /**/ $$.$";
        let tokens = tokenize(source, 100).tokens;
        let texts: Vec<_> = tokens.iter().map(|t| &source[t.range.clone()]).collect();
        let expected = [
            "$a",
            ".",
            "`b c`",
            "[",
            "$x",
            ":=",
            "1.5e3",
            "..",
            "2",
            "]",
            "~>",
            "λ",
            "(",
            "$y",
            ")",
            "{",
            "'\\\\é'",
            "}",
            "&",
            "\"\\u00e9\"",
            "!=",
            "a",
            "/",
            "b",
            "??",
            "/x\\/y/i",
            "$$",
            ".",
            "$",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn names_carry_their_token_number_and_give_it_back() {
        let source = "$a & $b$c & $ & $$ & '$a'";
        let tokens = tokenize(source, 100).tokens;
        assert_eq!(tagged(source, &tokens), "$a$0 & $b$c$2 & $ & $$ & '$a'");
        assert_eq!(untag("a$0"), ("a", Some(0)));
        assert_eq!(untag("b$c$2"), ("b$c", Some(2)));
        assert_eq!(untag("b$c"), ("b$c", None));
        assert_eq!(untag(""), ("", None));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn variables_cover_their_own_names(
            source in "(\\$[a-c]|\\$|[a-c]|'[^']{0,3}'|`[a-c ]`|[-+*/%&=<>.,:;?()\\[\\]{}|^#@~]|/\\*|\\*/|[0-9]| |é|λ){0,24}"
        ) {
            let lexed = tokenize(&source, 100);
            let mut end = 0;
            for spanned in &lexed.tokens {
                prop_assert!(spanned.range.start >= end && spanned.range.start < spanned.range.end);
                end = spanned.range.end;
                let text = &source[spanned.range.clone()];
                match &spanned.token {
                    Token::Variable(name) => prop_assert_eq!(text, format!("${name}")),
                    Token::Identifier(name) => prop_assert_eq!(text.trim_matches('`'), name),
                    Token::Number(number) => prop_assert_eq!(text.parse::<f64>().ok(), Some(*number)),
                    _ => {}
                }
            }
            if let Some((_, range)) = lexed.error {
                prop_assert!(source.get(range).is_some());
            }
        }
    }
}
