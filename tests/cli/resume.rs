//! `usher apply --resume`: what is left out, where a journal holds, and what becomes of a file that is damaged or another's.

use std::fs::{self, OpenOptions};

use super::desk::{Desk, StandIn, ended, interrupt, moved, reports};

fn apply<'a>(stand_in: &'a StandIn, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["apply", "--emulator", &stand_in.url, "--resume", "done"];
    arguments.extend(more);
    arguments
}

fn jane(id: &str, second: u8) -> String {
    moved(
        Some(id),
        Some(second),
        "jane.doe",
        &format!("studio-{second}"),
    )
}

#[test]
fn what_is_done_is_left_out_the_next_time_and_what_failed_is_not() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    let nobody = moved(Some("b"), Some(2), "nobody.here", "studio-2");
    desk.write("people.ndjson", jane("a", 1) + &nobody);
    let first = desk.usher(&apply(&stand_in, &["people.ndjson", "--report", "reports"]));
    assert_eq!((first.code, first.err.as_str()), (Some(1), ""));
    let second = desk.usher(&apply(&stand_in, &["people.ndjson", "--report", "reports"]));
    assert_eq!(second.code, Some(1));
    assert_eq!(second.err, "1 event done before, 1 to do\n");
    assert!(!second.out.contains("jane"), "{}", second.out);
    assert_eq!(desk.done("done"), 1);
    let ids = reports(&desk.path("reports"));
    let ids: Vec<&str> = ids
        .iter()
        .filter_map(|report| report["event"]["id"].as_str())
        .collect();
    assert_eq!(ids, ["a", "b", "b"]);
}

#[test]
fn a_file_that_is_edited_is_not_taken_for_what_it_was() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    for id in [None, Some("same")] {
        for role in ["studio-1", "studio-2", "studio-2"] {
            let event = moved(id, None, "jane.doe", role);
            desk.write("jane.json", &event);
            for (file, input) in [("jane.json", ""), ("-", event.as_str())] {
                let done = desk.usher_reads(&apply(&stand_in, &[file]), input.as_bytes());
                assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
                assert_eq!(stand_in.role("jane-doe"), role);
            }
        }
    }
    // Twice two events without an id, and twice one with the same: the third of each was done before, and so was the same
    // one on standard input.
    assert_eq!(desk.done("done"), 6);
}

#[test]
fn two_events_of_one_rewritten_file_have_two_client_tokens() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write(
        "usher.yaml",
        r#"version: 1
guards: {roles: ["arn:aws:iam::111122223333:role/kdb-*"]}
rules:
  - name: kdb
    when: {source: [acme.hr]}
    do:
      - call: finspace:UpdateKxUser
        with:
          environmentId: kx1
          userName: jane-doe
          iamRole: "{% 'arn:aws:iam::111122223333:role/' & detail.role %}"
"#,
    );
    for role in ["kdb-a", "kdb-b", "kdb-a"] {
        desk.write("jane.json", moved(None, None, "jane.doe", role));
        let arguments = ["apply", "jane.json", "--emulator", &stand_in.url];
        let done = desk.usher(&arguments);
        assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    }
    let requests = stand_in.ask("GET", "/_usher/requests", "");
    let requests = requests.as_array().expect("a list").iter();
    let tokens: Vec<(&str, &str)> = requests
        .filter(|request| request["committed"] == true)
        .filter_map(|request| {
            Some((
                request["clientToken"].as_str()?,
                request["input"]["iamRole"].as_str()?,
            ))
        })
        .collect();
    let of = |role: &str| tokens.iter().find(|(_, given)| given.ends_with(role));
    let (a, b) = (
        of("kdb-a").expect("it was given"),
        of("kdb-b").expect("it was given"),
    );
    assert_ne!(a.0, b.0);
}

#[test]
fn a_long_path_or_a_strange_one_still_gives_an_id() {
    let desk = Desk::new("studio-*");
    let name = format!("{}\n{}.json", "x".repeat(120), "y".repeat(120));
    desk.write(&name, moved(None, None, "jane.doe", "studio-1"));
    let done = desk.usher(&["apply", &name, "--json"]);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
}

#[test]
fn a_journal_holds_for_one_place() {
    let (desk, stand_in, other) = (
        Desk::new("studio-*"),
        StandIn::start(&[]),
        StandIn::start(&[]),
    );
    desk.write("jane.json", jane("a", 1));
    let first = desk.usher(&apply(&stand_in, &["jane.json"]));
    assert_eq!(first.code, Some(0), "{}", first.err);
    let elsewhere = desk.usher(&apply(&other, &["jane.json"]));
    assert_eq!(elsewhere.code, Some(1));
    let expected = format!(
        "error: cannot go on from done: it says what is done on the stand-in at {}, and this run is on the stand-in at {}; \
         give this run a file of its own\n",
        stand_in.url, other.url
    );
    assert_eq!(elsewhere.err, expected);
    assert_eq!(other.role("jane-doe"), "studio-base");
}

