//! `usher apply` on many events: files, directories, patterns, one event to a line; broken and empty input; reports.

use std::fs;
use std::process::Command;

use super::desk::{Desk, StandIn, ended, moved, reports};

fn people(count: usize) -> String {
    let event = |number: usize| {
        let user = if number.is_multiple_of(2) {
            "jane.doe"
        } else {
            "max.mustermann"
        };
        let event = moved(
            Some(&format!("m-{number}")),
            None,
            user,
            &format!("studio-{number}"),
        );
        let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
        let time = format!("{{\"time\":\"2026-03-02T{hour:02}:{minute:02}:{second:02}Z\",");
        event.replacen('{', &time, 1)
    };
    (0..count).map(event).collect()
}

#[test]
fn thousands_of_events_end_each_in_a_report_and_each_person_as_the_newest_says() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("people.ndjson", people(3000));
    for input in ["people.ndjson", "-"] {
        let arguments = [
            "apply",
            input,
            "--emulator",
            &stand_in.url,
            "--report",
            "reports",
        ];
        let done = desk.usher_reads(&arguments, people(3000).as_bytes());
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(
            done.out.starts_with("3000 events: 3000 done.\n"),
            "{}",
            done.out
        );
        assert_eq!(done.err, "");
        let reports = reports(&desk.path("reports"));
        let ids = reports.iter().map(|report| report["event"]["id"].as_str());
        let expected: Vec<String> = (0..3000).map(|number| format!("m-{number}")).collect();
        assert!(ids.eq(expected.iter().map(|id| Some(id.as_str()))));
        assert_eq!(stand_in.role("jane-doe"), "studio-2998");
        assert_eq!(stand_in.role("max-mustermann"), "studio-2999");
    }
}

#[test]
fn a_broken_line_spoils_no_other_and_is_reported() {
    let desk = Desk::new("studio-*");
    let long = moved(Some("long"), Some(1), &"x".repeat(7_000_000), "studio-1");
    for broken in [
        "{\"id\": \"p-1\", ",
        "no JSON at all",
        "[1, 2",
        "{\"source\": \"acme.hr\"}",
        "\u{1}",
        &long,
    ] {
        for (before, after) in [(0, 2), (1, 1), (2, 0), (30, 30)] {
            let all = before + after;
            let lines = people(all);
            let lines: Vec<&str> = lines.lines().collect();
            let (head, tail) = lines.split_at(before);
            let text = [head, &[broken.trim_end()], tail].concat().join("\n");
            desk.write("people.ndjson", &text);
            let done = desk.usher(&["apply", "people.ndjson", "--report", "reports"]);
            let start: String = broken.chars().take(20).collect();
            assert_eq!(done.code, Some(1), "{start}: {}", done.err);
            let place = format!("people.ndjson, line {}", before + 1);
            assert!(
                done.err.contains(&format!("error: {place}: ")),
                "{start}: {}",
                done.err
            );
            let reports = reports(&desk.path("reports"));
            assert_eq!(reports.len(), all + 1, "{start}");
            let [problem] = reports
                .iter()
                .filter(|report| report["event"].is_null())
                .collect::<Vec<_>>()[..]
            else {
                panic!("{start}: {reports:?}");
            };
            assert_eq!(problem["place"], place);
            assert_eq!(problem["disposition"], "reject");
            assert!(
                problem["error"]["code"].is_string() && problem["error"]["message"].is_string()
            );
            if all > 20 {
                let counts = format!(
                    "{all} events: {all} done.\n{all} changes: {all} updated.\n1 more event could not be read.\n"
                );
                assert!(done.out.ends_with(&counts), "{start}: {}", done.out);
            }
        }
    }
}

#[test]
fn a_broken_first_line_on_standard_input_spoils_no_other() {
    let desk = Desk::new("studio-*");
    let text = format!("{{\"id\": \"p-1\", \n{}", people(2));
    let done = desk.usher_reads(&["apply", "-", "--json"], text.as_bytes());
    assert_eq!(done.code, Some(1));
    assert!(
        done.err.starts_with("error: standard input, line 1: "),
        "{}",
        done.err
    );
    let all: Vec<serde_json::Value> = serde_json::from_str(&done.out).expect("it is JSON");
    let ends: Vec<&str> = all
        .iter()
        .filter_map(|report| report["disposition"].as_str())
        .collect();
    assert_eq!(ends, ["done", "done", "reject"]);
}

/// One event of a broken array is not an event to a line: nothing of such a file is done.
#[test]
fn a_broken_document_of_several_lines_is_one_broken_document() {
    let desk = Desk::new("studio-*");
    let event = moved(Some("a"), Some(1), "jane.doe", "studio-1");
    for broken in [
        format!("[\nx,\n{event}]"),
        format!("{{\n\"Records\": [\n{event}x]}}"),
    ] {
        for extension in ["json", "txt"] {
            let name = format!("broken.{extension}");
            desk.write(&name, &broken);
            let done = desk.usher(&["apply", &name]);
            assert_eq!(done.code, Some(1));
            assert_eq!(done.out, "", "{}", done.err);
            assert!(
                done.err.starts_with(&format!("error: {name}: ")),
                "{}",
                done.err
            );
        }
    }
}

