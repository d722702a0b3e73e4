//! The rules file as a whole.

use std::collections::HashSet;
use std::sync::OnceLock;

use serde_json::Map;

use super::compile::Compiler;
use super::constants::constants;
use super::guards::{Guards, guards};
use super::loading::{Keys, Loading, Value, path_text};
use super::overlaps::{self, Placed};
use super::rule::{RuleReader, rule};
use super::unknown_values::members_with_unknown_values;
use super::{Problems, Rule, Rules, warnings};
use crate::document::{self, Content, Member, Node, Step};
use crate::problem::{Problem, Severity, locate};

/// The largest rules file, in bytes: ten thousand rules take about a third of it.
pub const LARGEST: usize = 16 * 1024 * 1024;

const KEYS: Keys = Keys {
    required: &["version", "rules"],
    optional: &["constants", "guards", "allowUnknownValues", "$schema"],
};

pub(super) fn load(name: &str, text: &str) -> Result<(Rules, Vec<Problem>), Problems> {
    let (rules, mut problems) = read(name, text);
    locate(&mut problems, text);
    let refused = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    match rules {
        Some(rules) if !refused => Ok((rules, problems)),
        _ => Err(Problems {
            problems,
            name: name.to_owned(),
            text: text.to_owned(),
        }),
    }
}

fn read(name: &str, text: &str) -> (Option<Rules>, Vec<Problem>) {
    if text.len() > LARGEST {
        let message = format!("the file has more than {} MiB", LARGEST / 1024 / 1024);
        return (None, vec![Problem::error("file-size", 0..0, message)]);
    }
    let (root, mut problems) = match document::read(text) {
        Ok(read) => read,
        Err(problems) => return (None, problems),
    };
    problems
        .iter_mut()
        .for_each(|problem| name_place(problem, &root));
    problems.extend(not_json(name, text));
    let mut loading = Loading::new(text, problems);
    let rules = whole(&mut loading, &root);
    let mut problems = loading.problems;
    without_consequences(&mut problems);
    (rules, problems)
}

/// What a value may be is of no interest as long as nobody knows what it is.
fn without_consequences(problems: &mut Vec<Problem>) {
    let unclear = problems
        .iter()
        .filter(|problem| problem.code == "ambiguous-scalar");
    let unclear: HashSet<usize> = unclear.map(|problem| problem.span.start).collect();
    problems.retain(|problem| {
        problem.code == "ambiguous-scalar" || !unclear.contains(&problem.span.start)
    });
}

/// Says in which member and rule a problem is that the reader of the text found: it knows neither.
fn name_place(problem: &mut Problem, root: &Node<'_>) {
    let at = problem.span.start;
    let (mut node, mut path) = (root, Vec::new());
    let inside =
        |span: &std::ops::Range<usize>| span.start <= at && at < span.end.max(span.start + 1);
    loop {
        let next = match &node.content {
            Content::Object(members) => members
                .iter()
                .find(|member| inside(&member.key_span) || inside(&member.value.span))
                .map(|member| (Step::Key(&member.key), &member.value)),
            Content::List(items) => items
                .iter()
                .enumerate()
                .find(|(_, item)| inside(&item.span))
                .map(|(index, item)| (Step::Index(index), item)),
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(..) => None,
        };
        let Some((step, below)) = next else {
            break;
        };
        if let ([Step::Key("rules")], Step::Index(_)) = (path.as_slice(), step) {
            let name = below.member("name").and_then(|name| name.value.text());
            problem.rule = name.map(str::to_owned);
        }
        path.push(step);
        node = below;
    }
    problem.path = path_text(&path);
}

/// YAML allows what other readers of a file called `.json` do not.
fn not_json(name: &str, text: &str) -> Option<Problem> {
    if !name.to_ascii_lowercase().ends_with(".json") {
        return None;
    }
    let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines
        .by_ref()
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let column = error.column().saturating_sub(1);
    let at = text.floor_char_boundary((before + column).min(text.len()));
    let reason = error.to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default();
    let problem = Problem::error(
        "json-syntax",
        at..at + usize::from(at < text.len()),
        format!("this is YAML, but not JSON: {reason}"),
    );
    Some(problem.help("mend it, or give the file a name that ends with `.yaml`"))
}

fn whole<'a>(loading: &mut Loading<'a>, root: &'a Node<'a>) -> Option<Rules> {
    let members = loading.object(root.into(), &KEYS)?;
    let find = |key: &str| members.iter().find(|member| member.key == key);
    version(loading, find("version"));
    let constants = match find("constants") {
        Some(member) => loading.within(Step::Key("constants"), |loading| {
            constants(loading, member.into())
        }),
        None => Map::new(),
    };
    let guards = match find("guards") {
        Some(member) => loading.within(Step::Key("guards"), |loading| {
            guards(loading, member.into())
        }),
        None => Guards::default(),
    };
    let allow_unknown_values = match find("allowUnknownValues") {
        Some(member) => loading.within(Step::Key("allowUnknownValues"), |loading| {
            members_with_unknown_values(loading, member.into())
        }),
        None => Vec::new(),
    };
    let mut reader = RuleReader {
        compiler: Compiler::new(loading, constants, find("constants")),
        guards,
        allow_unknown_values,
        names: Default::default(),
        finspace: None,
    };
    let rules = match find("rules") {
        Some(member) => rules(loading, &mut reader, member),
        None => Vec::new(),
    };
    warnings::all(loading, &reader, find("constants"));
    let placed = rules.iter().map(|(index, node, rule)| Placed {
        index: *index,
        node,
        rule,
    });
    let overlaps = overlaps::warnings(&placed.collect::<Vec<_>>());
    loading.problems.extend(overlaps);
    let rules: Vec<Rule> = rules.into_iter().map(|(_, _, rule)| rule).collect();
    let RuleReader {
        compiler,
        guards,
        allow_unknown_values,
        ..
    } = reader;
    Some(Rules {
        patterns: OnceLock::new(),
        reads: OnceLock::new(),
        constants: compiler.constants,
        guards: guards.config,
        allow_unknown_values,
        rules,
    })
}

/// The rules that are right, each with its position and what it was read from.
fn rules<'a>(
    loading: &mut Loading<'a>,
    reader: &mut RuleReader<'a>,
    member: &'a Member<'a>,
) -> Vec<(usize, &'a Node<'a>, Rule)> {
    loading.within(Step::Key("rules"), |loading| {
        let mut rules = Vec::new();
        let items = loading.list(member.into()).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let read = loading.within(Step::Index(index), |loading| {
                rule(loading, reader, Value::from(item))
            });
            loading.rule = None;
            rules.extend(read.map(|rule| (index, item, rule)));
        }
        rules
    })
}

fn version(loading: &mut Loading<'_>, member: Option<&Member<'_>>) {
    let Some(member) = member else {
        return;
    };
    let right =
        matches!(&member.value.content, Content::Number(number) if number.as_u64() == Some(1));
    if !right {
        let place = member.value.focus(Some(member.key_span.clone()));
        let problem = Problem::error("version", place, "the version of this format is 1")
            .label("another version")
            .help("write `version: 1`");
        loading.report_below(&[Step::Key("version")], problem);
    }
}
