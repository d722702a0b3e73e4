//! The template says what the code needs and what the documentation promises: permissions, times, names of metrics.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;
use usher::api::Operation;
use usher::aws::actions as actions_of;
use usher::aws::dynamodb::ACTION as LEDGER_ACTION;
use usher::ledger::{EXPIRY, KEY};
use usher::telemetry::metrics::{BY_OUTCOME, DIMENSIONS, METRICS, NAMESPACE};

/// Every action that the code can call: the reads and writes of the calls, the role that two of them pass, the ledger.
fn called() -> BTreeSet<String> {
    let operations = Operation::ALL.into_iter();
    let called = operations.flat_map(|operation| actions_of(operation).iter().copied());
    called.chain([LEDGER_ACTION]).map(str::to_owned).collect()
}

/// What Lambda itself does in the function's name.
const RUNTIME: [&str; 10] = [
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

/// The names of the metrics that the function writes.
fn metrics() -> BTreeSet<String> {
    METRICS.map(|(name, _)| name.to_owned()).into()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Short forms of functions lose their tags: `!Ref X` reads as `X`, `!GetAtt A.B` as `A.B`, `!If [a, b, c]` as a list.
fn template() -> Value {
    let text = fs::read_to_string(root().join("template.yaml")).expect("the template can be read");
    serde_saphyr::from_str(&text).expect("the template is YAML")
}

fn resources(kind: &str) -> Vec<(String, Value)> {
    let template = template();
    let all = template["Resources"].as_object().expect("resources");
    let found: Vec<_> = all
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.clone(), resource["Properties"].clone()))
        .collect();
    assert!(!found.is_empty(), "no {kind}");
    found
}

fn resource(name: &str) -> Value {
    let properties = template()["Resources"][name]["Properties"].take();
    assert!(properties.is_object(), "no resource {name}");
    properties
}

/// Every object that holds `key`, however deep.
fn holding<'a>(key: &str, value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key(key) {
                found.push(value);
            }
            for member in members.values() {
                holding(key, member, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                holding(key, item, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn one_or_more(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    }
}

fn actions<'a>(statements: &[&'a Value]) -> BTreeSet<&'a str> {
    statements
        .iter()
        .flat_map(|statement| one_or_more(&statement["Action"]))
        .collect()
}

/// The actions that the function's role allows in the policy of this name.
fn allowed(policy: &str) -> BTreeSet<String> {
    let role = resource("UsherRole");
    let policies = role["Policies"].as_array().expect("policies");
    let policy = policies
        .iter()
        .find(|found| found["PolicyName"] == policy)
        .expect("a policy of that name");
    let mut statements = Vec::new();
    holding("Effect", policy, &mut statements);
    actions(&statements)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("not a number: {value}"))
}

#[test]
fn the_role_allows_what_the_code_calls_and_nothing_more() {
    assert_eq!(allowed("calls"), called());
}

#[test]
fn lambda_may_do_in_the_functions_name_what_it_needs_and_nothing_more() {
    assert_eq!(allowed("runtime"), set(RUNTIME));
}

#[test]
fn the_role_has_no_other_policies_and_the_function_no_other_role() {
    let role = resource("UsherRole");
    assert_eq!(role["Policies"].as_array().map(Vec::len), Some(2));
    assert_eq!(role["ManagedPolicyArns"], Value::Null);
    let function = resource("UsherFunction");
    assert_eq!(function["Role"], "UsherRole.Arn");
    assert_eq!(
        function["Policies"],
        Value::Null,
        "SAM ignores these beside a role"
    );
}

#[test]
fn no_action_is_a_pattern() {
    let template = template();
    let mut statements = Vec::new();
    holding("Effect", &template, &mut statements);
    assert!(statements.len() > 8);
    for action in actions(&statements) {
        assert!(!action.contains('*'), "{action}");
    }
}

#[test]
fn only_traces_for_which_aws_knows_no_resources_are_allowed_on_everything() {
    let template = template();
    let mut statements = Vec::new();
    holding("Effect", &template, &mut statements);
    for statement in statements {
        let everything = one_or_more(&statement["Resource"]).contains(&"*");
        let sid = statement["Sid"].as_str().unwrap_or("without a Sid");
        assert_eq!(everything, sid == "Traces", "{sid}");
        if everything {
            let traces = BTreeSet::from(["xray:PutTelemetryRecords", "xray:PutTraceSegments"]);
            assert_eq!(actions(&[statement]), traces);
        }
    }
}

