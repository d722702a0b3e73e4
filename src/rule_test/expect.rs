//! What a test expects, as its file says it.

use super::{Expectation, Expected};
use crate::document::{Member, Step};
use crate::rules::loading::{Keys, Loading, Value};

const EXPECT: Keys = Keys {
    required: &[],
    optional: &["matches", "changes", "unchanged", "refused", "failed"],
};

const CHANGE: Keys = Keys {
    required: &["to"],
    optional: &["from"],
};

/// Reads `expect`. What is wrong with it is reported, and left out.
pub(super) fn expectation<'a>(loading: &mut Loading<'a>, value: Value<'a>) -> Expectation {
    let mut expectation = Expectation::default();
    let Some(members) = loading.object(value, &EXPECT) else {
        return expectation;
    };
    for member in members {
        loading.within(Step::Key(&member.key), |loading| {
            match member.key.as_ref() {
                "matches" => expectation.matches = matches(loading, member),
                "changes" => expectation.changes = changes(loading, member),
                "unchanged" => {
                    let texts = loading.texts(member.into());
                    expectation.unchanged = texts
                        .into_iter()
                        .map(|(.., text)| text.to_owned())
                        .collect();
                }
                "refused" => expectation.refused = codes(loading, member),
                "failed" => expectation.failed = codes(loading, member),
                // Reported with the keys.
                _ => {}
            }
        });
    }
    expectation
}

fn matches<'a>(loading: &mut Loading<'a>, member: &'a Member<'a>) -> Option<Vec<String>> {
    if member.value.text() == Some("none") {
        return Some(Vec::new());
    }
    if member.value.items().is_none() {
        loading.wrong_kind(member.into(), "`none` or a list of rules");
        return None;
    }
    let texts = loading.texts(member.into());
    Some(
        texts
            .into_iter()
            .map(|(.., text)| text.to_owned())
            .collect(),
    )
}

fn changes<'a>(
    loading: &mut Loading<'a>,
    member: &'a Member<'a>,
) -> Vec<(String, Vec<(String, Expected)>)> {
    let Some(targets) = member.value.members() else {
        loading.wrong_kind(member.into(), "an object of targets");
        return Vec::new();
    };
    let mut changes = Vec::new();
    for target in targets {
        loading.within(Step::Key(&target.key), |loading| {
            match target.value.members() {
                None => loading.wrong_kind(target.into(), "an object of members' paths"),
                Some(members) => {
                    let members = members.iter().filter_map(|member| {
                        let path = member.key.clone().into_owned();
                        Some((
                            path,
                            loading.within(Step::Key(&member.key), |loading| {
                                expected(loading, member)
                            })?,
                        ))
                    });
                    changes.push((target.key.clone().into_owned(), members.collect()));
                }
            }
        });
    }
    changes
}

/// A value is never an object: the members of one differ each by itself. So an object says from what to what.
fn expected<'a>(loading: &mut Loading<'a>, member: &'a Member<'a>) -> Option<Expected> {
    if member.value.members().is_none() {
        let to = member.value.to_value();
        return Some(Expected { from: None, to });
    }
    let members = loading.object(member.into(), &CHANGE)?;
    let find = |key: &str| members.iter().find(|member| member.key == key);
    Some(Expected {
        from: find("from").map(|from| from.value.to_value()),
        to: find("to")?.value.to_value(),
    })
}

fn codes<'a>(loading: &mut Loading<'a>, member: &'a Member<'a>) -> Vec<(String, String)> {
    let Some(targets) = member.value.members() else {
        loading.wrong_kind(member.into(), "an object of targets");
        return Vec::new();
    };
    let mut codes = Vec::new();
    for target in targets {
        match target.value.text() {
            Some(code) => codes.push((target.key.clone().into_owned(), code.to_owned())),
            None => loading.within(Step::Key(&target.key), |loading| {
                loading.wrong_kind(target.into(), "a text");
            }),
        }
    }
    codes
}
