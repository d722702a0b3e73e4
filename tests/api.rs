//! The API models' constraints: each is found when it is broken, and nothing else is.

#[path = "support/breaking.rs"]
mod breaking;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use usher::api::{
    CODES, CheckOptions, Kind, Operation, Segment, Shape, UNKNOWN_VALUES_BY_DEFAULT, Violation,
    check, check_shape, couplings, display_path, is_role, roles_in,
};

const STRICT: CheckOptions<'static> = CheckOptions {
    computed: &|_| false,
    allow_unknown_values: &[],
    partial: false,
};

const COMPUTED: CheckOptions<'static> = CheckOptions {
    computed: &|text| text.starts_with("{%"),
    ..STRICT
};

fn printed(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(|violation| format!("{violation}\n"))
        .collect()
}

#[test]
fn every_constraint_at_every_path_is_found_when_it_is_broken() {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut constraints = BTreeSet::new();
    for operation in Operation::ALL {
        for broken in breaking::breaks(operation) {
            let found = check(operation, &broken.arguments, &STRICT);
            let exact = found
                .iter()
                .any(|violation| violation.path == broken.path && violation.code == broken.code);
            let path = display_path(&broken.path);
            assert!(
                exact,
                "{operation} {path} {} {}: {}",
                broken.code,
                broken.what,
                printed(&found)
            );
            *counts.entry((operation.name(), broken.code)).or_default() += 1;
            constraints.insert((operation, broken.code, broken.path));
        }
    }
    let total: usize = counts.values().sum();
    println!(
        "{} constraints broken in {total} ways, all found:",
        constraints.len()
    );
    for ((operation, code), count) in &counts {
        println!("  {operation:28} {code:16} {count}");
    }
    // Every kind of constraint occurs, apart from what needs two members.
    for (code, _) in CODES.iter().filter(|(code, _)| *code != "coupling") {
        assert!(
            counts.keys().any(|(_, counted)| counted == code),
            "{code} was never tried"
        );
    }
    assert!(
        constraints.len() > 1000,
        "only {} constraints",
        constraints.len()
    );
}

#[test]
fn one_broken_constraint_is_one_violation() {
    for operation in Operation::ALL {
        for broken in breaking::breaks(operation) {
            // A list repeated beyond its limit repeats what is in it, and so does a union with every member.
            let found = check(operation, &broken.arguments, &STRICT);
            let path = display_path(&broken.path);
            let count = match broken.what.as_str() {
                // A required member under a wrong name is also missing under its own.
                "the name in capitals" => 1,
                _ => found.len(),
            };
            assert_eq!(
                count,
                1,
                "{operation} {path} {}: {}",
                broken.what,
                printed(&found)
            );
        }
    }
}

#[test]
fn a_call_with_every_member_breaks_nothing() {
    for operation in Operation::ALL {
        let arguments = breaking::maximal(operation);
        assert_eq!(printed(&check(operation, &arguments, &STRICT)), "");
        assert_eq!(printed(&couplings(operation, &arguments, None)), "");
    }
}

#[test]
fn the_longest_and_the_shortest_that_are_allowed_break_nothing() {
    let input = Shape::input_of("sagemaker:UpdateUserProfile").unwrap();
    let name = input.member("UserProfileName").unwrap().shape;
    assert_eq!(check_shape(name, &json!("a".repeat(63)), &STRICT), []);
    assert_eq!(check_shape(name, &json!("a"), &STRICT), []);
    // Characters count, not bytes.
    let session = Operation::DataZoneUpdateUserProfile
        .input()
        .member("sessionName")
        .unwrap()
        .shape;
    assert_eq!(check_shape(session, &json!("é".repeat(64)), &STRICT), []);
    assert_eq!(
        check_shape(session, &json!("é"), &STRICT)[0].code,
        "too-short"
    );
    let uid = Operation::SageMakerUpdateUserProfile
        .shape_at(&path("UserSettings.CustomPosixUserConfig.Uid"))
        .unwrap();
    assert_eq!(check_shape(uid, &json!(10000.0), &STRICT), []);
    assert_eq!(check_shape(uid, &json!(4000000), &STRICT), []);
}

