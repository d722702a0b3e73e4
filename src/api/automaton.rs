//! Matches the model's patterns against whole values.
//!
//! Of the patterns that a file needs, most are compiled to be used once or twice at a start, where a general engine takes longer to
//! compile one than to match it a thousand times over. These become sets of positions (Glushkov's construction): each character
//! of the value leads from the positions that were reached to those that may follow. What this does not know, a property of
//! Unicode or more than 128 positions, is left to `regex`; the tests hold the two against each other.

/// As many as there are bits in a set.
const MOST: usize = 128;

/// Positions, one bit each.
type Set = u128;

/// A pattern for a whole value.
pub(super) struct Automaton {
    classes: Vec<Class>,
    /// By position: which class of characters stands there, and which positions may follow.
    positions: Vec<(usize, Set)>,
    whole: Part,
}

/// What a part of a pattern begins and ends with.
#[derive(Clone, Copy)]
struct Part {
    may_be_empty: bool,
    first: Set,
    last: Set,
}

/// Some characters.
struct Class {
    ascii: u128,
    /// Beyond ASCII: these, or all but these.
    ranges: Vec<(char, char)>,
    negated: bool,
}

impl Class {
    fn new(ranges: Vec<(char, char)>, negated: bool) -> Self {
        let mut ascii = 0;
        for (from, to) in &ranges {
            let (from, to) = (u32::from(*from), u32::from(*to).min(127));
            if from <= to {
                ascii |= u128::MAX >> (127 - (to - from)) << from;
            }
        }
        Self {
            ascii: if negated { !ascii } else { ascii },
            ranges,
            negated,
        }
    }

    fn has(&self, c: char) -> bool {
        match u32::from(c) {
            code @ 0..128 => self.ascii >> code & 1 == 1,
            _ => {
                let mut ranges = self.ranges.iter();
                ranges.any(|(from, to)| (*from..=*to).contains(&c)) != self.negated
            }
        }
    }
}

impl Automaton {
    /// Nothing for a pattern that is not of this kind. It begins with `^` and ends with `$`.
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let inner = pattern.strip_prefix('^')?.strip_suffix('$')?;
        let mut reader = Reader {
            rest: inner,
            classes: Vec::new(),
            positions: Vec::new(),
        };
        let whole = reader.alternatives()?;
        reader.rest.is_empty().then_some(Self {
            classes: reader.classes,
            positions: reader.positions,
            whole,
        })
    }

    pub(super) fn matches(&self, value: &str) -> bool {
        let (mut possible, mut ends) = (self.whole.first, self.whole.may_be_empty);
        for c in value.chars() {
            let mut next = 0;
            ends = false;
            while possible != 0 {
                let position = possible.trailing_zeros();
                possible &= possible - 1;
                if let Some((class, follow)) = self.positions.get(position as usize)
                    && self.classes.get(*class).is_some_and(|class| class.has(c))
                {
                    next |= follow;
                    ends |= self.whole.last >> position & 1 == 1;
                }
            }
            possible = next;
            if possible == 0 && !ends {
                return false;
            }
        }
        ends
    }
}

struct Reader<'p> {
    rest: &'p str,
    classes: Vec<Class>,
    positions: Vec<(usize, Set)>,
}

