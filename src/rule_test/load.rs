//! Test files: read, with every problem at its place.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value as Json;
use time::OffsetDateTime;

use super::expect::expectation;
use super::given::{Given, impossible, target};
use super::{Place, RuleTest, Suite};
use crate::call::Target;
use crate::document::{self, Member, Node, Step};
use crate::emulator::World;
use crate::event::Event;
use crate::ingress::{self, Context, HttpAsk, Origin};
use crate::problem::{Lines, Problem, locate};
use crate::rules::loading::{Keys, Loading};
use crate::rules::{Problems, key_place, steps};

const KEYS: Keys = Keys {
    required: &["tests"],
    optional: &["$schema"],
};

const TEST: Keys = Keys {
    required: &["name", "event"],
    optional: &["given", "expect"],
};

const CODE: &str = "rule-test";

/// Gives the bytes of a file that a test names, or why it cannot.
type Read<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

pub(super) fn load(name: &str, text: &str, read: &Read<'_>) -> Result<Suite, Problems> {
    let (tests, mut problems) = match document::read(text) {
        Ok((root, problems)) => {
            let mut loading = Loading::new(text, problems);
            let mut reader = Reader {
                read,
                lines: Lines::new(text),
                names: HashMap::new(),
            };
            let tests = reader.tests(&mut loading, &root);
            (tests, loading.problems)
        }
        Err(problems) => (Vec::new(), problems),
    };
    if problems.iter().any(Problem::is_error) {
        locate(&mut problems, text);
        return Err(Problems {
            problems,
            name: name.to_owned(),
            text: text.to_owned(),
        });
    }
    Ok(Suite {
        name: name.to_owned(),
        tests,
        text: text.to_owned(),
    })
}

struct Reader<'r, 'a> {
    read: &'r Read<'r>,
    lines: Lines<'a>,
    names: HashMap<&'a str, Range<usize>>,
}

impl<'a> Reader<'_, 'a> {
    fn tests(&mut self, loading: &mut Loading<'a>, root: &'a Node<'a>) -> Vec<RuleTest> {
        let members = loading.object(root.into(), &KEYS).unwrap_or_default();
        let Some(list) = members.iter().find(|member| member.key == "tests") else {
            return Vec::new();
        };
        loading.within(Step::Key("tests"), |loading| {
            let items = loading.list(list.into()).unwrap_or_default();
            let tests = items.iter().enumerate().filter_map(|(index, item)| {
                loading.within(Step::Index(index), |loading| self.test(loading, item))
            });
            tests.collect()
        })
    }

    /// As far as it can be read; whether it is whole, the problems tell.
    fn test(&mut self, loading: &mut Loading<'a>, node: &'a Node<'a>) -> Option<RuleTest> {
        let members = loading.object(node.into(), &TEST)?;
        let find = |key: &str| members.iter().find(|member| member.key == key);
        let name = find("name").and_then(|member| self.name(loading, member));
        let event = find("event").and_then(|member| {
            loading.within(Step::Key("event"), |loading| self.event(loading, member))
        });
        let given = find("given").map(|member| {
            loading.within(Step::Key("given"), |loading| self.given(loading, member))
        });
        let expect = find("expect").map(|member| {
            loading.within(Step::Key("expect"), |loading| {
                expectation(loading, member.into())
            })
        });
        let (name, (event, http)) = name.zip(event)?;
        Some(RuleTest {
            name: name.to_owned(),
            line: self.lines.place(node.span.start).0,
            event,
            http,
            given: given.unwrap_or_default(),
            expect,
            place: place(loading.source, node, find("expect")),
        })
    }

    fn name(&mut self, loading: &mut Loading<'a>, member: &'a Member<'a>) -> Option<&'a str> {
        loading.within(Step::Key("name"), |loading| {
            let Some(name) = member.value.text() else {
                loading.wrong_kind(member.into(), "a text");
                return None;
            };
            let span = &member.value.span;
            if name.trim().is_empty() || name.chars().any(char::is_control) {
                loading.report(Problem::error(
                    CODE,
                    span.clone(),
                    "a test's name is a text on one line",
                ));
            }
            if let Some(first) = self.names.insert(name, span.clone()) {
                let message = format!("two tests are called `{name}`");
                let problem = Problem::error(CODE, span.clone(), message)
                    .label("again here")
                    .also(first, "first here");
                loading.report(problem);
            }
            Some(name)
        })
    }

    /// The event of a file, or the one that stands here, and whether it comes over HTTP.
    fn event(&self, loading: &mut Loading<'a>, member: &'a Member<'a>) -> Option<(Event, bool)> {
        let bytes = match (member.value.text(), member.value.members()) {
            (Some(path), _) => (self.read)(path),
            (None, Some(_)) => Ok(member.value.to_value().to_string().into_bytes()),
            (None, None) => {
                loading.wrong_kind(member.into(), "the path of a file, or an event,");
                return None;
            }
        };
        match bytes.and_then(|bytes| event(&bytes)) {
            Ok(event) => Some(event),
            Err(reason) => {
                let place = member.value.focus(Some(member.key_span.clone()));
                loading.report(Problem::error(CODE, place, reason).label("no event"));
                None
            }
        }
    }

    fn given(&self, loading: &mut Loading<'a>, member: &'a Member<'a>) -> Given {
        if let Some(path) = member.value.text() {
            let world = (self.read)(path)
                .and_then(|bytes| World::from_json(&bytes).map_err(|error| error.to_string()));
            return match world {
                Ok(world) => Given::World(Box::new(world)),
                Err(reason) => {
                    let problem = Problem::error(CODE, member.value.span.clone(), reason);
                    loading.report(problem.label("no world file"));
                    Given::default()
                }
            };
        }
        let Some(targets) = member.value.members() else {
            loading.wrong_kind(
                member.into(),
                "the path of a world file, or an object of targets,",
            );
            return Given::default();
        };
        Given::Targets(
            targets
                .iter()
                .filter_map(|member| given_target(loading, member))
                .collect(),
        )
    }
}