#[test]
fn creates_and_deletes_have_their_inputs_too() {
    let input = Shape::input_of("finspace:CreateKxUser").unwrap();
    let with = |tags: Value| {
        let role = "arn:aws:iam::111122223333:role/kdb-rates";
        json!({"environmentId": "kx1", "userName": "jane", "iamRole": role, "tags": tags})
    };
    assert_eq!(
        check_shape(input, &with(json!({"team": "rates"})), &STRICT),
        []
    );
    let found = check_shape(
        input,
        &with(json!({"aws:team": "rates", "x": "é"})),
        &STRICT,
    );
    insta::assert_snapshot!(printed(&found));
    for operation in [
        "sagemaker:CreateUserProfile",
        "sagemaker:DeleteUserProfile",
        "datazone:CreateUserProfile",
        "finspace:DeleteKxUser",
    ] {
        assert!(!Shape::input_of(operation).unwrap().members().is_empty());
    }
}

#[test]
fn an_expression_breaks_no_constraint_but_names_around_it_are_checked() {
    let arguments = json!({
        "DomainId": "{% $studio %}",
        "UserProfileName": "{% detail.name %}",
        "UserSettings": {"CanvasAppSettings": "{% x %}", "SecurityGroups": ["{% y %}"], "Nope": "{% z %}"},
    });
    let found = check(Operation::SageMakerUpdateUserProfile, &arguments, &COMPUTED);
    assert_eq!(found.len(), 1);
    assert_eq!(display_path(&found[0].path), "UserSettings.Nope");
}

#[test]
fn in_a_part_only_identity_and_members_of_list_elements_can_be_missing() {
    let partial = CheckOptions {
        partial: true,
        ..STRICT
    };
    let part = json!({
        "DomainId": "d-abc123",
        "UserSettings": {
            "CustomPosixUserConfig": {"Uid": 10001},
            "JupyterLabAppSettings": {"CustomImages": [{"ImageName": "r"}]},
        },
    });
    let found = check(Operation::SageMakerUpdateUserProfile, &part, &partial);
    let paths: Vec<String> = found
        .iter()
        .map(|violation| display_path(&violation.path))
        .collect();
    let image = "UserSettings.JupyterLabAppSettings.CustomImages[0].AppImageConfigName";
    assert_eq!(paths, [image, "UserProfileName"]);
    assert!(
        found
            .iter()
            .all(|violation| violation.code == "missing-member")
    );
}

#[test]
fn an_unknown_value_passes_where_it_is_allowed_unless_it_looks_mistyped() {
    let allowed: Vec<String> = UNKNOWN_VALUES_BY_DEFAULT
        .iter()
        .map(ToString::to_string)
        .collect();
    let options = CheckOptions {
        allow_unknown_values: &allowed,
        ..STRICT
    };
    let check_type = |instance: &str| {
        let spec = json!({"DefaultResourceSpec": {"InstanceType": instance}});
        let settings = json!({"JupyterLabAppSettings": spec, "StudioWebPortalSettings": {"HiddenInstanceTypes": [instance]}});
        let arguments =
            json!({"DomainId": "d-abc123", "UserProfileName": "jane", "UserSettings": settings});
        check(Operation::SageMakerUpdateUserProfile, &arguments, &options)
    };
    for new in ["ml.g9.2xlarge", "ml.c9i.56xlarge", "ml.trn9.metal-48xl"] {
        assert_eq!(printed(&check_type(new)), "");
    }
    for mistyped in [
        "ml.t3.medum",
        "ml.t3medium",
        "m1.t3.medium",
        "t3.medium",
        "sytem",
        "ML.T3.MEDIUM",
    ] {
        let found = check_type(mistyped);
        assert_eq!(found.len(), 2, "{mistyped}");
        assert!(
            found
                .iter()
                .all(|violation| violation.code == "enum" && violation.help.is_some()),
            "{mistyped}"
        );
    }
    assert_eq!(
        check_type("ml.t3.medum")[0].help.as_deref(),
        Some("ml.t3.medium")
    );
}