// As deep as the pattern's groups nest. Whatever is not known ends the reading with nothing.
impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn passes(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn alternatives(&mut self) -> Option<Part> {
        let mut all = self.sequence()?;
        while self.passes("|") {
            let other = self.sequence()?;
            all = Part {
                may_be_empty: all.may_be_empty || other.may_be_empty,
                first: all.first | other.first,
                last: all.last | other.last,
            };
        }
        Some(all)
    }

    fn sequence(&mut self) -> Option<Part> {
        let mut all = EMPTY;
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let next = self.repeated()?;
            all = self.joined(all, next);
        }
        Some(all)
    }

    fn joined(&mut self, before: Part, after: Part) -> Part {
        self.lead(before.last, after.first);
        Part {
            may_be_empty: before.may_be_empty && after.may_be_empty,
            first: before.first | if before.may_be_empty { after.first } else { 0 },
            last: after.last | if after.may_be_empty { before.last } else { 0 },
        }
    }

    /// From the ends of one part to the beginnings of another.
    fn lead(&mut self, mut from: Set, to: Set) {
        while from != 0 {
            if let Some((_, follow)) = self.positions.get_mut(from.trailing_zeros() as usize) {
                *follow |= to;
            }
            from &= from - 1;
        }
    }

    fn repeated(&mut self) -> Option<Part> {
        let (start, before) = (self.rest, self.positions.len());
        let mut part = self.atom()?;
        let (least, most) = self.count()?;
        let end = self.rest;
        // The class, when that is all there is to it.
        let class = self.positions.get(before).map(|(class, _)| *class);
        let class = class.filter(|_| !start.starts_with('('));
        let again = |reader: &mut Self| match class {
            Some(class) => reader.position(class),
            None => {
                reader.rest = start;
                reader.atom()
            }
        };
        let mut all = EMPTY;
        // Each time has positions of its own; without an upper bound the last time comes again and again.
        let times = most.unwrap_or(least.max(1));
        for time in 0..times {
            if time > 0 {
                part = again(self)?;
            }
            part.may_be_empty |= time >= least;
            if most.is_none() && time + 1 == times {
                self.lead(part.last, part.first);
            }
            all = self.joined(all, part);
        }
        self.rest = end;
        Some(all)
    }

    /// How often what stands before may come: at least and at most.
    fn count(&mut self) -> Option<(usize, Option<usize>)> {
        let count = match self.rest.chars().next() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let (inner, rest) = self.rest.strip_prefix('{')?.split_once('}')?;
                self.rest = rest;
                let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
                let most = match most {
                    "" => None,
                    most => Some(most.parse().ok().filter(|most| *most <= MOST)?),
                };
                let least = least.parse().ok().filter(|least| *least <= MOST)?;
                return (!self.rest.starts_with(['*', '+', '?', '{'])).then_some((least, most));
            }
            _ => return Some((1, Some(1))),
        };
        self.next();
        (!self.rest.starts_with(['*', '+', '?', '{'])).then_some(count)
    }

    fn atom(&mut self) -> Option<Part> {
        if self.passes("(?:") {
            let part = self.alternatives()?;
            return self.passes(")").then_some(part);
        }
        let class = match self.next()? {
            '[' => self.class()?,
            '\\' => {
                let c = self.escaped()?;
                Class::new(vec![(c, c)], false)
            }
            '.' | '(' | ')' | '^' | '$' | '*' | '+' | '?' | '{' | '}' | ']' => return None,
            c => Class::new(vec![(c, c)], false),
        };
        self.classes.push(class);
        self.position(self.classes.len() - 1)
    }

    fn position(&mut self, class: usize) -> Option<Part> {
        if self.positions.len() >= MOST {
            return None;
        }
        let position = 1 << self.positions.len();
        self.positions.push((class, 0));
        Some(Part {
            may_be_empty: false,
            first: position,
            last: position,
        })
    }

    /// Behind the `[`.
    fn class(&mut self) -> Option<Class> {
        let negated = self.passes("^");
        let mut ranges = Vec::new();
        while !self.passes("]") {
            let from = self.member()?;
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let to = match is_range && self.passes("-") {
                true => self.member()?,
                false => from,
            };
            ranges.push((from, to));
        }
        (!ranges.is_empty()).then(|| Class::new(ranges, negated))
    }

    fn member(&mut self) -> Option<char> {
        match self.next()? {
            '\\' => self.escaped(),
            '[' | '&' | '~' => None,
            c => Some(c),
        }
    }

    /// Behind the `\`.
    fn escaped(&mut self) -> Option<char> {
        match self.next()? {
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            'f' => Some('\u{c}'),
            'x' => self.code(2),
            'u' => self.code(4),
            c => c.is_ascii_punctuation().then_some(c),
        }
    }

    fn code(&mut self, digits: usize) -> Option<char> {
        let (code, rest) = self.rest.split_at_checked(digits)?;
        self.rest = rest;
        char::from_u32(u32::from_str_radix(code, 16).ok()?)
    }
}

