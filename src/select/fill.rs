//! Templates × event → values.

use serde_json::{Map, Value};

use super::values;
use crate::api::{Step, display_path, path};
use crate::expression::{Evaluation, EvaluationError, NameMade};
use crate::report::Failure;
use crate::rules::{Computed, Rule, Template};

/// Fills a template with what its expressions yield.
pub(super) struct Fill<'a> {
    rule: &'a Rule,
    evaluation: &'a Evaluation,
    path: Vec<Step<'a>>,
    /// The names that were made so far.
    pub names: Vec<NameMade>,
}

impl<'a> Fill<'a> {
    pub fn new(rule: &'a Rule, evaluation: &'a Evaluation) -> Self {
        Self {
            rule,
            evaluation,
            path: Vec::new(),
            names: Vec::new(),
        }
    }

    /// A template that is not a call's but stands in the rule itself, at this key.
    pub fn at(self, key: &'a str) -> Self {
        Self {
            path: vec![Step::Key(key)],
            ..self
        }
    }

    pub fn member(
        &mut self,
        name: &'a str,
        template: &'a Template,
    ) -> Result<Option<Value>, Failure> {
        self.step(Step::Key(name), template)
    }

    fn step(&mut self, step: Step<'a>, template: &'a Template) -> Result<Option<Value>, Failure> {
        self.path.push(step);
        let value = self.value(template);
        self.path.pop();
        value
    }

    /// `None` makes the member absent. As deep as the template, which was bounded when the file was read.
    fn value(&mut self, template: &'a Template) -> Result<Option<Value>, Failure> {
        match template {
            Template::Constant(value) => Ok(Some(value.clone())),
            Template::Expression(computed) => self.computed(computed),
            Template::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                for (name, template) in members {
                    if let Some(value) = self.member(name, template)? {
                        object.insert(name.clone(), value);
                    }
                }
                Ok(Some(Value::Object(object)))
            }
            Template::List(items) => {
                let mut list = Vec::new();
                for (index, template) in items.iter().enumerate() {
                    list.extend(self.step(Step::Index(index), template)?);
                }
                Ok(Some(Value::Array(list)))
            }
        }
    }

    pub fn computed(&mut self, computed: &Computed) -> Result<Option<Value>, Failure> {
        let evaluated = self
            .evaluation
            .once(&computed.expression)
            .map_err(|error| self.failed(computed, &error))?;
        self.names.extend(evaluated.names);
        match evaluated.value {
            Some(value) => Ok(without_nulls(value)),
            None => Err(values(
                "expression-nothing",
                self.sentence(
                    computed,
                    "yields nothing; \
                let it yield null to leave the member alone",
                ),
            )),
        }
    }

    fn failed(&self, computed: &Computed, error: &EvaluationError) -> Failure {
        let help = error
            .help
            .as_ref()
            .map(|help| format!("; {help}"))
            .unwrap_or_default();
        let what = format!("{}{help}", error.message);
        values(error.code, self.sentence(computed, &what))
    }

    /// Names the rule, the member, the place and the expression; never what the event holds.
    pub fn sentence(&self, computed: &Computed, what: &str) -> String {
        let path = path(&self.path);
        format!(
            "rule `{}`, {} (line {}, column {}): {}: {what}",
            self.rule.name,
            display_path(&path),
            computed.line,
            computed.column,
            computed.source(),
        )
    }
}

/// What an expression yields, with every `null` in it absent. The engine bounds the depth.
fn without_nulls(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(items.into_iter().filter_map(without_nulls).collect()),
        Value::Object(members) => Some(
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name, without_nulls(value)?)))
                .collect(),
        ),
        value @ (Value::Bool(_) | Value::Number(_) | Value::String(_)) => Some(value),
    }
}
