//! Two states of one target, member by member.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{is_qualifier, place};
use crate::api::Operation;
use crate::report::MemberChange;

/// What an update has to say.
pub(super) struct Difference<'a> {
    /// Everything that is wanted, settings merged with the observed ones.
    pub merged: Value,
    /// What of each of its members is to be sent, in their order.
    sends: Vec<Sends<'a>>,
    /// Each leaf that differs.
    pub members: Vec<MemberChange>,
}

enum Sends<'a> {
    Nothing,
    All,
    /// Of a settings structure, these members.
    Parts(Vec<&'a str>),
}

impl Difference<'_> {
    /// The arguments to send: identity, what differs, and what must go with it.
    pub fn sent(self, operation: Operation, observed: &Value) -> Map<String, Value> {
        let Value::Object(merged) = self.merged else {
            return Map::new();
        };
        let (mut sent, mut others) = (Map::with_capacity(merged.len()), Map::new());
        for ((name, value), sends) in merged.into_iter().zip(&self.sends) {
            match sends {
                Sends::Nothing => others.insert(name, value),
                Sends::All => sent.insert(name, value),
                Sends::Parts(parts) => sent.insert(name, only(value, parts)),
            };
        }
        if operation == Operation::SageMakerUpdateDomain {
            companions(observed, &others, &mut sent);
        }
        sent
    }
}

fn only(mut value: Value, parts: &[&str]) -> Value {
    let part = |part: &&str| Some(((*part).to_owned(), value.get_mut(part)?.take()));
    parts.iter().filter_map(part).collect()
}

/// The observed target under the names that the update uses.
pub(super) fn comparable(operation: Operation, observed: &Value) -> Cow<'_, Value> {
    let renamed = match operation {
        Operation::SageMakerUpdateDomain => observed.get("DomainSettings"),
        Operation::SageMakerUpdateUserProfile
        | Operation::DataZoneUpdateUserProfile
        | Operation::FinSpaceUpdateKxUser => None,
    };
    if renamed.is_none() {
        return Cow::Borrowed(observed);
    }
    let mut members = observed.as_object().cloned().unwrap_or_default();
    // DescribeDomain says `DomainSettings`, UpdateDomain takes `DomainSettingsForUpdate`: alike, but one member in
    // it has another name too (API reference).
    if let Some(Value::Object(mut settings)) = members.remove("DomainSettings") {
        if let Some(rstudio) = settings.remove("RStudioServerProDomainSettings") {
            settings.insert(
                "RStudioServerProDomainSettingsForUpdate".to_owned(),
                rstudio,
            );
        }
        members.insert("DomainSettingsForUpdate".to_owned(), settings.into());
    }
    Cow::Owned(Value::Object(members))
}

/// The target as it would be described once these arguments have been applied to what is `observed`.
pub fn described(operation: Operation, observed: &Value, arguments: &Value) -> Value {
    let mut members = arguments.as_object().cloned().unwrap_or_default();
    members.retain(|name, _| !is_qualifier(operation, name));
    if operation == Operation::SageMakerUpdateDomain
        && let Some(Value::Object(mut settings)) = members.remove("DomainSettingsForUpdate")
    {
        if let Some(rstudio) = settings.remove("RStudioServerProDomainSettingsForUpdate") {
            settings.insert("RStudioServerProDomainSettings".to_owned(), rstudio);
        }
        members.insert("DomainSettings".to_owned(), settings.into());
    }
    merge(Some(observed), &Value::Object(members))
}

/// Compares the arguments with the observed target.
pub(super) fn difference<'a>(
    operation: Operation,
    observed: &Value,
    arguments: &'a Value,
) -> Difference<'a> {
    let mut sends = Vec::new();
    let mut members = Vec::new();
    let mut merged = Map::new();
    for (name, wanted) in arguments.as_object().into_iter().flatten() {
        if is_qualifier(operation, name) {
            sends.push(Sends::All);
            merged.insert(name.clone(), wanted.clone());
            continue;
        }
        let now = observed.get(name);
        let then = merge(now, wanted);
        sends.push(if operation.settings().contains(&name.as_str()) {
            settings(name, now, &then, wanted, &mut members)
        } else if same(now, Some(&then)) {
            Sends::Nothing
        } else {
            differences(&mut vec![name], now, Some(&then), &mut members);
            Sends::All
        });
        merged.insert(name.clone(), then);
    }
    Difference {
        merged: Value::Object(merged),
        sends,
        members,
    }
}

/// The first-level members that differ, each whole.
fn settings<'a>(
    name: &str,
    now: Option<&Value>,
    then: &Value,
    wanted: &'a Value,
    members: &mut Vec<MemberChange>,
) -> Sends<'a> {
    let mut parts = Vec::new();
    for (part, _) in wanted.as_object().into_iter().flatten() {
        let (now, then) = (now.and_then(|now| now.get(part)), then.get(part));
        if then.is_some() && !same(now, then) {
            differences(&mut vec![name, part], now, then, members);
            parts.push(part.as_str());
        }
    }
    match parts.is_empty() {
        true => Sends::Nothing,
        false => Sends::Parts(parts),
    }
}

