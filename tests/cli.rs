//! The command line, as its users see it: every command in the README and in tests/cmd/*.md is executed, and what it prints is
//! compared. See support/session.rs for how these files are written.
//!
//! `UPDATE_SESSIONS=1 cargo test --test cli` writes what the commands print into the files; look at the difference before you commit it.

#[path = "cli/desk.rs"]
mod desk;
#[path = "cli/many.rs"]
mod many;
#[path = "cli/order.rs"]
mod order;
#[path = "cli/resume.rs"]
mod resume;
#[path = "support/session.rs"]
mod session;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use session::{repository, run_sessions};
use tempfile::TempDir;

#[test]
fn every_command_in_the_readme_prints_what_the_readme_says() {
    run_sessions(Path::new("README.md"));
}

#[test]
fn every_command_in_the_documentation_prints_what_it_says() {
    run_sessions(Path::new("docs/operations.md"));
    run_sessions(Path::new("docs/sources.md"));
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

/// What is not in a session needs AWS, or minutes, and then `.ci/run` runs it as it stands there.
#[test]
fn every_other_command_in_the_documentation_needs_aws_or_is_run_by_ci() {
    const BY_CI: [&str; 7] = [
        "cargo test",
        "cargo install --path . --locked",
        "pip install cargo-lambda",
        "usher emulate --port 4599",
        "export ",
        "cargo lambda ",
        "curl http://127.0.0.1:",
    ];
    const WITH_AWS: [&str; 3] = ["aws ", "sam build && sam deploy", "sam deploy "];
    let docs = fs::read_dir(repository("docs")).expect("docs is a directory");
    let paths = docs.map(|entry| entry.expect("an entry can be read").path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    for page in pages.chain([repository("README.md")]) {
        let text = fs::read_to_string(&page).expect("it can be read");
        for command in commands(&text) {
            assert!(
                BY_CI
                    .iter()
                    .chain(&WITH_AWS)
                    .any(|start| command.starts_with(start)),
                "{}: put this into a `console` block, so that it is executed: {command}",
                page.display()
            );
        }
    }
}

/// The commands in `sh` blocks, without what continues them on further lines.
fn commands(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // The language and the indentation of the block that the line is in.
    let mut block: Option<(&str, usize)> = None;
    for line in text.lines() {
        let inner = line.trim_start();
        let indentation = line.len() - inner.len();
        match (block, inner.strip_prefix("```")) {
            (None, Some(language)) => block = Some((language, indentation)),
            (Some(_), Some(_)) => block = None,
            (Some(("sh" | "bash" | "shell", outer)), None) if indentation == outer => {
                found.extend((!inner.is_empty()).then_some(inner));
            }
            (_, None) => {}
        }
    }
    found
}

#[test]
fn the_stand_in_serves_its_world_and_one_command_line_works_on_another_ones_stand_in() {
    let stand_in = desk::StandIn::start(&[]);
    let desk = desk::Desk::new("studio-*");
    let event = fs::read_to_string(repository("events/person-onboarded.json"));
    let rules = fs::read_to_string(repository("usher.yaml"));
    desk.write("event.json", event.expect("it is in the repository"));
    desk.write("usher.yaml", rules.expect("it is in the repository"));
    let apply = || desk.usher(&["apply", "event.json", "--emulator", &stand_in.url]);
    let (first, second) = (apply(), apply());
    // Asked to end, it does, and says so with its exit code.
    assert_eq!(stand_in.interrupted(), Some(0));
    assert_eq!(first.code, Some(0));
    let done = "Done: 2 updated, 1 unchanged.\n";
    assert!(first.out.ends_with(done), "{}", first.out);
    assert_eq!(second.code, Some(0));
    assert!(
        second.out.ends_with("Done: 3 unchanged.\n"),
        "{}",
        second.out
    );
}
