//! Selected × observed → what to change, and nothing more. No I/O, no clock: the same inputs give the same plan.
//!
//! Observed and desired are compared member by member; equal means no call. Of the settings structures the unit that is sent
//! is the first-level member: one that differs is sent whole, as observed merged with desired, so that the result is the
//! same whether the service merges or replaces below that level. One that does not differ is not sent.

mod diff;
mod show;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::api::{self, CheckOptions, Kind, Member, Operation, Segment, Shape, Violation};
use crate::call::{DecodeError, Input, Target, canonical};
use crate::report::{Cause, Failure, MemberChange};
use crate::select::refuse;

use diff::difference;
pub use diff::{after, described, merge, merged};
pub use show::{Action, Ended, EndedOne, Plan, Planned};

/// What the rules want of one target, all calls merged.
#[derive(Clone, Copy)]
pub struct Desired<'a> {
    pub target: &'a Target,
    /// All arguments, the identity included.
    pub arguments: &'a Value,
    /// The event that asks last; FinSpace's client token is made of it.
    pub event_id: &'a str,
    /// The members whose enumerations may have values that the model does not know.
    pub allow_unknown_values: &'a [String],
    /// Whether to wait until the service has done what it accepted.
    pub settle: bool,
}

/// One target's part of a plan. There is no `Debug`: it is about a person.
pub struct Change {
    pub target: Target,
    /// What the rules want, for the guards to look at.
    pub desired: Value,
    /// What differs.
    pub members: Vec<MemberChange>,
    /// What to send; nothing when the target is as it should be.
    pub input: Option<Input>,
    pub settle: bool,
}

/// Compares what is wanted with what AWS describes.
///
/// # Errors
/// When the values break a constraint of the API, alone, together, or with what the target has.
pub fn plan(desired: &Desired<'_>, observed: &Value) -> Result<Change, Failure> {
    let options = options(desired.allow_unknown_values);
    refuse(&api::check(
        desired.target.operation(),
        desired.arguments,
        &options,
    ))?;
    planned(desired, observed)
}

/// The same for values that have been checked one by one.
///
/// # Errors
/// As [`plan`].
pub(crate) fn planned(desired: &Desired<'_>, observed: &Value) -> Result<Change, Failure> {
    let operation = desired.target.operation();
    let options = options(desired.allow_unknown_values);
    let arguments = canonical(operation, desired.arguments).map_err(undecodable)?;
    let comparable = diff::comparable(operation, observed);
    let mut difference = difference(operation, &comparable, &arguments);
    refuse(&api::couplings(
        operation,
        &difference.merged,
        Some(observed),
    ))?;
    let members = std::mem::take(&mut difference.members);
    let input = if members.is_empty() {
        refuse(&missing(operation, &difference.merged, &options))?;
        None
    } else {
        let mut sent = difference.sent(operation, &comparable);
        if operation == Operation::FinSpaceUpdateKxUser {
            name_request(&mut sent, desired.event_id);
        }
        let sent = Value::Object(sent);
        refuse(&missing(operation, &sent, &options))?;
        Some(Input::decode(operation, &sent).map_err(undecodable)?)
    };
    Ok(Change {
        target: desired.target.clone(),
        desired: arguments.into_owned(),
        members,
        input,
        settle: desired.settle,
    })
}

/// What another rule or the target may bring is not missed here.
fn options(allow_unknown_values: &[String]) -> CheckOptions<'_> {
    CheckOptions {
        computed: &|_| false,
        allow_unknown_values,
        partial: true,
    }
}

/// Required members that nothing brought. Only these: what the target has already may well be newer than our model.
fn missing(operation: Operation, arguments: &Value, options: &CheckOptions<'_>) -> Vec<Violation> {
    // Hardly ever is one missing, and to tell that takes no look at values.
    if is_whole(operation.input(), arguments) {
        return Vec::new();
    }
    let whole = CheckOptions {
        partial: false,
        ..*options
    };
    let mut found = api::check(operation, arguments, &whole);
    found.retain(|violation| violation.code == "missing-member");
    found
}

/// Whether every structure has the members that it must have. As deep as the model, which is finite.
fn is_whole(shape: Shape, value: &Value) -> bool {
    match (shape.kind(), value) {
        (Kind::Structure { members, .. }, Value::Object(given)) => {
            let known = members.members();
            let due = |member: &Member| !member.required || given.contains_key(member.name);
            let below = |(name, value): (&String, &Value)| {
                let member = known.iter().find(|member| member.name == name);
                member.is_none_or(|member| is_whole(member.shape, value))
            };
            known.iter().all(due) && given.iter().all(below)
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter().all(|value| is_whole(item, value))
        }
        (Kind::Map { value: shape, .. }, Value::Object(entries)) => {
            entries.values().all(|value| is_whole(shape, value))
        }
        _ => true,
    }
}

fn undecodable(error: DecodeError) -> Failure {
    Failure {
        code: "wrong-type".to_owned(),
        message: error.to_string(),
        retryable: false,
        cause: Cause::Values,
    }
}

/// The namespace of Usher's client tokens: a UUID of our own, as RFC 9562 section 6.6 allows.
const TOKENS: Uuid = Uuid::from_u128(0x9f2c_7c1e_5a43_5b0d_8a1c_3d5e_6f70_8192);

/// FinSpace keeps a `clientToken` for ten minutes. This one is the same when an event is delivered again, and another for
/// another event, even one that sets the same role again: A → B → A must end at A. One that the rule gives stays.
fn name_request(sent: &mut Map<String, Value>, event_id: &str) {
    if sent.contains_key("clientToken") {
        return;
    }
    let text = |name: &str| sent.get(name).and_then(Value::as_str).unwrap_or_default();
    let parts = [
        event_id,
        text("environmentId"),
        text("userName"),
        text("iamRole"),
    ];
    // Lengths keep ("ab", "c") and ("a", "bc") apart.
    let name: String = parts
        .iter()
        .map(|part| format!("{}:{part}", part.len()))
        .collect();
    let token = Uuid::new_v5(&TOKENS, name.as_bytes());
    sent.insert("clientToken".to_owned(), token.to_string().into());
}

/// Whether a member names a target or a request rather than a state that can be compared.
fn is_qualifier(operation: Operation, member: &str) -> bool {
    operation.identity().contains(&member)
        || match operation {
            Operation::DataZoneUpdateUserProfile => matches!(member, "type" | "sessionName"),
            Operation::FinSpaceUpdateKxUser => member == "clientToken",
            Operation::SageMakerUpdateUserProfile | Operation::SageMakerUpdateDomain => false,
        }
}

/// A path of keys as people write it.
fn place(path: &[&str]) -> String {
    let plain = |key: &&str| key.len() <= PLAIN && !key.is_empty();
    if path.iter().all(plain) {
        return path.join(".");
    }
    let segments: Vec<Segment> = path.iter().map(|key| Segment::from(*key)).collect();
    api::display_path(&segments)
}

/// No name in a path that is so short, in bytes, is shortened.
const PLAIN: usize = 80;