const EMPTY: Part = Part {
    may_be_empty: true,
    first: 0,
    last: 0,
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::super::model::PATTERNS;
    use super::*;

    /// What values are made of, and what is nearly right.
    const PIECES: &[&str] = &[
        "a",
        "Z",
        "0",
        "7",
        "f",
        "-",
        "_",
        ".",
        "/",
        ":",
        "@",
        "=",
        "+",
        ",",
        " ",
        "\n",
        "\r",
        "\u{85}",
        "\u{2028}",
        "é",
        "١",
        "😀",
        "d-",
        "dzd",
        "arn:aws",
        "arn:",
        "aws-cn",
        ":iam::",
        ":sagemaker:",
        "eu-west-1",
        "123456789012",
        ":role/",
        ":image/",
        ":image-version/",
        ":studio-lifecycle-config/",
        ":training-plan/",
        ":secretsmanager:",
        ":secret:",
        ":codewhisperer:",
        ":sso::",
        ":application/",
        "/apl-",
        "None",
        "UserName",
        "https://",
        "s3://",
        "fs-",
        "0123abcd",
        "1.2.3",
        "a1b2c3d4-1111-2222-3333-a1b2c3d4e5f6",
        "aws:",
        "{%",
    ];

    #[test]
    fn nearly_all_of_the_models_patterns_are_of_this_kind() {
        let left = PATTERNS
            .iter()
            .filter(|text| Automaton::new(text.whole).is_none());
        let left: Vec<&str> = left.map(|text| text.whole).collect();
        assert!(left.len() <= 3, "{left:#?}");
    }

    #[test]
    fn what_is_not_known_is_left_alone() {
        for pattern in [
            "a", "^a", "^.$", r"^\d$", r"^\p{L}$", "^(a)$", "^a{200}$", "^a+?$", "^[a&&b]$",
            "^(?:a$", "^a)$",
        ] {
            assert!(Automaton::new(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn counts_and_groups_mean_what_they_mean_elsewhere() {
        let texts = [
            "", "a", "b", "ab", "ba", "aa", "aaa", "aaaa", "aab", "abab", "bab", "-", "a-b", "c",
        ];
        for pattern in [
            "^$",
            "^a{2}$",
            "^a{2,}$",
            "^a{1,3}$",
            "^a{0,2}b?$",
            "^a{0,}$",
            "^(?:a|b)*$",
            "^(?:ab|)+$",
            "^(?:a*b*)*$",
            "^(?:a?){3}$",
            "^[^a]*$",
            "^[a-]+$",
            r"^[\-a]+b$",
            "^(?:a|ab)(?:b|)$",
            "^(?:(?:a|b){2})+$",
        ] {
            let (own, other) = (
                Automaton::new(pattern).expect(pattern),
                Regex::new(pattern).expect(pattern),
            );
            for text in texts {
                assert_eq!(
                    own.matches(text),
                    other.is_match(text),
                    "{pattern} {text:?}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn it_agrees_with_the_general_engine(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
            thread_local! {
                static BOTH: Vec<(Automaton, Regex)> = PATTERNS.iter().filter_map(|text| {
                    Some((Automaton::new(text.whole)?, Regex::new(text.whole).ok()?))
                }).collect();
            }
            let value = pieces.concat();
            BOTH.with(|both| for (own, other) in both {
                assert_eq!(own.matches(&value), other.is_match(&value), "{other} {value:?}");
            });
        }
    }
}
