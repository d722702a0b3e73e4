//! Sessions: commands in a text file, and what they print.
//!
//! A session stands in a `console` block: `$ ` begins a command, which a shell runs, and what follows is everything it prints, on
//! standard output and standard error together. A last line `? 3` is the exit code, unless it is 0. A line `...` stands for any
//! lines, `[..]` within a line for any characters. All blocks of one file share a directory, which begins with the
//! repository's `docs`, `events`, `src`, `tests` and `usher.yaml`, and with tests/cmd/given as `given`.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A path in the repository.
pub fn repository(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// One command and what it should print.
struct Step {
    /// The line of the command, from 0.
    line: usize,
    command: String,
    /// The lines of the output, and of the exit code.
    output: std::ops::Range<usize>,
    expected: Vec<String>,
}

/// Runs all sessions of a file, and panics with what differs.
pub fn run_sessions(path: &Path) {
    let path = repository(path);
    let name = path.display();
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
    let lines: Vec<&str> = text.lines().collect();
    let steps = steps(&lines);
    assert!(!steps.is_empty(), "{name} has no sessions");
    let place = Place::new();
    let mut last = 0;
    let mut differences = Vec::new();
    let mut rewritten: Vec<String> = lines.iter().map(ToString::to_string).collect();
    for step in &steps {
        let (printed, code) = place.run(&step.command, last);
        last = code;
        let mut actual: Vec<String> = printed.lines().map(str::to_owned).collect();
        if code != 0 {
            actual.push(format!("? {code}"));
        }
        if !agree(&step.expected, &actual) {
            differences.push((step, actual));
        }
    }
    if std::env::var_os("UPDATE_SESSIONS").is_some() {
        for (step, actual) in differences.iter().rev() {
            rewritten.splice(step.output.clone(), actual.iter().cloned());
        }
        fs::write(&path, rewritten.join("\n") + "\n").expect("the file can be written");
        return;
    }
    let differences: Vec<String> = differences
        .iter()
        .map(|(step, actual)| {
            let (line, command) = (step.line + 1, &step.command);
            let (expected, actual) = (step.expected.join("\n"), actual.join("\n"));
            format!("{name}:{line}: $ {command}\n--- expected\n{expected}\n--- printed\n{actual}\n")
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn steps(lines: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    let mut index = 0;
    while index < lines.len() {
        let line = lines[index];
        if line.starts_with("```") {
            inside = !inside && line == "```console";
        } else if inside {
            if let Some(command) = line.strip_prefix("$ ") {
                let begin = index;
                let mut command = command.to_owned();
                while command.ends_with('\\') && index + 1 < lines.len() {
                    index += 1;
                    command = format!("{command}\n{}", lines[index]);
                }
                steps.push(Step {
                    line: begin,
                    command,
                    output: index + 1..index + 1,
                    expected: Vec::new(),
                });
            } else if let Some(step) = steps.last_mut() {
                step.expected.push(line.to_owned());
                step.output.end = index + 1;
            }
        }
        index += 1;
    }
    steps
}

/// Whether the lines are the expected ones, `...` and `[..]` standing for anything.
fn agree(expected: &[String], actual: &[String]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=actual.len()).any(|skip| agree(rest, &actual[skip..]))
        }
        Some((line, rest)) => match actual.split_first() {
            Some((found, others)) => line_agrees(line, found) && agree(rest, others),
            None => false,
        },
    }
}

fn line_agrees(expected: &str, actual: &str) -> bool {
    let Some((before, after)) = expected.split_once("[..]") else {
        return expected == actual;
    };
    let Some(left) = actual.strip_prefix(before) else {
        return false;
    };
    let ends = left.char_indices().map(|(at, _)| at).chain([left.len()]);
    ends.into_iter().any(|at| line_agrees(after, &left[at..]))
}

/// A directory to run commands in, with `usher` and `cargo run --` on the PATH.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = TempDir::new().expect("there is room for a directory");
        let root = directory.path();
        let bin = root.join(".bin");
        fs::create_dir(&bin).expect("it is empty");
        for (from, to) in [
            ("docs", "docs"),
            ("events", "events"),
            ("src", "src"),
            ("usher.yaml", "usher.yaml"),
            ("usher.test.yaml", "usher.test.yaml"),
            ("tests", "tests"),
            ("tests/cmd/given", "given"),
        ] {
            symlink(repository(from), root.join(to)).expect("it is empty");
        }
        symlink(env!("CARGO_BIN_EXE_usher"), bin.join("usher")).expect("it is empty");
        let cargo = bin.join("cargo");
        let script = "#!/bin/sh\n[ \"$1 $2\" = 'run --' ] || exit 97\nshift 2\nexec usher \"$@\"\n";
        fs::write(&cargo, script).expect("it can be written");
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self { directory }
    }

    /// Everything the command prints, and its exit code. `last` is the code of the command before, for `$?`.
    fn run(&self, command: &str, last: i32) -> (String, i32) {
        let root = self.directory.path();
        let mut output: File = tempfile::tempfile().expect("there is room for a file");
        let share = || Stdio::from(output.try_clone().expect("a file can be shared"));
        let path = std::env::var("PATH").unwrap_or_default();
        let status = Command::new("sh")
            .args(["-c", &format!("(exit {last})\n{command}\n")])
            .current_dir(root)
            .env_clear()
            .env("PATH", format!("{}:{path}", root.join(".bin").display()))
            .env("HOME", root)
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(share())
            .stderr(share())
            .status()
            .expect("there is a shell");
        output.rewind().expect("it is a file");
        let mut printed = Vec::new();
        output.read_to_end(&mut printed).expect("it is a file");
        (
            String::from_utf8(printed).expect("it prints UTF-8"),
            status.code().unwrap_or(-1),
        )
    }
}
