//! Rules × event → the calls to make: which targets an event concerns, and later, once a target has been read, with which
//! arguments.

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::api::{CheckOptions, Segment, Violation, check, display_path};
use crate::call::Target;
use crate::event::Event;
use crate::expression::{Evaluation, EvaluationError, Inputs, Limits, NameMade};
use crate::report::{Cause, Failure};
use crate::rules::{CallTemplate, Computed, Rule, Rules, Template};

/// What the rules say of one event.
pub struct Selection<'a> {
    /// The rules that match, in file order.
    pub rules: Vec<&'a Rule>,
    /// Their calls, in file order, or why one could not be named.
    pub calls: Vec<Result<Selected<'a>, Unnamed<'a>>>,
}

/// One call on a target that is named but not yet read.
pub struct Selected<'a> {
    pub rule: &'a Rule,
    pub call: &'a CallTemplate,
    pub target: Target,
    /// What orders this call among those of other events.
    pub at: OffsetDateTime,
    /// The names that were made out of the event to name the target.
    pub names: Vec<NameMade>,
    identity: Map<String, Value>,
}

/// A call whose target or time could not be computed.
pub struct Unnamed<'a> {
    pub rule: &'a Rule,
    pub call: &'a CallTemplate,
    pub failure: Failure,
}

/// Matches `event` against `rules` and names the targets of the calls.
pub fn select<'a>(rules: &'a Rules, event: &Event) -> Selection<'a> {
    let matching = rules.matching(event.document());
    if matching.is_empty() {
        return Selection {
            rules: matching,
            calls: Vec::new(),
        };
    }
    let evaluation = evaluation(rules, event, None);
    let mut calls = Vec::new();
    for rule in &matching {
        let at = evaluation
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|evaluation| at(rule, event, evaluation));
        for call in &rule.calls {
            let named = at.clone().and_then(|at| {
                let evaluation = evaluation.as_ref().map_err(Clone::clone)?;
                name(rule, call, at, evaluation)
            });
            calls.push(named.map_err(|failure| Unnamed {
                rule,
                call,
                failure,
            }));
        }
    }
    Selection {
        rules: matching,
        calls,
    }
}

fn evaluation(
    rules: &Rules,
    event: &Event,
    current: Option<&Value>,
) -> Result<Evaluation, Failure> {
    let inputs = Inputs {
        event: event.document(),
        current,
        constants: &rules.constants,
    };
    Evaluation::new(&inputs, &Limits::default()).map_err(|error| values(error.code, error.message))
}

fn values(code: &str, message: String) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        retryable: false,
        cause: Cause::Values,
    }
}

fn name<'a>(
    rule: &'a Rule,
    call: &'a CallTemplate,
    at: OffsetDateTime,
    evaluation: &Evaluation,
) -> Result<Selected<'a>, Failure> {
    let mut fill = Fill {
        rule,
        evaluation,
        path: Vec::new(),
        names: Vec::new(),
    };
    let mut identity = Map::new();
    let mut parts = Vec::new();
    for member in call.operation.identity() {
        let template = call.member(member);
        let value = template
            .map(|template| fill.member(member, template))
            .transpose()?
            .flatten();
        let Some(Value::String(text)) = value else {
            let message = format!(
                "rule `{}`: {member} must be a string: it names the target",
                rule.name
            );
            return Err(values("identity", message));
        };
        parts.push(text.clone());
        identity.insert((*member).to_owned(), Value::String(text));
    }
    // Before the target is read: a name that the API does not take is no one's.
    let options = CheckOptions {
        computed: &|_| false,
        allow_unknown_values: &[],
        partial: true,
    };
    refuse(&check(
        call.operation,
        &Value::Object(identity.clone()),
        &options,
    ))?;
    Ok(Selected {
        rule,
        call,
        target: Target::new(call.operation, parts),
        at,
        names: fill.names,
        identity,
    })
}

