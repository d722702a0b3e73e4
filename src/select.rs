//! Rules × event → the calls to make: which targets an event concerns, and with which arguments. Those that depend on what
//! the target is like wait until it has been read.

mod arguments;
mod common;
mod fill;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::api::{CheckOptions, Violation, check};
use crate::call::Target;
use crate::event::{Event, Reads};
use crate::expression::{Evaluation, Limits, NameMade};
use crate::report::{Cause, Failure};
use crate::rules::{CallTemplate, Rule, Rules};
use arguments::Arguments;
pub(crate) use arguments::open;
pub(crate) use common::Common;
pub use common::SharedFailure;
use fill::Fill;

/// What the rules say of one event.
pub struct Selection<'a> {
    /// The rules that match, in file order.
    pub rules: Vec<&'a Rule>,
    /// Their calls, in file order, or why one could not be named.
    pub calls: Vec<Result<Selected<'a>, Unnamed<'a>>>,
}

/// One call on a target that is named but not yet read. A batch can have tens of thousands.
pub struct Selected<'a> {
    pub rule: &'a Rule,
    pub call: &'a CallTemplate,
    pub target: Target,
    /// What orders this call among those of other events.
    pub at: OffsetDateTime,
    /// The names that were made out of the event to name the target. Calls that made the same share them.
    pub names: Arc<[NameMade]>,
    arguments: Arguments,
}

/// A call whose target or time could not be computed.
pub struct Unnamed<'a> {
    pub rule: &'a Rule,
    pub call: &'a CallTemplate,
    pub failure: SharedFailure,
}

/// Matches `event` against `rules` and names the targets of the calls.
pub fn select<'a>(rules: &'a Rules, event: &Event) -> Selection<'a> {
    let document = event.read_part(&[rules.reads()]);
    let matching = rules.matching(&document);
    if matching.is_empty() {
        return Selection {
            rules: matching,
            calls: Vec::new(),
        };
    }
    let mut reads = Vec::new();
    for rule in &matching {
        rule.each_expression(&mut |computed| reads.push(&computed.uses().event));
    }
    let evaluation = evaluation(&rules.constants, document, &reads, None);
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
                failure: failure.into(),
            }));
        }
    }
    share_names(&mut calls);
    Selection {
        rules: matching,
        calls,
    }
}

fn share_names(calls: &mut [Result<Selected<'_>, Unnamed<'_>>]) {
    let mut last: Option<Arc<[NameMade]>> = None;
    for call in calls.iter_mut().flatten() {
        match &last {
            Some(same) if *same == call.names => call.names = Arc::clone(same),
            _ => last = Some(Arc::clone(&call.names)),
        }
    }
}

/// The same for an event that nobody has the time to look into: every call of a rule that matches it, with the reason.
pub(crate) fn unselected<'a>(
    rules: &'a Rules,
    event: &Event,
    failure: &SharedFailure,
) -> Selection<'a> {
    let matching = rules.matching(&event.read_part(&[rules.reads()]));
    let calls = matching.iter().flat_map(|rule| {
        rule.calls.iter().map(|call| {
            Err(Unnamed {
                rule,
                call,
                failure: failure.clone(),
            })
        })
    });
    Selection {
        calls: calls.collect(),
        rules: matching,
    }
}

/// What these expressions read of an event, and perhaps its target, made ready for them.
///
/// # Errors
/// When the data cannot be read by expressions at all.
fn evaluation(
    constants: &Map<String, Value>,
    event: Cow<'_, Value>,
    reads: &[&Reads],
    current: Option<&Value>,
) -> Result<Evaluation, Failure> {
    let evaluation = Evaluation::partial(event, reads, current, constants, &Limits::default());
    evaluation.map_err(|error| values(error.code, error.message))
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
    let mut fill = Fill::new(rule, evaluation);
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
    let identity = Value::Object(identity);
    refuse(&check(call.operation, &identity, &options))?;
    let names = fill.names.into();
    Ok(Selected {
        rule,
        call,
        target: Target::new(call.operation, &parts),
        at,
        names,
        arguments: Arguments::new(rule, call, identity, evaluation),
    })
}

/// Turns what the API would not take into a failure.
///
/// # Errors
/// With the code of the first violation and the sentences of all, if there is one. A sentence names its code where that is not
/// the first's.
pub(crate) fn refuse(violations: &[Violation]) -> Result<(), Failure> {
    let Some(first) = violations.first() else {
        return Ok(());
    };
    let sentences: Vec<String> = violations
        .iter()
        .map(|violation| match violation.code == first.code {
            true => violation.to_string(),
            false => format!("{violation} [{}]", violation.code),
        })
        .collect();
    Err(Failure {
        code: first.code.to_owned(),
        message: sentences.join("; "),
        retryable: false,
        cause: Cause::Values,
    })
}

