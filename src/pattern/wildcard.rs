//! `wildcard`: `*` stands for any number of characters, `\*` for a star, `\\` for a backslash.

use std::fmt;

/// A compiled wildcard: the literal pieces between the stars. One piece means no star.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wildcard {
    written: Box<str>,
    pieces: Box<[Box<str>]>,
}

/// Why a text is no wildcard. Positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WildcardError {
    #[error("`**` at character {0}: a star already stands for any number of characters")]
    Consecutive(usize),
    #[error("a backslash at character {0} that escapes neither `*` nor `\\`")]
    Escape(usize),
}

impl Wildcard {
    pub(super) fn parse(written: &str) -> Result<Self, WildcardError> {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        let mut characters = written.chars().enumerate().peekable();
        while let Some((at, c)) = characters.next() {
            match c {
                '*' if characters.peek().is_some_and(|(_, next)| *next == '*') => {
                    return Err(WildcardError::Consecutive(at + 1));
                }
                '*' => pieces.push(std::mem::take(&mut piece).into_boxed_str()),
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => piece.push(escaped),
                    _ => return Err(WildcardError::Escape(at + 1)),
                },
                literal => piece.push(literal),
            }
        }
        pieces.push(piece.into_boxed_str());
        Ok(Self {
            written: written.into(),
            pieces: pieces.into(),
        })
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        self.search(value, |_, _| ())
    }

    /// The literal text every match starts with; all of it when there is no star.
    pub(super) fn start(&self) -> &str {
        self.pieces.first().map_or("", |piece| piece)
    }

    /// The literal text every match ends with.
    pub(super) fn end(&self) -> &str {
        self.pieces.last().map_or("", |piece| piece)
    }

    pub(super) fn has_star(&self) -> bool {
        self.pieces.len() > 1
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().map(|piece| &**piece)
    }

    /// Takes the leftmost place for each piece, which leaves most room for the next. No piece is looked for before the end
    /// of the one found last, and the standard library's search is linear, so that all of it is linear in the value,
    /// however many stars there are. `visit` is told which bytes each search went past.
    fn search(&self, value: &str, mut visit: impl FnMut(usize, usize)) -> bool {
        let Some((first, later)) = self.pieces.split_first() else {
            return value.is_empty();
        };
        let Some(mut rest) = value.strip_prefix(&**first) else {
            return false;
        };
        let Some((last, between)) = later.split_last() else {
            return rest.is_empty();
        };
        let Some(trimmed) = rest.strip_suffix(&**last) else {
            return false;
        };
        rest = trimmed;
        let end = first.len() + rest.len();
        for piece in between {
            let from = end - rest.len();
            let Some((_, after)) = rest.split_once(&**piece) else {
                visit(from, end);
                return false;
            };
            rest = after;
            visit(from, end - rest.len());
        }
        true
    }
}

impl fmt::Display for Wildcard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Wildcard::parse(pattern).expect("a wildcard").matches(value)
    }

    #[test]
    fn a_piece_is_used_once_only() {
        assert!(matches("aba*aba", "abaaba") && !matches("aba*aba", "ababa"));
        assert!(matches("*a*a*", "aa") && !matches("*a*a*", "a"));
        assert!(matches("*", "") && matches("", "") && !matches("", "x"));
    }

    #[test]
    fn escapes_stand_for_the_character_itself() {
        assert!(matches(r"a\*b", "a*b") && !matches(r"a\*b", "axb"));
        assert!(matches(r"a\\*", r"a\anything") && matches(r"*\*", "ends with *"));
        assert_eq!(
            Wildcard::parse(r"ab\c").err(),
            Some(WildcardError::Escape(3))
        );
        assert_eq!(
            Wildcard::parse("é**").err(),
            Some(WildcardError::Consecutive(2))
        );
        assert!(Wildcard::parse(r"*\**").is_ok());
    }

    #[test]
    fn the_searches_together_go_past_each_byte_at_most_once() {
        let value = "a".repeat(10_000) + "b";
        for pattern in ["*a*a*a*a*", "*a*a*a*a*c*", "a*b*a", "*aaab*aaab*", "*b*b*"] {
            let wildcard = Wildcard::parse(pattern).expect("a wildcard");
            let mut last = 0;
            wildcard.search(&value, |from, to| {
                assert!(
                    from >= last && from <= to,
                    "{pattern}: {from}..{to} after {last}"
                );
                last = to;
            });
            assert!(last <= value.len(), "{pattern}");
        }
    }
}
