//! Whether every message is accounted for: done, stale, or put aside with a reason.

use std::collections::BTreeSet;

use crate::diary::Entries;
use crate::queue::{Message, Queue};
use crate::story::{Fate, Story, Wish};

/// `m-<event>-<copy>`.
pub fn event_of(message: &Message) -> &str {
    let without = message.id.strip_prefix("m-").unwrap_or(&message.id);
    without.rsplit_once('-').map_or(without, |(event, _)| event)
}

/// The events that belong into the dead-letter queue, and what is no event.
pub fn hopeless(story: &Story) -> BTreeSet<String> {
    let events = story
        .events
        .iter()
        .filter(|told| told.fate == Fate::Hopeless);
    events
        .map(|told| told.id.clone())
        .chain(["nonsense".to_owned()])
        .collect()
}

/// Whoever finds a message in the dead-letter queue finds the reason in the log, unless the process died before it could say one.
pub fn check_reasons(aside: &[Message], entries: &Entries) {
    for message in aside {
        let event = event_of(message);
        let failed = |disposition: &String| disposition == "retry" || disposition == "reject";
        let has_reason = entries
            .dispositions
            .get(event)
            .is_some_and(|said| said.iter().any(failed))
            || entries.malformed.contains(&message.id)
            || entries.killed.contains(&message.id);
        assert!(
            has_reason,
            "message {} was put aside and nothing says why",
            message.id
        );
    }
}

pub fn check_accounts(story: &Story, queue: &Queue, sent: usize, entries: &Entries) {
    let (done, aside) = (queue.done(), queue.aside());
    let ids: BTreeSet<&str> = done
        .iter()
        .chain(&aside)
        .map(|message| message.id.as_str())
        .collect();
    assert_eq!((ids.len(), queue.left()), (sent, 0), "a message got lost");
    let hopeless = hopeless(story);
    let put_aside: BTreeSet<String> = aside
        .iter()
        .map(|message| event_of(message).to_owned())
        .collect();
    let wrongly: Vec<&String> = put_aside
        .union(&entries.hopeless)
        .filter(|event| !hopeless.contains(*event))
        .collect();
    assert!(
        wrongly.is_empty(),
        "{wrongly:?} could have come true and were given up"
    );
    for told in story
        .events
        .iter()
        .filter(|told| told.fate == Fate::Hopeless && !put_aside.contains(&told.id))
    {
        // Late enough, not even what is forbidden matters any more.
        let late = |wish: &Wish| !wish.forbidden || !is_newest(story, told.number, &wish.target);
        assert!(
            !told.wishes.is_empty() && told.wishes.iter().all(late),
            "{} is not in the dead-letter queue",
            told.id
        );
    }
    let ending = story.ending();
    for told in story
        .events
        .iter()
        .filter(|told| !put_aside.contains(&told.id))
    {
        let said = entries.dispositions.get(&told.id);
        assert!(
            said.is_some_and(|said| said.iter().any(|said| said == "done")),
            "{} was not reported done",
            told.id
        );
        for wish in &told.wishes {
            let outcomes = &entries.outcomes[&(told.id.clone(), wish.target.clone())];
            let good = outcomes
                .iter()
                .any(|(outcome, _)| matches!(outcome.as_str(), "updated" | "unchanged" | "stale"));
            assert!(good, "{} ended as {outcomes:?}", told.id);
            let stale = outcomes.iter().any(|(outcome, _)| outcome == "stale");
            assert!(
                !stale || !is_newest(story, told.number, &wish.target),
                "{} is the newest for {} ({}) and was called stale: {outcomes:?}",
                told.id,
                wish.target,
                ending[&wish.target],
            );
        }
    }
}

fn is_newest(story: &Story, number: u64, target: &str) -> bool {
    let wishes = story
        .events
        .iter()
        .flat_map(|told| told.wishes.iter().map(move |wish| (told.number, wish)));
    let mut about = wishes.filter(|(_, wish)| wish.target == target && !wish.forbidden);
    about.all(|(other, _)| other <= number)
}