#[test]
fn messages_say_what_was_found_what_is_allowed_and_what_was_probably_meant() {
    let arguments = json!({
        "DomainId": "D-ABC",
        "ExecutionRole": "arn:aws:iam::111122223333:role/x",
        "UserSettings": {
            "CanvasAppSettings": {"KendraSetting": {"Status": "ENABLED"}, "DirectDeploySettings": {"Status": "Enabled"}},
            "execution_role": "x",
            "ExecutionRole": "role/x",
            "SecurityGroups": "sg-1",
            "DefaultLandingUri": null,
            "CustomPosixUserConfig": {"Uid": 1000},
            "SpaceStorageSettings": {"DefaultEbsStorageSettings": {"DefaultEbsVolumeSizeInGb": "5", "MaximumEbsVolumeSizeInGb": 5.5}},
            "CustomFileSystemConfigs": [{}, {"EFSFileSystemConfig": {"FileSystemId": "fs-0123456789abcdef0123456789"}}],
            "JupyterLabAppSettings": {"DefaultResourceSpec": {"InstanceType": "ml.t3.medum"}, "CodeRepositories": {}},
        },
    });
    insta::assert_snapshot!(printed(&check(
        Operation::SageMakerUpdateUserProfile,
        &arguments,
        &STRICT
    )));
}

#[test]
fn what_was_found_is_shortened_and_in_no_debug_output() {
    let arguments = json!({"environmentId": "kx1", "userName": "x".repeat(100_000), "iamRole": 5});
    let found = check(Operation::FinSpaceUpdateKxUser, &arguments, &STRICT);
    assert!(
        found
            .iter()
            .all(|violation| violation.to_string().len() < 300)
    );
    assert!(!format!("{found:?}").contains("xxx"));
}

#[test]
fn a_name_that_leads_elsewhere_in_a_path_is_refused() {
    for (user, violations) in [("..", 1), (".", 1), ("...", 0), ("jane..doe", 0)] {
        let arguments =
            json!({"domainIdentifier": "dzd_1", "userIdentifier": user, "status": "ACTIVATED"});
        let found = check(Operation::DataZoneUpdateUserProfile, &arguments, &STRICT);
        assert_eq!(found.len(), violations, "{user}");
        assert!(
            found
                .iter()
                .all(|violation| display_path(&violation.path) == "userIdentifier")
        );
    }
    let arguments = json!({"DomainId": "..", "UserProfileName": "jane"});
    let found = check(Operation::SageMakerUpdateUserProfile, &arguments, &STRICT);
    assert_eq!(found.len(), 1, "the pattern refuses it already");
}

#[test]
fn the_roles_are_these() {
    let mut paths = String::new();
    for operation in Operation::ALL {
        for (path, role) in roles_in(operation, &breaking::maximal(operation)) {
            assert!(is_role(operation, &path));
            assert!(role.contains(":iam::"));
            paths.push_str(&format!("{operation} {}\n", display_path(&path)));
        }
    }
    insta::assert_snapshot!(paths);
}

#[test]
fn no_string_outside_of_that_list_takes_a_role() {
    // Whatever accepts a role's ARN by pattern is either typed as a role or takes any ARN of IAM (DataZone's user).
    let role = "arn:aws:iam::111122223333:role/studio-quants";
    let mut others = Vec::new();
    for operation in Operation::ALL {
        strings(operation.input(), &mut vec![], &mut |path, shape| {
            if !shape.is_role() && shape.pattern().is_some_and(|pattern| pattern.matches(role)) {
                others.push(format!("{operation} {}", display_path(path)));
            }
        });
    }
    others.dedup();
    insta::assert_snapshot!(others.join("\n"));
}

