//! Whatever Lambda hands over: no record is lost, what is read stays the same however it is wrapped, and everything is answered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use usher::event::Event;
use usher::ingress::{Context, Delivery, HttpAsk, Item, Origin, read};
use usher::reply::{Answer, Answered, reply};
use usher::report::Report;
use usher_fuzz::{defaults, now};

fuzz_target!(|payload: &[u8]| {
    let context = Context {
        request_id: defaults().id,
        now: now(),
    };
    let delivery = match read(payload, &context) {
        Ok(delivery) => delivery,
        Err(problem) => {
            assert!(matches!(problem.status, 400 | 413));
            assert!(one_line(&problem.message));
            return;
        }
    };
    let text = std::str::from_utf8(payload).expect("only UTF-8 is read");
    nothing_is_lost(text, &delivery);
    for item in &delivery.items {
        match &item.event {
            Ok(event) => stays_the_same(event, &context),
            Err(problem) => assert!(one_line(&problem.message)),
        }
    }
    everything_is_answered(&delivery);
});

fn one_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// Events and failures together are as many as there are records.
fn nothing_is_lost(text: &str, delivery: &Delivery) {
    let items = &delivery.items;
    match &delivery.origin {
        Origin::EventBridge | Origin::Direct => assert_eq!(items.len(), 1),
        Origin::Pipes => assert_eq!(items.len(), array(text).len()),
        Origin::Sns => assert_eq!(items.len(), records(text).len()),
        Origin::Sqs { .. } => {
            let records = records(text);
            assert_eq!(items.len(), records.len());
            for (item, record) in items.iter().zip(records) {
                assert_eq!(Some(&item.id), text_member(record, "messageId").as_ref());
            }
        }
        Origin::Http(request) => match &request.ask {
            HttpAsk::Problem { problem, .. } => {
                assert!(matches!(problem.status, 400..=499) && one_line(&problem.message));
                assert!(items.is_empty());
            }
            HttpAsk::OpenApi => assert!(items.is_empty()),
            HttpAsk::Events if request.many => assert!(items.len() <= 100),
            HttpAsk::Events => assert_eq!(items.len(), 1),
        },
    }
}

fn array(text: &str) -> Vec<&RawValue> {
    serde_json::from_str(text).expect("what was read as an array is one")
}

fn records(text: &str) -> Vec<&RawValue> {
    let members: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_str(text).expect("what was read as a batch is an object");
    array(members["Records"].get())
}

fn text_member(record: &RawValue, name: &str) -> Option<String> {
    let members: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_str(record.get()).ok()?;
    serde_json::from_str(members.get(name)?.get()).ok()
}

/// An event is complete, and reads as itself, whichever way it comes.
fn stays_the_same(event: &Event, context: &Context<'_>) {
    for name in [event.id(), event.source(), event.detail_type()] {
        assert!(one_line(name) && name.chars().count() <= 256);
    }
    let document = event.document();
    let again = Event::from_json(document.clone(), &defaults());
    assert!(again.is_ok_and(|again| again == *event));

    // Members by which an event is taken for one in an envelope.
    let envelope = ["specversion", "Message", "eventSource"];
    if envelope.iter().any(|name| document.get(name).is_some()) {
        return;
    }
    let body = document.to_string();
    let message = json!({"messageId": "m-1", "eventSource": "aws:sqs", "body": body});
    let sns = json!({"Type": "Notification", "TopicArn": "arn:aws:sns:::t", "Message": body});
    let request = json!({
        "version": "2.0",
        "rawPath": "/events",
        "requestContext": {"http": {"method": "POST"}},
        "headers": {"content-type": "application/json"},
        "body": body,
    });
    let wrapped = [
        json!([document]),
        json!([message]),
        json!({"Records": [message]}),
        json!({"Records": [{"EventSource": "aws:sns", "Sns": sns}]}),
        request,
    ];
    for payload in wrapped {
        let delivery = read(payload.to_string().as_bytes(), context).expect("it is a delivery");
        assert_eq!(delivery.items.len(), 1);
        for Item { event: inner, .. } in delivery.items {
            assert!(inner.is_ok_and(|inner| inner == *event), "{payload}");
        }
    }
}

fn everything_is_answered(delivery: &Delivery) {
    let failed = |item: &Item| item.event.is_err();
    let mut answers: Vec<Answered> = delivery.items.iter().map(answered).collect();
    let mut failures: Vec<&str> = Vec::new();
    if let Origin::Sqs { fifo } = &delivery.origin {
        for item in &delivery.items {
            if failed(item) || *fifo && !failures.is_empty() {
                failures.push(&item.id);
            }
        }
    }
    if let Origin::Http(request) = &delivery.origin
        && request.ask == HttpAsk::OpenApi
    {
        answers.push(Answered {
            item: String::new(),
            answer: Answer::Document(json!({})),
        });
    }
    match (&delivery.origin, reply(&delivery.origin, answers)) {
        (Origin::Sqs { .. }, Ok(answer)) => {
            let named = answer["batchItemFailures"].as_array().expect("a list");
            let named: Vec<&str> = named
                .iter()
                .filter_map(|failure| failure["itemIdentifier"].as_str())
                .collect();
            assert_eq!(named, failures);
        }
        (Origin::Http(_), Ok(answer)) => http_answer(&answer),
        (_, Ok(_)) => assert!(!delivery.items.iter().any(failed)),
        (_, Err(error)) => {
            assert!(delivery.items.iter().any(failed));
            assert!(one_line(&error.message));
        }
    }
}

fn answered(item: &Item) -> Answered {
    let answer = match &item.event {
        Ok(event) => Answer::Report(Report::new(event, vec![], vec![])),
        Err(problem) => Answer::Malformed(problem.clone()),
    };
    Answered {
        item: item.id.clone(),
        answer,
    }
}

fn http_answer(answer: &Value) {
    let status = answer["statusCode"].as_u64().expect("a number");
    assert!(matches!(status, 200 | 400 | 404 | 405 | 406 | 413 | 415));
    for (name, value) in answer["headers"].as_object().expect("an object") {
        let value = value.as_str().expect("a string");
        assert!(one_line(name) && one_line(value) && value.is_ascii());
    }
    let body: Value =
        serde_json::from_str(answer["body"].as_str().expect("a string")).expect("the body is JSON");
    if status != 200 {
        assert_eq!(body["status"], status);
        let instance = body["instance"].as_str().expect("a string");
        assert!(instance.bytes().all(|byte| byte.is_ascii_graphic()));
    }
}
