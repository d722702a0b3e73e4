//! Verdicts as JUnit XML, which CI systems show.

use std::fmt::Write as _;

use super::Verdict;

/// One `testsuite` for each file, with its name.
pub fn junit(files: &[(String, Vec<Verdict>)]) -> String {
    let verdicts = files.iter().flat_map(|(_, verdicts)| verdicts);
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"usher\" {}>\n",
        counts(verdicts)
    );
    // Writing to a string does not fail.
    for (file, verdicts) in files {
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" {}>",
            escaped(file),
            counts(verdicts.iter())
        );
        for verdict in verdicts {
            test_case(&mut xml, file, verdict);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn counts<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> String {
    let (tests, failures) = verdicts.fold((0, 0), |(tests, failures), verdict| {
        (tests + 1, failures + usize::from(!verdict.passed))
    });
    format!("tests=\"{tests}\" failures=\"{failures}\"")
}

fn test_case(xml: &mut String, file: &str, verdict: &Verdict) {
    let (name, file) = (escaped(&verdict.name), escaped(file));
    let _ = write!(
        xml,
        "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"",
        verdict.line
    );
    if verdict.passed {
        xml.push_str("/>\n");
        return;
    }
    let places: Vec<&str> = verdict
        .differences
        .iter()
        .map(|difference| difference.place.as_str())
        .collect();
    let _ = write!(
        xml,
        ">\n      <failure message=\"{}\">",
        escaped(&places.join("; "))
    );
    let differences: Vec<String> = verdict
        .differences
        .iter()
        .map(ToString::to_string)
        .collect();
    xml.push_str(&escaped(differences.concat().trim_end()).replace("&#10;", "\n"));
    xml.push_str("</failure>\n    </testcase>\n");
}

/// XML 1.0 has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
