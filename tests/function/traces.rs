//! Where an invocation stands in an X-Ray trace reaches the services, and the daemon hears of each call when it is sampled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::time::Duration;

use serde_json::Value;
use usher::emulator::{Effect, Fault};

use super::{Stage, moved};

const LONG: Duration = Duration::from_secs(20);
const FIRST: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a8b2:0";
const SECOND: &str = "Root=1-67891233-abcdef012345678912345678;Parent=463ac35c9f6413ad;Sampled=0";
const SAMPLED: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a8b2:0";

/// An X-Ray daemon: a port that takes datagrams.
struct Daemon {
    socket: UdpSocket,
    address: String,
}

impl Daemon {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_nonblocking(true).expect("it does not block");
        let address = socket.local_addr().expect("an address").to_string();
        Self { socket, address }
    }

    /// What has come so far. Over loopback all that was sent before a reply is there when the reply is.
    fn subsegments(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut buffer = [0; 64 * 1024];
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let text = std::str::from_utf8(&buffer[..length]).expect("UTF-8");
            let (preamble, document) = text.split_once('\n').expect("two parts");
            let preamble: Value = serde_json::from_str(preamble).expect("JSON");
            assert_eq!(
                preamble,
                serde_json::json!({"format": "json", "version": 1})
            );
            all.push(serde_json::from_str(document).expect("JSON"));
        }
        all
    }
}

fn person(id: &str, user: &str, profile: &str) -> String {
    let mut event = moved(id, "rates", "2026-09-01T06:00:00Z");
    event["detail"]["userName"] = user.into();
    event["detail"]["identityCenterUserId"] = profile.into();
    event.to_string()
}

fn jane(id: &str) -> String {
    moved(id, "rates", "2026-09-01T06:00:00Z").to_string()
}

#[tokio::test]
async fn an_invocations_trace_reaches_all_its_requests_and_none_of_the_next() {
    let stage = Stage::set().await;
    let traces = |number: usize| -> BTreeSet<Option<String>> {
        let requests = stage.aws.requests();
        let later = requests.into_iter().skip(number);
        later.map(|request| request.trace).collect()
    };
    stage.lambda.invoke_traced(jane("e1"), LONG, FIRST).await;
    assert_eq!(traces(0), BTreeSet::from([Some(FIRST.to_owned())]));
    let first = stage.aws.requests().len();
    stage.lambda.invoke_traced(jane("e2"), LONG, SECOND).await;
    assert_eq!(traces(first), BTreeSet::from([Some(SECOND.to_owned())]));
    let second = stage.aws.requests().len();
    stage.lambda.invoke(jane("e3")).await.response();
    assert_eq!(traces(second), BTreeSet::from([None]));
}

#[tokio::test]
async fn the_ledgers_requests_carry_it_too() {
    let stage = Stage::with(&[("USHER_LEDGER_TABLE", "usher")]).await;
    // The emulator is no DynamoDB: the changes end as "try again", but the requests have come.
    let reply = stage.lambda.invoke_traced(jane("e1"), LONG, FIRST).await;
    assert_eq!(reply.error().0, "Usher.Retry");
    let requests = stage.aws.requests();
    assert!(!requests.is_empty());
    let carried = |trace: &Option<String>| trace.as_deref() == Some(FIRST);
    assert!(requests.iter().all(|request| carried(&request.trace)));
}

#[tokio::test]
async fn two_invocations_at_once_keep_their_traces_apart() {
    let stage = Stage::with(&[("AWS_LAMBDA_MAX_CONCURRENCY", "2")]).await;
    let slow = Effect::Delay { millis: 300 };
    stage.aws.fault(Fault::new(slow).always());
    let max = person(
        "e2",
        "max.mustermann",
        "8b6d1f20-5c3a-4e97-8d42-0f9e7a6b5c31",
    );
    let (jane, max) = (jane("e1"), max);
    tokio::join!(
        stage.lambda.invoke_traced(jane, LONG, FIRST),
        stage.lambda.invoke_traced(max, LONG, SECOND),
    );
    let mut of: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    let mut order = Vec::new();
    for request in stage.aws.requests() {
        let target = request.target.unwrap_or_default();
        order.push(request.trace.clone());
        of.entry(target).or_default().insert(request.trace);
    }
    assert!(of.len() >= 4, "{of:?}");
    for (target, traces) in &of {
        let theirs = if target.contains("jane") || target.contains("3f2a9c64") {
            FIRST
        } else {
            SECOND
        };
        assert_eq!(
            *traces,
            BTreeSet::from([Some(theirs.to_owned())]),
            "{target}"
        );
    }
    // They did run at the same time: neither was through when the other began.
    let begins = |trace: &str| {
        order
            .iter()
            .position(|found| found.as_deref() == Some(trace))
    };
    let ends = |trace: &str| {
        order
            .iter()
            .rposition(|found| found.as_deref() == Some(trace))
    };
    assert!(
        begins(FIRST) < ends(SECOND) && begins(SECOND) < ends(FIRST),
        "{order:?}"
    );
}

