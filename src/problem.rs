//! One thing that is wrong with a rules file: where, what, and what to do about it.
//!
//! [`render`] shows problems as people know them from rustc; serialised, they serve other tools. Each has a stable code
//! that [`explain`] describes.

mod catalogue;
mod show;

use std::ops::Range;

use serde::Serialize;

pub use catalogue::{codes, explain};
pub use show::render;

/// Whether a file with this problem can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is used; somebody should look.
    Warning,
}

/// Another place that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Secondary {
    /// The bytes in the file.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What there is to see.
    pub label: String,
}

/// One thing that is wrong with a rules file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of problem it is; one of [`codes`].
    pub code: &'static str,
    /// Whether the file is refused.
    pub severity: Severity,
    /// The bytes in the file that are to blame; empty at a place where something is missing.
    pub span: Range<usize>,
    /// The line of their beginning, from 1.
    pub line: usize,
    /// The column of their beginning, in characters, from 1.
    pub column: usize,
    /// The rule it is in.
    pub rule: Option<String>,
    /// The member: `rules[1].do[0].with.UserSettings.KendraSetting`. Empty for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What is to be seen at the place.
    pub label: String,
    /// What is allowed, when that is too long for the label.
    pub note: Option<String>,
    /// What to do.
    pub help: Option<String>,
    /// Where else to look.
    pub secondary: Option<Secondary>,
}

impl Problem {
    /// An error. Line and column are those of the beginning until [`locate`] is called.
    pub fn error(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            line: 1,
            column: 1,
            rule: None,
            path: String::new(),
            message: message.into(),
            label: String::new(),
            note: None,
            help: None,
            secondary: None,
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message)
        }
    }

    /// Whether the file is refused because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same with what is to be seen at the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with what is allowed.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// The same with what to do.
    pub fn help(self, help: impl Into<String>) -> Self {
        self.maybe_help(Some(help))
    }

    /// The same with what to do, if there is something to say.
    pub fn maybe_help(mut self, help: Option<impl Into<String>>) -> Self {
        self.help = help.map(Into::into);
        self
    }

    /// The same with another place to look at.
    pub fn also(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.secondary = Some(Secondary {
            span,
            line: 1,
            column: 1,
            label: label.into(),
        });
        self
    }
}

/// Puts problems into the file's order, leaves out repetitions, and gives every one its line and column.
pub fn locate(problems: &mut Vec<Problem>, text: &str) {
    problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
    problems.dedup();
    for problem in &mut *problems {
        problem.span = within(&problem.span, text);
        if let Some(secondary) = &mut problem.secondary {
            secondary.span = within(&secondary.span, text);
        }
    }
    if problems.is_empty() {
        return;
    }
    let lines = Lines::new(text);
    for problem in problems {
        (problem.line, problem.column) = lines.place(problem.span.start);
        if let Some(secondary) = &mut problem.secondary {
            (secondary.line, secondary.column) = lines.place(secondary.span.start);
        }
    }
}

/// The span, with both ends inside the text and between characters.
fn within(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    start..text.floor_char_boundary(span.end).max(start)
}

/// How far apart, in a line, the places are from which [`Lines`] counts on.
const STRIDE: usize = 512;

/// Lines and columns of a text. Finding one takes the same time wherever it is, however long the lines are.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// Offset, line, column; the offsets ascend.
    known: Vec<(usize, usize, usize)>,
}

impl<'t> Lines<'t> {
    pub fn new(text: &'t str) -> Self {
        // A byte order mark is no character of the first line.
        let begin = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let mut known = vec![(begin, 1, 1)];
        let (mut at, body) = (begin, text.get(begin..).unwrap_or_default());
        let ends = line_ends(body.as_bytes()).map(|end| begin + end);
        for (end, number) in ends.chain([text.len()]).zip(1..) {
            if end > at {
                known.push((at, number, 1));
                let line = text.get(at..end).unwrap_or_default();
                add_strides(line, (at, number), &mut known);
            }
            at = end;
        }
        Self { text, known }
    }

    /// The line and the column, in characters, both from 1.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.known.partition_point(|(known, ..)| *known <= offset);
        let known = self.known.get(before.saturating_sub(1));
        let (_, line, column) = advance(self.text, *known.unwrap_or(&(0, 1, 1)), offset);
        (line, column)
    }
}

fn add_strides(line: &str, (at, number): (usize, usize), known: &mut Vec<(usize, usize, usize)>) {
    let (mut rest, mut column) = (line, 1);
    while rest.len() > STRIDE {
        let (passed, behind) = rest.split_at(rest.ceil_char_boundary(STRIDE));
        column += passed.chars().count();
        rest = behind;
        known.push((at + line.len() - rest.len(), number, column));
    }
}

/// Where each line ends that has an end: behind its `\n`. Eight bytes are looked at in one go: a start has to know the lines of
/// all of its rules.
fn line_ends(text: &[u8]) -> impl Iterator<Item = usize> {
    const ALL: u64 = u64::MAX / 255;
    const LOW: u64 = ALL * 0x7f;
    let (eights, rest) = text.as_chunks::<8>();
    let in_eights = eights.iter().enumerate().flat_map(|(index, eight)| {
        let others = u64::from_le_bytes(*eight) ^ (ALL * u64::from(b'\n'));
        // The highest bit of each byte that is `\n`; none is carried into the next.
        let mut found = !(((others & LOW) + LOW) | others | LOW);
        std::iter::from_fn(move || {
            let byte = (found != 0).then_some(found.trailing_zeros() as usize / 8)?;
            found &= found - 1;
            Some(index * 8 + byte + 1)
        })
    });
    let before = eights.len() * 8;
    let in_rest = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    in_eights.chain(in_rest.map(move |(index, _)| before + index + 1))
}

fn advance(
    text: &str,
    (from, mut line, mut column): (usize, usize, usize),
    to: usize,
) -> (usize, usize, usize) {
    for byte in text.get(from..to).unwrap_or_default().bytes() {
        match byte {
            b'\n' => (line, column) = (line + 1, 1),
            // Goes on with a character.
            0x80..0xc0 => {}
            _ => column += 1,
        }
    }
    (to, line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let text = "é: x\r\nab: ü y\n";
        let mut problems = vec![
            Problem::error("b", text.len()..text.len() + 9, ""),
            Problem::error("a", 14..15, "").also(0..2, "here"),
            Problem::error("a", 1..2, ""),
        ];
        locate(&mut problems, text);
        let places: Vec<_> = problems
            .iter()
            .map(|problem| (problem.line, problem.column, problem.span.clone()))
            .collect();
        assert_eq!(
            places,
            [(1, 1, 0..2), (2, 7, 14..15), (3, 1, text.len()..text.len())]
        );
        let also = problems[1].secondary.as_ref().expect("a second place");
        assert_eq!((also.line, also.column), (1, 1));
    }

    #[test]
    fn every_line_end_is_found() {
        for text in [
            "",
            "\n",
            "a\nb",
            "\n\n\nabcde\n\n\u{8a}\u{10a}\n\u{b}\t",
            "0123456\n\n01234567\n8",
        ] {
            let found: Vec<usize> = line_ends(text.as_bytes()).collect();
            let expected: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_has_no_column() {
        let text = "\u{feff}a: 1";
        let mut problems = vec![Problem::error("a", 3..4, "")];
        locate(&mut problems, text);
        assert_eq!((problems[0].line, problems[0].column), (1, 1));
    }
}