#[test]
fn on_aws_a_journal_holds_for_one_account_region_and_endpoint() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("jane.json", jane("a", 1));
    let on_aws = |key: &str, settings: &[(&str, &str)]| {
        let mut command = desk.command(&["apply", "jane.json", "--aws", "--resume", "done"]);
        command
            .env("AWS_ENDPOINT_URL", &stand_in.url)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", key)
            .env("AWS_SECRET_ACCESS_KEY", "emulated")
            .envs(settings.iter().copied());
        ended(command.output().expect("the binary runs"))
    };
    let key = "ASIAY34FZKBOKMUTVV7A";
    let first = on_aws(key, &[]);
    assert_eq!(first.code, Some(0), "{}", first.err);
    // Another key of the same account, and the account said openly.
    for (key, settings) in [
        ("ASIAY34FZKBOKAAAAAAA", &[][..]),
        ("emulated", &[("AWS_ACCOUNT_ID", "609629065308")][..]),
    ] {
        let again = on_aws(key, settings);
        assert_eq!(again.code, Some(0), "{}", again.err);
        assert_eq!(again.err, "1 event done before, 0 to do\n");
    }
    for (key, settings, said) in [
        (
            key,
            &[("AWS_REGION", "us-east-1")][..],
            "(account 609629065308, us-east-1, ",
        ),
        (
            key,
            &[("AWS_ACCOUNT_ID", "111122223333")][..],
            "(account 111122223333, eu-central-1, ",
        ),
        ("emulated", &[][..], "(account not known, eu-central-1, "),
        (
            key,
            &[("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:9")][..],
            ", AWS_ENDPOINT_URL_SAGEMAKER=http://127.0.0.1:9)",
        ),
    ] {
        let elsewhere = on_aws(key, settings);
        assert_eq!(elsewhere.code, Some(1), "{}", elsewhere.err);
        let (_, this) = elsewhere
            .err
            .split_once("and this run is on ")
            .expect("both places");
        assert!(this.contains(said), "{this}");
        assert!(this.contains("give this run a file of its own"), "{this}");
    }
    // The rehearsal on the stand-in does not count for AWS, nor the other way round.
    let rehearsal = desk.usher(&apply(&stand_in, &["jane.json"]));
    assert_eq!(rehearsal.code, Some(1));
    assert!(
        rehearsal.err.contains("on AWS (account 609629065308"),
        "{}",
        rehearsal.err
    );
}

#[test]
fn the_stand_in_that_begins_anew_each_time_has_no_journal() {
    let desk = Desk::new("studio-*");
    desk.write("jane.json", jane("a", 1));
    let done = desk.usher(&["apply", "jane.json", "--resume", "done"]);
    assert_eq!(done.code, Some(64), "{}{}", done.out, done.err);
    assert!(
        done.err
            .starts_with("error: --resume goes with --aws or --emulator"),
        "{}",
        done.err
    );
    assert!(!desk.path("done").exists());
}

#[test]
fn a_line_that_was_cut_off_is_taken_away_wherever_it_was_cut() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("people.ndjson", jane("a", 1) + &jane("ä", 2));
    let first = desk.usher(&apply(&stand_in, &["people.ndjson"]));
    assert_eq!(first.code, Some(0), "{}", first.err);
    let whole = desk.read("done").into_bytes();
    let last = whole[..whole.len() - 1]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .expect("lines")
        + 1;
    let header = whole.iter().position(|byte| *byte == b'\n').expect("lines") + 1;
    let cuts = (0..header).step_by(7).chain(last..whole.len());
    for cut in cuts {
        desk.write("done", &whole[..cut]);
        let again = desk.usher(&apply(&stand_in, &["people.ndjson"]));
        assert_eq!(again.code, Some(0), "{cut}: {}", again.err);
        let expected = match cut {
            _ if cut == whole.len() - 1 => "2 events done before, 0 to do\n",
            _ if cut < header => "",
            _ => "1 event done before, 1 to do\n",
        };
        assert_eq!(again.err, expected, "{cut}");
        assert_eq!(desk.done("done"), 2, "{cut}");
        let text = desk.read("done");
        let mut lines = text.lines();
        assert!(
            lines.all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()),
            "{cut}"
        );
    }
}