/// Turns what the API would not take into a failure.
///
/// # Errors
/// With the code of the first violation and the sentences of all, if there is one.
pub(crate) fn refuse(violations: &[Violation]) -> Result<(), Failure> {
    let Some(first) = violations.first() else {
        return Ok(());
    };
    let sentences: Vec<String> = violations.iter().map(Violation::to_string).collect();
    Err(Failure {
        code: first.code.to_owned(),
        message: sentences.join("; "),
        retryable: false,
        cause: Cause::Values,
    })
}

impl Selected<'_> {
    /// Whether an argument depends on what the target is like.
    pub fn uses_current(&self) -> bool {
        let mut expressions = self.call.expressions().into_iter();
        expressions.any(|(_, computed)| computed.uses().current)
    }

    /// The arguments, now that the target has been observed.
    ///
    /// # Errors
    /// When an expression fails or yields nothing.
    pub fn arguments(
        &self,
        rules: &Rules,
        event: &Event,
        current: &Value,
    ) -> Result<Value, Failure> {
        let evaluation = evaluation(rules, event, Some(current))?;
        let mut fill = Fill {
            rule: self.rule,
            evaluation: &evaluation,
            path: Vec::new(),
            names: Vec::new(),
        };
        let mut arguments = self.identity.clone();
        for (name, template) in &self.call.with {
            if arguments.contains_key(name) {
                continue;
            }
            if let Some(value) = fill.member(name, template)? {
                arguments.insert(name.clone(), value);
            }
        }
        Ok(Value::Object(arguments))
    }
}

/// Fills a template with what its expressions yield.
struct Fill<'a> {
    rule: &'a Rule,
    evaluation: &'a Evaluation,
    path: Vec<Segment>,
    names: Vec<NameMade>,
}

impl Fill<'_> {
    fn member(&mut self, name: &str, template: &Template) -> Result<Option<Value>, Failure> {
        self.step(Segment::Key(name.to_owned()), template)
    }

    fn step(&mut self, segment: Segment, template: &Template) -> Result<Option<Value>, Failure> {
        self.path.push(segment);
        let value = self.value(template);
        self.path.pop();
        value
    }

    /// `None` makes the member absent. As deep as the template, which was bounded when the file was read.
    fn value(&mut self, template: &Template) -> Result<Option<Value>, Failure> {
        match template {
            Template::Constant(value) => Ok(Some(value.clone())),
            Template::Expression(computed) => self.computed(computed),
            Template::Object(members) => {
                let mut object = Map::new();
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
                    list.extend(self.step(Segment::Index(index), template)?);
                }
                Ok(Some(Value::Array(list)))
            }
        }
    }

    fn computed(&mut self, computed: &Computed) -> Result<Option<Value>, Failure> {
        let evaluated = computed
            .evaluate(self.evaluation)
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
    fn sentence(&self, computed: &Computed, what: &str) -> String {
        format!(
            "rule `{}`, {} (line {}, column {}): {}: {what}",
            self.rule.name,
            display_path(&self.path),
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

/// What orders the event: the rule's `at`, or the event's time.
fn at(rule: &Rule, event: &Event, evaluation: &Evaluation) -> Result<OffsetDateTime, Failure> {
    let Some(computed) = &rule.at else {
        return Ok(event.time());
    };
    let mut fill = Fill {
        rule,
        evaluation,
        path: vec!["at".into()],
        names: Vec::new(),
    };
    let time = match fill.computed(computed)? {
        // `null`: this event says nothing of it.
        None => return Ok(event.time()),
        Some(Value::String(text)) => OffsetDateTime::parse(&text, &Rfc3339).ok(),
        // Milliseconds since 1970, as JSONata's own `$toMillis` yields them.
        Some(Value::Number(millis)) => millis.as_i64().and_then(|millis| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
        }),
        Some(_) => None,
    };
    time.ok_or_else(|| {
        let what = "must yield an RFC 3339 time with its offset, such as 2026-03-01T09:00:00Z, or milliseconds since 1970";
        values("at", fill.sentence(computed, what))
    })
}