#[test]
fn roles_are_passed_to_sagemaker_only() {
    let role = resource("UsherRole");
    let mut statements = Vec::new();
    holding("Effect", &role, &mut statements);
    let passing: Vec<_> = statements
        .into_iter()
        .filter(|statement| actions(&[statement]).contains("iam:PassRole"))
        .collect();
    assert_eq!(passing.len(), 1);
    assert_eq!(passing[0]["Resource"], "ExecutionRoleArns");
    assert_eq!(
        passing[0]["Condition"]["StringEquals"]["iam:PassedToService"],
        "sagemaker.amazonaws.com"
    );
}

#[test]
fn a_message_stays_hidden_for_six_times_the_functions_timeout() {
    let function = resource("UsherFunction");
    let window = &function["Events"]["Queue"]["Properties"]["MaximumBatchingWindowInSeconds"];
    let window = window.as_u64().unwrap_or(0);
    let hidden = number(&resource("EventQueue")["VisibilityTimeout"]);
    let timeout = number(&function["Timeout"]);
    assert!(
        hidden >= 6 * timeout + window,
        "{hidden} s for a timeout of {timeout} s"
    );
}

#[test]
fn the_function_answers_before_the_gateway_gives_up() {
    let gateway = number(&resource("HttpIntegration")["TimeoutInMillis"]);
    let function = number(&resource("UsherFunction")["Timeout"]) * 1000;
    assert!(function < gateway);
}

#[test]
fn one_bad_message_does_not_bring_its_batch_back_and_ends_as_a_dead_letter() {
    let function = resource("UsherFunction");
    let mapping = &function["Events"]["Queue"]["Properties"];
    assert_eq!(
        one_or_more(&mapping["FunctionResponseTypes"]),
        ["ReportBatchItemFailures"]
    );
    let redrive = &resource("EventQueue")["RedrivePolicy"];
    assert_eq!(redrive["deadLetterTargetArn"], "DeadLetters.Arn");
    // Lambda asks for five at least (developer guide, configuring a queue for use with Lambda).
    assert!(number(&redrive["maxReceiveCount"]) >= 5);
    // A dead letter keeps the age that it had in the queue it comes from.
    let kept = |queue: &str| number(&resource(queue)["MessageRetentionPeriod"]);
    assert!(kept("DeadLetters") > kept("EventQueue"));
}

#[test]
fn the_table_has_the_ledgers_key_and_expiry() {
    let table = resource("LedgerTable");
    assert_eq!(table["KeySchema"][0]["AttributeName"], KEY);
    assert_eq!(table["AttributeDefinitions"][0]["AttributeType"], "S");
    assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], EXPIRY);
    let variables = &resource("UsherFunction")["Environment"]["Variables"];
    assert_eq!(variables["USHER_LEDGER_TABLE"], "LedgerTable");
}

#[test]
fn the_layer_holds_the_rules_file_and_nothing_else() {
    let folder = resource("RulesLayer")["ContentUri"].take();
    let folder = root().join(folder.as_str().expect("a folder"));
    let names: Vec<_> = fs::read_dir(&folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["usher.yaml"]);
    let variables = &resource("UsherFunction")["Environment"]["Variables"];
    assert_eq!(variables["USHER_RULES"], "/opt/usher.yaml");
}

#[test]
fn nobody_posts_events_without_authorisation() {
    for (name, route) in resources("AWS::ApiGatewayV2::Route") {
        let Some(choice) = route["AuthorizationType"].as_array() else {
            panic!("{name}: {}", route["AuthorizationType"]);
        };
        assert_eq!(choice, &["HasJwt", "JWT", "AWS_IAM"], "{name}");
    }
}

