//! The arguments of a call: what stands in the file becomes templates, and as much of a value as is known.

use serde_json::{Map, Value as Json};

use super::Template;
use super::call::Arguments;
use super::compile::{Compiler, Known};
use super::loading::Loading;
use crate::api::Operation;
use crate::document::{Content, Member, Node, Step};
use crate::expression::{is_expression, misplaced_delimiters};
use crate::problem::Problem;

/// Stands for a value about which nothing more is to be said: the checks take it for an expression.
const UNKNOWN: &str = "{%%}";

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
    ) -> (Vec<(String, Template)>, Arguments) {
        let mut templates = Vec::new();
        let mut arguments = Map::new();
        for member in members {
            let identity = self
                .operation
                .is_some_and(|operation| operation.identity().contains(&&*member.key));
            self.current_allowed = !identity;
            let (template, argument) = self.member(loading, member);
            templates.extend(template.map(|template| (member.key.to_string(), template)));
            if let Some(argument) = argument {
                arguments.insert(member.key.to_string(), argument);
            }
        }
        (templates, arguments)
    }

    fn member(
        &mut self,
        loading: &mut Loading<'a>,
        member: &'a Member<'a>,
    ) -> (Option<Template>, Option<Json>) {
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

    /// The template, and the value as far as it is known; no value when it is known to be absent.
    fn node(
        &mut self,
        loading: &mut Loading<'a>,
        node: &'a Node<'a>,
    ) -> (Option<Template>, Option<Json>) {
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
    ) -> (Option<Template>, Option<Json>) {
        let unknown = Some(Json::from(UNKNOWN));
        if is_expression(text) {
            let compiled = self
                .compiler
                .compile(loading, node, text, self.current_allowed);
            return match compiled {
                Some((_, Known::Value(value))) => constant(value),
                Some((computed, Known::Absent)) => (Some(Template::Expression(computed)), None),
                Some((computed, Known::Later)) => {
                    (Some(Template::Expression(computed)), Some(Json::from(text)))
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
    ) -> (Option<Template>, Option<Json>) {
        let mut templates = Vec::new();
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let (template, value) =
                loading.within(Step::Index(index), |loading| self.node(loading, item));
            templates.extend(template);
            // An absent element keeps its place, so that paths stay right.
            values.push(value.unwrap_or_else(|| Json::from(UNKNOWN)));
        }
        let template = fold_list(templates);
        (Some(template), Some(Json::Array(values)))
    }

    fn object(
        &mut self,
        loading: &mut Loading<'a>,
        members: &'a [Member<'a>],
    ) -> (Option<Template>, Option<Json>) {
        let mut templates = Vec::new();
        let mut values = Map::new();
        for member in members {
            let (template, value) = self.member(loading, member);
            templates.extend(template.map(|template| (member.key.to_string(), template)));
            if let Some(value) = value {
                values.insert(member.key.to_string(), value);
            }
        }
        let template = fold_object(templates);
        (Some(template), Some(Json::Object(values)))
    }
}

fn constant(value: Json) -> (Option<Template>, Option<Json>) {
    (Some(Template::Constant(value.clone())), Some(value))
}

fn is_constant(template: &Template) -> bool {
    matches!(template, Template::Constant(_))
}

fn fold_list(items: Vec<Template>) -> Template {
    if !items.iter().all(is_constant) {
        return Template::List(items);
    }
    let values = items.into_iter().filter_map(into_value);
    Template::Constant(values.collect())
}

fn fold_object(members: Vec<(String, Template)>) -> Template {
    if !members.iter().all(|(_, template)| is_constant(template)) {
        return Template::Object(members);
    }
    let values = members
        .into_iter()
        .filter_map(|(name, template)| Some((name, into_value(template)?)));
    Template::Constant(Json::Object(values.collect()))
}

fn into_value(template: Template) -> Option<Json> {
    match template {
        Template::Constant(value) => Some(value),
        Template::Expression(_) | Template::Object(_) | Template::List(_) => None,
    }
}