#[test]
fn a_report_that_was_cut_off_comes_again() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("people.ndjson", jane("a", 1) + &jane("b", 2));
    let arguments = apply(&stand_in, &["people.ndjson", "--report", "reports"]);
    assert_eq!(desk.usher(&arguments).code, Some(0));
    // Killed while the second report was being written, and so before the journal had the event.
    let (reported, journal) = (desk.read("reports"), desk.read("done"));
    desk.write("reports", &reported[..reported.len() - 30]);
    let (kept, _) = journal.trim_end().rsplit_once('\n').expect("lines");
    desk.write("done", format!("{kept}\n"));
    assert_eq!(desk.usher(&arguments).code, Some(0));
    let ids = reports(&desk.path("reports"));
    let ids: Vec<&str> = ids
        .iter()
        .filter_map(|report| report["event"]["id"].as_str())
        .collect();
    assert_eq!(ids, ["a", "b"]);

    desk.append("reports", b"something else");
    desk.append("people.ndjson", jane("c", 3).as_bytes());
    let refused = desk.usher(&arguments);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused
            .err
            .contains("reports: it ends in something else than reports"),
        "{}",
        refused.err
    );
}

#[test]
fn a_line_that_cannot_be_read_is_named_with_what_it_would_cost_to_lose_it() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("people.ndjson", jane("a", 1) + &jane("b", 2));
    assert_eq!(
        desk.usher(&apply(&stand_in, &["people.ndjson"])).code,
        Some(0)
    );
    let whole = desk.read("done");
    let damages: [&[u8]; 6] = [
        b"{\"done\":{\"source\":\"acme.hr\"",
        b"{\"done\":{\"source\":\"acme.hr\",\"id\":\"p\"}}",
        b"{\"target\":{\"target\":\"sagemaker:domain/d\",\"begun\":\"yesterday\"}}",
        b"{\"other\":{}}",
        b"\0\0\0\0",
        b"\xff\xfe",
    ];
    for damage in damages {
        let (first, rest) = whole.split_once('\n').expect("lines");
        desk.write(
            "done",
            [first.as_bytes(), b"\n", damage, b"\n", rest.as_bytes()].concat(),
        );
        let done = desk.usher(&apply(&stand_in, &["people.ndjson"]));
        assert_eq!(done.code, Some(1));
        let expected = "error: cannot go on from done: line 2 is damaged. Without that line the file can be used: ";
        assert!(done.err.starts_with(expected), "{}", done.err);
        assert!(done.err.contains("is done again"), "{}", done.err);
    }
    desk.write("done", whole.replacen("\"version\":1", "\"version\":9", 1));
    let done = desk.usher(&apply(&stand_in, &["people.ndjson"]));
    assert!(
        done.err.contains("another version of usher wrote it"),
        "{}",
        done.err
    );
}

#[test]
fn no_other_file_is_taken_for_a_journal_or_written_to() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("jane.json", jane("a", 1));
    let others: [(&str, &[u8]); 6] = [
        (
            "event.json",
            b"{\"source\":\"acme.hr\",\"id\":\"p-1\",\"detail\":{}}",
        ),
        (
            "people.ndjson",
            b"{\"source\":\"acme.hr\"}\n{\"source\":\"acme.hr\"}\n",
        ),
        ("text", b"a shopping list"),
        ("binary", b"\x7fELF\x02\x01\x01\x00\xff"),
        ("blank", b"\n\n"),
        ("numbers", b"1\n2"),
    ];
    for (name, text) in others {
        desk.write(name, text);
        let mut arguments = apply(&stand_in, &["jane.json"]);
        arguments[4] = name;
        let done = desk.usher(&arguments);
        assert_eq!(done.code, Some(1));
        assert_eq!(
            done.err,
            format!("error: {name} is no journal of `usher apply --resume`\n")
        );
        assert_eq!(fs::read(desk.path(name)).expect("it is there"), text);
    }
    fs::create_dir(desk.path("directory")).expect("it is not there yet");
    for name in ["directory", "/dev/null", "/dev/zero"] {
        let mut arguments = apply(&stand_in, &["jane.json"]);
        arguments[4] = name;
        let done = desk.usher(&arguments);
        assert_eq!(
            done.err,
            format!("error: the journal {name} is no file; give --resume the name of one\n")
        );
    }
    assert_eq!(stand_in.role("jane-doe"), "studio-base");
}

#[test]
fn what_is_written_is_never_what_is_read() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("jane.json", jane("a", 1));
    for (option, file) in [
        ("--report", "jane.json"),
        ("--report", "./usher.yaml"),
        ("--resume", "jane.json"),
        ("--report", "done"),
    ] {
        let mut arguments = vec![
            "apply",
            "jane.json",
            "--emulator",
            &stand_in.url,
            option,
            file,
        ];
        if option == "--report" {
            arguments.extend(["--resume", "done"]);
        }
        let before = desk.read(file);
        let done = desk.usher(&arguments);
        assert_eq!(done.code, Some(1), "{}", done.out);
        let expected = format!(
            "error: {file} is used for something else already; give {option} a file of its own\n"
        );
        assert_eq!(done.err, expected);
        assert_eq!(desk.read(file), before);
    }
}

