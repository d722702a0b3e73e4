//! The arguments of a call: what stands in the file becomes a value as far as it is known, to be checked, and then a template.

use serde_json::{Map, Value as Json};

use super::call::Arguments;
use super::compile::{Compiler, Known};
use super::loading::Loading;
use super::{Computed, Template};
use crate::api::Operation;
use crate::document::{Content, Member, Node, Step};
use crate::expression::{is_expression, misplaced_delimiters};
use crate::problem::Problem;

/// Stands for a value about which nothing more is to be said: the checks take it for an expression.
const UNKNOWN: &str = "{%%}";

/// What a template will be, beside the value that is known: it takes its constants over from there.
pub(super) enum Sketch<'a> {
    /// As it stands in the value.
    Constant,
    Expression(Computed),
    Object(Vec<(&'a str, Sketch<'a>)>),
    List(Vec<Sketch<'a>>),
}

pub(super) struct Reading<'r, 'a> {
    operation: Option<Operation>,
    compiler: &'r mut Compiler<'a>,
    /// Whether the member that is being read can use `$current`: those that name the target cannot.
    current_allowed: bool,
}

impl<'r, 'a> Reading<'r, 'a> {
    pub fn new(operation: Option<Operation>, compiler: &'r mut Compiler<'a>) -> Self {
        Self {
            operation,
            compiler,
            current_allowed: true,
        }
    }

    pub fn members(
        &mut self,
        loading: &mut Loading<'a>,
        members: &'a [Member<'a>],
    ) -> (Vec<(&'a str, Sketch<'a>)>, Arguments) {
        let mut sketches = Vec::with_capacity(members.len());
        let mut arguments = Map::with_capacity(members.len());
        for member in members {
            let identity = self
                .operation
                .is_some_and(|operation| operation.identity().contains(&&*member.key));
            self.current_allowed = !identity;
            let (sketch, argument) = self.member(loading, member);
            sketches.extend(sketch.map(|sketch| (&*member.key, sketch)));
            if let Some(argument) = argument {
                arguments.insert(member.key.to_string(), argument);
            }
        }
        (sketches, arguments)
    }

    fn member(
        &mut self,
        loading: &mut Loading<'a>,
        member: &'a Member<'a>,
    ) -> (Option<Sketch<'a>>, Option<Json>) {
        loading.within(Step::Key(&member.key), |loading| {
            if member.key.trim_start().starts_with("{%") {
                let message = "the name of a member cannot be computed";
                let problem = Problem::error("computed-key", member.key_span.clone(), message)
                    .label("an expression")
                    .help("make the whole object one expression: `\"{% {$name: value} %}\"`");
                loading.report(problem);
                return (None, None);
            }
            self.node(loading, &member.value)
        })
    }

    /// What its template will be, and the value as far as it is known; no value when it is known to be absent.
    fn node(
        &mut self,
        loading: &mut Loading<'a>,
        node: &'a Node<'a>,
    ) -> (Option<Sketch<'a>>, Option<Json>) {
        match &node.content {
            Content::Null | Content::Bool(_) | Content::Number(_) => constant(node.to_value()),
            Content::Text(text, _) => self.text(loading, node, text),
            Content::List(items) => self.list(loading, items),
            Content::Object(members) => self.object(loading, members),
        }
    }

    fn text(
        &mut self,
        loading: &mut Loading<'a>,
        node: &'a Node<'a>,
        text: &'a str,
    ) -> (Option<Sketch<'a>>, Option<Json>) {
        let unknown = Some(Json::from(UNKNOWN));
        if is_expression(text) {
            let compiled = self
                .compiler
                .compile(loading, node, text, self.current_allowed);
            return match compiled {
                Some((_, Known::Value(value))) => constant(value),
                Some((computed, Known::Absent)) => (Some(Sketch::Expression(computed)), None),
                Some((computed, Known::Later)) => {
                    (Some(Sketch::Expression(computed)), Some(Json::from(text)))
                }
                Some((_, Known::Failure(..))) | None => (None, unknown),
            };
        }
        if let Some(problem) = misplaced_delimiters(text) {
            self.compiler.may_use(text);
            let block = text.ends_with('\n') && is_expression(text.trim_end());
            let help = match block {
                true => Some(
                    "begin the block with `|-` or `>-`, which leave out the last line's end"
                        .to_owned(),
                ),
                false => problem.help,
            };
            let (code, range) = (problem.code, problem.range);
            let found =
                super::compile::placed(loading.source, node, code, &range, problem.message, help);
            loading.report(found);
            return (None, unknown);
        }
        constant(Json::from(text))
    }

    fn list(
        &mut self,
        loading: &mut Loading<'a>,
        items: &'a [Node<'a>],
    ) -> (Option<Sketch<'a>>, Option<Json>) {
        let mut sketches = Vec::with_capacity(items.len());
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let (sketch, value) =
                loading.within(Step::Index(index), |loading| self.node(loading, item));
            sketches.extend(sketch);
            // An absent element keeps its place, so that paths stay right.
            values.push(value.unwrap_or_else(|| Json::from(UNKNOWN)));
        }
        let sketch = match sketches.iter().all(is_constant) {
            true => Sketch::Constant,
            false => Sketch::List(sketches),
        };
        (Some(sketch), Some(Json::Array(values)))
    }

    fn object(
        &mut self,
        loading: &mut Loading<'a>,
        members: &'a [Member<'a>],
    ) -> (Option<Sketch<'a>>, Option<Json>) {
        let mut sketches = Vec::with_capacity(members.len());
        let mut values = Map::with_capacity(members.len());
        for member in members {
            let (sketch, value) = self.member(loading, member);
            sketches.extend(sketch.map(|sketch| (&*member.key, sketch)));
            if let Some(value) = value {
                values.insert(member.key.to_string(), value);
            }
        }
        let sketch = match sketches.iter().all(|(_, sketch)| is_constant(sketch)) {
            true => Sketch::Constant,
            false => Sketch::Object(sketches),
        };
        (Some(sketch), Some(Json::Object(values)))
    }
}

