//! What [`Usher::plan`](super::Usher::plan) would say, if the targets were as somebody says they are. No I/O.

use serde_json::Value;

use super::decide::{Deciding, Decision};
use super::gather::{Gathered, gather};
use super::unplanned;
use crate::call::Target;
use crate::event::Event;
use crate::plan::Plan;
use crate::report::{EventRef, Failure};
use crate::rules::Rules;

/// What one event would come to.
pub struct Rehearsal {
    /// The rules that match, in file order.
    pub rules: Vec<String>,
    pub plan: Plan,
}

/// Goes through all stages before the first write, in the same code as [`Usher::apply`](super::Usher::apply). `observe`
/// gives a target's members as AWS would describe them, or why it cannot.
pub fn rehearse(
    rules: &Rules,
    event: &Event,
    observe: impl Fn(&Target) -> Result<Value, Failure>,
) -> Rehearsal {
    let events = &mut [event.clone()];
    let Gathered {
        matched,
        groups,
        unnamed,
    } = gather(rules, events, None);
    let mut changes = Vec::new();
    for group in &groups {
        let deciding = Deciding {
            rules,
            group,
            events,
            settle: false,
            until: None,
        };
        let decision = match observe(&group.target) {
            Ok(observed) => deciding.decide(&group.all(), &observed),
            Err(failure) => Decision::nothing(group, &failure),
        };
        changes.extend(
            decision
                .planned(group)
                .into_iter()
                .map(|(_, planned)| planned),
        );
    }
    changes.extend(unnamed.into_iter().map(|(_, unnamed)| unplanned(unnamed)));
    Rehearsal {
        rules: matched
            .iter()
            .flat_map(|names| names.iter().map(ToString::to_string))
            .collect(),
        plan: Plan {
            events: vec![EventRef::from(event)],
            changes,
        },
    }
}