fn given_target<'a>(
    loading: &mut Loading<'a>,
    member: &'a Member<'a>,
) -> Option<(Target, Option<Json>)> {
    let found = match target(&member.key) {
        Ok(found) => found,
        Err(reason) => {
            let problem = Problem::error(CODE, member.key_span.clone(), reason);
            loading.report_below(&[Step::Key(&member.key)], problem.label("no target"));
            return None;
        }
    };
    if member.value.text() == Some("missing") {
        return Some((found, None));
    }
    if member.value.members().is_none() {
        loading.within(Step::Key(&member.key), |loading| {
            loading.wrong_kind(member.into(), "an object of members, or `missing`,");
        });
        return None;
    }
    let value = member.value.to_value();
    let members = value.as_object().cloned().unwrap_or_default();
    for violation in impossible(found.operation(), &members) {
        let steps = steps(&violation.path);
        let key = match violation.code {
            "unknown-member" => key_place(&member.value, &steps),
            _ => None,
        };
        let place =
            key.unwrap_or_else(|| member.value.place(steps.iter().copied(), &member.key_span));
        let message = format!("AWS would not describe it so: found {}", violation.found);
        let help = violation.help.map(|help| format!("did you mean `{help}`?"));
        let problem = Problem::error(violation.code, place, message)
            .note(format!("allowed: {}", violation.allowed))
            .maybe_help(help);
        let below: Vec<Step<'_>> = std::iter::once(Step::Key(&member.key))
            .chain(steps)
            .collect();
        loading.report_below(&below, problem);
    }
    Some((found, Some(value)))
}

fn event(bytes: &[u8]) -> Result<(Event, bool), String> {
    // An event without a time of its own gets the same one every day.
    let context = Context {
        request_id: "rule-test",
        now: OffsetDateTime::UNIX_EPOCH,
    };
    let delivery = ingress::read(bytes, &context).map_err(|problem| problem.to_string())?;
    let http = match &delivery.origin {
        Origin::Http(http) => match &http.ask {
            HttpAsk::Problem { problem, .. } => return Err(problem.to_string()),
            HttpAsk::Events | HttpAsk::OpenApi => true,
        },
        Origin::EventBridge | Origin::Sqs { .. } | Origin::Sns | Origin::Pipes | Origin::Direct => {
            false
        }
    };
    let mut items = delivery.items.into_iter();
    match (items.next(), items.len()) {
        (Some(item), 0) => match item.event {
            Ok(event) => Ok((event, http)),
            Err(problem) => Err(problem.to_string()),
        },
        (None, _) => Err("there is no event in it".to_owned()),
        (Some(_), more) => Err(format!("a test is about one event; there are {}", more + 1)),
    }
}

/// Where the expectation of a test stands, or can be put.
fn place(source: &str, node: &Node<'_>, expect: Option<&Member<'_>>) -> Place {
    let flow = source
        .get(node.span.clone())
        .is_some_and(|text| text.starts_with('{'));
    let before = source.get(..node.span.start).unwrap_or_default();
    let indent = before.len() - before.rfind('\n').map_or(0, |line| line + 1);
    // Spans of texts in blocks reach to the next line.
    let end = |end: usize| source.get(..end).unwrap_or_default().trim_end().len();
    let span = match expect {
        Some(member) => member.key_span.start..end(member.value.span.end),
        None if flow => {
            let inside = source
                .get(..node.span.end.saturating_sub(1))
                .unwrap_or_default();
            let at = inside.trim_end().trim_end_matches(',').trim_end().len();
            at..at
        }
        None => {
            let last = end(node.span.end);
            let rest = source.get(last..).unwrap_or_default();
            let at = last + rest.find('\n').unwrap_or(rest.len());
            at..at
        }
    };
    Place { span, indent, flow }
}
