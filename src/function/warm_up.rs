//! What is done before the first event so that it costs what the next ones do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde_json::Value;
use tokio::time::timeout;

use super::Function;
use crate::api::{Operation, Shape};
use crate::expression::warm_up;
use crate::ledger::Ledger;
use crate::rules::{CallTemplate, Rules, Template};
use crate::telemetry;

/// How long a start waits for connections. A handshake within a Region takes some 10 ms; what is not there by now had better be
/// waited for by the event that needs it.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most connections to one service. An event that needs more is rare, and each costs the service a handshake.
const MOST: usize = 4;

impl Function {
    /// Whether [`Function::connect`] has anything to do: over plain HTTP there are no handshakes.
    pub fn connects(&self) -> bool {
        let table = match &self.usher.ledger {
            Ledger::DynamoDb(table) => table.speaks_plainly(),
            Ledger::Memory(_) => true,
        };
        !(table && self.usher.services.speak_plainly())
    }

    /// Opens the connections that one event can need at the same time: to the services that the rules call, and to
    /// the ledger's table. It takes at most a second, and what fails is left to the event.
    pub async fn connect(&self) {
        let mut connections: Vec<BoxFuture<'_, ()>> = Vec::new();
        let services = targets(&self.usher.rules);
        let mut targets = 0;
        for (service, (operation, names)) in &services {
            targets += names.len();
            let connect = || self.usher.services.connect(*operation).boxed();
            connections.push(several(service, self.most(names.len()), connect));
        }
        // One for each target: all are claimed together.
        if let Ledger::DynamoDb(table) = &self.usher.ledger
            && targets > 0
        {
            let connect = || table.connect().boxed();
            connections.push(several("dynamodb", self.most(targets), connect));
        }
        if timeout(PATIENCE, join_all(connections)).await.is_err() {
            telemetry::unconnected("all", "not every connection was open in time");
        }
    }

    /// Puts the rules' patterns together, and compiles those that computed values are held against; those of constants were needed
    /// to check the file.
    pub fn compile_patterns(&self) {
        self.usher.rules.prepare();
        for call in self.usher.rules.rules.iter().flat_map(|rule| &rule.calls) {
            for (path, _) in call.expressions() {
                let shape = call.operation.shape_at(&path);
                if let Some(pattern) = shape.and_then(Shape::pattern) {
                    // Only what it leaves behind is of interest.
                    let _ = pattern.matches("-");
                }
            }
        }
    }

    /// Makes JSONata's functions ready, if a rule calls any.
    pub fn warm_up_functions(&self) {
        let mut rules = self.usher.rules.rules.iter();
        let calls = rules.any(|rule| {
            let arguments = rule.calls.iter().flat_map(CallTemplate::expressions);
            let mut computed = arguments.map(|(_, computed)| computed).chain(&rule.at);
            computed.any(|computed| computed.calls_jsonata())
        });
        if calls {
            warm_up();
        }
    }

    fn most(&self, wanted: usize) -> usize {
        wanted.min(MOST).min(self.usher.concurrency)
    }
}

/// Opens so many connections to a service at the same time. If some fail, one tells why.
fn several<'a>(
    service: &'a str,
    connections: usize,
    connect: impl Fn() -> BoxFuture<'a, Result<(), String>>,
) -> BoxFuture<'a, ()> {
    let all = join_all((0..connections).map(|_| connect()));
    let tell = move |results: Vec<Result<(), String>>| {
        if let Some(reason) = results.into_iter().find_map(Result::err) {
            telemetry::unconnected(service, &reason);
        }
    };
    all.map(tell).boxed()
}

/// By service, one of the operations that are called and the targets that they name, as far as the file tells them apart:
/// what two rules name in the same words is one and the same for an event.
fn targets(rules: &Rules) -> BTreeMap<&'static str, (Operation, BTreeSet<String>)> {
    let mut services = BTreeMap::new();
    for call in rules.rules.iter().flat_map(|rule| &rule.calls) {
        let name = call.operation.name();
        let service = name.split_once(':').map_or(name, |(service, _)| service);
        let (_, targets) = services
            .entry(service)
            .or_insert_with(|| (call.operation, BTreeSet::new()));
        targets.insert(target(call));
    }
    services
}

fn target(call: &CallTemplate) -> String {
    let identity = call.operation.identity().iter();
    let words = identity.map(|member| match call.member(member) {
        Some(Template::Constant(Value::String(text))) => text.clone(),
        Some(Template::Expression(computed)) => computed.source().to_owned(),
        // Not by a file that checks: what names a target is a string.
        Some(Template::Constant(_) | Template::Object(_) | Template::List(_)) | None => {
            String::new()
        }
    });
    let words: Vec<String> = words.collect();
    format!("{} {}", call.operation.name(), words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
version: 1
constants: {studio: d-abc123def456}
rules:
  - name: everyone
    when: {source: [acme.hr]}
    do:
      - call: sagemaker:UpdateUserProfile
        with: {DomainId: "{% $studio %}", UserProfileName: "{% $profileName(detail.user) %}", UserSettings: {SecurityGroups: []}}
      - call: sagemaker:UpdateDomain
        with: {DomainId: "{% $studio %}", DefaultUserSettings: {SecurityGroups: []}}
  - name: again
    when: {source: [acme.hr]}
    do:
      - call: sagemaker:UpdateUserProfile
        with: {DomainId: "{% $studio %}", UserProfileName: "{% $profileName(detail.user) %}", UserSettings: {SecurityGroups: [sg-1]}}
      - call: datazone:UpdateUserProfile
        with: {domainIdentifier: dzd_4rv6k2, userIdentifier: "{% detail.id %}", status: ACTIVATED}
"#;

    #[test]
    fn rules_that_name_a_target_in_the_same_words_need_one_connection() {
        let (rules, _) = Rules::load("rules.yaml", RULES).expect("rules that check");
        let targets = targets(&rules);
        let counts: Vec<_> = targets
            .iter()
            .map(|(service, (_, names))| (*service, names.len()))
            .collect();
        assert_eq!(counts, [("datazone", 1), ("sagemaker", 2)]);
    }
}
