//! A rules file: what checks also works on events, what does not is explained, and line ends make no difference.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use usher::event::Event;
use usher::problem::{Problem, codes, render};
use usher::rules::Rules;
use usher::select::select;
use usher_fuzz::defaults;

/// The repository's own events, as rules files are written for them.
static EVENTS: LazyLock<Vec<Event>> = LazyLock::new(|| {
    let texts = [
        include_str!("../../events/person-onboarded.json"),
        include_str!("../../events/person-moved.json"),
        include_str!("../../events/team-defaults-changed.json"),
    ];
    let read = |text| {
        let document = serde_json::from_str(text).expect("JSON");
        Event::from_json(document, &defaults()).expect("an event")
    };
    texts.into_iter().map(read).collect()
});

fuzz_target!(init: usher_fuzz::arm(), |text: &str| {
    let loaded = Rules::load("usher.yaml", text);
    let unix = text.replace("\r\n", "\n");
    let windows = unix.replace('\n', "\r\n");
    if !unix.contains('\r') {
        let other = |text| Rules::load("usher.yaml", text).is_ok();
        assert_eq!(other(&windows), other(&unix), "line ends make no difference");
    }
    let problems = match &loaded {
        Ok((rules, warnings)) => {
            assert!(!warnings.iter().any(Problem::is_error));
            works(rules);
            warnings
        }
        Err(problems) => {
            assert!(problems.problems.iter().any(Problem::is_error));
            &problems.problems
        }
    };
    explained(problems, text);
});

fn works(rules: &Rules) {
    for event in EVENTS.iter() {
        let selection = select(rules, event);
        let calls: usize = selection.rules.iter().map(|rule| rule.calls.len()).sum();
        assert_eq!(selection.calls.len(), calls);
        for selected in selection.calls {
            match selected {
                // What cannot be computed is a failure with a reason, never a panic.
                Ok(selected) => match selected.arguments(rules, event, &json!({})) {
                    Ok(arguments) => assert!(arguments.is_object()),
                    Err(failure) => assert!(!failure.message.is_empty()),
                },
                Err(unnamed) => assert!(!unnamed.failure.alone().message.is_empty()),
            }
        }
    }
}

/// Each problem has a code that is explained and a place in the file, and they can be shown.
fn explained(problems: &[Problem], text: &str) {
    for problem in problems {
        assert!(codes().any(|code| code == problem.code), "{}", problem.code);
        assert!(text.get(problem.span.clone()).is_some(), "{}", problem.code);
        assert!(!problem.message.is_empty() && problem.line > 0 && problem.column > 0);
    }
    assert!(serde_json::to_string(problems).is_ok());
    let shown = render(problems, "usher.yaml", text, false);
    assert_eq!(shown.is_empty(), problems.is_empty());
    assert!(!shown.contains('\u{1b}'));
}