fn strings(shape: Shape, path: &mut Vec<Segment>, each: &mut dyn FnMut(&[Segment], Shape)) {
    match shape.kind() {
        Kind::Structure { .. } => {
            for member in shape.members() {
                path.push(member.name.into());
                strings(member.shape, path, each);
                path.pop();
            }
        }
        Kind::List { item, .. } => {
            path.push(0.into());
            strings(item, path, each);
            path.pop();
        }
        Kind::Map { .. } | Kind::Integer { .. } => {}
        Kind::String { .. } => each(path, shape),
    }
}

#[test]
fn a_calls_name_is_exact_and_a_near_one_is_named() {
    for operation in Operation::ALL {
        assert_eq!(Operation::from_name(operation.name()), Ok(operation));
        assert_eq!(
            operation
                .input()
                .member(operation.identity()[0])
                .map(|member| member.required),
            Some(true)
        );
        assert!(
            operation
                .settings()
                .iter()
                .all(|name| operation.input().member(name).is_some())
        );
    }
    let nearest = |name: &str| Operation::from_name(name).unwrap_err().nearest;
    assert_eq!(
        nearest("SageMaker:UpdateUserProfile"),
        Some(Operation::SageMakerUpdateUserProfile)
    );
    assert_eq!(
        nearest("updatekxuser"),
        Some(Operation::FinSpaceUpdateKxUser)
    );
    assert_eq!(
        nearest("sagemaker:UpdateDomian"),
        Some(Operation::SageMakerUpdateDomain)
    );
    assert_eq!(nearest("iam:CreateUser"), None);
}

#[test]
fn members_are_in_the_api_references_order() {
    let operation = Operation::SageMakerUpdateUserProfile;
    let order = |member| operation.member_order(&["UserSettings".into()], member);
    assert!(order("ExecutionRole") < order("SecurityGroups"));
    assert!(order("AutoMountHomeEFS") < order("NoSuchMember"));
    assert_eq!(operation.member_order(&[7.into()], "x"), 0);
}

fn path(text: &str) -> Vec<Segment> {
    text.split('.').map(Segment::from).collect()
}

mod members_together {
    use super::*;

    const A: &str = "arn:aws:sagemaker:eu-west-1:111122223333:studio-lifecycle-config/a";
    const B: &str = "arn:aws:sagemaker:eu-west-1:111122223333:studio-lifecycle-config/b";

    fn profile(settings: Value, observed: Option<Value>) -> Vec<String> {
        let observed =
            observed.map(|settings| json!({"Status": "InService", "UserSettings": settings}));
        let found = couplings(
            Operation::SageMakerUpdateUserProfile,
            &json!({"UserSettings": settings}),
            observed.as_ref(),
        );
        assert!(found.iter().all(|violation| violation.code == "coupling"));
        found
            .iter()
            .map(|violation| display_path(&violation.path))
            .collect()
    }

    fn domain(arguments: &Value, observed: Option<Value>) -> Vec<String> {
        let found = couplings(
            Operation::SageMakerUpdateDomain,
            arguments,
            observed.as_ref(),
        );
        found
            .iter()
            .map(|violation| display_path(&violation.path))
            .collect()
    }

