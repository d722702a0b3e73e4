//! What holds for any rules over any members.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use usher::api::Operation;
use usher::emulator::World;
use usher::report::Outcome;

use crate::support::{DOMAIN, Desk, sample_with, taken};
use crate::values::{Random, some};

fn settings(seed: u64) -> Value {
    let input = Operation::SageMakerUpdateUserProfile.input();
    let shape = input.member("UserSettings").expect("a member").shape;
    some(shape, &mut Random(seed))
}

/// One rule for each of these settings, in this order.
fn rules(settings: &[&Value]) -> String {
    let rule = |(number, settings): (usize, &&Value)| {
        json!({
            "name": format!("rule-{number}"),
            "when": {"source": ["acme.hr"]},
            "do": [{"call": "sagemaker:UpdateUserProfile", "with": {
                "DomainId": DOMAIN,
                "UserProfileName": "jane-doe",
                "UserSettings": settings,
            }}],
        })
    };
    let rules: Vec<Value> = settings.iter().enumerate().map(rule).collect();
    json!({"version": 1, "rules": rules}).to_string()
}

fn world(now: &Value, below: &str, cleared: &str) -> World {
    sample_with(|world| {
        world["sagemaker"]["below"] = below.into();
        world["sagemaker"]["cleared"] = cleared.into();
        let profile = &mut world["sagemaker"]["domains"][DOMAIN]["userProfiles"]["jane-doe"];
        profile["describe"]["UserSettings"] = now.clone();
    })
}

/// What the rules make of the profile, and that a second look finds nothing more to do.
async fn applied(
    settings: &[&Value],
    now: &Value,
    below: &str,
    cleared: &str,
) -> Result<Value, TestCaseError> {
    let desk = Desk::new(&rules(settings), world(now, below, cleared)).await;
    let event = taken(json!({"id": "1", "source": "acme.hr", "detail-type": "x", "detail": {}}));
    let (_, change) = desk.change(event.clone()).await;
    let why = change.error.map(|error| error.message).unwrap_or_default();
    prop_assert!(
        matches!(change.outcome, Outcome::Updated | Outcome::Unchanged),
        "{}",
        why
    );
    prop_assert_eq!(
        desk.writes().len(),
        usize::from(change.outcome == Outcome::Updated)
    );
    let plan = desk.plan(&[event]).await;
    let left: Vec<_> = plan[0]
        .changes
        .iter()
        .flat_map(|change| &change.members)
        .collect();
    prop_assert!(left.is_empty(), "still to do: {:?}", left);
    Ok(desk.settings_of("jane-doe"))
}

/// A list of strings is a set to AWS, which may give it back in any order.
fn as_set(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Array(items) = &mut value {
        items.sort_by_key(|item| item.as_str().map(str::to_owned));
    }
    value
}

/// Everything but objects, by path.
fn leaves(value: &Value, path: &str, found: &mut Map<String, Value>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                leaves(value, &format!("{path}/{name}"), found);
            }
        }
        value => {
            found.insert(path.to_owned(), as_set(value));
        }
    }
}

fn leaves_of(value: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    leaves(value, "", &mut found);
    // What is cleared may be described as empty or not at all.
    found.retain(|_, value| *value != json!([]) && !value.is_null());
    found
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn after_apply_the_plan_is_empty(
        now: u64,
        base: u64,
        overlay: u64,
        below in prop_oneof![Just("merge"), Just("replace")],
        cleared in prop_oneof![Just("empty"), Just("absent")],
    ) {
        let (base, overlay) = (settings(base), settings(overlay));
        let runtime = Runtime::new().expect("a runtime");
        let after = runtime.block_on(applied(&[&base, &overlay], &settings(now), below, cleared))?;
        // Whatever the later rule sets is there.
        let after = leaves_of(&after);
        for (path, value) in leaves_of(&overlay) {
            prop_assert_eq!(after.get(&path), Some(&value), "{}", path);
        }
    }

    #[test]
    fn the_order_of_the_rules_matters_only_where_they_set_the_same_member(
        now: u64,
        one: u64,
        other: u64,
        below in prop_oneof![Just("merge"), Just("replace")],
    ) {
        let (one, other, now) = (settings(one), settings(other), settings(now));
        let runtime = Runtime::new().expect("a runtime");
        let (there, back) = runtime.block_on(async {
            let there = applied(&[&one, &other], &now, below, "absent").await?;
            let back = applied(&[&other, &one], &now, below, "absent").await?;
            Ok::<_, TestCaseError>((leaves_of(&there), leaves_of(&back)))
        })?;
        let (mut one_sets, mut other_sets) = (Map::new(), Map::new());
        leaves(&one, "", &mut one_sets);
        leaves(&other, "", &mut other_sets);
        let paths: std::collections::BTreeSet<_> = there.keys().chain(back.keys()).collect();
        for path in paths {
            if there.get(path) != back.get(path) {
                let both = one_sets.contains_key(path) && other_sets.contains_key(path);
                prop_assert!(both, "{} differs, but only one rule sets it", path);
            }
        }
    }
}
