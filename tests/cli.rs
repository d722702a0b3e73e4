//! The command line, as its users see it: every command in the README and in tests/cmd/*.md is executed, and what it prints is
//! compared. See support/session.rs for how these files are written.
//!
//! `UPDATE_SESSIONS=1 cargo test --test cli` writes what the commands print into the files; look at the difference before you commit it.

#[path = "support/session.rs"]
mod session;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use session::{repository, run_sessions};
use tempfile::TempDir;

#[test]
fn every_command_in_the_readme_prints_what_the_readme_says() {
    run_sessions(Path::new("README.md"));
}

#[test]
fn the_commands_print_what_the_sessions_in_this_directory_say() {
    let listed = fs::read_dir(repository("tests/cmd")).expect("tests/cmd is a directory");
    let mut files: Vec<PathBuf> = listed
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let failed: Vec<&PathBuf> = std::thread::scope(|scope| {
        let running: Vec<_> = files
            .iter()
            .map(|file| (file, scope.spawn(|| run_sessions(file))))
            .collect();
        let joined = running
            .into_iter()
            .map(|(file, thread)| (file, thread.join()));
        joined
            .filter_map(|(file, ended)| ended.is_err().then_some(file))
            .collect()
    });
    assert!(failed.is_empty(), "these differ: {failed:?}");
}

#[test]
fn the_rules_in_the_readme_check() {
    let readme = fs::read_to_string(repository("README.md")).expect("there is a README");
    let blocks = readme.split("```yaml\n").skip(1);
    let files: Vec<&str> = blocks
        .filter_map(|block| block.split("```").next())
        .filter(|block| block.starts_with("version: 1\n"))
        .collect();
    assert_eq!(files.len(), 1);
    let place = TempDir::new().expect("there is room for a directory");
    let path = place.path().join("rules.yaml");
    for file in files {
        fs::write(&path, file).expect("it can be written");
        let done = Command::new(env!("CARGO_BIN_EXE_usher"))
            .arg("check")
            .arg(&path)
            .output()
            .expect("the binary runs");
        let said = String::from_utf8(done.stderr).expect("it prints UTF-8");
        assert_eq!(done.status.code(), Some(0), "{said}");
        assert_eq!(said, "");
    }
}

/// What is not in a session cannot be executed here: it needs Docker, AWS or minutes of building.
#[test]
fn every_other_command_in_the_readme_is_one_that_cannot_run_here() {
    let readme = fs::read_to_string(repository("README.md")).expect("there is a README");
    let mut block = None;
    for line in readme.lines() {
        match (block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (Some("sh" | "bash" | "shell" | ""), None) => {
                let elsewhere = [
                    "git clone ",
                    "cd ",
                    "cargo test",
                    "cargo install ",
                    "cargo lambda ",
                    "pip install ",
                    "sam ",
                    "curl ",
                ];
                let continued = line.starts_with(' ') || line.is_empty();
                let known = continued
                    || line == "usher emulate --port 4599"
                    || line.starts_with("export ")
                    || elsewhere.iter().any(|start| line.starts_with(start));
                assert!(
                    known,
                    "put this into a `console` block, so that it is executed: {line}"
                );
            }
            _ => {}
        }
    }
}

#[test]
fn the_stand_in_serves_its_world_and_one_command_line_works_on_another_ones_stand_in() {
    let mut emulator = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["emulate", "--port", "0", "--settle", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    let output = emulator.stdout.as_mut().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("it says where it listens");
    let url = line
        .trim()
        .strip_prefix("AWS_ENDPOINT_URL=")
        .expect("a setting")
        .to_owned();
    let apply = || {
        let done = Command::new(env!("CARGO_BIN_EXE_usher"))
            .args(["apply", "events/person-onboarded.json", "--emulator", &url])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("the binary runs");
        (
            done.status.code(),
            String::from_utf8(done.stdout).expect("it prints UTF-8"),
        )
    };
    let (first, second) = (apply(), apply());
    // Asked to end, it does, and says so with its exit code.
    let asked = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", emulator.id())])
        .status();
    let ended = emulator.wait().expect("it ends");
    assert!(asked.is_ok_and(|status| status.success()));
    assert_eq!(ended.code(), Some(0));
    assert_eq!(first.0, Some(0));
    assert!(
        first.1.ends_with("Done: 2 updated, 1 unchanged.\n"),
        "{}",
        first.1
    );
    assert_eq!(second.0, Some(0));
    assert!(second.1.ends_with("Done: 3 unchanged.\n"), "{}", second.1);
}

#[test]
fn ctrl_c_finishes_what_has_begun_and_the_same_command_goes_on() {
    let place = TempDir::new().expect("there is room for a directory");
    let (journal, reports) = (place.path().join("done"), place.path().join("reports"));
    let apply = |rate: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
        command
            .args([
                "apply",
                "given/people.ndjson",
                "--rules",
                "given/studio.yaml",
                "--rate",
                rate,
            ])
            .arg("--resume")
            .arg(&journal)
            .arg("--report")
            .arg(&reports)
            .current_dir(repository("tests/cmd"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    };
    // Thirty events at two a second take a quarter of a minute.
    let mut first = apply("2").spawn().expect("the binary starts");
    let lines = |path: &Path| fs::read_to_string(path).unwrap_or_default().lines().count();
    while lines(&journal) == 0 && first.try_wait().is_ok_and(|ended| ended.is_none()) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let asked = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", first.id())])
        .status();
    let first = first.wait_with_output().expect("it ends");
    assert!(asked.is_ok_and(|status| status.success()));
    let said = String::from_utf8(first.stderr).expect("it prints UTF-8");
    let done = lines(&journal);
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("stopped after {done} of 30 events\n")),
        "{said}"
    );
    assert!(
        said.contains("the same command goes on: it leaves out what stands in "),
        "{said}"
    );
    assert_eq!(lines(&reports), done);

    let second = apply("1000").output().expect("the binary runs");
    let said = String::from_utf8(second.stderr).expect("it prints UTF-8");
    // One of the thirty is about nobody.
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("done before, {} to do\n", 30 - done)),
        "{said}"
    );
    assert_eq!(lines(&journal), 29);
    assert_eq!(lines(&reports), 30);
}