    #[test]
    fn a_default_lifecycle_configuration_is_in_the_list() {
        for app in [
            "JupyterServerAppSettings",
            "KernelGatewayAppSettings",
            "CodeEditorAppSettings",
            "JupyterLabAppSettings",
        ] {
            let path = format!("UserSettings.{app}.DefaultResourceSpec.LifecycleConfigArn");
            let with = |default: &str, list: Value| json!({app: {"DefaultResourceSpec": {"LifecycleConfigArn": default}, "LifecycleConfigArns": list}});
            assert_eq!(profile(with(A, json!([A, B])), None), [""; 0]);
            assert_eq!(profile(with("None", json!([])), None), [""; 0]);
            assert_eq!(profile(with(A, json!([B])), None), [path.as_str()]);
            assert_eq!(profile(with(A, json!([])), None), [path.as_str()]);
            assert_eq!(profile(with(A, json!(["{% x %}"])), None), [""; 0]);
            assert_eq!(profile(with("{% x %}", json!([B])), None), [""; 0]);
            // Without a list: an overlay in a file, a mistake in a plan.
            let alone = json!({app: {"DefaultResourceSpec": {"LifecycleConfigArn": A}}});
            assert_eq!(profile(alone.clone(), None), [""; 0]);
            assert_eq!(profile(alone.clone(), Some(json!({}))), [path.as_str()]);
            // What AWS has already, and emptying the list, stay possible.
            assert_eq!(profile(alone.clone(), Some(alone)), [""; 0]);
            assert_eq!(
                profile(with(A, json!([])), Some(with(A, json!([A])))),
                [""; 0]
            );
        }
    }

    #[test]
    fn jupyter_server_needs_a_default_resource_spec_for_its_list_and_only_has_one_type() {
        let list = |list: Value| json!({"JupyterServerAppSettings": {"LifecycleConfigArns": list}});
        let path = "UserSettings.JupyterServerAppSettings.LifecycleConfigArns";
        assert_eq!(profile(list(json!([A])), Some(json!({}))), [path]);
        assert_eq!(profile(list(json!([])), Some(json!({}))), [""; 0]);
        assert_eq!(profile(list(json!([A])), None), [""; 0]);
        let lab = json!({"JupyterLabAppSettings": {"LifecycleConfigArns": [A]}});
        assert_eq!(profile(lab, Some(json!({}))), [""; 0]);
        let typed = |instance: &str| json!({"JupyterServerAppSettings": {"DefaultResourceSpec": {"InstanceType": instance}}});
        let path = "UserSettings.JupyterServerAppSettings.DefaultResourceSpec.InstanceType";
        assert_eq!(profile(typed("ml.t3.medium"), None), [path]);
        assert_eq!(profile(typed("system"), None), [""; 0]);
    }

    #[test]
    fn landing_in_studio_needs_the_portal() {
        let landing = "UserSettings.DefaultLandingUri";
        let both = |landing: &str, portal: &str| json!({"DefaultLandingUri": landing, "StudioWebPortal": portal});
        assert_eq!(profile(both("studio::", "DISABLED"), None), [landing]);
        assert_eq!(profile(both("studio::", "ENABLED"), None), [""; 0]);
        assert_eq!(
            profile(both("app:JupyterServer:", "DISABLED"), None),
            [""; 0]
        );
        let to_studio = json!({"DefaultLandingUri": "studio::"});
        assert_eq!(
            profile(
                to_studio.clone(),
                Some(json!({"StudioWebPortal": "DISABLED"}))
            ),
            [landing]
        );
        assert_eq!(profile(to_studio.clone(), Some(json!({}))), [""; 0]);
        let off = json!({"StudioWebPortal": "DISABLED"});
        assert_eq!(
            profile(off.clone(), Some(to_studio.clone())),
            ["UserSettings.StudioWebPortal"]
        );
        assert_eq!(profile(off.clone(), Some(json!({}))), [""; 0]);
        // A domain has nothing above it that could have turned the portal on.
        let of_domain =
            |settings: Value| domain(&json!({"DefaultUserSettings": settings}), Some(json!({})));
        assert_eq!(
            of_domain(to_studio),
            ["DefaultUserSettings.DefaultLandingUri"]
        );
        assert_eq!(of_domain(off), ["DefaultUserSettings.StudioWebPortal"]);
    }

