//! Rule tests: an event, what AWS has now, and what the rules should make of it.
//!
//! A test file stands beside the rules (`usher.test.yaml` beside `usher.yaml`):
//!
//! ```yaml
//! tests:
//!   - name: a person who moves gets the new team's role
//!     event: events/person-moved.json      # a file, relative to this one, or the event itself
//!     given:                               # optional: what AWS has now; or the name of a world file
//!       sagemaker:user-profile/d-abc123def456/jane-doe:
//!         UserSettings: {ExecutionRole: "arn:aws:iam::111122223333:role/studio-rates"}
//!     expect:
//!       changes:
//!         sagemaker:user-profile/d-abc123def456/jane-doe:
//!           UserSettings.ExecutionRole: "arn:aws:iam::111122223333:role/studio-equities"
//! ```
//!
//! An expectation is complete: a change, a refusal or a failure that it does not mention is a mismatch. The stages that run
//! are those of `plan` and `apply`, up to the first write, and nothing is read from the network or the clock.

mod difference;
mod expect;
mod expectation;
mod given;
mod junit;
mod load;
mod update;
mod yaml;

use std::ops::Range;

use serde::Serialize;

use crate::apply::{Rehearsal, rehearse};
use crate::event::Event;
use crate::guard::admit;
use crate::rules::{Problems, Rules};

pub use difference::Difference;
pub use expectation::{Expectation, Expected};
pub use given::Given;
pub use junit::junit;
pub use update::NotUpdated;

/// A file of rule tests.
pub struct Suite {
    /// What messages call it.
    pub name: String,
    /// In file order.
    pub tests: Vec<RuleTest>,
    text: String,
}

/// One test. There is no `Debug`: events are about people.
pub struct RuleTest {
    /// Unique in its file.
    pub name: String,
    /// The line in the file, from 1.
    pub line: usize,
    pub event: Event,
    /// Whether the event comes as an HTTP request, so that `guards.sources.http` counts.
    pub http: bool,
    pub given: Given,
    /// What should come of it. `None` when the file does not say yet.
    pub expect: Option<Expectation>,
    place: Place,
}

/// Where the expectation stands, or could.
struct Place {
    /// From the key `expect` to the end of its value; empty where it could be inserted.
    span: Range<usize>,
    /// The column of the test's keys, in bytes from 0.
    indent: usize,
    /// Whether the test is written in braces.
    flow: bool,
}

/// How one test ended. There is no `Debug`: it is about a person.
#[derive(Serialize)]
pub struct Verdict {
    pub name: String,
    /// The line in the file, from 1.
    pub line: usize,
    pub passed: bool,
    /// The rules that matched, in file order.
    pub rules: Vec<String>,
    /// Where what was expected and what was found are not the same.
    pub differences: Vec<Difference>,
    /// What was found, as a test would expect it.
    #[serde(skip)]
    found: Expectation,
}

impl Suite {
    /// Loads a test file, YAML or JSON. `name` is what messages call it; `read` gives the bytes of a file that it names,
    /// or why it cannot.
    ///
    /// # Errors
    /// Every problem in the file, at its place.
    pub fn load(
        name: &str,
        text: &str,
        read: &dyn Fn(&str) -> Result<Vec<u8>, String>,
    ) -> Result<Self, Problems> {
        load::load(name, text, read)
    }

    /// Runs every test, in file order.
    pub fn run(&self, rules: &Rules) -> Vec<Verdict> {
        self.tests.iter().map(|test| test.run(rules)).collect()
    }

    /// The file with the expectations of the tests that failed rewritten to what was found, and all else as it is. `None`
    /// when none failed.
    ///
    /// # Errors
    /// When the file is written in a way that cannot be rewritten safely, such as an expectation that is an alias.
    pub fn updated(&self, verdicts: &[Verdict]) -> Result<Option<String>, NotUpdated> {
        update::updated(self, verdicts)
    }
}

impl RuleTest {
    /// Runs the test.
    pub fn run(&self, rules: &Rules) -> Verdict {
        let (matched, found) = self.found(rules);
        let differences = match &self.expect {
            Some(expect) => expect.differences(&found),
            None => vec![Difference::nothing_expected()],
        };
        Verdict {
            name: self.name.clone(),
            line: self.line,
            passed: differences.is_empty(),
            rules: matched,
            differences,
            found,
        }
    }

    fn found(&self, rules: &Rules) -> (Vec<String>, Expectation) {
        if self.http
            && let Err(refusal) = admit(&self.event, &rules.guards)
        {
            return (Vec::new(), Expectation::not_admitted(&refusal));
        }
        let observe = |target: &_| self.given.observe(target);
        let Rehearsal {
            rules: matched,
            plan,
        } = rehearse(rules, &self.event, observe);
        let found = Expectation::of(&matched, &plan);
        (matched, found)
    }
}