#[test]
fn where_nothing_comes_in_there_is_nothing_to_do() {
    let desk = Desk::new("studio-*");
    desk.write("none.ndjson", "\n\n");
    for (file, input) in [("none.ndjson", ""), ("-", ""), ("-", "\n")] {
        let done = desk.usher_reads(&["apply", file], input.as_bytes());
        assert_eq!(done.code, Some(0), "{}", done.err);
        assert!(
            done.err
                .ends_with("there are no events, so there is nothing to do\n"),
            "{}",
            done.err
        );
        assert_eq!(done.out, "");
    }
}

#[test]
fn marks_and_line_ends_of_other_systems_are_no_errors() {
    let desk = Desk::new("studio-*");
    let lines = people(2);
    desk.write(
        "people.ndjson",
        format!("\u{feff}{}", lines.replace('\n', "\r\n")),
    );
    let done = desk.usher(&["apply", "people.ndjson"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.ends_with("Done: 2 updated.\n"), "{}", done.out);
}

#[test]
fn a_file_of_too_many_events_says_how_to_write_them() {
    let desk = Desk::new("studio-*");
    let event = moved(Some("a"), Some(1), "jane.doe", "studio-1");
    for (count, problem) in [(10_001, "too many events"), (60_000, "too large")] {
        let events = vec![event.trim_end(); count].join(",");
        desk.write("people.json", format!("[{events}]"));
        let done = desk.usher(&["apply", "people.json"]);
        assert_eq!(done.code, Some(1));
        assert!(done.err.contains(problem), "{}", done.err);
        assert!(
            done.err
                .contains("; a file of more has one event to a line\n"),
            "{}",
            done.err
        );
    }
}

#[test]
fn a_pattern_that_no_shell_expanded_stands_for_files_in_order_of_their_names() {
    let desk = Desk::new("studio-*");
    for (directory, names) in [
        ("a", ["2.json", "10.json", ".hidden.json"]),
        ("b", ["1.json", "x y.json", "1.txt"]),
    ] {
        fs::create_dir(desk.path(directory)).expect("it is not there yet");
        for name in names {
            let id = format!("{directory}/{name}");
            desk.write(&id, moved(Some(&id), Some(1), "jane.doe", "studio-1"));
        }
    }
    let planned = |argument: &str| {
        let done = desk.usher(&["plan", argument, "--json"]);
        let plans: serde_json::Value = serde_json::from_str(&done.out).unwrap_or_default();
        let ids = plans.as_array().into_iter().flatten();
        let ids = ids.filter_map(|plan| plan["events"][0]["id"].as_str().map(str::to_owned));
        (ids.collect::<Vec<_>>(), done.err)
    };
    assert_eq!(planned("a/*.json").0, ["a/10.json", "a/2.json"]);
    assert_eq!(planned("*/?.json").0, ["a/2.json", "b/1.json"]);
    assert_eq!(planned("a/.h*").0, ["a/.hidden.json"]);
    assert_eq!(planned("b/x*").0, ["b/x y.json"]);
    assert_eq!(
        planned("?").0,
        [
            "a/.hidden.json",
            "a/10.json",
            "a/2.json",
            "b/1.json",
            "b/x y.json"
        ]
    );
    let absolute = desk.path("b/?.json");
    assert_eq!(planned(absolute.to_str().expect("UTF-8")).0, ["b/1.json"]);
    assert_eq!(planned("c/*.json").1, "error: no file matches c/*.json\n");
    // A name that is there stands for itself.
    desk.write(
        "*.json",
        moved(Some("star"), Some(1), "jane.doe", "studio-1"),
    );
    assert_eq!(planned("*.json").0, ["star"]);
}

#[test]
fn reports_that_cannot_be_written_stop_the_run() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("people.ndjson", people(300));
    let arguments = [
        "apply",
        "people.ndjson",
        "--emulator",
        &stand_in.url,
        "--resume",
        "done",
        "--report",
        "/dev/full",
    ];
    let done = desk.usher(&arguments);
    assert_eq!(done.code, Some(1));
    assert!(
        done.err.contains("error: cannot write the reports: "),
        "{}",
        done.err
    );
    assert!(
        done.err
            .contains("; therefore stopped after 100 of 300 events\n"),
        "{}",
        done.err
    );
    // What was not reported is not done for the journal.
    assert_eq!(desk.done("done"), 0);
}

/// `script` gives a command a terminal.
#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_there_is_progress_with_the_rate_and_the_time_left_and_elsewhere_there_is_none() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("people.ndjson", people(300));
    let arguments = ["apply", "people.ndjson", "--emulator", &stand_in.url];
    let done = desk.usher(&arguments);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    let command = [&[env!("CARGO_BIN_EXE_usher")][..], &arguments]
        .concat()
        .join(" ");
    let mut script = Command::new("script");
    script
        .args(["-qec", &command, "/dev/null"])
        .current_dir(desk.path("."))
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null());
    let done = ended(script.output().expect("util-linux is there"));
    assert_eq!(done.code, Some(0), "{}", done.out);
    assert!(done.out.contains("200 of 300 events, "), "{}", done.out);
    assert!(done.out.contains(" a second, "), "{}", done.out);
    assert!(done.out.contains(" left"), "{}", done.out);
    assert!(done.out.contains("300 events: 300 done."), "{}", done.out);
}