    #[test]
    fn a_domain_with_rstudio_has_its_security_groups_managed_by_the_service() {
        let role = "arn:aws:iam::111122223333:role/rstudio";
        let now = json!({"DomainSettings": {"RStudioServerProDomainSettings": {"DomainExecutionRoleArn": role}}});
        let asked =
            json!({"RStudioServerProDomainSettingsForUpdate": {"DomainExecutionRoleArn": role}});
        let management = |value: &str| json!({"AppSecurityGroupManagement": value});
        let path = "AppSecurityGroupManagement";
        assert_eq!(domain(&management("Customer"), Some(now.clone())), [path]);
        assert_eq!(domain(&management("Service"), Some(now.clone())), [""; 0]);
        let with_role = json!({"AppSecurityGroupManagement": "Customer", "DomainSettingsForUpdate": asked.clone()});
        assert_eq!(domain(&with_role, None), [path]);
        // Without RStudio it cannot be set at all, unless it is so already and so is not sent.
        assert_eq!(domain(&management("Service"), Some(json!({}))), [path]);
        assert_eq!(
            domain(&management("Service"), Some(management("Service"))),
            [""; 0]
        );
        assert_eq!(domain(&management("Service"), None), [""; 0]);
        // VpcOnly and a new role require it.
        let only_role = json!({"DomainSettingsForUpdate": asked});
        assert_eq!(
            domain(&only_role, Some(json!({"AppNetworkAccessType": "VpcOnly"}))),
            [path]
        );
        assert_eq!(
            domain(
                &only_role,
                Some(json!({"AppNetworkAccessType": "PublicInternetOnly"}))
            ),
            [""; 0]
        );
        let mut set_up = now;
        set_up["AppNetworkAccessType"] = json!("VpcOnly");
        assert_eq!(domain(&only_role, Some(set_up)), [""; 0]);
    }

    #[test]
    fn a_domains_network_changes_only_with_vpc_and_subnets_and_without_rstudio() {
        let only = json!({"AppNetworkAccessType": "VpcOnly"});
        let path = "AppNetworkAccessType";
        assert_eq!(
            domain(
                &only,
                Some(json!({"AppNetworkAccessType": "PublicInternetOnly"}))
            ),
            [path]
        );
        assert_eq!(
            domain(
                &only,
                Some(json!({"VpcId": "vpc-1", "SubnetIds": ["subnet-1"]}))
            ),
            [""; 0]
        );
        assert_eq!(domain(&only, Some(only.clone())), [""; 0]);
        assert_eq!(domain(&only, None), [""; 0]);
        let rstudio = json!({
            "VpcId": "vpc-1", "SubnetIds": ["subnet-1"],
            "DomainSettings": {"RStudioServerProDomainSettings": {"DomainExecutionRoleArn": "arn"}},
        });
        assert_eq!(domain(&only, Some(rstudio)), [path]);
    }

    #[test]
    fn a_domains_home_file_system_stays_and_mounting_as_the_domain_is_for_profiles() {
        let efs = |value: &str| json!({"HomeEfsFileSystemCreation": value});
        assert_eq!(
            domain(&efs("Disabled"), Some(efs("Enabled"))),
            ["HomeEfsFileSystemCreation"]
        );
        assert_eq!(domain(&efs("Enabled"), Some(efs("Disabled"))), [""; 0]);
        let mount = json!({"AutoMountHomeEFS": "DefaultAsDomain"});
        let of_domain = json!({"DefaultUserSettings": mount.clone()});
        assert_eq!(
            domain(&of_domain, None),
            ["DefaultUserSettings.AutoMountHomeEFS"]
        );
        assert_eq!(profile(mount, None), [""; 0]);
    }