/// What orders the event: the rule's `at`, or the event's time.
fn at(rule: &Rule, event: &Event, evaluation: &Evaluation) -> Result<OffsetDateTime, Failure> {
    let Some(computed) = &rule.at else {
        return Ok(event.time());
    };
    let mut fill = Fill::new(rule, evaluation).at("at");
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Defaults;

    const RULES: &str = r#"
version: 1
constants: {studio: d-abc123def456}
rules:
  - name: nested
    when: {source: [acme.hr], detail: {person: {team: [Rates]}}}
    at: "{% detail.since %}"
    do: [{call: sagemaker:UpdateUserProfile, with: {DomainId: "{% $studio %}", UserProfileName: "{% $event.detail.person.name %}",
      UserSettings: {SecurityGroups: ["{% $current.UserSettings.SecurityGroups[0] & detail.person.group %}"]}}}]
  - name: lists
    when: {detail: {people: {team: [{prefix: R}]}}}
    do: [{call: sagemaker:UpdateUserProfile, with: {DomainId: "{% $studio %}", UserProfileName: "{% detail.people[team = 'Rates'][0].name %}"}}]
  - name: absent
    when: {detail: {left: [{exists: false}], person: {name: [{exists: true}]}}}
    do: [{call: sagemaker:UpdateUserProfile, with: {DomainId: "{% $studio %}", UserProfileName: "{% $string($count($keys(detail))) %}"}}]
  - name: failed
    when: {detail: {errorCode: [{exists: true}]}}
    do: [{call: sagemaker:UpdateUserProfile, with: {DomainId: "{% $studio %}", UserProfileName: "{% detail.errorCode %}"}}]
"#;

    /// One that is kept as text is read in part.
    #[test]
    fn an_event_is_for_the_same_rules_and_people_however_it_is_kept() {
        let (rules, _) = Rules::load("usher.yaml", RULES).unwrap_or_else(|bad| panic!("{bad}"));
        let person =
            json!({"name": "jane-doe", "team": "Rates", "group": "1", "more": [1, {"a": 2}]});
        let people =
            json!([{"team": "Risk", "name": "x"}, {"team": "Rates", "name": "joe", "other": {}}]);
        let table = [
            (
                json!({"person": person, "since": "2026-03-02T07:00:04Z", "noise": {"n": [1]}}),
                "Moved",
                &["nested jane-doe", "absent 3"][..],
            ),
            (
                json!({"person.team": "Rates", "person": {"name": "jane-doe", "group": "1"}, "since": null}),
                "Moved",
                &["nested jane-doe", "absent 3"],
            ),
            (
                json!({"people": people, "left": 1}),
                "Moved",
                &["lists joe"],
            ),
            (
                json!({"people.team": "Rates", "people": people}),
                "Moved",
                &["lists joe"],
            ),
            (
                json!({"person": person, "since": null, "errorCode": "Denied"}),
                "Call via CloudTrail",
                &["failed Denied"],
            ),
            (
                json!({"person": "jane", "people": 1, "noise": true}),
                "Moved",
                &[],
            ),
        ];
        for (detail, kind, expected) in table {
            let defaults = Defaults {
                id: "e-1",
                time: OffsetDateTime::UNIX_EPOCH,
            };
            let document = json!({"source": "acme.hr", "detail-type": kind, "detail": detail});
            let tree = Event::from_json(document, &defaults).expect("an event");
            let text = tree.clone().packed();
            let current = json!({"UserSettings": {"SecurityGroups": ["sg-"]}});
            for event in [tree, text] {
                let selection = select(&rules, &event);
                let named = selection.calls.iter().map(|call| match call {
                    Ok(call) => {
                        let arguments =
                            call.arguments(&rules, &event, &current).expect("arguments");
                        if call.rule.name == "nested" {
                            assert_eq!(
                                arguments["UserSettings"]["SecurityGroups"],
                                json!(["sg-1"])
                            );
                        }
                        format!("{} {}", call.rule.name, call.target.user())
                    }
                    Err(unnamed) => panic!("{}: {:?}", unnamed.rule.name, unnamed.failure.alone()),
                });
                assert_eq!(named.collect::<Vec<_>>(), expected, "{detail}");
            }
        }
    }
}
