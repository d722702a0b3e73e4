//! Which wildcards EventBridge finds too complex.
//!
//! The user guide names no number ("Wildcards and event pattern complexity"). AWS's open-source engine measures, per
//! field, how many beginnings of wildcards (`"`, `"*`, `"*:`, …, quotes included) one value can match at the same time
//! (aws/event-ruler, `MachineComplexityEvaluator` and its tests). Answers of the service place the limit:
//! `*:*:*:*:*:event-bus/*` measures 11 and is refused (user guide; recorded by localstack's AWS-validated tests), four of
//! `*:stack/NAME/*` measure 12 and are refused, three measure 9 and are accepted (vals-ai/Valkyrie#278). Here 10 is refused.

use std::collections::{HashMap, HashSet};

use super::wildcard::Wildcard;

/// The smallest measure that is refused.
const LIMIT: usize = 10;
/// How many sets of beginnings are looked at before the wildcards count as too complex.
const MAX_STATES: usize = 20_000;

/// What a beginning grows by: a byte, or a star.
type Token = Option<u8>;

/// Whether EventBridge would refuse these wildcards in one field.
pub(super) fn too_complex(wildcards: &[&Wildcard]) -> bool {
    let distinct: HashSet<&Wildcard> = wildcards.iter().copied().collect();
    let machines: Vec<Vec<Token>> = distinct.into_iter().map(tokens).collect();
    if upper_bound(&machines) < LIMIT {
        return false;
    }
    let alphabet = alphabet(&machines);
    let start: Vec<Place> = (0..machines.len())
        .map(|machine| Place { machine, read: 0 })
        .collect();
    let mut seen = HashSet::new();
    let mut queue = vec![start];
    while let Some(places) = queue.pop() {
        for byte in &alphabet {
            let next = step(&machines, &places, *byte);
            if next.len() >= LIMIT || seen.len() > MAX_STATES {
                return true;
            }
            if !next.is_empty() && seen.insert(next.clone()) {
                queue.push(next);
            }
        }
    }
    false
}

/// How far a value has been read into one wildcard: the beginning of that many tokens matches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    machine: usize,
    read: usize,
}

fn tokens(wildcard: &Wildcard) -> Vec<Token> {
    let mut tokens = vec![Some(b'"')];
    for (index, piece) in wildcard.pieces().enumerate() {
        if index > 0 {
            tokens.push(None);
        }
        tokens.extend(piece.bytes().map(Some));
    }
    tokens.push(Some(b'"'));
    tokens
}

/// Beginnings that match together all end in a star, or in the byte read last; before its first star a wildcard has one.
fn upper_bound(machines: &[Vec<Token>]) -> usize {
    let mut counts: HashMap<u8, usize> = HashMap::new();
    let mut others = 0;
    for machine in machines {
        others += 1;
        let first_star = machine
            .iter()
            .position(Option::is_none)
            .unwrap_or(machine.len());
        for token in machine.iter().skip(first_star) {
            match token {
                Some(byte) => *counts.entry(*byte).or_default() += 1,
                None => others += 1,
            }
        }
    }
    others + counts.values().max().copied().unwrap_or(0)
}

/// The bytes that occur, and one that does not.
fn alphabet(machines: &[Vec<Token>]) -> Vec<u8> {
    let bytes: HashSet<u8> = machines.iter().flatten().copied().flatten().collect();
    let other = (0..=u8::MAX).find(|byte| !bytes.contains(byte));
    bytes.into_iter().chain(other).collect()
}

fn step(machines: &[Vec<Token>], places: &[Place], byte: u8) -> Vec<Place> {
    let mut next = Vec::with_capacity(LIMIT);
    for place in places {
        let Some(machine) = machines.get(place.machine) else {
            continue;
        };
        if place.read > 0 && machine.get(place.read - 1) == Some(&None) {
            next.push(*place);
        }
        if machine.get(place.read) == Some(&Some(byte)) {
            let read = place.read + 1;
            next.push(Place { read, ..*place });
            if machine.get(read) == Some(&None) {
                next.push(Place {
                    read: read + 1,
                    ..*place
                });
            }
        }
    }
    next.sort_unstable();
    next.dedup();
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(patterns: &[&str]) -> bool {
        let wildcards: Vec<Wildcard> = patterns
            .iter()
            .map(|pattern| Wildcard::parse(pattern).expect("a wildcard"))
            .collect();
        too_complex(&wildcards.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_services_own_answers_are_kept() {
        assert!(refused(&["*:*:*:*:*:event-bus/*"]));
        assert!(!refused(&["arn:aws:events:us-east-1:*:event-bus/*"]));
        assert!(!refused(&["/Users/*/dir/dir/dir/dir/dir/doc.txt"]));
        let stacks = [
            "*:stack/Alpha/*",
            "*:stack/Beta/*",
            "*:stack/Gamma/*",
            "*:stack/Delta/*",
        ];
        assert!(!refused(&stacks[..3]) && refused(&stacks));
    }

    #[test]
    fn repeated_characters_after_a_star_count() {
        assert!(!refused(&["*aaaaaaaa"]) && refused(&["*aaaaaaaaa"]));
        assert!(refused(&["*a*a*a*a*a*"]) && !refused(&["*a*a*a*"]));
    }

    #[test]
    fn the_same_wildcard_twice_counts_once() {
        assert!(!refused(&["*:stack/Alpha/*"; 8]));
    }

    #[test]
    fn a_long_wildcard_is_measured_in_bounded_time() {
        let parts: String = (0..800).map(|n| format!("{n:04}/")).collect();
        assert!(!refused(&[&format!("*{parts}*")]));
        assert!(refused(&[&format!("*{}*", "abcdefghij".repeat(400))]));
        let hard: Vec<String> = (0..6)
            .map(|n| format!("*{}{n}{}", "ab".repeat(n), "ba".repeat(40)))
            .collect();
        assert!(refused(
            &hard.iter().map(String::as_str).collect::<Vec<_>>()
        ));
    }
}