#[test]
fn what_lambda_gives_up_on_is_kept_and_what_runs_at_once_is_bounded() {
    let function = resource("UsherFunction");
    let scaling = &function["Events"]["Queue"]["Properties"]["ScalingConfig"];
    assert_eq!(scaling["MaximumConcurrency"], "MaximumConcurrency");
    // For those who connect EventBridge or SNS to the function directly.
    let asynchronous = &function["EventInvokeConfig"];
    assert!(asynchronous["MaximumRetryAttempts"].is_u64());
    assert!(number(&asynchronous["MaximumEventAgeInSeconds"]) <= 6 * 60 * 60);
    let failed = &asynchronous["DestinationConfig"]["OnFailure"];
    assert_eq!(
        (&failed["Type"], &failed["Destination"]),
        (&"SQS".into(), &"FailedInvocations.Arn".into())
    );
    let rule = resource("EventRule");
    let target = &rule["Targets"][0];
    assert_eq!(target["Arn"], "EventQueue.Arn");
    assert_eq!(target["DeadLetterConfig"]["Arn"], "DeadLetters.Arn");
    assert_eq!(rule["EventPattern"]["source"], "EventSources");
}

#[test]
fn a_bus_is_made_only_if_asked_for_and_lets_in_only_the_accounts_that_are_named() {
    let template = template();
    assert_eq!(template["Resources"]["EventBus"]["Condition"], "MakesBus");
    assert_eq!(template["Parameters"]["CreateEventBus"]["Default"], "false");
    assert_eq!(template["Parameters"]["EventBusName"]["Default"], "default");
    let policy = &template["Resources"]["EventBusPolicy"];
    assert_eq!(policy["Condition"], "HasSenders");
    let statement = &policy["Properties"]["Statement"];
    assert_eq!(statement["Principal"]["AWS"], "SenderAccounts");
    assert_eq!(statement["Action"], "events:PutEvents");
}

#[test]
fn requests_are_throttled_and_logged() {
    let stage = resource("HttpStage");
    let limits = &stage["DefaultRouteSettings"];
    assert_eq!(limits["ThrottlingRateLimit"], "HttpRateLimit");
    assert_eq!(limits["ThrottlingBurstLimit"], "HttpBurstLimit");
    let log = &stage["AccessLogSettings"];
    assert_eq!(log["DestinationArn"], "AccessLogs.Arn");
    let format = log["Format"].as_str().expect("a format");
    let format: Value = serde_json::from_str(format).expect("a line is JSON");
    assert_eq!(format["caller"], "$context.identity.userArn");
    assert_eq!(format["subject"], "$context.authorizer.claims.sub");
    assert_eq!(format["requestId"], "$context.requestId");
}

#[test]
fn every_log_ends_some_day() {
    for (name, group) in resources("AWS::Logs::LogGroup") {
        assert_eq!(group["RetentionInDays"], "LogRetentionDays", "{name}");
    }
    let function = resource("UsherFunction");
    let logging = &function["LoggingConfig"];
    assert_eq!(logging["LogGroup"], "FunctionLogs");
    assert_eq!(logging["LogFormat"], "JSON");
    assert_eq!(logging["ApplicationLogLevel"], "LogLevel");
    assert_eq!(function["Tracing"], "Active");
}

#[test]
fn the_ledger_can_be_brought_back_and_forgets_by_itself() {
    let table = resource("LedgerTable");
    let recovery = &table["PointInTimeRecoverySpecification"];
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
    assert_eq!(table["TimeToLiveSpecification"]["Enabled"], true);
}

/// Where a key of one's own goes, by the kind of what it encrypts.
const KEYS: [(&str, &str); 4] = [
    ("AWS::SQS::Queue", "/KmsMasterKeyId"),
    ("AWS::Logs::LogGroup", "/KmsKeyId"),
    ("AWS::SNS::Topic", "/KmsMasterKeyId"),
    ("AWS::Serverless::Function", "/KmsKeyArn"),
];

#[test]
fn a_key_of_ones_own_encrypts_all_that_is_kept() {
    let chosen = serde_json::json!(["HasKey", "KmsKeyArn", "AWS::NoValue"]);
    for (kind, place) in KEYS {
        for (name, properties) in resources(kind) {
            assert_eq!(properties.pointer(place), Some(&chosen), "{name}");
        }
    }
    let table = resource("LedgerTable");
    assert_eq!(table["SSESpecification"][0], "HasKey");
    let own = &table["SSESpecification"][1];
    assert_eq!(own["KMSMasterKeyId"], "KmsKeyArn");
    // Without one, queues are encrypted with a key of SQS's; everything else always is.
    for (name, queue) in resources("AWS::SQS::Queue") {
        let managed = serde_json::json!(["HasKey", "AWS::NoValue", true]);
        assert_eq!(queue["SqsManagedSseEnabled"], managed, "{name}");
    }
}

