//! `usher apply --resume`: a run that goes on never writes an older event over a newer one.

use super::desk::{Desk, StandIn, moved, reports};

/// The outcomes of the last run's changes, by the event's id.
fn outcome(desk: &Desk, id: &str) -> String {
    let all = reports(&desk.path("reports"));
    let report = all.iter().rev().find(|report| report["event"]["id"] == id);
    let outcome = &report.expect("it is reported")["changes"][0]["outcome"];
    outcome.as_str().expect("an outcome").to_owned()
}

fn apply<'a>(stand_in: &'a StandIn, files: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["apply", "--emulator", &stand_in.url];
    arguments.extend(["--resume", "done", "--report", "reports"]);
    arguments.extend(files);
    arguments
}

/// Two moves of one person, a file each.
fn two(desk: &Desk) {
    for (name, second, role) in [("newer", 2, "studio-2"), ("older", 1, "studio-1")] {
        let event = moved(Some(name), Some(second), "jane.doe", role);
        desk.write(&format!("{name}.json"), event);
    }
}

#[test]
fn an_older_event_that_was_refused_before_is_stale_after_a_newer_one_that_was_done() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    let older = moved(Some("older"), Some(1), "jane.doe", "lab-1");
    let newer = moved(Some("newer"), Some(2), "jane.doe", "studio-2");
    desk.write("people.ndjson", older + &newer);
    let first = desk.usher(&apply(&stand_in, &["people.ndjson"]));
    assert_eq!(first.code, Some(3), "{}{}", first.out, first.err);
    assert_eq!(stand_in.role("jane-doe"), "studio-2");

    desk.rules("*-?");
    let second = desk.usher(&apply(&stand_in, &["people.ndjson"]));
    assert_eq!(second.code, Some(0), "{}{}", second.out, second.err);
    assert_eq!(second.err, "1 event done before, 1 to do\n");
    assert_eq!(outcome(&desk, "older"), "stale");
    assert_eq!(stand_in.role("jane-doe"), "studio-2");
    assert_eq!(desk.done("done"), 2);
}

#[test]
fn the_order_holds_too_for_what_an_event_did_that_is_not_done_itself() {
    let (desk, stand_in) = (Desk::new("*-?"), StandIn::start(&[]));
    let rules = desk.read("usher.yaml");
    let (head, call) = rules.split_once("      - call:").expect("there is a call");
    let another = call.replace("$profileName(detail.userName)", "'nobody-here'");
    desk.write(
        "usher.yaml",
        format!("{head}      - call:{call}\n      - call:{another}"),
    );
    // Jane's profile is written, and another one is not there.
    two(&desk);
    let first = desk.usher(&apply(&stand_in, &["newer.json"]));
    assert_eq!(first.code, Some(1), "{}{}", first.out, first.err);
    assert_eq!(desk.done("done"), 0);
    assert_eq!(stand_in.role("jane-doe"), "studio-2");

    let second = desk.usher(&apply(&stand_in, &["older.json"]));
    assert_eq!(second.code, Some(1), "{}{}", second.out, second.err);
    assert_eq!(outcome(&desk, "older"), "stale");
    assert_eq!(stand_in.role("jane-doe"), "studio-2");
}

/// Where a process was killed between its claim and its release, the newer event may be on the target or not.
#[test]
fn an_older_event_waits_for_a_newer_one_that_a_killed_run_may_have_written() {
    let (desk, stand_in) = (Desk::new("*-?"), StandIn::start(&[]));
    let stall =
        r#"{"operation": "sagemaker:UpdateUserProfile", "times": null, "effect": {"stall": {}}}"#;
    stand_in.ask("POST", "/_usher/faults", stall);
    two(&desk);
    let mut killed = desk
        .command(&apply(&stand_in, &["newer.json"]))
        .spawn()
        .expect("the binary starts");
    while !desk.read("done").contains("\"begun\"") {
        assert!(killed.try_wait().is_ok_and(|ended| ended.is_none()));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    killed.kill().expect("it runs");
    killed.wait().expect("it ends");
    stand_in.ask("DELETE", "/_usher/faults", "");

    let second = desk.usher(&apply(&stand_in, &["older.json"]));
    assert_eq!(second.code, Some(1), "{}{}", second.out, second.err);
    assert!(second.out.contains("Usher.InDoubt"), "{}", second.out);
    assert!(
        second.err.contains("the same command goes on"),
        "{}",
        second.err
    );
    assert_eq!(stand_in.role("jane-doe"), "studio-base");

    // The newer one comes again, and settles it.
    let third = desk.usher(&apply(&stand_in, &["newer.json", "older.json"]));
    assert_eq!(third.code, Some(1), "{}{}", third.out, third.err);
    let fourth = desk.usher(&apply(&stand_in, &["newer.json", "older.json"]));
    assert_eq!(fourth.code, Some(0), "{}{}", fourth.out, fourth.err);
    assert_eq!(outcome(&desk, "older"), "stale");
    assert_eq!(stand_in.role("jane-doe"), "studio-2");
}

#[test]
fn events_that_say_no_time_keep_their_order_when_the_first_is_tried_again() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    let first = moved(Some("first"), None, "jane.doe", "lab-1");
    let second = moved(Some("second"), None, "jane.doe", "studio-2");
    desk.write("people.ndjson", first + &second);
    let done = desk.usher(&apply(&stand_in, &["people.ndjson"]));
    assert_eq!(done.code, Some(3), "{}{}", done.out, done.err);

    desk.rules("*-?");
    let done = desk.usher(&apply(&stand_in, &["people.ndjson"]));
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert_eq!(outcome(&desk, "first"), "stale");
    assert_eq!(stand_in.role("jane-doe"), "studio-2");

    // Another file that says no time is later than both.
    desk.write(
        "tuesday.ndjson",
        moved(Some("third"), None, "jane.doe", "studio-3"),
    );
    let done = desk.usher(&apply(&stand_in, &["tuesday.ndjson"]));
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert_eq!(stand_in.role("jane-doe"), "studio-3");
}

#[test]
fn events_of_one_run_that_say_no_time_happen_in_the_order_of_their_lines() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    let lines = (0..200).map(|number| moved(None, None, "jane.doe", &format!("studio-{number}")));
    desk.write("people.ndjson", lines.collect::<String>());
    let rate = ["people.ndjson", "--rate", "400", "--concurrency", "400"];
    let done = desk.usher(&apply(&stand_in, &rate));
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert_eq!(stand_in.role("jane-doe"), "studio-199");
}
