//! Connections are there before the first event: counts, never times.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::task::spawn_blocking;
use usher::emulator::{Emulator, Options, World};

use super::runtime::{Lambda, start_that_fails};
use super::tls::{Authority, Front, Manner};
use super::{file, moved};

/// The services, each behind TLS of its own.
struct Stage {
    authority: Authority,
    aws: Emulator,
    sagemaker: Front,
    datazone: Front,
    finspace: Front,
    dynamodb: Front,
}

impl Stage {
    async fn set() -> Self {
        Self::with(Manner::Proper).await
    }

    /// With a FinSpace of this manner.
    async fn with(finspace: Manner) -> Self {
        let emulator = Emulator::start(World::sample(), Options::default()).await;
        let aws = emulator.expect("the emulator starts");
        let authority = Authority::new();
        let address = aws.endpoint();
        let address = address.trim_start_matches("http://").trim_end_matches('/');
        let address: SocketAddr = address.parse().expect("an address");
        let front = |manner| Front::start(&authority, manner, address);
        let (sagemaker, datazone) = (front(Manner::Proper).await, front(Manner::Proper).await);
        let (finspace, dynamodb) = (front(finspace).await, front(Manner::Proper).await);
        Self {
            authority,
            aws,
            sagemaker,
            datazone,
            finspace,
            dynamodb,
        }
    }

    async fn start(&self, settings: &[(&str, &str)]) -> Lambda {
        let bundle = self.authority.bundle();
        let mut all = vec![
            ("AWS_CA_BUNDLE", bundle.to_str().expect("UTF-8")),
            ("AWS_ENDPOINT_URL_SAGEMAKER", &self.sagemaker.url),
            ("AWS_ENDPOINT_URL_DATAZONE", &self.datazone.url),
            ("AWS_ENDPOINT_URL_FINSPACE", &self.finspace.url),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.dynamodb.url),
        ];
        all.extend(settings);
        Lambda::start(&all).await
    }

    fn handshakes(&self) -> [u32; 4] {
        [
            &self.sagemaker,
            &self.datazone,
            &self.finspace,
            &self.dynamodb,
        ]
        .map(Front::handshakes)
    }
}

fn jane() -> String {
    moved("e1", "rates", "2026-09-01T06:00:00Z").to_string()
}

#[tokio::test]
async fn handshakes_are_over_when_the_function_first_polls_and_the_first_events_make_none() {
    let stage = Stage::set().await;
    let lambda = stage.start(&[]).await;
    // The rules name a user profile and a domain, which is two connections; the other services have one target each.
    let [sagemaker, datazone, finspace, dynamodb] = stage.handshakes();
    assert!(sagemaker >= 1);
    assert_eq!((datazone, finspace, dynamodb), (1, 1, 0));
    stage.sagemaker.until(2).await;
    lambda.invoke(jane()).await.response();
    lambda
        .invoke(file("person-onboarded.json"))
        .await
        .response();
    assert_eq!(stage.handshakes(), [2, 1, 1, 0]);
    let committed = stage
        .aws
        .requests()
        .iter()
        .filter(|request| request.committed)
        .count();
    assert!(committed >= 1, "{committed}");
}

#[tokio::test]
async fn what_opens_a_connection_is_a_ping_that_says_nothing() {
    let stage = Stage::set().await;
    let lambda = stage.start(&[]).await;
    for front in [&stage.datazone, &stage.finspace] {
        let openings = front.openings();
        assert_eq!(openings.len(), 1);
        let ping = openings[0].to_lowercase();
        assert!(ping.starts_with("get /ping http/1.1\r\n"), "{ping}");
        assert!(ping.ends_with("\r\n\r\n"), "{ping}");
        for secret in ["authorization", "x-amz", "akia", "planted"] {
            assert!(!ping.contains(secret), "{ping}");
        }
    }
    drop(lambda.stop());
}

#[tokio::test]
async fn only_services_that_rules_call_are_connected_to() {
    let stage = Stage::set().await;
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules.yaml");
    let text = "version: 1\nrules:\n  - name: stewards\n    when: {source: [acme.hr]}\n    do:\n      \
                - call: datazone:UpdateUserProfile\n        with: {domainIdentifier: dzd_4rv6k2, \
                userIdentifier: \"{% detail.identityCenterUserId %}\", status: ASSIGNED}\n";
    std::fs::write(&rules, text).expect("the file is written");
    let lambda = stage
        .start(&[("USHER_RULES", rules.to_str().expect("UTF-8"))])
        .await;
    assert_eq!(stage.handshakes(), [0, 1, 0, 0]);
    lambda.invoke(jane()).await.response();
    assert_eq!(stage.handshakes(), [0, 1, 0, 0]);
}

#[tokio::test]
async fn a_ledger_is_connected_to_as_often_as_an_event_has_targets() {
    let stage = Stage::set().await;
    let lambda = stage.start(&[("USHER_LEDGER_TABLE", "usher")]).await;
    stage.dynamodb.until(4).await;
    stage.sagemaker.until(2).await;
    // The emulator is no DynamoDB, so the event is for another time; its claims were asked for over these connections.
    lambda.invoke(jane()).await.error();
    assert_eq!(stage.handshakes(), [2, 1, 1, 4]);
    drop(lambda.stop());
}

