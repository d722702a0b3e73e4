//! What each stage costs by itself: `cargo bench --bench stages`, or `-- match` for one of them.
//!
//! Everything here is in the process and touches no network; the whole function beside others is measured by the
//! `contenders` bench.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use time::OffsetDateTime;
use usher::api::Operation;
use usher::call::{Input, Target};
use usher::event::{Defaults, Event};
use usher::expression::{Evaluation, Expression, Inputs, Limits, Scope};
use usher::guard::guard;
use usher::ingress::{self, Context, Origin};
use usher::pattern::{Pattern, PatternSet};
use usher::plan::{Desired, plan};
use usher::reply::{Answer, Answered, reply};
use usher::report::Report;
use usher::rules::{GuardConfig, Rules};
use usher::select::select;

/// What tells the rules of a file apart.
#[derive(Clone, Copy)]
enum Kind {
    Exact,
    Prefix,
    Numeric,
}

impl Kind {
    const ALL: [(&str, Self); 3] = [
        ("exact", Self::Exact),
        ("prefix", Self::Prefix),
        ("numeric", Self::Numeric),
    ];

    /// The detail that rule `number` wants, and no other does.
    fn detail(self, number: usize) -> Value {
        match self {
            Self::Exact => json!({"department": [format!("Department {number}")]}),
            Self::Prefix => json!({"department": [{"prefix": format!("Department {number:05}")}]}),
            Self::Numeric => {
                json!({"grade": [{"numeric": [">=", number * 10, "<", number * 10 + 10]}]})
            }
        }
    }

    fn pattern(self, number: usize) -> Value {
        json!({
            "source": ["acme.hr"],
            "detail-type": ["Person Onboarded", "Person Moved"],
            "detail": self.detail(number),
        })
    }
}

/// An event that rule `number` of each kind matches.
fn document(kind: Kind, number: usize) -> Value {
    let department = match kind {
        Kind::Exact | Kind::Numeric => format!("Department {number}"),
        Kind::Prefix => format!("Department {number:05} and what follows"),
    };
    json!({
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "source": "acme.hr",
        "detail-type": "Person Moved",
        "account": "111122223333",
        "region": "eu-west-1",
        "time": "2026-03-01T09:00:00Z",
        "resources": [],
        "detail": {
            "email": "Jane.Doe@example.com",
            "department": department,
            "grade": number * 10 + 3,
            "team": "Rates",
            "userId": "0123456789-a1b2c3d4-1111-2222-3333-a1b2c3d4e5f6",
            "effectiveAt": "2026-03-01T00:00:00Z",
        },
    })
}

fn event(document: Value) -> Event {
    let defaults = Defaults {
        id: "request",
        time: OffsetDateTime::UNIX_EPOCH,
    };
    Event::from_json(document, &defaults).expect("an event")
}

fn rules_yaml(kind: Kind, count: usize) -> String {
    let mut text = String::from(
        "version: 1\nconstants: {studio: d-abc123def456, lake: dzd_4rv6k2}\nguards:\n  \
         roles: [\"arn:aws:iam::111122223333:role/studio-*\"]\n  \
         protected: [\"sagemaker:user-profile/*/admin-*\"]\nrules:\n",
    );
    for number in 0..count {
        let detail = kind.detail(number);
        write!(
            text,
            r#"  - name: rule-{number}
    when:
      source: [acme.hr]
      detail-type: [Person Onboarded, Person Moved]
      detail: {detail}
    at: "{{% detail.effectiveAt %}}"
    do:
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: "{{% $studio %}}"
          UserProfileName: "{{% $profileName(detail.email) %}}"
          UserSettings:
            ExecutionRole: "{{% 'arn:aws:iam::111122223333:role/studio-{number}-' & $lowercase(detail.team) %}}"
            JupyterLabAppSettings:
              LifecycleConfigArns: []
"#
        )
        .expect("a String takes everything");
    }
    text
}

