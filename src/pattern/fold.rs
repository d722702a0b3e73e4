//! Comparison without case.
//!
//! Chosen as AWS's open-source engine does it (aws/event-ruler, `EqualsIgnoreCaseParser`), character by character and
//! without a locale: a character of the *pattern* stands for itself, its lower case and its upper case (Unicode's full
//! mappings, so `ß` stands for `SS` too). There is no further folding: a pattern's `k` is not the Kelvin sign, `σ` is not
//! `ς`, `ss` is not `ß`, and letters are not normalised (`é` as one or two code points differ). One difference is meant:
//! the engine works on UTF-16 units and so loses characters beyond U+FFFF; here they match themselves and their other case.

use std::borrow::Cow;

/// Which part of the value must equal the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Whole,
    Start,
    End,
}

/// Whether the part of `value` equals `pattern` but for case.
pub(super) fn matches(pattern: &str, part: Part, value: &str) -> bool {
    if pattern.is_ascii() {
        let (pattern, value) = (pattern.as_bytes(), value.as_bytes());
        let part = match part {
            Part::Whole => Some(value),
            Part::Start => value.get(..pattern.len()),
            Part::End => value
                .len()
                .checked_sub(pattern.len())
                .and_then(|from| value.get(from..)),
        };
        return part.is_some_and(|part| part.eq_ignore_ascii_case(pattern));
    }
    match part {
        Part::Whole => ends(pattern, value).contains(&value.len()),
        Part::Start => !ends(pattern, value).is_empty(),
        Part::End => !starts(pattern, value).is_empty(),
    }
}

/// Where in `value` the pattern can end when it begins at the start. More than one place is possible in theory only: a
/// character's spellings have different lengths.
fn ends(pattern: &str, value: &str) -> Vec<usize> {
    let mut places = vec![0];
    for c in pattern.chars() {
        let mut next = Vec::with_capacity(1);
        for rest in places.iter().filter_map(|place| value.get(*place..)) {
            for spelling in spellings(c) {
                if rest.starts_with(&*spelling) {
                    next.push(value.len() - rest.len() + spelling.len());
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    places
}

/// Where in `value` the pattern can start when it ends at the end.
fn starts(pattern: &str, value: &str) -> Vec<usize> {
    let mut places = vec![value.len()];
    for c in pattern.chars().rev() {
        let mut next = Vec::with_capacity(1);
        for rest in places.iter().filter_map(|place| value.get(..*place)) {
            for spelling in spellings(c) {
                if rest.ends_with(&*spelling) {
                    next.push(rest.len() - spelling.len());
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    places
}

fn spellings(c: char) -> [String; 3] {
    [
        c.to_string(),
        c.to_lowercase().collect(),
        c.to_uppercase().collect(),
    ]
}

/// A text that is equal for any two texts that can match: the key of a hash table. Equal keys prove nothing.
pub(super) fn key(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|b| b.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    Cow::Owned(text.chars().flat_map(key_of_char).collect())
}

/// Down, up, down: one step less would tell `ẞ` (whose lower case is `ß`) from `ß` (whose upper case is `SS`).
fn key_of_char(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_every_character_has_the_same_key() {
        let has_case = |c: &char| !c.to_lowercase().eq([*c]) || !c.to_uppercase().eq([*c]);
        for c in ('\0'..=char::MAX).filter(has_case) {
            let expected: String = key_of_char(c).collect();
            for spelling in spellings(c) {
                assert_eq!(key(&spelling), expected, "{c:?} as {spelling:?}");
            }
        }
    }

    #[test]
    fn case_beyond_ascii_is_ignored_one_way_only() {
        assert!(matches("ÄÖÜ", Part::Whole, "äöü") && matches("жен", Part::Whole, "ЖЕН"));
        assert!(
            matches("straße", Part::Whole, "STRASSE") && !matches("strasse", Part::Whole, "straße")
        );
        assert!(!matches("k", Part::Whole, "\u{212a}") && matches("\u{212a}", Part::Whole, "k"));
        assert!(!matches("σ", Part::Whole, "ς") && matches("σ", Part::Whole, "Σ"));
        assert!(!matches("é", Part::Whole, "e\u{301}"));
        assert!(matches("𐐀😀", Part::Whole, "𐐨😀"));
    }

    #[test]
    fn a_part_may_be_anywhere_it_should() {
        assert!(
            matches("ÉV", Part::Start, "événement") && !matches("NT", Part::Start, "événement")
        );
        assert!(matches("ÉE", Part::End, "année") && matches("ß", Part::End, "GROSS"));
        assert!(
            matches("", Part::Start, "x")
                && matches("", Part::End, "é")
                && !matches("", Part::Whole, "x")
        );
        assert!(!matches("long", Part::End, "lo") && !matches("lé", Part::Start, "l"));
    }
}