#[tokio::test]
async fn a_sampled_invocation_sends_a_subsegment_for_each_call_and_nothing_about_anybody() {
    let daemon = Daemon::start();
    let stage = Stage::with(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address)]).await;
    stage
        .lambda
        .invoke_traced(jane("e1"), LONG, SAMPLED)
        .await
        .response();
    let subsegments = daemon.subsegments();
    let requests = stage.aws.requests();
    assert_eq!(subsegments.len(), requests.len());
    let mut ids = BTreeSet::new();
    for subsegment in &subsegments {
        let request_id = subsegment["aws"]["request_id"].as_str().expect("its id");
        let number =
            u64::from_str_radix(&request_id[request_id.len() - 12..], 16).expect("a number");
        let request = requests.iter().find(|request| request.number == number);
        let request = request.expect("the request of this id");
        let id = subsegment["id"].as_str().expect("an id");
        ids.insert(id);
        // What the service traces hangs below the subsegment.
        let below = SAMPLED.replace("53995c3f42cd8ad8", id);
        assert_eq!(request.trace.as_deref(), Some(below.as_str()));
        assert_eq!(subsegment["aws"]["operation"], request.operation);
        assert_eq!(subsegment["aws"]["region"], "eu-central-1");
        assert_eq!(subsegment["aws"]["retries"], 0);
        let name = subsegment["name"].as_str().expect("a name");
        assert_eq!(name.to_lowercase(), request.service);
        assert_eq!(subsegment["http"]["response"]["status"], 200);
        assert_eq!(
            subsegment["trace_id"],
            "1-5759e988-bd862e3fe1be46a994272793"
        );
        assert_eq!(subsegment["parent_id"], "53995c3f42cd8ad8");
        assert_eq!(
            (&subsegment["type"], &subsegment["namespace"]),
            (&"subsegment".into(), &"aws".into())
        );
        let time = |name: &str| subsegment[name].as_f64().expect("a time");
        assert!(1.7e9 < time("start_time") && time("start_time") <= time("end_time"));
        for flag in ["fault", "error", "throttle", "cause"] {
            assert!(subsegment.get(flag).is_none(), "{flag}");
        }
    }
    assert_eq!(ids.len(), subsegments.len());
    let all = format!("{subsegments:?}").to_lowercase();
    for person in [
        "jane",
        "doe",
        "3f2a9c64",
        "d-abc123def456",
        "dzd_4rv6k2",
        "kx1",
        "p-10042",
        "rates",
    ] {
        assert!(!all.contains(person), "{person}");
    }
}

#[tokio::test]
async fn attempts_of_one_call_are_one_subsegment_and_a_failure_says_what_it_was() {
    let daemon = Daemon::start();
    let stage = Stage::with(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address)]).await;
    let say = |status, code| Effect::error(status, code, "about jane.doe@example.com");
    let faults = [
        Fault::new(say(500, "InternalFailure")).on("sagemaker:DescribeUserProfile"),
        Fault::new(say(429, "ThrottlingException")).on("datazone:GetUserProfile"),
        Fault::new(say(403, "AccessDeniedException")).on("finspace:GetKxUser"),
    ];
    faults.into_iter().for_each(|fault| stage.aws.fault(fault));
    let reply = stage.lambda.invoke_traced(jane("e1"), LONG, SAMPLED).await;
    assert_eq!(reply.error().0, "Usher.Reject");
    let subsegments = daemon.subsegments();
    let of = |operation: &str| -> Vec<&Value> {
        let found = subsegments.iter();
        found
            .filter(|one| one["aws"]["operation"] == operation)
            .collect()
    };
    let flags = ["error", "fault", "throttle"];
    let set = |one: &Value| flags.map(|flag| one[flag] == true);
    let code = |one: &Value| one["cause"]["exceptions"][0]["type"].clone();
    let read = of("DescribeUserProfile");
    assert_eq!(read.len(), 1);
    assert_eq!(read[0]["aws"]["retries"], 1);
    assert_eq!(set(read[0]), [false; 3]);
    // Usher itself makes a call that is throttled again, in its turn: that is another call.
    let slower = of("GetUserProfile");
    assert_eq!(slower.len(), 2);
    assert_eq!(set(slower[0]), [true, false, true]);
    assert_eq!(code(slower[0]), "ThrottlingException");
    assert_eq!(set(slower[1]), [false; 3]);
    let denied = of("GetKxUser");
    assert_eq!(denied.len(), 1);
    assert_eq!(set(denied[0]), [true, false, false]);
    assert_eq!(code(denied[0]), "AccessDeniedException");
    assert_eq!(denied[0]["http"]["response"]["status"], 403);
    assert!(!format!("{subsegments:?}").contains("jane"));
}

#[tokio::test]
async fn a_call_that_the_deadline_cuts_off_is_in_the_trace() {
    let daemon = Daemon::start();
    let stage = Stage::with(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address)]).await;
    let stall = Fault::new(Effect::Stall { commit: false }).on("finspace:GetKxUser");
    stage.aws.fault(stall);
    let short = Duration::from_secs(2);
    stage
        .lambda
        .invoke_traced(jane("e1"), short, SAMPLED)
        .await
        .error();
    let subsegments = daemon.subsegments();
    let cut: Vec<_> = subsegments
        .iter()
        .filter(|one| one["fault"] == true)
        .collect();
    assert_eq!(cut.len(), 1, "{subsegments:?}");
    assert_eq!(cut[0]["aws"]["operation"], "GetKxUser");
    assert_eq!(cut[0]["cause"]["exceptions"][0]["type"], "Usher.Deadline");
}

#[tokio::test]
async fn what_is_not_sampled_sends_nothing_and_no_daemon_does_no_harm() {
    let daemon = Daemon::start();
    let stage = Stage::with(&[("AWS_XRAY_DAEMON_ADDRESS", &daemon.address)]).await;
    stage
        .lambda
        .invoke_traced(jane("e1"), LONG, FIRST)
        .await
        .response();
    stage.lambda.invoke(jane("e2")).await.response();
    assert!(daemon.subsegments().is_empty());
    // Its port is closed now.
    drop(daemon);
    stage
        .lambda
        .invoke_traced(jane("e3"), LONG, SAMPLED)
        .await
        .response();
}