    #[test]
    fn a_datazone_profile_moves_within_its_own_pair_of_statuses() {
        let pairs = [["ACTIVATED", "DEACTIVATED"], ["ASSIGNED", "NOT_ASSIGNED"]];
        let status = |value: &str| json!({"status": value});
        for (index, pair) in pairs.iter().enumerate() {
            for now in pair {
                for (at, given) in pair.iter().enumerate() {
                    let operation = Operation::DataZoneUpdateUserProfile;
                    assert_eq!(couplings(operation, &status(given), Some(&status(now))), []);
                    assert_eq!(couplings(operation, &status(given), None), []);
                    let other = pairs[1 - index][at];
                    let found = couplings(operation, &status(other), Some(&status(now)));
                    assert_eq!(found[0].help.as_deref(), Some(*given), "{other} for {now}");
                }
            }
        }
    }

    #[test]
    fn messages_of_couplings_say_what_goes_together() {
        let arguments = json!({
            "AppSecurityGroupManagement": "Customer",
            "DefaultUserSettings": {
                "DefaultLandingUri": "studio::", "StudioWebPortal": "DISABLED", "AutoMountHomeEFS": "DefaultAsDomain",
                "JupyterServerAppSettings": {"DefaultResourceSpec": {"InstanceType": "ml.t3.medium", "LifecycleConfigArn": A}, "LifecycleConfigArns": [B]},
            },
            "DomainSettingsForUpdate": {"RStudioServerProDomainSettingsForUpdate": {"DomainExecutionRoleArn": "arn"}},
        });
        let mut text = printed(&couplings(
            Operation::SageMakerUpdateDomain,
            &arguments,
            None,
        ));
        let (given, now) = (
            json!({"status": "DEACTIVATED"}),
            json!({"status": "ASSIGNED"}),
        );
        text += &printed(&couplings(
            Operation::DataZoneUpdateUserProfile,
            &given,
            Some(&now),
        ));
        insta::assert_snapshot!(text);
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    let names: Vec<&str> = [
        "UserSettings",
        "DefaultUserSettings",
        "DomainId",
        "status",
        "JupyterLabAppSettings",
    ]
    .into_iter()
    .chain([
        "DefaultResourceSpec",
        "LifecycleConfigArns",
        "CustomFileSystemConfigs",
        "ExecutionRole",
    ])
    .collect();
    let name = prop_oneof![
        prop::sample::select(names).prop_map(str::to_owned),
        ".{0,10}"
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

static WHOLE: LazyLock<Vec<(Operation, Value)>> = LazyLock::new(|| {
    Operation::ALL
        .map(|operation| (operation, breaking::maximal(operation)))
        .to_vec()
});

proptest! {
    #[test]
    fn no_json_makes_the_check_panic(arguments in any_json(), observed in any_json(), partial: bool) {
        let options = CheckOptions { partial, ..STRICT };
        for operation in Operation::ALL {
            for violation in check(operation, &arguments, &options) {
                prop_assert!(CODES.iter().any(|(code, _)| *code == violation.code));
                prop_assert!(!violation.to_string().is_empty());
            }
            couplings(operation, &arguments, Some(&observed));
            roles_in(operation, &arguments);
        }
    }

    #[test]
    fn a_random_valid_call_with_members_left_out_breaks_nothing(seed: u64) {
        for (operation, whole) in WHOLE.iter() {
            let (operation, mut arguments) = (*operation, whole.clone());
            let mut state = seed | 1;
            thin(operation.input(), &mut arguments, &mut state);
            let found = check(operation, &arguments, &STRICT);
            prop_assert!(found.is_empty(), "{}", printed(&found));
        }
    }
}

/// Leaves out some of the members that are not required.
fn thin(shape: Shape, value: &mut Value, state: &mut u64) {
    match (shape.kind(), value) {
        (Kind::Structure { union, .. }, Value::Object(members)) => {
            for member in shape.members() {
                *state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                if !member.required && !union && *state >> 62 == 0 {
                    members.shift_remove(member.name);
                } else if let Some(value) = members.get_mut(member.name) {
                    thin(member.shape, value, state);
                }
            }
        }
        (Kind::List { item, .. }, Value::Array(items)) => {
            items.iter_mut().for_each(|value| thin(item, value, state))
        }
        _ => {}
    }
}
