//! `usher test`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use usher::problem::render;
use usher::rule_test::{Suite, Verdict, junit};
use usher::rules::{Problems, Rules};

use super::{Exit, RulesFile, events};

#[derive(Args)]
pub struct Test {
    /// Test files; without any, every `*.test.yaml` (or `.yml`, `.json`) beside the rules file.
    #[arg(value_name = "TESTS")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RulesFile,
    /// Rewrite the expectations of the tests that fail to what the rules do now.
    #[arg(long)]
    update: bool,
    /// Also write the results to this file, as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

impl Test {
    pub fn run(&self, json: bool) -> anyhow::Result<Exit> {
        let rules = match self.rules.load(json)? {
            Ok(rules) => rules,
            Err(exit) => return Ok(exit),
        };
        let paths = match self.paths.is_empty() {
            true => beside(&self.rules.path)?,
            false => self.paths.clone(),
        };
        let mut files = Vec::new();
        let mut broken = Vec::new();
        for path in &paths {
            match load(path)? {
                Ok(suite) => files.push(self.suite(path, &suite, &rules, json)?),
                Err(problems) => broken.push(problems),
            }
        }
        if let Some(path) = &self.junit {
            let name = path.display();
            std::fs::write(path, junit(&files)).with_context(|| format!("cannot write {name}"))?;
        }
        let verdicts = || files.iter().flat_map(|(_, verdicts)| verdicts);
        let failed = verdicts().filter(|verdict| !verdict.passed).count();
        let passed = verdicts().count() - failed;
        if json {
            json_answer(&files, &broken, passed, failed)?;
        } else {
            problems(&broken);
            let rewritten = if self.update {
                ", expectations rewritten"
            } else {
                ""
            };
            anstream::println!(
                "{passed} passed, {failed} failed{}",
                if failed > 0 { rewritten } else { "" }
            );
        }
        let wrong = !broken.is_empty() || failed > 0 && !self.update;
        Ok(if wrong { Exit::Failed } else { Exit::Done })
    }

    fn suite(
        &self,
        path: &Path,
        suite: &Suite,
        rules: &Rules,
        json: bool,
    ) -> anyhow::Result<(String, Vec<Verdict>)> {
        let verdicts = suite.run(rules);
        if !json {
            verdicts
                .iter()
                .for_each(|verdict| show(&suite.name, verdict));
        }
        if self.update {
            let updated = suite.updated(&verdicts);
            let updated = updated.with_context(|| suite.name.clone())?;
            if let Some(text) = updated {
                std::fs::write(path, text)
                    .with_context(|| format!("cannot write {}", suite.name))?;
            }
        }
        Ok((suite.name.clone(), verdicts))
    }
}

/// The test files in the rules file's folder, in order of their names.
fn beside(rules: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = match rules.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let is_test = |name: &str| {
        [".test.yaml", ".test.yml", ".test.json"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let name = entry?.file_name();
        if name.to_str().is_some_and(is_test) {
            // Without a leading `./`, as people name it.
            found.push(rules.with_file_name(name));
        }
    }
    found.sort();
    if found.is_empty() {
        let stem = rules
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or("usher");
        bail!(
            "there are no tests beside {}; write {stem}.test.yaml, or name a file",
            rules.display()
        );
    }
    Ok(found)
}

/// Reads a test file. What it names is relative to it.
fn load(path: &Path) -> anyhow::Result<Result<Suite, Problems>> {
    let name = path.display().to_string();
    let bytes = events::bytes(path).with_context(|| format!("cannot read {name}"))?;
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))?;
    let read = |named: &str| {
        if named == "-" {
            return Err("a test reads files only, not standard input".to_owned());
        }
        let beside = path.with_file_name(named);
        let bytes = events::bytes(&beside);
        bytes.map_err(|error| match error.downcast_ref::<std::io::Error>() {
            Some(error) if error.kind() == ErrorKind::NotFound => {
                format!("there is no file {}", beside.display())
            }
            _ => format!("cannot read {}: {error:#}", beside.display()),
        })
    };
    Ok(Suite::load(&name, &text, &read))
}

fn show(file: &str, verdict: &Verdict) {
    let name = &verdict.name;
    if verdict.passed {
        anstream::println!("ok      {name}");
        return;
    }
    anstream::println!("FAILED  {name} ({file}:{})", verdict.line);
    for difference in &verdict.differences {
        for line in difference.to_string().lines() {
            anstream::println!("          {line}");
        }
    }
    anstream::println!("          (- expected, + found)");
}

fn problems(broken: &[Problems]) {
    for broken in broken {
        let text = render(
            &broken.problems,
            &broken.name,
            &broken.text,
            super::check::colour(),
        );
        anstream::eprint!("{text}");
        anstream::eprintln!("none of the tests in {} ran", broken.name);
    }
}

fn json_answer(
    files: &[(String, Vec<Verdict>)],
    broken: &[Problems],
    passed: usize,
    failed: usize,
) -> anyhow::Result<()> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, verdicts)| json!({"file": name, "tests": verdicts}))
        .collect();
    let broken: Vec<_> = broken
        .iter()
        .map(|broken| json!({"file": broken.name, "problems": broken.problems}))
        .collect();
    super::print(&json!({"files": files, "broken": broken, "passed": passed, "failed": failed}))
}
