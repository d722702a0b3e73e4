//! Which files are meant: files, directories, and patterns that no shell has expanded.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, bail};
use regex::Regex;

/// The files that the arguments name, in the order given; those of a directory or a pattern by name. `-` stays as it is.
///
/// # Errors
/// When a directory cannot be read or has no events in it, or nothing matches a pattern.
pub fn named(arguments: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for argument in arguments {
        for path in matching(argument)? {
            match path.is_dir() {
                true => files.extend(inside(&path)?),
                false => files.push(path),
            }
        }
    }
    Ok(files)
}

/// The files of a directory that may hold events. What is in its directories is not looked at.
fn inside(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let name = directory.display();
    let listed = listed(directory).with_context(|| format!("cannot read {name}"))?;
    let is_events = |path: &PathBuf| {
        let extension = path.extension().and_then(OsStr::to_str);
        matches!(extension, Some("json" | "ndjson" | "jsonl")) && path.is_file()
    };
    let files: Vec<PathBuf> = listed.into_iter().filter(is_events).collect();
    if files.is_empty() {
        bail!("{name} has no .json, .ndjson or .jsonl files in it");
    }
    Ok(files)
}

/// What a pattern with `*` and `?` stands for, as in a shell. Quoted, it gets here as it is; a shell that expands it to
/// many thousands of names cannot start a command with them. A path that is there stands for itself.
fn matching(argument: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_pattern = |name: &OsStr| name.to_str().is_some_and(|name| name.contains(['*', '?']));
    if argument.as_os_str() == "-" || argument.exists() || !is_pattern(argument.as_os_str()) {
        return Ok(vec![argument.to_owned()]);
    }
    let mut found = vec![PathBuf::new()];
    for component in argument.components() {
        let mut next = Vec::new();
        for path in found {
            match component {
                Component::Normal(name) if is_pattern(name) => {
                    next.extend(matched(&path, &name.to_string_lossy())?);
                }
                other => next.push(path.join(other)),
            }
        }
        found = next;
    }
    found.retain(|path| path.exists());
    if found.is_empty() {
        bail!("no file matches {}", argument.display());
    }
    Ok(found)
}

fn matched(directory: &Path, pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let literal = regex::escape(pattern);
    let expression = literal.replace(r"\*", ".*").replace(r"\?", ".");
    let expression = Regex::new(&format!("(?s)^{expression}$"))?;
    let place = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let listed = listed(place).with_context(|| format!("cannot read {}", place.display()))?;
    let names = listed.iter().filter_map(|path| path.file_name());
    let matches = |name: &&OsStr| {
        let name = name.to_string_lossy();
        // As in a shell, a pattern names hidden files only if it begins with a dot itself.
        expression.is_match(&name) && (pattern.starts_with('.') || !name.starts_with('.'))
    };
    Ok(names
        .filter(matches)
        .map(|name| directory.join(name))
        .collect())
}

fn listed(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<PathBuf>>>()?;
    paths.sort();
    Ok(paths)
}