#[test]
fn a_journal_serves_one_process_at_a_time() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    desk.write("jane.json", jane("a", 1));
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(desk.path("done"));
    let file = file.expect("it can be written");
    file.try_lock().expect("nobody has it");
    let second = desk.usher(&apply(&stand_in, &["jane.json"]));
    assert_eq!(second.code, Some(1));
    assert_eq!(
        second.err,
        "error: another `usher apply` is working with the journal done; wait until it has ended, or give this one a file of its own\n"
    );
    assert_eq!(stand_in.role("jane-doe"), "studio-base");
    drop(file);
    assert_eq!(desk.usher(&apply(&stand_in, &["jane.json"])).code, Some(0));
}

/// A disk that is full, as far as a process can tell: files may not grow beyond a block.
#[test]
fn a_journal_that_cannot_be_written_stops_the_run_before_more_is_done() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    let lines = (0..30).map(|number| jane(&number.to_string(), number));
    desk.write("people.ndjson", lines.collect::<String>());
    let program = format!(
        "trap '' XFSZ; ulimit -f 1; exec {} \"$@\"",
        env!("CARGO_BIN_EXE_usher")
    );
    let mut shell = std::process::Command::new("sh");
    let arguments = apply(
        &stand_in,
        &["people.ndjson", "--rate", "4", "--concurrency", "1"],
    );
    shell
        .args(["-c", &program, "sh"])
        .args(&arguments)
        .current_dir(desk.path("."));
    let done = ended(shell.output().expect("the shell runs"));
    assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
    assert!(
        done.err.contains("error: cannot write the journal"),
        "{}",
        done.err
    );
    assert!(done.err.contains("stopped after "), "{}", done.err);
    let again = desk.usher(&apply(&stand_in, &["people.ndjson"]));
    assert_eq!(again.code, Some(0), "{}{}", again.out, again.err);
    assert!(again.err.contains("done before"), "{}", again.err);
    assert_eq!(desk.done("done"), 30);
}

#[test]
fn ctrl_c_finishes_what_has_begun_and_the_same_command_goes_on() {
    let (desk, stand_in) = (Desk::new("studio-*"), StandIn::start(&[]));
    let people = fs::read("tests/cmd/given/people.ndjson").expect("it is in the repository");
    desk.write("people.ndjson", people);
    let arguments = |rate| {
        apply(
            &stand_in,
            &["people.ndjson", "--report", "reports", "--rate", rate],
        )
    };
    // Thirty events at two a second take a quarter of a minute.
    let mut first = desk
        .command(&arguments("2"))
        .spawn()
        .expect("the binary starts");
    while desk.done("done") == 0 && first.try_wait().is_ok_and(|ended| ended.is_none()) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    interrupt(&first);
    let first = ended(first.wait_with_output().expect("it ends"));
    let done = desk.done("done");
    assert_eq!(first.code, Some(1), "{}", first.err);
    assert!(
        first
            .err
            .contains(&format!("stopped after {done} of 30 events\n")),
        "{}",
        first.err
    );
    let how = "the same command goes on: it leaves out what stands in done\n";
    assert!(first.err.ends_with(how), "{}", first.err);
    assert_eq!(reports(&desk.path("reports")).len(), done);

    let second = desk.usher(&arguments("1000"));
    // One of the thirty is about nobody.
    assert_eq!(second.code, Some(1), "{}", second.err);
    assert!(
        second
            .err
            .contains(&format!("done before, {} to do\n", 30 - done)),
        "{}",
        second.err
    );
    assert_eq!(desk.done("done"), 29);
    assert_eq!(reports(&desk.path("reports")).len(), 30);
}

#[test]
fn a_second_ctrl_c_stops_at_once() {
    let (desk, stand_in) = (
        Desk::new("studio-*"),
        StandIn::start(&["--latency", "30000"]),
    );
    let people = fs::read("tests/cmd/given/people.ndjson").expect("it is in the repository");
    desk.write("people.ndjson", people);
    let mut command = desk.command(&apply(&stand_in, &["people.ndjson"]));
    let mut running = command.spawn().expect("the binary starts");
    while !desk.read("done").contains("\"begun\"") {
        assert!(running.try_wait().is_ok_and(|ended| ended.is_none()));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The first one may be read together with the second, so it is waited for.
    interrupt(&running);
    let mut said = String::new();
    let errors = running.stderr.take().expect("it is piped");
    let mut errors = std::io::BufReader::new(errors);
    std::io::BufRead::read_line(&mut errors, &mut said).expect("it says something");
    assert_eq!(
        said,
        "finishing what has begun; Ctrl-C again stops at once\n"
    );
    interrupt(&running);
    std::io::Read::read_to_string(&mut errors, &mut said).expect("it ends");
    let code = running.wait().expect("it ends").code();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("stopped after 0 of 30 events\n"), "{said}");
}