/// Members that `UpdateDomain` wants beside others though they do not change. Everything else that is unchanged must
/// not be sent: the service refuses some of it (terraform-provider-aws#39923).
fn companions(observed: &Value, others: &Map<String, Value>, sent: &mut Map<String, Value>) {
    let access = |members: Option<&Value>| members.and_then(Value::as_str) == Some("VpcOnly");
    let mut along: Vec<&str> = Vec::new();
    // "VpcId and Subnet IDs are required for updating domains to VpcOnly mode" (terraform-provider-aws#45528).
    if access(sent.get("AppNetworkAccessType")) {
        along.extend(["VpcId", "SubnetIds"]);
    }
    // Required when the domain is VpcOnly and RStudio's domain execution role is given (API reference, UpdateDomain).
    let name = "AppNetworkAccessType";
    let wanted = sent.get(name).or(others.get(name));
    let vpc_only = access(wanted.or(observed.get(name)));
    let rstudio = sent
        .get("DomainSettingsForUpdate")
        .and_then(|settings| settings.get("RStudioServerProDomainSettingsForUpdate"));
    if vpc_only && rstudio.is_some() {
        along.push("AppSecurityGroupManagement");
    }
    for name in along {
        let value = others.get(name).or(observed.get(name));
        if let (false, Some(value)) = (sent.contains_key(name), value) {
            sent.insert(name.to_owned(), value.clone());
        }
    }
}

/// `wanted` over `now`: objects member by member, anything else as wanted. As deep as `wanted`, which is bounded.
pub fn merge(now: Option<&Value>, wanted: &Value) -> Value {
    match (now, wanted) {
        (Some(Value::Object(now)), Value::Object(wanted)) => {
            let mut merged = Map::with_capacity(now.len().max(wanted.len()));
            for (name, value) in now {
                let value = match wanted.get(name) {
                    Some(wanted) => merge(Some(value), wanted),
                    None => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            for (name, value) in wanted {
                if !now.contains_key(name) {
                    merged.insert(name.clone(), value.clone());
                }
            }
            Value::Object(merged)
        }
        (_, wanted) => wanted.clone(),
    }
}

/// The same, where both can be taken apart.
pub fn merged(now: Value, wanted: Value) -> Value {
    match (now, wanted) {
        (Value::Object(mut now), Value::Object(wanted)) => {
            for (name, value) in wanted {
                let value = match now.get_mut(&name) {
                    Some(now) => merged(std::mem::take(now), value),
                    None => value,
                };
                now.insert(name, value);
            }
            Value::Object(now)
        }
        (_, wanted) => wanted,
    }
}

/// What two events want of one target, the later one after the earlier. A request's own name is the later's alone: it stood
/// for what the earlier one asked.
pub fn after(operation: Operation, earlier: &Value, later: &Value) -> Value {
    let mut both = merge(Some(earlier), later);
    if operation == Operation::FinSpaceUpdateKxUser
        && later.get("clientToken").is_none()
        && let Some(members) = both.as_object_mut()
    {
        members.remove("clientToken");
    }
    both
}

/// Whether two states are the same to AWS: what is empty is absent, and lists of plain values are sets, which the
/// service may return in any order (terraform-provider-aws keeps security groups, subnets, lifecycle configurations
/// and hidden types as sets; internal/service/sagemaker/domain.go).
fn same(left: Option<&Value>, right: Option<&Value>) -> bool {
    let left = left.filter(|value| !is_empty(value));
    let right = right.filter(|value| !is_empty(value));
    match (left, right) {
        (None, None) => true,
        (None, Some(_)) | (Some(_), None) => false,
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let names = left.keys().chain(right.keys());
            names
                .into_iter()
                .all(|name| same(left.get(name), right.get(name)))
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => same_items(left, right),
        (Some(Value::Number(left)), Some(Value::Number(right))) => left.as_f64() == right.as_f64(),
        (Some(left), Some(right)) => left == right,
    }
}

fn same_items(left: &[Value], right: &[Value]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // What stands in the same order is the same set too.
    let pairwise = || {
        let mut pairs = left.iter().zip(right);
        pairs.all(|(left, right)| same(Some(left), Some(right)))
    };
    let texts = |items: &[Value]| items.iter().all(Value::is_string);
    if !texts(left) || !texts(right) {
        return pairwise();
    }
    pairwise() || sorted(left) == sorted(right)
}

fn sorted(items: &[Value]) -> Vec<Option<&str>> {
    let mut texts: Vec<_> = items.iter().map(Value::as_str).collect();
    texts.sort_unstable();
    texts
}

/// Absent, `null`, `[]`, `{}`, or an object of nothing but those.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn differences<'a>(
    path: &mut Vec<&'a str>,
    now: Option<&'a Value>,
    then: Option<&'a Value>,
    members: &mut Vec<MemberChange>,
) {
    if same(now, then) {
        return;
    }
    if let Some(Value::Object(then)) = then {
        let now = now.and_then(Value::as_object);
        for (name, value) in then {
            path.push(name);
            differences(
                path,
                now.and_then(|now| now.get(name)),
                Some(value),
                members,
            );
            path.pop();
        }
        return;
    }
    members.push(MemberChange {
        path: place(path),
        from: now.cloned(),
        to: then.cloned(),
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(null)), Just(json!(1)), Just(json!("a"))];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::vec(("[a-d]", inner), 0..4)
                    .prop_map(|members| { Value::Object(members.into_iter().collect()) }),
            ]
        })
    }

    proptest! {
        #[test]
        fn merging_what_can_be_taken_apart_gives_the_same_in_the_same_order(
            now in any_value(), wanted in any_value(),
        ) {
            let copied = merge(Some(&now), &wanted).to_string();
            prop_assert_eq!(merged(now, wanted).to_string(), copied);
        }
    }
}