fn constant<'a>(value: Json) -> (Option<Sketch<'a>>, Option<Json>) {
    (Some(Sketch::Constant), Some(value))
}

fn is_constant(sketch: &Sketch<'_>) -> bool {
    matches!(sketch, Sketch::Constant)
}

/// The templates of members whose values are these. Both are in the file's order, and what is known to be absent has no value.
pub(super) fn templates(
    sketches: Vec<(&str, Sketch<'_>)>,
    values: Arguments,
) -> Vec<(String, Template)> {
    let mut values = values.into_iter().peekable();
    let templates = sketches.into_iter().filter_map(|(name, sketch)| {
        match (values.next_if(|(key, _)| key == name), sketch) {
            (Some((name, value)), sketch) => Some((name, template(sketch, value))),
            (None, Sketch::Expression(computed)) => {
                Some((name.to_owned(), Template::Expression(computed)))
            }
            // It was written twice, which has been reported.
            (None, Sketch::Constant | Sketch::Object(_) | Sketch::List(_)) => None,
        }
    });
    templates.collect()
}

// As deep as the file, whose depth is bounded when it is read.
fn template(sketch: Sketch<'_>, value: Json) -> Template {
    match (sketch, value) {
        (Sketch::Constant, value) => Template::Constant(value),
        (Sketch::Expression(computed), _) => Template::Expression(computed),
        (Sketch::Object(sketches), Json::Object(values)) => {
            Template::Object(templates(sketches, values))
        }
        (Sketch::List(sketches), Json::Array(values)) => {
            let both = sketches.into_iter().zip(values);
            Template::List(
                both.map(|(sketch, value)| template(sketch, value))
                    .collect(),
            )
        }
        // An object is never sketched as anything else, nor a list.
        (Sketch::Object(_) | Sketch::List(_), value) => Template::Constant(value),
    }
}