#[test]
fn permissions_name_what_the_parameters_list() {
    let role = resource("UsherRole");
    let mut statements = Vec::new();
    holding("Effect", &role, &mut statements);
    let of = |sid: &str| {
        let mut found = statements
            .iter()
            .filter(|statement| statement["Sid"] == sid);
        let resource = found.next().expect(sid)["Resource"].to_string();
        assert!(found.next().is_none(), "two statements are called {sid}");
        resource
    };
    let named = [
        ("Ledger", "LedgerTable.Arn"),
        ("SageMakerDomains", "SageMakerDomainArns"),
        ("SageMakerUserProfiles", "SageMakerDomainArns"),
        ("DataZoneUserProfiles", "DataZoneDomainArns"),
        ("FinSpaceKxUsers", "FinSpaceEnvironmentArns"),
        ("PassRoles", "ExecutionRoleArns"),
        ("Logs", "FunctionLogs.Arn"),
        ("Queue", "EventQueue.Arn"),
        ("FailedInvocations", "FailedInvocations.Arn"),
        ("Key", "KmsKeyArn"),
    ];
    for (sid, resource) in named {
        assert!(of(sid).contains(resource), "{sid}: {}", of(sid));
    }
    // These, the traces, which know no resources, and the trust in Lambda are all there is.
    assert_eq!(statements.len(), named.len() + 2);
}

/// The alarms that operators are promised.
const ALARMS: [(&str, &str, &str); 7] = [
    (
        "DeadLettersAlarm",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
    ),
    (
        "FailedInvocationsAlarm",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
    ),
    ("ErrorsAlarm", "AWS/Lambda", "Errors"),
    ("AgeAlarm", "AWS/SQS", "ApproximateAgeOfOldestMessage"),
    ("InvocationsThrottledAlarm", "AWS/Lambda", "Throttles"),
    ("CallsThrottledAlarm", NAMESPACE, "Throttles"),
    ("RefusedAlarm", NAMESPACE, "Refused"),
];

#[test]
fn there_is_an_alarm_for_everything_that_needs_a_person() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let found: BTreeSet<_> = alarms
        .iter()
        .map(|(name, alarm)| {
            let (namespace, metric) = alarm_metric(alarm);
            (name.as_str(), namespace, metric)
        })
        .collect();
    let promised =
        ALARMS.map(|(name, namespace, metric)| (name, namespace.to_owned(), metric.to_owned()));
    assert_eq!(found, promised.into());
    let topics = serde_json::json!([
        "HasAlarmTopic",
        ["AlarmTopicArn"],
        ["MakesAlarmTopic", ["AlarmTopic"], "AWS::NoValue"]
    ]);
    for (name, alarm) in alarms {
        assert_eq!(alarm["AlarmActions"], topics, "{name}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
    }
}

#[test]
fn whoever_deploys_is_asked_for_every_parameter_in_words() {
    let template = template();
    let parameters = template["Parameters"].as_object().expect("parameters");
    let groups = &template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"];
    let grouped: BTreeSet<&str> = groups
        .as_array()
        .expect("groups")
        .iter()
        .flat_map(|group| one_or_more(&group["Parameters"]))
        .collect();
    let all: BTreeSet<&str> = parameters.keys().map(String::as_str).collect();
    assert_eq!(grouped, all);
    let unexplained: Vec<&String> = parameters
        .iter()
        .filter(|(_, parameter)| !parameter["Description"].is_string())
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        unexplained,
        ["Architecture", "LogRetentionDays"],
        "their names say it"
    );
    for (name, parameter) in parameters {
        assert!(!parameter["Default"].is_null(), "{name} has to be answered");
    }
}

/// What stands in backquotes in the pages for operators and looks like one of the template's names, but is AWS's or Usher's.
const OTHER_NAMES: [&str; 22] = [
    "AccessDeniedException",
    "AddMemberToGroup",
    "Attempts",
    "Changes",
    "Duplicates",
    "EventAge",
    "Latency",
    "DescribeDomain",
    "DescribeUserProfile",
    "FailureReason",
    "Refused",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "SingleSignOnUserValue",
    "Stale",
    "SystemLog",
    "Throttles",
    "UpdateDomain",
    "UpdateUserProfile",
    "Updating",
    "UserGroup",
    "Usher",
];