fn rules_json(kind: Kind, count: usize) -> String {
    let rule = |number: usize| {
        let role = format!(
            "{{% 'arn:aws:iam::111122223333:role/studio-{number}-' & $lowercase(detail.team) %}}"
        );
        json!({
            "name": format!("rule-{number}"),
            "when": kind.pattern(number),
            "at": "{% detail.effectiveAt %}",
            "do": [{
                "call": "sagemaker:UpdateUserProfile",
                "with": {
                    "DomainId": "{% $studio %}",
                    "UserProfileName": "{% $profileName(detail.email) %}",
                    "UserSettings": {
                        "ExecutionRole": role,
                        "JupyterLabAppSettings": {"LifecycleConfigArns": []},
                    },
                },
            }],
        })
    };
    let file = json!({
        "version": 1,
        "constants": {"studio": "d-abc123def456", "lake": "dzd_4rv6k2"},
        "guards": {
            "roles": ["arn:aws:iam::111122223333:role/studio-*"],
            "protected": ["sagemaker:user-profile/*/admin-*"],
        },
        "rules": (0..count).map(rule).collect::<Value>(),
    });
    format!("{file:#}")
}

fn loaded(name: &str, text: &str) -> Rules {
    match Rules::load(name, text) {
        Ok((rules, _)) => rules,
        Err(problems) => panic!("{problems}"),
    }
}

fn sqs_batch(records: usize, padding: usize) -> Vec<u8> {
    let record = |number: usize| {
        let mut body = document(Kind::Exact, number);
        body["detail"]["note"] = "x".repeat(padding).into();
        json!({
            "messageId": format!("message-{number}"),
            "body": body.to_string(),
            "attributes": {"SentTimestamp": "1772355600000"},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:111122223333:people",
        })
    };
    let records: Value = (0..records).map(record).collect();
    json!({ "Records": records }).to_string().into_bytes()
}

fn ingress(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingress");
    let context = Context {
        request_id: "request",
        now: OffsetDateTime::UNIX_EPOCH,
    };
    let payloads = [
        (
            "eventbridge",
            document(Kind::Exact, 7).to_string().into_bytes(),
        ),
        ("sqs-10", sqs_batch(10, 0)),
        ("sqs-1MB", sqs_batch(200, 4_500)),
        ("sqs-6MB", sqs_batch(1_200, 4_500)),
    ];
    for (name, payload) in &payloads {
        group.throughput(Throughput::Bytes(payload.len() as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| ingress::read(black_box(payload), &context).expect("a delivery"));
        });
    }
    group.finish();
}

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    for (name, kind) in Kind::ALL {
        for count in [10, 10_000] {
            let patterns: Vec<Pattern> = (0..count)
                .map(|number| Pattern::parse(&kind.pattern(number)).expect("a pattern"))
                .collect();
            let set = PatternSet::new(&patterns);
            // Different events, so that not one place of the index is hot and the rest cold.
            let events: Vec<Value> = (0..64)
                .map(|step| document(kind, step * count / 64))
                .collect();
            let mut next = 0;
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    next = (next + 1) % events.len();
                    let matching = set.matching(black_box(&events[next]));
                    assert_eq!(matching.len(), 1);
                });
            });
        }
    }
    group.finish();
}

fn load(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    for count in [50, 10_000] {
        for (name, kind) in Kind::ALL {
            let text = rules_yaml(kind, count);
            group.throughput(Throughput::Elements(count as u64));
            group.bench_with_input(
                BenchmarkId::new(format!("yaml-{name}"), count),
                &text,
                |bencher, text| {
                    bencher.iter(|| loaded("rules.yaml", text));
                },
            );
        }
        let text = rules_json(Kind::Exact, count);
        group.bench_with_input(
            BenchmarkId::new("json-exact", count),
            &text,
            |bencher, text| {
                bencher.iter(|| loaded("rules.json", text));
            },
        );
    }
    group.finish();
}