#[tokio::test]
async fn what_fails_ahead_is_left_to_the_event_with_one_line_to_say_so() {
    let stage = Stage::with(Manner::Late(1)).await;
    let lambda = stage.start(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")]).await;
    assert_eq!(stage.finspace.handshakes(), 0);
    lambda.invoke(jane()).await.response();
    assert_eq!(stage.finspace.handshakes(), 1);
    let lines = lambda.stop().saying("connection");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "DEBUG");
    assert_eq!(lines[0]["service"], "finspace");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_not_waited_for() {
    let stage = Stage::with(Manner::Silent).await;
    let lambda = stage.start(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")]).await;
    let [_, datazone, finspace, _] = stage.handshakes();
    assert_eq!((datazone, finspace), (1, 0));
    let lines = lambda.stop().saying("connection");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["reason"], "not every connection was open in time");
}

#[tokio::test]
async fn a_certificate_that_the_bundle_does_not_vouch_for_is_refused() {
    let stage = Stage::set().await;
    let other = Authority::new();
    let bundle = other.bundle();
    let settings = [
        ("AWS_CA_BUNDLE", bundle.to_str().expect("UTF-8")),
        ("AWS_LAMBDA_LOG_LEVEL", "DEBUG"),
    ];
    let lambda = stage.start(&settings).await;
    assert_eq!(stage.handshakes(), [0, 0, 0, 0]);
    let lines = lambda.stop().saying("connection");
    assert_eq!(lines.len(), 3, "{lines:?}");
    let reason = lines[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("invalid peer certificate"), "{reason}");
}

#[tokio::test]
async fn over_plain_http_nothing_is_sent_before_the_first_event() {
    let stage = Stage::set().await;
    // Apart from what stands behind the others.
    let direct = Emulator::start(World::sample(), Options::default()).await;
    let direct = direct.expect("the emulator starts");
    let plain = direct.endpoint();
    let all = [
        ("AWS_ENDPOINT_URL", plain.as_str()),
        ("AWS_ENDPOINT_URL_SAGEMAKER", ""),
        ("AWS_ENDPOINT_URL_DATAZONE", ""),
        ("AWS_ENDPOINT_URL_FINSPACE", ""),
    ];
    drop(stage.start(&all).await.stop());
    // A service of its own that speaks plain HTTP is found out when its turn comes.
    let one = [
        ("AWS_ENDPOINT_URL_FINSPACE", plain.as_str()),
        ("AWS_LAMBDA_LOG_LEVEL", "DEBUG"),
    ];
    let logs = stage.start(&one).await.stop();
    assert!(logs.saying("connection").is_empty());
    assert_eq!(stage.finspace.handshakes(), 0);
    assert!(direct.requests().is_empty());
}

#[tokio::test]
async fn a_service_that_speaks_tls_is_connected_to_though_the_others_do_not() {
    let stage = Stage::set().await;
    let plain = stage.aws.endpoint();
    let but_one = [
        ("AWS_ENDPOINT_URL", plain.as_str()),
        ("AWS_ENDPOINT_URL_SAGEMAKER", ""),
        ("AWS_ENDPOINT_URL_FINSPACE", ""),
    ];
    let lambda = stage.start(&but_one).await;
    assert_eq!(stage.handshakes(), [0, 1, 0, 0]);
    lambda.invoke(jane()).await.response();
    assert_eq!(stage.handshakes(), [0, 1, 0, 0]);
}

/// How `usher plan --aws` ends, and what it says to that on standard error.
async fn plan(stage: &Stage, bundle: PathBuf) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["plan", "--aws", "events/person-moved.json"])
        .env_clear()
        .envs([("AWS_REGION", "eu-central-1"), ("HOME", "/nowhere")])
        .envs([("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")])
        .env("AWS_ENDPOINT_URL_SAGEMAKER", &stage.sagemaker.url)
        .env("AWS_ENDPOINT_URL_DATAZONE", &stage.datazone.url)
        .env("AWS_ENDPOINT_URL_FINSPACE", &stage.finspace.url)
        .env("AWS_CA_BUNDLE", bundle);
    // The services are in this thread.
    let output = spawn_blocking(move || command.output()).await;
    let output = output.expect("a thread").expect("it runs");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    (output.status.code(), said)
}

#[tokio::test]
async fn the_command_line_trusts_the_bundle_too() {
    let stage = Stage::set().await;
    let (code, said) = plan(&stage, stage.authority.bundle()).await;
    assert_eq!(code, Some(2), "{said}");
    assert_eq!(stage.handshakes(), [1, 1, 1, 0]);
    let (code, said) = plan(&stage, "/nowhere/bundle.pem".into()).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("AWS_CA_BUNDLE=\"/nowhere/bundle.pem\": the file cannot be read"),
        "{said}"
    );
}

#[test]
fn a_bundle_that_is_none_stops_the_start_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bundle.pem");
    let fails = |path: &Path, parts: &[&str]| {
        let path = path.to_str().expect("UTF-8");
        let (code, _, stderr) = start_that_fails(&[("AWS_CA_BUNDLE", path)]);
        assert_eq!(code, 1, "{stderr}");
        for part in [&["AWS_CA_BUNDLE", path], parts].concat() {
            assert!(stderr.contains(part), "{part:?} is missing in: {stderr}");
        }
    };
    fails(&path, &["cannot be read", "No such file"]);
    for (text, reason) in [
        ("", "there is no certificate in it"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            "certificate 1 is not in base64, or has no end",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n",
            "certificate 1 is not in base64",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "certificate 1 is none that can be trusted",
        ),
    ] {
        std::fs::write(&path, text).expect("the file is written");
        fails(&path, &[reason]);
    }
}