#[test]
fn the_documentation_names_nothing_that_the_template_does_not_have() {
    let template = template();
    let is_known = |name: &str| {
        ["Parameters", "Resources", "Outputs"]
            .iter()
            .any(|section| template[section].get(name).is_some())
            || OTHER_NAMES.contains(&name)
    };
    let looks_like_one = |name: &&str| {
        name.len() > 4
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric())
            && name.chars().any(|c| c.is_ascii_lowercase())
    };
    for page in ["docs/operations.md", "docs/sources.md"] {
        let text = fs::read_to_string(root().join(page)).expect("a page");
        let quoted = text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        let unknown: BTreeSet<&str> = quoted
            .filter(looks_like_one)
            .filter(|name| !is_known(name))
            .collect();
        assert_eq!(unknown, BTreeSet::new(), "{page}");
    }
}

/// The metric of an alarm: (namespace, name).
fn alarm_metric(alarm: &Value) -> (String, String) {
    if let Some(query) = alarm["Metrics"][0]["Expression"].as_str() {
        let (_, rest) = query.split_once("SUM(").expect("a sum");
        let (metric, rest) = rest.split_once(") FROM SCHEMA(").expect("a schema");
        let (namespace, dimensions) = rest.split_once(", ").expect("dimensions");
        assert_eq!(dimensions, format!("{})", DIMENSIONS.join(", ")));
        return (namespace.to_owned(), metric.to_owned());
    }
    let text = |key: &str| alarm[key].as_str().expect(key).to_owned();
    (text("Namespace"), text("MetricName"))
}

#[test]
fn every_alarm_on_ushers_own_metrics_names_one_that_the_function_writes() {
    let alarms = resources("AWS::CloudWatch::Alarm");
    let own: BTreeSet<_> = alarms
        .iter()
        .map(|(_, alarm)| alarm_metric(alarm))
        .filter(|(namespace, _)| namespace == NAMESPACE)
        .map(|(_, metric)| metric)
        .collect();
    assert_eq!(own, set(["Refused", "Throttles"]));
    assert!(own.is_subset(&metrics()));
}

#[test]
fn every_alarm_has_its_section_in_the_documentation() {
    let documentation =
        fs::read_to_string(root().join("docs/operations.md")).expect("docs/operations.md");
    for (name, alarm) in resources("AWS::CloudWatch::Alarm") {
        let description = alarm["AlarmDescription"].as_str().expect("a description");
        let (_, section) = description
            .split_once("docs/operations.md: ")
            .unwrap_or_else(|| panic!("{name} does not say where it is explained"));
        let heading = format!("\n### {}\n", section.trim_end_matches('.'));
        assert!(documentation.contains(&heading), "{name}: {heading}");
        assert!(
            alarm["AlarmActions"].is_array(),
            "{name} does not tell anybody"
        );
    }
}

#[test]
fn the_dashboard_shows_every_metric_that_the_function_writes_and_no_other() {
    let dashboards = resources("AWS::CloudWatch::Dashboard");
    let body = dashboards[0].1["DashboardBody"].as_str().expect("a body");
    let body: Value = serde_json::from_str(body).expect("the dashboard is JSON");
    let mut searches = Vec::new();
    holding("expression", &body, &mut searches);
    let shown: BTreeSet<String> = searches
        .into_iter()
        .map(|search| {
            let search = search["expression"].as_str().expect("an expression");
            let (_, rest) = search.split_once("MetricName=\"").expect("a metric");
            let metric = rest.split('"').next().unwrap_or_default();
            let dimensions = DIMENSIONS.join(",");
            let schema = match metric {
                "Changes" => format!("'{{{NAMESPACE},{dimensions},{BY_OUTCOME}}} "),
                _ => format!("'{{{NAMESPACE},{dimensions}}} "),
            };
            assert!(search.contains(&schema), "{search}");
            metric.to_owned()
        })
        .collect();
    assert_eq!(shown, metrics());
}