fn expressions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expression");
    let text = "{% 'arn:aws:iam::111122223333:role/studio-' & $lowercase($trim(detail.team)) %}";
    let scope = Scope {
        constants: &[],
        current_allowed: false,
    };
    group.bench_function("compile", |bencher| {
        bencher.iter(|| Expression::compile(black_box(text), &scope).expect("an expression"));
    });
    let (document, constants) = (document(Kind::Exact, 7), serde_json::Map::new());
    let inputs = Inputs {
        event: &document,
        current: None,
        constants: &constants,
    };
    let limits = Limits::default();
    group.bench_function("make-ready", |bencher| {
        bencher.iter(|| Evaluation::new(black_box(&inputs), &limits).expect("an evaluation"));
    });
    let expression = Expression::compile(text, &scope).expect("an expression");
    let evaluation = Evaluation::new(&inputs, &limits).expect("an evaluation");
    group.bench_function("evaluate", |bencher| {
        bencher.iter(|| {
            let evaluated = expression.evaluate(black_box(&evaluation));
            evaluated.expect("a value").value
        });
    });
    group.finish();
}

fn arguments() -> Value {
    json!({
        "DomainId": "d-abc123def456",
        "UserProfileName": "jane-doe-example-com",
        "UserSettings": {
            "ExecutionRole": "arn:aws:iam::111122223333:role/studio-rates",
            "SharingSettings": {"NotebookOutputOption": "Disabled"},
            "JupyterLabAppSettings": {
                "DefaultResourceSpec": {"InstanceType": "ml.t3.medium"},
                "LifecycleConfigArns": [],
            },
        },
    })
}

fn observed() -> Value {
    json!({
        "DomainId": "d-abc123def456",
        "UserProfileName": "jane-doe-example-com",
        "Status": "InService",
        "UserSettings": {
            "ExecutionRole": "arn:aws:iam::111122223333:role/studio-credit",
            "SharingSettings": {"NotebookOutputOption": "Disabled"},
        },
    })
}

fn calls(criterion: &mut Criterion) {
    let operation = Operation::SageMakerUpdateUserProfile;
    let (arguments, observed) = (arguments(), observed());
    criterion.bench_function("decode", |bencher| {
        bencher.iter(|| Input::decode(operation, black_box(&arguments)).expect("an input"));
    });
    let identity = [
        "d-abc123def456".to_owned(),
        "jane-doe-example-com".to_owned(),
    ];
    let target = Target::new(operation, &identity);
    let desired = Desired {
        target: &target,
        arguments: &arguments,
        event_id: "event",
        allow_unknown_values: &[],
        settle: false,
    };
    criterion.bench_function("plan", |bencher| {
        bencher.iter(|| plan(black_box(&desired), &observed).expect("a plan"));
    });
    let rules = loaded("rules.yaml", &rules_yaml(Kind::Exact, 1));
    let config: &GuardConfig = &rules.guards;
    criterion.bench_function("guard", |bencher| {
        bencher.iter_batched(
            || plan(&desired, &observed).expect("a plan"),
            |change| guard(change, &observed, config).expect("no refusal"),
            BatchSize::SmallInput,
        );
    });
}

fn selection(criterion: &mut Criterion) {
    let rules = loaded("rules.yaml", &rules_yaml(Kind::Exact, 50));
    let event = event(document(Kind::Exact, 7));
    criterion.bench_function("select", |bencher| {
        bencher.iter(|| {
            let selection = select(&rules, black_box(&event));
            assert_eq!(selection.calls.len(), 1);
        });
    });
}

fn replies(criterion: &mut Criterion) {
    let event = event(document(Kind::Exact, 7));
    criterion.bench_function("reply", |bencher| {
        bencher.iter_batched(
            || {
                let report = Report::new(&event, vec!["rule-7".to_owned()], Vec::new());
                vec![Answered {
                    item: "0".to_owned(),
                    answer: Answer::Report(report),
                }]
            },
            |answers| reply(&Origin::EventBridge, answers).expect("a reply"),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(
    stages,
    ingress,
    matching,
    load,
    expressions,
    selection,
    calls,
    replies
);
criterion_main!(stages);
