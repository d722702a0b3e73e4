//! One rule: its name, its pattern, its time, its calls.

use std::ops::Range;

use super::call::call;
use super::compile::Compiler;
use super::guards::Guards;
use super::loading::{Keys, Loading, Value};
use super::pattern_codes::pattern_code;
use super::{Computed, Rule};
use crate::document::{Content, Member, Node, Step};
use crate::expression::{is_expression, misplaced_delimiters};
use crate::hash::Table;
use crate::pattern::{Pattern, Segment, could_both_match};
use crate::problem::Problem;

const KEYS: Keys = Keys {
    required: &["name", "when", "do"],
    optional: &["at"],
};

const LONGEST_NAME: usize = 64;

/// What rules need of the rest of the file, and what is kept of them for the end.
pub(super) struct RuleReader<'a> {
    pub compiler: Compiler<'a>,
    pub guards: Guards,
    pub allow_unknown_values: Vec<String>,
    /// The names so far and where they stand.
    pub names: Table<&'a str, Range<usize>>,
    /// Where FinSpace is called first, and by which rule.
    pub finspace: Option<Problem>,
}

/// Reads a rule. It is given only if everything in it is right.
pub(super) fn rule<'a>(
    loading: &mut Loading<'a>,
    reader: &mut RuleReader<'a>,
    value: Value<'a>,
) -> Option<Rule> {
    let errors = loading.problems.len();
    let members = loading.object(value, &KEYS)?;
    let find = |key: &str| members.iter().find(|member| member.key == key);
    let name = find("name").and_then(|member| name(loading, reader, member));
    loading.rule = name;
    let when = find("when").and_then(|member| when(loading, member, find("name")));
    let at = find("at")
        .map(|member| loading.within(Step::Key("at"), |loading| at(loading, reader, member)));
    let mut calls = Vec::new();
    if let Some(member) = find("do") {
        loading.within(Step::Key("do"), |loading| {
            let items = loading.list(member.into()).unwrap_or_default();
            for (position, item) in items.iter().enumerate() {
                calls.extend(loading.within(Step::Index(position), |loading| {
                    call(loading, reader, item.into())
                }));
            }
        });
    }
    let sound = !loading.problems.iter().skip(errors).any(Problem::is_error);
    let (name, when) = name.zip(when)?;
    let (line, _) = reader.compiler.lines.place(value.node.span.start);
    sound.then(|| Rule {
        name: name.to_owned(),
        when,
        at: at.flatten(),
        calls,
        line,
    })
}

fn name<'a>(
    loading: &mut Loading<'a>,
    reader: &mut RuleReader<'a>,
    member: &'a Member<'a>,
) -> Option<&'a str> {
    loading.within(Step::Key("name"), |loading| {
        let Some(name) = member.value.text() else {
            loading.wrong_kind(member.into(), "a text");
            return None;
        };
        let span = &member.value.span;
        let length = name.chars().count();
        if name.trim().is_empty() || length > LONGEST_NAME || name.chars().any(char::is_control) {
            let message = format!("a rule's name has 1 to {LONGEST_NAME} characters on one line");
            let problem = Problem::error("rule-name", span.clone(), message)
                .label(format!("{length} characters"));
            loading.report(problem);
        }
        match reader.names.get(name) {
            Some(first) => {
                let message = format!("two rules are called `{name}`");
                let problem = Problem::error("duplicate-rule", span.clone(), message)
                    .label("again here")
                    .help("give every rule a name of its own: reports use it")
                    .also(first.clone(), "first here");
                loading.report(problem);
            }
            None => {
                reader.names.insert(name, span.clone());
            }
        }
        Some(name)
    })
}

/// Compiles the pattern. The rule's name is where to say that it never matches.
fn when<'a>(
    loading: &mut Loading<'a>,
    member: &'a Member<'a>,
    name: Option<&'a Member<'a>>,
) -> Option<Pattern> {
    let errors = loading.problems.len();
    let pattern = loading.within(Step::Key("when"), |loading| {
        verbatim(loading, &member.value);
        let parse = || Pattern::parse(&member.value.to_value());
        match Pattern::of_file(&member.value).map_or_else(parse, Ok) {
            Ok(pattern) => Some(pattern),
            Err(problems) => {
                for problem in problems {
                    let steps: Vec<Step<'_>> = problem.path.iter().map(step).collect();
                    let place = member.value.place(steps.iter().copied(), &member.key_span);
                    let code = pattern_code(problem.code);
                    let found = Problem::error(code, place, problem.message)
                        .label("EventBridge would refuse this")
                        .maybe_help(problem.help);
                    loading.report_below(&steps, found);
                }
                None
            }
        }
    });
    let new = loading.problems.iter().skip(errors);
    let reason = new
        .map(|problem| problem.span.clone())
        .min_by_key(|span| span.start);
    let never = match (&pattern, &reason) {
        (_, Some(_)) => true,
        (Some(pattern), None) => !could_both_match(pattern, pattern),
        (None, None) => false,
    };
    if let (true, Some(name)) = (never, name) {
        let place = name.value.focus(Some(name.key_span.clone()));
        let warning = Problem::warning("never-matches", place, "this rule can never match")
            .label("no event reaches its calls");
        let because = reason.unwrap_or_else(|| member.key_span.clone());
        loading.report(warning.also(because, "because of this"));
    }
    pattern.filter(|_| !never)
}

fn step(segment: &Segment) -> Step<'_> {
    match segment {
        Segment::Key(key) => Step::Key(key),
        Segment::Index(index) => Step::Index(*index),
    }
}

/// Patterns are not computed: what looks like an expression would be compared as it stands.
fn verbatim<'a>(loading: &mut Loading<'a>, node: &'a Node<'a>) {
    match &node.content {
        Content::Null | Content::Bool(_) | Content::Number(_) => {}
        Content::Text(text, _) => {
            if is_expression(text) {
                let message = "an event pattern cannot have expressions";
                let problem = Problem::error("expression-in-pattern", node.span.clone(), message)
                    .label("this would be compared as it stands")
                    .help("write the values that may occur, or leave the decision to an expression that yields `null`");
                loading.report(problem);
            }
        }
        Content::List(items) => items.iter().enumerate().for_each(|(index, item)| {
            loading.within(Step::Index(index), |loading| verbatim(loading, item));
        }),
        Content::Object(members) => members.iter().for_each(|member| {
            loading.within(Step::Key(&member.key), |loading| {
                verbatim(loading, &member.value)
            });
        }),
    }
}

fn at<'a>(
    loading: &mut Loading<'a>,
    reader: &mut RuleReader<'a>,
    member: &'a Member<'a>,
) -> Option<Computed> {
    let node = &member.value;
    let expression = node.text().filter(|text| is_expression(text));
    let Some(text) = expression else {
        let place = node.focus(Some(member.key_span.clone()));
        let problem = match node.text().and_then(misplaced_delimiters) {
            Some(problem) => Problem::error(problem.code, place, problem.message).maybe_help(problem.help),
            None => Problem::error(
                "expression-needed",
                place,
                "`at` is computed from the event",
            )
            .label("not an expression")
            .help("write an expression that yields a time, as `\"{% detail.effectiveAt %}\"`, or leave `at` out"),
        };
        loading.report(problem);
        return None;
    };
    let (computed, _) = reader.compiler.compile(loading, node, text, false)?;
    Some(computed)
}
