//! Payloads that are nothing: each is refused with a reason, logged once, and the function goes on.

use serde_json::{Value, json};

use super::runtime::Lambda;
use super::{Stage, file, file_as_json};

/// Hands it over, expects the function error with this in its message, and that the next event is handled all the same.
async fn rejected(lambda: &Lambda, payload: impl Into<Vec<u8>>, part: &str) {
    let (kind, message) = lambda.invoke(payload).await.error();
    assert_eq!(kind, "Usher.Reject", "{message}");
    assert!(message.contains(part), "{message}");
}

fn deep(levels: usize) -> String {
    let nest = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    format!(
        "{{\"source\":\"acme.hr\",\"detail-type\":\"Person Moved\",\"detail\":{{\"d\":{nest}}}}}"
    )
}

#[tokio::test]
async fn payloads_that_cannot_be_read_are_rejected_and_the_function_goes_on() {
    let stage = Stage::set().await;
    let event = file("person-moved.json");
    let mut no_type = file_as_json("person-moved.json");
    no_type
        .as_object_mut()
        .expect("an object")
        .remove("detail-type");
    let mut no_time = file_as_json("person-moved.json");
    no_time["time"] = json!("soon");
    let mut number = file_as_json("person-moved.json");
    number["detail"] = json!(7);
    let mut large = file_as_json("person-moved.json");
    large["detail"]["notes"] = json!("x".repeat(7 * 1024 * 1024));
    let mut latin = event.clone().into_bytes();
    let place = event.find("Jane").expect("a name");
    latin[place] = 0xff;
    let payloads: [(Vec<u8>, &str); 13] = [
        (Vec::new(), "not JSON"),
        (event.as_bytes()[..event.len() / 2].to_vec(), "not JSON"),
        (latin, "not JSON"),
        (b"\xff\xfe".to_vec(), "not JSON"),
        (b"people".to_vec(), "not JSON"),
        (b"7".to_vec(), "a number"),
        (b"null".to_vec(), "null"),
        (
            number.to_string().into_bytes(),
            "`detail` is a number; an object is expected",
        ),
        (no_type.to_string().into_bytes(), "`detail-type` is missing"),
        (no_time.to_string().into_bytes(), "`time` is no time"),
        (deep(200).into_bytes(), "too deep"),
        (deep(100_000).into_bytes(), "too deep"),
        (large.to_string().into_bytes(), "too large"),
    ];
    let count = payloads.len();
    for (payload, part) in payloads {
        rejected(&stage.lambda, payload, part).await;
    }
    assert_eq!(stage.writes(), [""; 0]);
    stage.lambda.invoke(event).await.response();
    assert!(!stage.writes().is_empty());
    let logs = stage.stop();
    assert_eq!(logs.stderr, "");
    let lines = logs.saying("malformed");
    assert_eq!(lines.len(), count, "one line for each");
    let ids: Vec<&Value> = lines.iter().map(|line| &line["requestId"]).collect();
    let expected: Vec<Value> = (1..=count).map(|n| json!(format!("request-{n}"))).collect();
    assert_eq!(ids, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn an_empty_array_is_an_empty_answer() {
    let stage = Stage::set().await;
    assert_eq!(stage.lambda.invoke("[]").await.response(), json!([]));
}

#[tokio::test]
async fn records_of_a_service_that_is_not_read_here_are_rejected() {
    let stage = Stage::set().await;
    let s3 = json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "jane.doe@example.com"}}}]});
    let (kind, message) = stage.lambda.invoke(s3.to_string()).await.error();
    assert_eq!(kind, "Usher.Reject");
    assert!(!message.contains("jane"), "{message}");
}

#[tokio::test]
async fn an_expression_that_loops_forever_ends_and_fails_its_change_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("usher.yaml");
    let rules = r#"
version: 1
rules:
  - name: endless
    when: {source: [acme.hr]}
    do:
      - call: datazone:UpdateUserProfile
        with:
          domainIdentifier: dzd_4rv6k2
          userIdentifier: "{% ($f := function($n) {$f($n + 1)}; $f($length(detail.email))) %}"
          status: ASSIGNED
      - call: sagemaker:UpdateUserProfile
        with:
          DomainId: d-abc123def456
          UserProfileName: jane-doe
          UserSettings: {SharingSettings: {NotebookOutputOption: Disabled}}
"#;
    std::fs::write(&path, rules).expect("the file is written");
    let stage = Stage::with(&[("USHER_RULES", path.to_str().expect("UTF-8"))]).await;
    let (kind, message) = stage.lambda.invoke(file("person-moved.json")).await.error();
    assert_eq!(kind, "Usher.Reject", "{message}");
    assert_eq!(
        stage.writes(),
        ["sagemaker:UpdateUserProfile sagemaker:user-profile/d-abc123def456/jane-doe"]
    );
}
