//! Problems as people read them.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Problem, Severity};

/// How many problems are shown; the closing line says how many there are beyond.
const SHOWN: usize = 100;

/// The width, in columns, to which source lines are cut.
const WIDTH: usize = 160;

/// How many lines apart two places are shown together.
const NEAR: usize = 8;

/// The longest line, in bytes, that is shown whole.
const LONG_LINE: usize = 400;

/// Problems in the manner of rustc: each with its line in the file, what is to be seen there, and what to do. Shows the
/// first 100 and counts them all. `colour` writes ANSI escape codes.
pub fn render(problems: &[Problem], name: &str, text: &str, colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.term_width(WIDTH);
    let mut shown = String::new();
    for problem in problems.iter().take(SHOWN) {
        let group = group(problem, name, text);
        shown.push_str(&renderer.render(&[group]));
        shown.push_str("\n\n");
    }
    if !problems.is_empty() {
        shown.push_str(&closing(problems, name));
        shown.push('\n');
    }
    shown
}

fn group<'a>(problem: &'a Problem, name: &'a str, text: &'a str) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(
        level
            .primary_title(problem.message.as_str())
            .id(problem.code),
    );
    let primary = Part {
        span: &problem.span,
        line: problem.line,
        column: problem.column,
        label: &problem.label,
        kind: AnnotationKind::Primary,
    };
    let second = problem.secondary.as_ref().map(|second| Part {
        span: &second.span,
        line: second.line,
        column: second.column,
        label: &second.label,
        kind: AnnotationKind::Context,
    });
    group = match second {
        Some(second) if primary.near(&second, text) => {
            primary.show_with(&second, group, name, text)
        }
        Some(second) => second.show(primary.show(group, name, text), name, text),
        None => primary.show(group, name, text),
    };
    if let Some(place) = place(problem) {
        group = group.element(Level::NOTE.no_name().message(place));
    }
    if let Some(note) = &problem.note {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// One of the places a problem is about.
struct Part<'a> {
    span: &'a Range<usize>,
    line: usize,
    column: usize,
    label: &'a str,
    kind: AnnotationKind,
}

impl<'a> Part<'a> {
    fn near(&self, other: &Part<'_>, text: &str) -> bool {
        let short = |part: &Part<'_>| line_around(text, part.span.start).len() <= LONG_LINE;
        self.line.abs_diff(other.line) <= NEAR && short(self) && short(other)
    }

    /// Adds the lines of both and what is between them.
    fn show_with(
        self,
        other: &Part<'a>,
        group: Group<'a>,
        name: &'a str,
        text: &'a str,
    ) -> Group<'a> {
        let (own, its) = (
            line_around(text, self.span.start),
            line_around(text, other.span.start),
        );
        let window = own.start.min(its.start)..own.end.max(its.end);
        let snippet = Snippet::source(text.get(window.clone()).unwrap_or_default())
            .line_start(self.line.min(other.line))
            .path(name)
            .annotation(self.annotation(&own, window.start))
            .annotation(other.annotation(&its, window.start));
        group.element(snippet)
    }

    /// Adds the line. Only that part of the text is handed on, so that the time does not depend on its size.
    fn show(&self, group: Group<'a>, name: &'a str, text: &'a str) -> Group<'a> {
        let line = line_around(text, self.span.start);
        let long = line.len() > LONG_LINE;
        let window = if long {
            around(text, &line, self.span)
        } else {
            line
        };
        let snippet = Snippet::source(text.get(window.clone()).unwrap_or_default())
            .line_start(self.line)
            .annotation(self.annotation(&window, window.start));
        if !long {
            return group.element(snippet.path(name));
        }
        let origin = Origin::path(name).line(self.line).char_column(self.column);
        group.element(origin).element(snippet)
    }

    /// What is marked, no further than `limit`, counted from `base`.
    fn annotation(&self, limit: &Range<usize>, base: usize) -> annotate_snippets::Annotation<'a> {
        let start = self.span.start.clamp(limit.start, limit.end);
        let end = self.span.end.clamp(start, limit.end);
        let annotation = self.kind.span(start - base..end - base);
        match self.label {
            "" => annotation,
            label => annotation.label(label),
        }
    }
}

fn line_around(text: &str, at: usize) -> Range<usize> {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let end = after
        .find('\n')
        .map_or(text.len(), |end| before.len() + end);
    // The mark at the beginning of a file is no part of its first line.
    let start = if text.starts_with('\u{feff}') {
        start.max(3)
    } else {
        start
    };
    start..end.max(start)
}

fn around(text: &str, line: &Range<usize>, span: &Range<usize>) -> Range<usize> {
    let start = text
        .ceil_char_boundary(span.start.saturating_sub(LONG_LINE / 10))
        .max(line.start);
    let end = text.floor_char_boundary((start + LONG_LINE / 3).min(line.end));
    start..end.max(start)
}

/// "in rule `quants`: `rules[1].do[0].with.UserSettings`"
fn place(problem: &Problem) -> Option<String> {
    match (&problem.rule, problem.path.as_str()) {
        (None, "") => None,
        (None, path) => Some(format!("at `{path}`")),
        (Some(rule), path) => Some(format!("in rule `{rule}`, at `{path}`")),
    }
}

/// "usher.yaml: 2 errors, 1 warning"
fn closing(problems: &[Problem], name: &str) -> String {
    let count = |severity: Severity, one: &str| {
        let count = problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count();
        match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {one}s")),
        }
    };
    let counts: Vec<String> = [
        count(Severity::Error, "error"),
        count(Severity::Warning, "warning"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let beyond = problems.len().saturating_sub(SHOWN);
    let beyond = match beyond {
        0 => String::new(),
        _ => format!("; the first {SHOWN} are shown"),
    };
    format!("{name}: {}{beyond}", counts.join(", "))
}
