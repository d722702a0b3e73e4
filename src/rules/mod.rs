//! The rules file: loaded, checked, and asked which rules an event matches.
//!
//! Everything that can be known without an event is found when the file is loaded, all at once, each with its place
//! ([`Problem`]): what the file's form does not allow, patterns that EventBridge would refuse, expressions that do not compile,
//! arguments that AWS would refuse, and events that could choose privileges.

mod arguments;
mod call;
mod compile;
mod constants;
mod failed_call;
mod guards;
mod load;
pub(crate) mod loading;
mod overlaps;
mod pattern_codes;
mod privileges;
mod rule;
mod settings;
mod template;
mod unknown_values;
mod violations;
mod warnings;

use std::fmt;
use std::sync::OnceLock;

use serde_json::{Map, Value};

use crate::api::Operation;
use crate::event::Reads;
use crate::glob::Glob;
use crate::pattern::{Pattern, PatternSet};
use crate::problem::{Problem, Severity, render};

pub use failed_call::{ERROR_CODE, is_failed_call};
pub use load::LARGEST;
pub use template::{CallTemplate, Computed, Template};
pub(crate) use violations::{key_place, steps};

/// A rules file that checks.
#[derive(Debug)]
pub struct Rules {
    /// What expressions find under `$name`.
    pub constants: Map<String, Value>,
    /// The limits on what any plan may do.
    pub guards: GuardConfig,
    /// `allowUnknownValues` of the file. What counts for a call is in [`CallTemplate::allow_unknown_values`].
    pub allow_unknown_values: Vec<String>,
    /// In the file's order.
    pub rules: Vec<Rule>,
    /// All patterns together, once the first event is held against them.
    patterns: OnceLock<PatternSet>,
    /// What they and all expressions read, then too.
    reads: OnceLock<Reads>,
}

/// `guards` of the rules file.
#[derive(Debug, Clone, Default)]
pub struct GuardConfig {
    /// Every role must match one of these. `None` when the file does not say: then no event can influence a role.
    pub roles: Option<Vec<Glob>>,
    /// Targets, as [`target_kind`] and the identity name them, that are never changed.
    pub protected: Vec<Glob>,
    /// The sources that may arrive over HTTP. `None` stands for any but `aws.*`.
    pub http_sources: Option<Vec<Glob>>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Unique in its file; 1 to 64 characters.
    pub name: String,
    /// Which events it is for.
    pub when: Pattern,
    /// What orders its events, when that is not the event's time.
    pub at: Option<Computed>,
    /// At least one.
    pub calls: Vec<CallTemplate>,
    /// The line in the rules file, from 1.
    pub line: usize,
}

impl Rule {
    /// Hands over every expression in it, in the file's order.
    pub(crate) fn each_expression<'a>(&'a self, found: &mut impl FnMut(&'a Computed)) {
        self.at.iter().for_each(&mut *found);
        let arguments = self.calls.iter().flat_map(|call| &call.with);
        arguments.for_each(|(_, template)| template.each(found));
    }
}

impl Rules {
    /// Loads a rules file, YAML or JSON, and checks it. `name` is what messages call it.
    ///
    /// Gives the rules and the warnings, in the file's order.
    ///
    /// # Errors
    /// Every problem that can be found without an event, warnings among them, when at least one is an error.
    pub fn load(name: &str, text: &str) -> Result<(Rules, Vec<Problem>), Problems> {
        load::load(name, text)
    }

    /// The rules that the event is for, in the file's order: those whose pattern matches it. An event from CloudTrail about
    /// a call that failed ([`is_failed_call`]) is only for rules whose pattern names `detail.errorCode`.
    pub fn matching(&self, event: &Value) -> Vec<&Rule> {
        let (matching, _) = self.sorted(event);
        matching
    }

    /// The rules whose pattern matches the event although it is not for them: it tells of a call that failed, and they do
    /// not name `detail.errorCode`.
    pub fn passed_over(&self, event: &Value) -> Vec<&Rule> {
        let (_, passed_over) = self.sorted(event);
        passed_over
    }

    /// Builds now what the first event would have to wait for.
    pub fn prepare(&self) {
        self.patterns();
        self.reads();
    }

    /// All that patterns and expressions read of any event.
    pub(crate) fn reads(&self) -> &Reads {
        self.reads.get_or_init(|| {
            let mut reads = Reads::default();
            let asked = self.rules.iter().flat_map(|rule| rule.when.names());
            for name in asked.chain([ERROR_CODE, "detail-type"]) {
                reads.add(name.split('.'));
            }
            for rule in &self.rules {
                rule.each_expression(&mut |computed| reads.add_all(&computed.uses().event));
            }
            reads
        })
    }

    fn patterns(&self) -> &PatternSet {
        let patterns = || PatternSet::new(self.rules.iter().map(|rule| &rule.when));
        self.patterns.get_or_init(patterns)
    }

    fn sorted(&self, event: &Value) -> (Vec<&Rule>, Vec<&Rule>) {
        let failed = is_failed_call(event);
        let matching = self.patterns().matching(event).into_iter();
        matching
            .filter_map(|position| self.rules.get(position))
            .partition(|rule| !failed || rule.when.matches_naming(ERROR_CODE, event))
    }
}

/// What is wrong with a rules file. Its `Display` shows every problem in the lines it is about.
#[derive(Clone)]
pub struct Problems {
    /// Errors and warnings in the file's order.
    pub problems: Vec<Problem>,
    /// What the file is called.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Problems {
    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        let counted = self.problems.iter();
        counted
            .filter(|problem| problem.severity == severity)
            .count()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render(&self.problems, &self.name, &self.text, false))
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes: Vec<&str> = self.problems.iter().map(|problem| problem.code).collect();
        f.debug_struct("Problems")
            .field("name", &self.name)
            .field("codes", &codes)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Problems {}

/// How the name of a target begins; the members of its identity follow, each after a `/`:
/// `sagemaker:user-profile/d-abc/jane-doe`.
pub const fn target_kind(operation: Operation) -> &'static str {
    match operation {
        Operation::SageMakerUpdateUserProfile => "sagemaker:user-profile",
        Operation::SageMakerUpdateDomain => "sagemaker:domain",
        Operation::DataZoneUpdateUserProfile => "datazone:user-profile",
        Operation::FinSpaceUpdateKxUser => "finspace:kx-user",
    }
}
